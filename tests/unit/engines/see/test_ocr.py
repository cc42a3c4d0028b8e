"""Reading pictures of text that are made here: lines, pages, columns, light ink on nothing."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from omniwatt import settings
from omniwatt.catalog.catalog import Catalog
from omniwatt.contract.error import BadInput, OmniwattError
from omniwatt.contract.event import EMPTY, Event, Fact
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.request import MediaPart, SeeBody
from omniwatt.engines.see.finding import cut_out, in_reading_order
from omniwatt.engines.see.ocr import Ocr
from omniwatt.engines.see.reading import laid_down
from omniwatt.workers.host import CallContext

FONT = ImageFont.load_default(40)


def page(*lines: str, size: tuple[int, int] = (900, 400), mode: str = "RGB", ink: str = "black") -> Image.Image:
    picture = Image.new(mode, size, (255, 255, 255, 0)[: len(mode)])
    draw = ImageDraw.Draw(picture)
    for row, line in enumerate(lines):
        draw.text((40, 40 + 90 * row), line, fill=ink, font=FONT)
    return picture


def part(picture: Image.Image, kind: str = "PNG") -> MediaPart:
    out = io.BytesIO()
    picture.save(out, kind)
    return MediaPart("image", out.getvalue())


@pytest.fixture(scope="module")
def spec() -> EngineSpec:
    return Catalog.open(settings.load(None, {})).spec("pp-ocr")


async def see(spec: EngineSpec, body: SeeBody) -> list[dict[str, Any]]:
    engine = Ocr()
    await engine.load(spec, lambda part: None)
    events: list[Event] = [
        event async for event in engine.run(Job("1", "see", "pp-ocr", body), EMPTY, CallContext(lambda *_: None))
    ]
    await engine.close()
    (fact,) = [event for event in events if isinstance(event, Fact)]
    return list(fact.values["lines"])


@pytest.mark.model
async def test_reads_a_page_in_order(spec: EngineSpec) -> None:
    lines = ("Invoice 4711", "Total: $3.50 (paid)", "Thank you!")
    found = await see(spec, SeeBody((part(page(*lines)),)))
    assert [line["text"] for line in found] == list(lines)
    assert all(line["confidence"] > 0.8 for line in found)
    left, top = found[1]["box"][0]
    assert 20 <= left <= 50
    assert 120 <= top <= 150


@pytest.mark.model
async def test_reads_each_picture_as_one_line(spec: EngineSpec) -> None:
    pictures = [page(text, size=(600, 120)).crop((20, 30, 560, 100)) for text in ("First line", "Second line")]
    found = await see(spec, SeeBody(tuple(part(picture) for picture in pictures), whole_line=True))
    assert [(line["image"], line["text"]) for line in found] == [(0, "First line"), (1, "Second line")]


@pytest.mark.model
async def test_reads_light_ink_on_nothing(spec: EngineSpec) -> None:
    found = await see(spec, SeeBody((part(page("White on nothing", mode="RGBA", ink="white")),)))
    assert [line["text"] for line in found] == ["White on nothing"]


@pytest.mark.model
async def test_an_empty_page_has_no_lines(spec: EngineSpec) -> None:
    assert await see(spec, SeeBody((part(page()),))) == []


@pytest.mark.model
@pytest.mark.parametrize("data", [b"", b"no picture", part(page("x")).data[:300]])
async def test_refuses_what_is_no_picture(spec: EngineSpec, data: bytes) -> None:
    with pytest.raises(BadInput, match="picture"):
        await see(spec, SeeBody((MediaPart("image", data),)))


@pytest.mark.model
async def test_refuses_a_picture_too_large(spec: EngineSpec) -> None:
    with pytest.raises(BadInput, match="pixels"):
        await see(spec, SeeBody((part(Image.new("1", (8000, 8000))),)))


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OmniwattError, match="recognition"):
        await Ocr().load(EngineSpec("o", "see/ocr", ("see",), {"detection": str(tmp_path)}), lambda part: None)


def test_a_column_is_laid_down_character_by_character() -> None:
    column = np.full((220, 60, 3), 255, np.uint8)
    for top in (10, 80, 150):
        column[top : top + 50, 5:55] = 0
    laid = laid_down(column)
    assert laid.shape == (60, 180, 3)
    ink = (laid[:, :, 0] == 0).any(axis=0)
    assert np.flatnonzero(np.diff(ink.astype(int)) == 1).tolist() == [4, 64, 124]


def test_parts_of_a_character_stay_together() -> None:
    column = np.full((200, 60, 3), 255, np.uint8)
    for top in (5, 25, 45, 100, 120, 140):
        column[top : top + 8, 5:55] = 0
    assert laid_down(column).shape[1] == 120


def test_a_character_taller_than_the_column_is_wide_sets_the_height() -> None:
    column = np.full((300, 60, 3), 255, np.uint8)
    for top, height in ((10, 100), (140, 40), (210, 50)):
        column[top : top + height, 5:55] = 0
    laid = laid_down(column)
    assert laid.shape[0] == 100
    assert laid.shape[1] in {120, 180}


def test_a_line_stays_a_line() -> None:
    line = np.zeros((40, 300, 3), np.uint8)
    assert laid_down(line) is line


def quad(x: float, y: float, width: float, height: float) -> Any:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.float32)


@pytest.mark.parametrize(
    ("boxes", "order"),
    [
        ([(0, 100, 90, 20), (0, 0, 90, 20)], [1, 0]),
        ([(200, 4, 90, 20), (0, 0, 90, 20), (0, 40, 90, 20)], [1, 0, 2]),
        ([(0, 0, 20, 200), (40, 0, 20, 200), (80, 0, 20, 90)], [2, 1, 0]),
    ],
    ids=["top to bottom", "left to right in a row", "columns from the right"],
)
def test_reading_order(boxes: list[tuple[float, float, float, float]], order: list[int]) -> None:
    quads = [quad(*box) for box in boxes]
    assert [next(i for i, q in enumerate(quads) if q is found) for found in in_reading_order(quads)] == order


def test_a_leaning_line_is_cut_out_upright() -> None:
    picture = np.full((300, 300, 3), 255, np.uint8)
    corners = cv2.boxPoints(((150, 150), (200, 40), 30)).astype(np.float32)
    cv2.fillPoly(picture, [corners.astype(np.int32)], (0, 0, 0))
    ordered = corners[[1, 2, 3, 0]]
    cut = cut_out(picture, ordered)
    assert abs(cut.shape[0] - 40) <= 2
    assert abs(cut.shape[1] - 200) <= 2
    assert float(cut[4:-4, 4:-4].mean()) < 10
