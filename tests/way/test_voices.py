"""The voices over the whole way: echo stands in for the speaking model, the way and the media engine are real."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from omniwatt import settings, wiring
from omniwatt.api.parts import Parts
from omniwatt.contract.job import Limits
from tests.way.test_admin import client

Way = AbstractAsyncContextManager[Parts]
SPEAKERS = ("kokoro-82m", "piper-joe")


@asynccontextmanager
async def _build(home: Path) -> AsyncIterator[Parts]:
    (home / "cards").mkdir()
    for name in SPEAKERS:
        (home / "cards" / f"{name}.toml").write_text('base = "echo"\n')
    flags = {"storage": {"home": str(home)}, "models": {"serve": ",".join(("echo", *SPEAKERS)), "preload": False}}
    async with wiring.build(settings.load(None, flags, {})) as parts:
        yield parts


@pytest.fixture
def way(tmp_path: Path) -> Way:
    return _build(tmp_path)


async def voices(parts: Parts, query: str = "", limits: Limits | None = None) -> list[dict[str, object]]:
    key, _ = parts.keys.create("someone", limits=limits or Limits())
    async with client(parts, key) as caller:
        answer = await caller.get(f"/v1/audio/voices{query}")
        assert answer.status_code == 200, answer.text
        found = answer.json()
    assert found["object"] == "list"
    assert found["has_more"] is False
    return found["data"]


async def test_the_list(way: Way) -> None:
    async with way as parts:
        found = await voices(parts)
    assert {voice["engine"] for voice in found} == set(SPEAKERS), "espeak-ng is not served here"
    heart = next(voice for voice in found if voice["id"] == "af_heart")
    assert heart == {
        "id": "af_heart",
        "object": "voice",
        "name": "Heart",
        "language": "en-US",
        "gender": "female",
        "engine": "kokoro-82m",
        "delivery": None,
        "description": "Kokoro: Heart (female, en-US).",
        "neural": True,
        "aliases": ["marin"],
        "sample": "/v1/audio/voices/af_heart/sample",
    }


@pytest.mark.parametrize(
    ("query", "field", "values"),
    [
        ("?language=en", "language", {"en-US", "en-GB"}),
        ("?language=EN-gb", "language", {"en-GB"}),
        ("?language=e", "language", set()),
        ("?engine=piper-joe", "engine", {"piper-joe"}),
        ("?gender=female", "gender", {"female"}),
        ("?neural=true", "neural", {True}),
        ("?neural=false", "neural", set()),
        ("?language=zh&gender=male", "gender", {"male"}),
    ],
)
async def test_filters(way: Way, query: str, field: str, values: set[object]) -> None:
    async with way as parts:
        found = await voices(parts, query)
    assert {voice[field] for voice in found} == values


@pytest.mark.parametrize("query", ["?gender=robot", "?neural=1", "?colour=red"])
async def test_wrong_filters(way: Way, query: str) -> None:
    async with way as parts:
        key, _ = parts.keys.create("someone")
        async with client(parts, key) as caller:
            answer = await caller.get(f"/v1/audio/voices{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == query[1:].partition("=")[0]


async def test_no_key_no_voices(way: Way) -> None:
    async with way as parts, client(parts) as anyone:
        for path in ("", "/af_heart", "/af_heart/sample"):
            assert (await anyone.get(f"/v1/audio/voices{path}")).status_code == 401


async def test_a_key_sees_the_voices_of_its_models(way: Way) -> None:
    async with way as parts:
        limits = Limits(models=("piper-joe",))
        assert {voice["engine"] for voice in await voices(parts, limits=limits)} == {"piper-joe"}
        key, _ = parts.keys.create("narrow", limits=limits)
        async with client(parts, key) as caller:
            assert (await caller.get("/v1/audio/voices/joe")).status_code == 200
            for path in ("", "/sample"):
                refused = await caller.get(f"/v1/audio/voices/af_heart{path}")
                assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("voice", "found"),
    [
        ("joe-nova", "joe-nova"),
        ("nova", "af_nova"),
        ("af_heart:0.6+zf_xiaoxiao:0.4-news", "af_heart:0.6+zf_xiaoxiao:0.4-news"),
    ],
)
async def test_one_voice(way: Way, voice: str, found: str) -> None:
    async with way as parts:
        key, _ = parts.keys.create("someone")
        async with client(parts, key) as caller:
            answer = await caller.get(f"/v1/audio/voices/{voice}")
    assert answer.json()["id"] == found


async def test_an_unknown_one_names_near_misses(way: Way) -> None:
    async with way as parts:
        key, _ = parts.keys.create("someone")
        async with client(parts, key) as caller:
            answer = await caller.get("/v1/audio/voices/af_hart")
            espeak = await caller.get("/v1/audio/voices/espeak-de")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "voice_not_found")
    assert "af_heart" in answer.json()["error"]["message"]
    assert "omniwatt pull espeak-ng" in espeak.json()["error"]["message"]


async def test_a_sample_is_a_request_like_any_other_and_is_made_once(way: Way) -> None:
    async with way as parts:
        key, _ = parts.keys.create("someone")
        async with client(parts, key) as caller:
            first = await caller.get("/v1/audio/voices/joe-news/sample")
            again = await caller.get("/v1/audio/voices/joe-news/sample")
            other = await caller.get("/v1/audio/voices/joe/sample")
        parts.database.flush()
        rows = parts.database.read("SELECT capability, state, audio_output_tokens FROM ledger")
        kept = list((parts.settings.home / "samples").iterdir())
    assert (first.status_code, first.headers["content-type"]) == (200, "audio/mpeg"), first.text
    assert len(first.content) > 1000
    assert first.content == again.content
    assert other.status_code == 200
    assert [(row["capability"], row["state"]) for row in rows] == [("speak", "done")] * 2
    assert all(row["audio_output_tokens"] > 0 for row in rows)
    assert sorted(path.suffix for path in kept) == [".mp3", ".mp3"]


async def test_what_is_not_listed_is_not_kept(way: Way) -> None:
    async with way as parts:
        key, _ = parts.keys.create("someone")
        async with client(parts, key) as caller:
            answer = await caller.get("/v1/audio/voices/am_puck:0.3+am_liam:0.7/sample")
        assert answer.status_code == 200
        assert not (parts.settings.home / "samples").exists()


async def test_a_sample_that_cannot_be_kept_is_heard_all_the_same(way: Way) -> None:
    async with way as parts:
        (parts.settings.home / "samples").write_text("not a folder")
        key, _ = parts.keys.create("someone")
        async with client(parts, key) as caller:
            answer = await caller.get("/v1/audio/voices/joe/sample")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg"), answer.text
    assert len(answer.content) > 1000
