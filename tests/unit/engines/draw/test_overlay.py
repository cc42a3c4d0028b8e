"""Words set upon given pixels with the illustrator's real faces: in calm places, in ink that is seen, at any size."""

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from omniwatt.contract.error import BadInput, EngineFailed
from omniwatt.contract.event import EMPTY, Chunk, Data, Event, Picture, Proof, Verdict
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.request import DrawBody, MediaPart
from omniwatt.engines.draw.illustrator.engine import Illustrator
from omniwatt.engines.draw.illustrator.layout import Line
from omniwatt.engines.draw.illustrator.overlay import Overlay
from omniwatt.engines.draw.illustrator.studio import Studio, scale_of
from omniwatt.flows.letter import Given
from omniwatt.workers.host import CallContext

RGB = tuple[int, int, int]


@pytest.fixture(scope="module")
def studio(artifacts: dict[str, str]) -> Studio:
    return Studio.load(artifacts)


def flat(colour: RGB = (20, 30, 60), size: tuple[int, int] = (96, 64)) -> Image.Image:
    return Image.new("RGB", size, colour)


def noise(width: int = 96, height: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8))


def packed(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def over(studio: Studio, prompt: str, ground: Image.Image, **fields: Any) -> Overlay:
    body = DrawBody(prompt, **{"width_px": 960, "height_px": 640} | fields)
    return Overlay.of(studio, body, "", {"painted": packed(ground)})


def lines(overlay: Overlay, adjust: Mapping[int, int] | None = None) -> tuple[Line, ...]:
    size = (overlay.body.width_px, overlay.body.height_px)
    return overlay.layout(overlay.scene(overlay.body), size, 1, adjust or {}).lines


def painted(overlay: Overlay, size: tuple[int, int]) -> np.ndarray[Any, Any]:
    layout = overlay.layout(overlay.scene(overlay.body), size, 1, {})
    found: np.ndarray[Any, Any] = overlay.painter(layout, "low").tile(0, 0, *size, scale_of(size))
    return found


def test_all_but_the_words_is_left_to_the_picture(studio: Studio) -> None:
    overlay = over(studio, 'three cats on a beach, a sign that says "OPEN"', flat())
    scene = overlay.scene(overlay.body)
    assert (scene.things, scene.placings) == ((), ())
    assert [text.text for text in scene.texts] == ["OPEN"]


@pytest.mark.parametrize("ground", [(10, 12, 20), (250, 248, 240), (120, 125, 118)])
def test_ink_stands_out_from_the_ground(studio: Studio, ground: RGB) -> None:
    pixels = painted(over(studio, 'a poster with the title "Hello"', flat(ground)), (960, 640)).astype(int)
    assert np.abs(pixels[..., :3] - ground).max() > 100
    assert tuple(pixels[-1, -1, :3]) == ground


def test_words_go_where_the_picture_is_calm(studio: Studio) -> None:
    busy = flat()
    busy.paste(noise(96, 30), (0, 0))
    (calm,), (below,) = (lines(over(studio, '"Hello" as the title', one)) for one in (flat(), busy))
    assert calm.box.y < 200
    assert below.box.y > 450


def test_they_stay_there_when_they_are_set_again_or_the_picture_has_been_gone_over(studio: Studio) -> None:
    busy = flat()
    busy.paste(noise(96, 30), (0, 0))
    overlay = over(studio, '"Hello" as the title', busy)
    (first,), (again,) = lines(overlay), lines(overlay, {0: 2})
    assert abs(first.box.y - again.box.y) < 60
    assert again.panel
    assert not first.panel
    body = msgspec.structs.replace(overlay.body)
    given = {"ground": packed(busy), "painted": packed(flat((200, 60, 60)))}
    (same,) = lines(Overlay.of(studio, body, "", given))
    assert same.box == first.box


def test_in_a_mask_words_stand_in_what_it_leaves_open(studio: Studio) -> None:
    mask = Image.new("RGBA", (96, 64), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (48, 32, 96, 64))
    (line,) = lines(over(studio, '"Hello" as the title', flat(), mask=MediaPart("image", packed(mask))))
    scale = 640 / 1000
    assert line.box.x * scale >= 480
    assert line.box.y * scale >= 320
    assert (line.box.x + line.box.width) * scale <= 960
    with pytest.raises(BadInput, match="mask"):
        over(studio, '"Hello"', flat(), mask=MediaPart("image", b"no picture"))


def test_tiles_are_parts_of_the_whole_and_large_is_drawn_large(studio: Studio) -> None:
    overlay = over(studio, 'a poster with the title "Hello"', noise())
    layout = overlay.layout(overlay.scene(overlay.body), (960, 640), 1, {})
    painter = overlay.painter(layout, "low")
    whole = painter.tile(0, 0, 960, 640, 0.64).astype(int)
    tile = painter.tile(200, 40, 300, 100, 0.64).astype(int)
    assert np.abs(tile - whole[40:140, 200:500]).max() <= 12

    overlay = over(studio, 'a poster with the title "Hello"', flat())
    layout = overlay.layout(overlay.scene(overlay.body), (3840, 2560), 1, {})
    large = overlay.painter(layout, "low").tile(0, 0, 3840, 640, 2.56)[..., 0].astype(int)
    assert np.abs(np.diff(large, axis=1)).max() > 120, "an edge of a letter is one pixel wide at any size"


def test_no_picture_is_the_painters_fault(studio: Studio) -> None:
    with pytest.raises(EngineFailed, match="no picture"):
        Overlay.of(studio, DrawBody('"x"'), "", {"painted": b"GIF89a"})


async def test_the_engine_letters_what_comes_first_on_its_input(artifacts: dict[str, str]) -> None:
    async def inputs() -> AsyncIterator[Chunk]:
        ground = packed(flat())
        async for chunk in Given((ground, ground), EMPTY):
            yield chunk
        for verdict in (Verdict(accepted=False, again=(0,)), Verdict()):
            yield Chunk(text=msgspec.json.encode(verdict).decode(), control="verdict")

    engine = Illustrator()
    await engine.load(EngineSpec("illustrator", "draw/illustrator", ("draw",), artifacts=artifacts), lambda done: None)
    body = DrawBody("标题为“春节快乐”", seed=3, width_px=192, height_px=128)
    ctx = CallContext(lambda *_: None)

    async def run(given: AsyncIterator[Chunk]) -> list[Event]:
        async with aclosing(engine.run(Job("1", "letter", "tiny", body), given, ctx)) as found:
            return [event async for event in found]

    events = await run(inputs())
    proofs = [event for event in events if isinstance(event, Proof)]
    assert [(proof.text, proof.attempt, proof.exact) for proof in proofs] == [
        ("春节快乐", 1, True),
        ("春节快乐", 2, True),
    ]
    picture = [event for event in events if isinstance(event, Picture)][-1]
    assert [line["text"] for line in picture.details["lines"]] == ["春节快乐"]
    data = b"".join(event.data for event in events if isinstance(event, Data))
    image = Image.open(io.BytesIO(data))
    assert image.size == (192, 128)
    assert image.info["omniwatt:model"] == "tiny"
    assert ctx.steps["tile"] > 0
    with pytest.raises(BadInput, match="did not come"):
        await run(EMPTY)
    await engine.close()
