"""The hearing engine with damaged files, hostile input and callers that leave."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import msgspec
import numpy as np
import pytest

from omniwatt.contract.error import Cancelled, EngineFailed
from omniwatt.contract.event import Chunk, Event, Finished, TextDelta
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.request import HearBody
from omniwatt.engines.hear.engine import Whisper
from omniwatt.workers.host import CallContext
from tests.contract.babble import babble
from tests.contract.subjects import whisper_spec

ROLES = {"model": "model.bin", "config": "config.json", "tokenizer": "tokenizer.json", "vocabulary": "v", "vad": "vad"}


def job(**fields: object) -> Job:
    return Job("job", "hear", "whisper", HearBody(**fields))  # type: ignore[arg-type]


async def pieces(*data: bytes, pause_s: float = 0.0) -> AsyncIterator[Chunk]:
    for piece in data:
        await asyncio.sleep(pause_s)
        yield Chunk(piece)


async def heard(engine: Whisper, inputs: AsyncIterator[Chunk], **fields: object) -> tuple[str, Finished]:
    events: list[Event] = []
    async with aclosing(engine.run(job(**fields), inputs, CallContext(lambda *_: None))) as found:
        events = [event async for event in found]
    end = events[-1]
    assert isinstance(end, Finished)
    return "".join(event.text for event in events if isinstance(event, TextDelta)), end


@pytest.fixture
async def engine() -> AsyncGenerator[Whisper]:
    one = Whisper()
    await one.load(whisper_spec(), lambda _: None)
    yield one
    await one.close()


async def refused(spec: EngineSpec) -> str:
    one = Whisper()
    with pytest.raises(EngineFailed) as caught:
        await one.load(spec, lambda _: None)
    await one.close()
    return caught.value.message


async def test_files_the_card_does_not_name() -> None:
    assert "tokenizer" in await refused(EngineSpec("w", "hear/whisper", ("hear",), {"model": "/nowhere"}))


async def test_files_that_are_no_model(tmp_path: Path) -> None:
    for name in ROLES.values():
        (tmp_path / name).write_bytes(b"not a model at all")
    paths = {role: str(tmp_path / name) for role, name in ROLES.items()}
    assert "tokenizer" in await refused(EngineSpec("w", "hear/whisper", ("hear",), paths))


@pytest.mark.parametrize("options", [{"fit": {"margin_s": "wide"}}, {"limits": {"avg_logprob": []}}])
async def test_options_that_cannot_be(options: dict[str, object]) -> None:
    assert "hear/whisper" in await refused(EngineSpec("w", "hear/whisper", ("hear",), options=options))


async def test_a_job_before_loading_fails_clearly() -> None:
    with pytest.raises(EngineFailed):
        await heard(Whisper(), pieces(b""))


@pytest.mark.model
async def test_a_truncated_model_is_refused(tmp_path: Path) -> None:
    assert "CTranslate2" in await refused(truncated(whisper_spec(), tmp_path))


def truncated(good: EngineSpec, folder: Path) -> EngineSpec:
    for role in ("config", "tokenizer", "vocabulary"):
        path = Path(good.artifacts[role])
        (folder / path.name).symlink_to(path.resolve())
    (folder / "model.bin").write_bytes(Path(good.artifacts["model"]).read_bytes()[:1_000_000])
    return msgspec.structs.replace(good, artifacts=good.artifacts | {"model": str(folder / "model.bin")})


@pytest.mark.model
@pytest.mark.parametrize("kind", ["nothing", "one byte", "silence", "noise", "hum", "clicks", "full scale"])
async def test_what_is_not_speech_gives_no_text(engine: Whisper, kind: str) -> None:
    size = 16_000 * 8
    rng = np.random.default_rng(2)
    sounds = {
        "silence": np.zeros(size),
        "noise": 3000 * rng.normal(size=size),
        "hum": 8000 * np.sin(2 * np.pi * 50 * np.arange(size) / 16_000),
        "clicks": 30_000 * (np.arange(size) % 4000 == 0),
        "full scale": np.where(np.arange(size) % 2, 32_767, -32_768),
    }
    data = {"nothing": b"", "one byte": b"\1"}.get(kind)
    if data is None:
        data = np.clip(sounds[kind], -32_768, 32_767).astype("<i2").tobytes()
    text, end = await heard(engine, pieces(data))
    assert text == ""
    assert end.usage.completion_tokens == 0
    assert end.usage.prompt_tokens == end.usage.audio_tokens == (200 if kind not in ("nothing", "one byte") else 0)


@pytest.mark.model
async def test_pieces_of_any_size_give_the_same_text(engine: Whisper) -> None:
    sound = babble(3.0)
    whole, _ = await heard(engine, pieces(sound), language="en")
    odd, end = await heard(engine, pieces(*(sound[at : at + 777] for at in range(0, len(sound), 777))), language="en")
    assert odd == whole
    assert whole
    assert end.usage.audio_s == pytest.approx(3.0)


@pytest.mark.model
async def test_a_cancelled_call_ends_within_a_native_step(engine: Whisper) -> None:
    context = CallContext(lambda *_: None)
    async with aclosing(engine.run(job(), pieces(babble(20.0)), context)) as events:
        asyncio.get_running_loop().call_later(0.05, context.cancel)
        with pytest.raises(Cancelled):
            await drained(events)
    _, end = await heard(engine, pieces(babble(1.0)), language="en")
    assert end.usage.audio_s == pytest.approx(1.0)


async def drained(events: AsyncIterator[Event]) -> None:
    async for _ in events:
        pass


@pytest.mark.model
async def test_input_that_stops_coming_holds_nobody_else_up(engine: Whisper) -> None:
    async def stuck() -> AsyncIterator[Chunk]:
        yield Chunk(babble(1.0))
        await asyncio.sleep(60)

    async with aclosing(engine.run(job(), stuck(), CallContext(lambda *_: None))) as events:
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.1)
        _, end = await heard(engine, pieces(bytes(3200)))
        assert end.usage.audio_s == pytest.approx(0.1)
        waiting.cancel()
        await asyncio.wait([waiting])
        began = time.monotonic()
    assert time.monotonic() - began < 0.2
