"""The sprite set: one JSON of SVG fragments (Iconify's form), read where it lies, each drawn as vectors by Skia."""

import math
import mmap
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import skia
from numpy.typing import NDArray

from omniwatt.engines.draw.illustrator.objects.figures import figure_of
from omniwatt.engines.draw.illustrator.objects.own import OWN
from omniwatt.engines.draw.illustrator.objects.recolour import Main, main_colour, recolour

_PROBE_PX = 128
_KEPT = 256
_DRESSED = {
    "man", "woman", "person", "boy", "girl", "child", "baby", "prince", "princess", "older", "old", "student",
    "teacher", "farmer", "cook", "artist", "singer", "pilot", "judge", "mechanic", "scientist", "technologist",
    "firefighter", "astronaut", "detective", "guard", "ninja", "mage", "fairy", "skier", "snowboarder", "health",
    "office", "factory", "police", "construction", "superhero", "pregnant", "bride", "selfie", "nail",
}  # fmt: skip

_GLAZED = {"bus", "minibus", "trolleybus", "tram", "oncoming-bus", "light-rail", "ambulance", "delivery-truck"}
AFLOAT = {"sailboat", "canoe", "motor-boat", "speedboat", "ferry", "passenger-ship", "ship"}
_WAVES = re.compile(r'<g filter="[^"]*"><path[^>]*? d="M[^"]*?c-1\.7\d* 0-1\.7\d*[^"]*"/></g>')
"""The water that boats bring with them: the picture has its own."""


class _Icon(msgspec.Struct):
    body: str
    left: float = 0
    top: float = 0
    width: float = 0
    height: float = 0


class _Alias(msgspec.Struct):
    parent: str
    hFlip: bool = False  # noqa: N815 - the file's own name
    vFlip: bool = False  # noqa: N815
    rotate: int = 0


class _Set(msgspec.Struct):
    icons: dict[str, msgspec.Raw]
    aliases: dict[str, _Alias] = {}
    width: float = 16
    height: float = 16


class Sizes(Mapping[str, float]):
    """Width over height of each sprite's ink, measured when first asked for."""

    def __init__(self, sprites: "Sprites") -> None:
        self._sprites = sprites

    def __getitem__(self, name: str) -> float:
        left, top, right, bottom = self._sprites.ink(name)
        return (right - left) / (bottom - top)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sprites.names())

    def __len__(self) -> int:
        return len(self._sprites.names())


