"""Text is proved: each line is cut out as it stands in the picture, shown, and set again where it was not read."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from omniwatt.contract.event import Proof, Verdict
from omniwatt.engines.draw.illustrator.compose.texts import SEAL_OF
from omniwatt.engines.draw.illustrator.layout import Box, Layout, Line
from omniwatt.engines.draw.illustrator.scene import Scene
from omniwatt.engines.draw.illustrator.studio import scale_of
from omniwatt.engines.draw.lettering.letter import cells

PROOF_BYTES = 150 * 1024
PROOF_PX = 64
"""Height of a line (width of a column) that is shown to the reader, where the picture has as many pixels."""
PROOF_LONG_PX = 2400
Pixels = NDArray[np.uint8]


class Proving:
    """The rounds of one picture's text, laid out and painted by `studio`, in the letters of `letterer`.

    `tell` and `ask` are the desk's; `step` is told megapixels before each crop.
    """

    def __init__(
        self,
        studio: Any,
        letterer: Any,
        index: int,
        tell: Callable[[Proof], None],
        ask: Callable[[], Verdict],
        step: Callable[[float], None],
    ) -> None:
        self._studio = studio
        self._letterer = letterer
        self._index = index
        self._tell = tell
        self._ask = ask
        self._step = step

    def layout(self, scene: Scene, size: tuple[int, int], seed: int) -> Layout:
        """The layout whose text was accepted, or was tried often enough."""
        adjust: dict[int, int] = {}
        layout: Layout = self._studio.layout(scene, size, seed, adjust)
        wanted = asked_for(layout)
        attempt = 1
        while wanted:
            verdict = self._round(layout, wanted, attempt, scale_of(size))
            attempt += 1
            adjust |= verdict.settled | dict.fromkeys(verdict.again, attempt)
            if verdict.again or verdict.settled:
                layout = self._studio.layout(scene, size, seed, adjust)
            wanted = tuple(line for line in verdict.again if line < len(layout.lines))
        return layout

    def _round(self, layout: Layout, lines: tuple[int, ...], attempt: int, scale: float) -> Verdict:
        painter = self._studio.painter(layout, "low")
        for number in lines:
            line = layout.lines[number]
            self._tell(
                Proof(
                    line.text, self._crop(painter, layout, line, scale), number, self._index,
                    self._letterer.exact(line), attempt, number == lines[-1],
                    self._letterer.plainly(line) if attempt == 2 else b"",
                )
            )  # fmt: skip
        return self._ask()

    def _crop(self, painter: Any, layout: Layout, line: Line, whole_scale: float) -> bytes:
        """A PNG of one line with a little of what is around it, not finer than it is in the picture."""
        thick = line.box.width if line.vertical else line.box.height
        stamp = line.effect == "stamp"
        region = line.box if stamp else inside(padded(line.box, 0.12 * thick), layout)
        wanted_px = PROOF_PX * (len(cells(line)) if stamp else 1)
        scale = min(wanted_px / max(thick, 1.0), PROOF_LONG_PX / max(region.width, region.height), whole_scale)
        while True:
            self._step(region.width * region.height * scale * scale / 1e6)
            pixels = painter.paint(region, scale)
            png = packed(in_a_row(pixels, line, scale) if stamp else pixels)
            if len(png) <= PROOF_BYTES:
                return png
            scale *= 0.75


def asked_for(layout: Layout) -> tuple[int, ...]:
    """The lines that are to be read back: all but a seal that the composer set of itself."""
    return tuple(number for number, line in enumerate(layout.lines) if line.of != SEAL_OF)


def in_a_row(pixels: Pixels, line: Line, scale: float) -> Pixels:
    """A seal's characters, which stand in columns from the right, beside each other in the order they are read."""
    found = []
    for _, cell in cells(line):
        left, top = round((cell.left() - line.box.x) * scale), round((cell.top() - line.box.y) * scale)
        right, bottom = round((cell.right() - line.box.x) * scale), round((cell.bottom() - line.box.y) * scale)
        found.append(pixels[max(0, top) : max(top + 1, bottom), max(0, left) : max(left + 1, right)])
    if not found:
        return pixels
    height = max(len(cell) for cell in found)
    return np.hstack([np.pad(cell, ((0, height - len(cell)), (0, 0), (0, 0)), "edge") for cell in found])


def padded(box: Box, by: float) -> Box:
    """A box with a margin."""
    return Box(box.x - by, box.y - by, box.width + 2 * by, box.height + 2 * by)


def inside(box: Box, layout: Layout) -> Box:
    """What of a box lies in the picture; one design unit at least."""
    left, top = min(max(box.x, 0.0), layout.width - 1), min(max(box.y, 0.0), layout.height - 1)
    right, bottom = min(layout.width, box.x + box.width), min(layout.height, box.y + box.height)
    return Box(left, top, max(1.0, right - left), max(1.0, bottom - top))


def packed(pixels: Pixels) -> bytes:
    """A PNG of it, opaque: what is seen through is seen on white."""
    out = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(pixels), "RGBA")
    ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    Image.alpha_composite(ground, picture).convert("RGB").save(out, "PNG", compress_level=1)
    return out.getvalue()
