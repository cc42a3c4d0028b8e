"""The illustrator's sitting with a painter of stripes: proofs and verdicts, sketches, bands, cancelling, provenance."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from omniwatt.contract.error import BadInput, OmniwattError, UnsupportedField
from omniwatt.contract.event import ChoiceEnd, Chunk, Data, Event, Fact, Finished, Picture, Progress, Proof, Verdict
from omniwatt.contract.job import Job
from omniwatt.contract.request import DrawBody, MediaPart
from omniwatt.engines.draw.illustrator import editing, estimate, proving, sitting, tiles
from omniwatt.engines.draw.illustrator.editing import opening
from omniwatt.engines.draw.illustrator.engine import Illustrator
from omniwatt.engines.draw.illustrator.hands import Hands, Tile
from omniwatt.engines.draw.illustrator.layout import Box, Layout, Line
from omniwatt.engines.draw.illustrator.means import Means
from omniwatt.engines.draw.illustrator.paint import cost
from omniwatt.engines.draw.illustrator.scene import Scene, Text
from omniwatt.engines.draw.room import Room
from omniwatt.workers.host import CallContext


class Stripes:
    """Paints a gradient that depends on place alone, so that tiles must fit together; slowly, if asked."""

    def __init__(self, layout: Layout, pause_s: float = 0.0) -> None:
        self.layout = layout
        self.pause_s = pause_s

    def tile(self, x: int, y: int, width: int, height: int, scale: float) -> Any:
        if self.pause_s:
            import time

            time.sleep(self.pause_s)
        rows, columns = np.mgrid[y : y + height, x : x + width]
        out = np.empty((height, width, 4), np.uint8)
        out[..., 0], out[..., 1], out[..., 2] = rows % 251, columns % 241, len(self.layout.lines) * 20
        out[..., 3] = 0 if self.layout.scene.transparent else 255
        return out

    def paint(self, region: Box, scale: float) -> Any:
        width, height = round(region.width * scale), round(region.height * scale)
        return self.tile(round(region.x * scale), round(region.y * scale), width, height, scale)


class Studio:
    """Letters what stands in quotes; lines that are to be set anew move down."""

    faces = SimpleNamespace()
    sprites = SimpleNamespace(names=frozenset)

    def __init__(self, pause_s: float = 0.0) -> None:
        self.pause_s = pause_s
        self.adjusted: list[dict[int, int]] = []

    def scene(self, body: DrawBody) -> Scene:
        texts = tuple(Text(text) for text in body.prompt.split('"')[1::2])
        return Scene(texts=texts, transparent=body.background == "transparent", not_understood=("zorb",))

    def describe(self, scene: Scene, prompt: str) -> str:
        return f"drawn: {prompt}"

    def language(self, prompt: str) -> str:
        return "en"

    def layout(self, scene: Scene, size: tuple[int, int], seed: int, adjust: Mapping[int, int]) -> Layout:
        self.adjusted.append(dict(adjust))
        scale = min(size) / 1000
        lines = tuple(
            Line(text.text, Box(10, 100 * place + 10 * adjust.get(place, 0), 400, 60), "face", 60, note="thin")
            for place, text in enumerate(scene.texts)
        )
        return Layout(scene, size[0] / scale, size[1] / scale, 500, lines=lines, seed=seed)

    def exact(self, line: Line) -> bool:
        return "?" not in line.text

    def plainly(self, line: Line) -> bytes:
        return b"plain"

    def painter(self, layout: Layout, quality: str) -> Stripes:
        return Stripes(layout, self.pause_s)


async def stream(chunks: tuple[Chunk, ...]) -> AsyncIterator[Chunk]:
    for chunk in chunks:
        yield chunk


def engine_of(studio: Studio) -> Illustrator:
    import concurrent.futures

    engine = Illustrator()
    engine._studio = studio  # type: ignore[assignment]
    engine._threads = concurrent.futures.ThreadPoolExecutor(1)
    engine._hands = Hands({}, 1)
    return engine


async def run(body: DrawBody, *verdicts: Verdict, studio: Studio | None = None) -> list[Event]:
    engine = engine_of(studio or Studio())
    chunks = tuple(Chunk(text=msgspec.json.encode(one).decode(), control="verdict") for one in verdicts)
    job = Job("j", "draw", "illustrator", body)
    try:
        async with aclosing(engine.run(job, stream(chunks), CallContext(lambda *_: None))) as events:
            return [event async for event in events]
    finally:
        await engine.close()


def file_of(events: list[Event], index: int = 0) -> bytes:
    last = max(n for n, e in enumerate(events) if isinstance(e, Picture) and e.index == index)
    return b"".join(e.data for e in events[last:] if isinstance(e, Data) and e.index == index)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


async def test_a_picture_in_bands_is_the_picture_in_one() -> None:
    events = await run(DrawBody("a cat", width_px=1504, height_px=1600, seed=5))
    image = opened(file_of(events))
    whole = Stripes(Layout(Scene(), 1, 1, 1)).tile(0, 0, 1504, 1600, 1.0)
    rows = tiles.grid("cartoon", "medium", (1504, 1600))
    assert np.array_equal(np.asarray(image), whole[..., :3])
    assert [(e.done, e.total, e.unit) for e in events if isinstance(e, Progress)] == [
        (number + 1, len(rows), "tiles") for number in range(len(rows))
    ]
    assert len(rows) > 1
    assert isinstance(events[-1], Finished)
    picture = next(e for e in events if isinstance(e, Picture))
    assert (picture.revised_prompt, picture.details["seed"]) == ("drawn: a cat", 5)
    assert picture.details["not_understood"] == ["zorb"]


async def test_several_pictures_have_seeds_of_their_own() -> None:
    events = await run(DrawBody("a cat", width_px=64, height_px=64, seed=5, n=3))
    assert {e.index: e.details["seed"] for e in events if isinstance(e, Picture)} == {0: 5, 1: 6, 2: 7}
    assert [e.index for e in events if isinstance(e, ChoiceEnd)] == [0, 1, 2]


async def test_lines_are_proved_until_they_are_accepted() -> None:
    studio = Studio()
    body = DrawBody('"one" and "t?o"', width_px=256, height_px=256)
    events = await run(
        body, Verdict(accepted=False, again=(1,)), Verdict(accepted=False, again=(1,)), Verdict(), studio=studio
    )
    proofs = [e for e in events if isinstance(e, Proof)]
    assert [(e.text, e.line, e.attempt, e.last, e.exact) for e in proofs] == [
        ("one", 0, 1, False, True),
        ("t?o", 1, 1, True, False),
        ("t?o", 1, 2, True, False),
        ("t?o", 1, 3, True, False),
    ]
    assert studio.adjusted == [{}, {1: 2}, {1: 3}]
    assert [opened(e.data).height for e in proofs] == [17, 19, 19, 19]
    assert [bool(e.plain) for e in proofs] == [False, False, True, False]
    assert [e.details.get("notes") for e in events if isinstance(e, Picture)][-1] == ["thin"]


async def test_no_more_verdicts_accept_everything() -> None:
    events = await run(DrawBody('"one"', width_px=64, height_px=64))
    assert len([e for e in events if isinstance(e, Proof)]) == 1
    assert opened(file_of(events)).size == (64, 64)


@pytest.mark.parametrize(
    ("prompt", "count", "shown"), [('"one"', 1, 1), ('"one"', 2, 2), ('"one"', 3, 2), ("a hill", 3, 1)]
)
async def test_sketches_grow_and_none_is_shown_twice(prompt: str, count: int, shown: int) -> None:
    events = await run(DrawBody(prompt, width_px=96, height_px=64, partial_images=count))
    sketches = [e for e in events if isinstance(e, Picture) and e.partial is not None]
    assert [e.partial for e in sketches] == list(range(shown))
    assert {(e.width_px, e.height_px, e.media_type) for e in sketches} == {(512, 341, "image/png")}


@pytest.mark.parametrize(
    ("form", "name", "mode"),
    [("image/png", "PNG", "RGBA"), ("image/webp", "WEBP", "RGBA"), ("image/tiff", "TIFF", "RGBA")],
)
async def test_transparent_forms(form: str, name: str, mode: str) -> None:
    body = DrawBody("x", width_px=64, height_px=48, media_type=form, background="transparent")
    image = opened(file_of(await run(body)))
    assert (image.format, image.mode, image.size) == (name, mode, (64, 48))
    assert image.getchannel("A").getextrema() == (0, 0)


async def test_what_is_not_written_is_refused_before_it_is_painted() -> None:
    with pytest.raises(UnsupportedField, match="not written"):
        await run(DrawBody("x", width_px=64, height_px=64, media_type="image/gif"))


async def test_closed_in_the_middle_of_a_picture() -> None:
    engine = engine_of(Studio(pause_s=0.02))
    body = DrawBody("a cat", width_px=1024, height_px=2048, n=10)
    job = Job("j", "draw", "illustrator", body)
    for stop_after in range(6):
        events = engine.run(job, stream(()), CallContext(lambda *_: None))
        for _ in range(stop_after):
            await anext(events)
        async with asyncio.timeout(5):
            await events.aclose()
    assert engine._threads is not None
    async with asyncio.timeout(5):
        await asyncio.get_running_loop().run_in_executor(engine._threads, lambda: None)
    await engine.close()


async def test_provenance_and_drawing_a_variation_from_it() -> None:
    made = file_of(await run(DrawBody("a 紅 cat", width_px=64, height_px=64, seed=9)))
    said = editing.provenance_of(opened(made))
    assert said["prompt_sha256"] == hashlib.sha256("a 紅 cat".encode()).hexdigest()
    assert (said["seed"], said["model"], said["prompt"]) == ("9", "illustrator", "a 紅 cat")
    body = DrawBody("", task="vary", images=(MediaPart("image", data=made),))
    events = await run(body)
    picture = next(e for e in events if isinstance(e, Picture))
    assert picture.revised_prompt == "drawn: a 紅 cat"
    assert (picture.width_px, picture.height_px) == (64, 64)


def png(image: Image.Image) -> MediaPart:
    out = io.BytesIO()
    image.save(out, "PNG")
    return MediaPart("image", data=out.getvalue())


async def test_an_edit_changes_nothing_outside_its_mask() -> None:
    given = Image.effect_noise((64, 64), 80).convert("RGB")
    mask = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (32, 32, 64, 64))
    body = DrawBody("make it darker", task="edit", images=(png(given),), mask=png(mask))
    image = opened(file_of(await run(body)))
    before, after = np.asarray(given), np.asarray(image)
    assert np.array_equal(before[:24], after[:24])
    assert not np.array_equal(before[40:, 40:], after[40:, 40:])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (DrawBody("x", task="edit"), "no picture"),
        (DrawBody("x", task="edit", images=(MediaPart("image", data=b"no picture"),)), "cannot be read"),
        (DrawBody("x", task="edit", images=(png(Image.new("RGB", (400, 32))),)), "10 times"),
        (
            DrawBody("x", task="edit", images=(png(Image.new("RGB", (32, 32))),), mask=png(Image.new("RGB", (32, 32)))),
            "opaque everywhere",
        ),
        (
            DrawBody(
                "x", task="edit", images=(png(Image.new("RGB", (32, 32))),), mask=png(Image.new("RGBA", (32, 16)))
            ),
            "as large",
        ),
    ],
)
async def test_what_cannot_be_changed(body: DrawBody, says: str) -> None:
    with pytest.raises(OmniwattError, match=says) as caught:
        await run(body)
    assert isinstance(caught.value, BadInput)


def test_pictures_too_large_to_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MAX_PIXELS", 1000)
    with pytest.raises(BadInput, match="1000 pixels"):
        editing.given(DrawBody("x", task="edit", images=(png(Image.new("RGB", (32, 32))),)), "")


@pytest.mark.parametrize(("size", "count"), [((64, 64), 1), ((1024, 1024), 1), ((4096, 4096), 16), ((32768, 16), 1)])
def test_bands_cover_the_picture(size: tuple[int, int], count: int) -> None:
    strips = sitting.bands(size)
    assert len(strips) == count
    assert sum(tile.height for tile in strips) == size[1]
    assert [tile.y for tile in strips] == [sum(t.height for t in strips[:n]) for n in range(count)]
    assert {tile.width for tile in strips} == {size[0]}


def test_boxes_stay_in_the_picture() -> None:
    layout = Layout(Scene(), 1000, 500, 250)
    assert proving.inside(proving.padded(Box(-5, 480, 50, 40), 10), layout) == Box(0, 470, 55, 30)


async def test_an_estimate_paints_nothing() -> None:
    events = await run(DrawBody("a cat", explain=True))
    (fact,) = [e for e in events if isinstance(e, Fact)]
    assert fact.values["size"] == "1024x1024"
    assert fact.values["revised_prompt"] == "drawn: a cat"
    styles = {row["style"] for row in fact.values["estimates"]}
    assert styles == set(cost.rates().looks)


def test_a_tile_counts_its_pixels() -> None:
    assert Tile(0, 0, 1000, 500).megapixels == 0.5


async def all_of(engine: Illustrator, body: DrawBody) -> list[Event]:
    job = Job("j", "draw", "illustrator", body)
    async with aclosing(engine.run(job, stream(()), CallContext(lambda *_: None))) as events:
        return [event async for event in events]


async def test_a_picture_that_needs_more_memory_than_there_is_is_refused_before_it_begins() -> None:
    engine = engine_of(Studio())
    engine._means = Means(Room(200 << 20))
    with pytest.raises(BadInput, match=r"8192x8192 needs .* 210 MB here: the largest .* is \d+x\d+"):
        await all_of(engine, DrawBody("a cat", width_px=8192, height_px=8192))
    assert await all_of(engine, DrawBody("a cat", width_px=64, height_px=64))
    with pytest.raises(BadInput, match="held whole"):
        await all_of(engine, DrawBody("x", task="edit", images=(png(Image.new("L", (3000, 3000))),)))
    await engine.close()


async def test_two_pictures_that_do_not_fit_at_once_are_painted_one_after_the_other() -> None:
    import concurrent.futures

    inside, most = 0, 0

    class Counting(Studio):
        def painter(self, layout: Layout, quality: str) -> Stripes:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            return super().painter(layout, quality)

    engine = engine_of(Counting(pause_s=0.05))
    engine._threads = concurrent.futures.ThreadPoolExecutor(2)
    body = DrawBody("a cat", width_px=256, height_px=512)
    need = estimate.memory_bytes(estimate.Asked("cartoon", "meadow", "medium", (256, 512)))

    async def one() -> None:
        nonlocal inside
        assert isinstance((await all_of(engine, body))[-1], Finished)
        inside -= 1

    for limit, together in ((need * 3 // 2, 1), (need * 3, 2)):
        engine._means = Means(Room(limit, free=lambda: 1 << 40))
        inside = most = 0
        async with asyncio.timeout(20):
            await asyncio.gather(one(), one())
        assert most == together
    await engine.close()