class Sprites:
    """All sprites of one file. Recordings of the last few hundred that were used are kept."""

    def __init__(self, data: Any) -> None:
        self._set = msgspec.json.decode(data, type=_Set)
        self._names = frozenset(self._set.icons) | frozenset(self._set.aliases) | frozenset(OWN)
        self._lock = threading.RLock()
        self._kept: OrderedDict[tuple[str, ...], Any] = OrderedDict()
        self.sizes = Sizes(self)

    @classmethod
    def load(cls, path: Path | str) -> "Sprites":
        """From `icons.json`. The file is mapped, not copied: a sprite is parsed when it is first drawn."""
        with Path(path).open("rb") as opened:
            return cls(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))

    def names(self) -> frozenset[str]:
        """Every sprite there is, other names of the same drawing included."""
        return self._names

    def svg(self, name: str, colour: str = "") -> str:
        """The sprite as an SVG document, in `colour` (#rrggbb) if one is given. Raises KeyError."""
        icon = self._icon(name)
        drawn = _WAVES.sub("", icon.body) if name in AFLOAT else icon.body
        body = recolour(drawn, self.main(name), colour) if colour else drawn
        # Skia knows references by their old name only.
        body = body.replace(" href=", " xlink:href=")
        box = (icon.left, icon.top, icon.width or self._set.width, icon.height or self._set.height)
        alias = self._set.aliases.get(name)
        if alias is not None:
            body = f'<g transform="{_turned(alias, box)}">{body}</g>'
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{box[0]} {box[1]} {box[2]} {box[3]}" width="{box[2]}" height="{box[3]}">{body}</svg>'
        )

    def picture(self, name: str, colour: str = "") -> Any:
        """The sprite as a recording in its own units (32 a side for almost all)."""
        return self._keep(("picture", name, colour), lambda: self._record(name, colour))

    def image(self, name: str, colour: str = "", side_px: int = _PROBE_PX) -> Any:
        """The sprite's ink as pixels, its longer side this long: for shadows and mirrors, which are blurred anyway."""
        return self._keep(("image", name, colour, str(side_px)), lambda: self._pixels(name, colour, side_px))

    def ink(self, name: str) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what is really drawn, in the sprite's units."""
        found: tuple[float, float, float, float] = self._keep(("ink", name), lambda: self._probe(name)[0])
        return found

    def main(self, name: str) -> Main:
        """The colour most of the sprite has."""
        found: Main = self._keep(("main", name), lambda: self._probe(name)[1])
        return found

    def _icon(self, name: str) -> _Icon:
        if name in OWN:
            return _Icon(OWN[name].body, 0, 0, OWN[name].width, OWN[name].height)
        alias = self._set.aliases.get(name)
        icon = msgspec.json.decode(self._set.icons[alias.parent if alias else name], type=_Icon)
        figure = figure_of(name)
        if figure is None:
            return icon
        return _Icon(f"{figure.under}{icon.body}{figure.over}", icon.left, icon.top, figure.width, figure.height)

    def _keep(self, key: tuple[str, ...], make: Any) -> Any:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
                while len(self._kept) > _KEPT * 4:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _record(self, name: str, colour: str) -> Any:
        icon = self._icon(name)
        width, height = icon.width or self._set.width, icon.height or self._set.height
        # The stream must own its bytes: it does not keep Python's alive.
        dom = skia.SVGDOM.MakeFromStream(skia.MemoryStream(self.svg(name, colour).encode(), True))
        if dom is None:
            raise ValueError(f"sprite {name} cannot be read")
        dom.setContainerSize(skia.Size(width, height))
        recorder = skia.PictureRecorder()
        dom.render(recorder.beginRecording(skia.Rect.MakeWH(width, height)))
        return recorder.finishRecordingAsPicture()

    def _pixels(self, name: str, colour: str, side_px: int) -> Any:
        left, top, right, bottom = self.ink(name)
        scale = side_px / max(right - left, bottom - top)
        surface = skia.Surface(max(1, math.ceil((right - left) * scale)), max(1, math.ceil((bottom - top) * scale)))
        canvas = surface.getCanvas()
        canvas.scale(scale, scale)
        canvas.translate(-left, -top)
        canvas.drawPicture(self.picture(name, colour))
        return surface.makeImageSnapshot()

    def _probe(self, name: str) -> tuple[tuple[float, float, float, float], Main]:
        """Where the ink is and what colour it has, seen on a small drawing."""
        icon = self._icon(name)
        width, height = icon.width or self._set.width, icon.height or self._set.height
        scale = _PROBE_PX / max(width, height)
        surface = skia.Surface(math.ceil(width * scale), math.ceil(height * scale))
        surface.getCanvas().scale(scale, scale)
        surface.getCanvas().drawPicture(self.picture(name))
        info = surface.imageInfo().makeColorType(skia.kRGBA_8888_ColorType).makeAlphaType(skia.kUnpremul_AlphaType)
        seen = np.empty((surface.height(), surface.width(), 4), np.uint8)
        surface.readPixels(info, seen, seen.strides[0], 0, 0)
        return _bounds(seen[..., 3] > 24, scale), main_colour(seen, _spared(name))


def _spared(name: str) -> tuple[float, float] | None:
    """Hue and reach (degrees in OKLab) of what a colour is not asked for."""
    if name in AFLOAT or name in _GLAZED:
        return 245.0, 45.0
    if name == "bicycle":
        return 300.0, 45.0
    if name == "hot-beverage":
        return 50.0, 40.0
    if _DRESSED & set(name.split("-")) and "clothes" not in name:
        return 70.0, 32.0
    return None


def _bounds(inked: NDArray[np.bool_], scale: float) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    if not len(rows):
        return 0.0, 0.0, inked.shape[1] / scale, inked.shape[0] / scale
    edges = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    left, top, right, bottom = (float(edge) / scale for edge in edges)
    return left, top, right, bottom


def _turned(alias: _Alias, box: tuple[float, float, float, float]) -> str:
    left, top, width, height = box
    parts = []
    if alias.hFlip:
        parts.append(f"translate({2 * left + width} 0) scale(-1 1)")
    if alias.vFlip:
        parts.append(f"translate(0 {2 * top + height}) scale(1 -1)")
    if alias.rotate:
        parts.append(f"rotate({90 * alias.rotate} {left + width / 2} {top + height / 2})")
    return " ".join(parts)
