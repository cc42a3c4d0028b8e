"""A hole filled with what its surroundings look like: patches of them that fit each other (Wexler, Shechtman and Irani
2007), found coarse to fine; the largest scales exhaustively, the finer ones from what was found before."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image, ImageFilter

_RADIUS = 3
_SIDE = 2 * _RADIUS + 1
_HOLE_PX, _AREA_PX = 72, 232
"""At the finest scale the hole's longer side and what is looked at around it are at most so large."""
_LEVELS = 3
_ROUNDS = (6, 3, 2)
_EXHAUSTIVE = 6e8
"""Up to so many values that are compared, all patches are; above, those next to what the neighbours found."""
_CHUNK = 512
_LEAST_SOURCES = 64
_LEVEL = 2.0e6
"""How unlike a patch is for lying higher or lower, by the square of the share: sky is above, ground below."""
_STEPS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (0, 3), (0, -3), (3, 0), (-3, 0))
Floats = NDArray[np.float32]
Places = NDArray[np.intp]


def patched(image: Image.Image, mask: Image.Image, rough: Image.Image) -> Image.Image:
    """The picture with what `mask` covers (255) filled; `rough` is what is there to begin with, of the same size.

    Where there is too little around the hole to learn from, `rough` is the answer.
    """
    hole = mask.getbbox()
    if hole is None:
        return image
    box = _around(hole, image.size)
    area, cover = rough.crop(box).convert("RGB"), mask.crop(box)
    longest = max(hole[2] - hole[0], hole[3] - hole[1])
    scale = min(1.0, _HOLE_PX / longest, _AREA_PX / max(area.size))
    found = _filled(area, cover, scale)
    if found is None:
        return rough
    made = rough.copy()
    filled = _detailed(area, cover, *found)
    filled.putalpha(image.crop(box).getchannel("A"))
    made.paste(filled, box[:2], cover)
    return made


def _around(hole: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The hole with as much again on each side, where the picture has it."""
    pad = max(hole[2] - hole[0], hole[3] - hole[1], 24)
    return max(0, hole[0] - pad), max(0, hole[1] - pad), min(size[0], hole[2] + pad), min(size[1], hole[3] + pad)


def _filled(area: Image.Image, cover: Image.Image, scale: float) -> tuple[Floats, Places] | None:
    """The area at `scale` with the hole filled, and where each place's look is from: rows and columns, (2, h, w)."""
    pixels: Floats | None = None
    field: Places | None = None
    for level in range(_LEVELS):
        size = tuple(max(_SIDE + 2, round(side * scale / 2 ** (_LEVELS - 1 - level))) for side in area.size)
        small = np.asarray(area.resize(size, Image.Resampling.BOX), np.float32)
        hole = np.asarray(cover.resize(size, Image.Resampling.BOX)) > 8
        sources = _sources(hole)
        if len(sources[0]) < _LEAST_SOURCES:
            return None
        if pixels is None:
            small = _across(small, hole)
        elif field is not None:
            guess = np.asarray(Image.fromarray(pixels.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC))
            small = np.where(hole[..., None], guess, small).astype(np.float32)
            field = _doubled(field, hole.shape)
        pixels, field = _settled(small, hole, sources, field, _ROUNDS[level])
    return (pixels, field) if pixels is not None and field is not None else None


def _across(pixels: Floats, hole: NDArray[np.bool_]) -> Floats:
    """The hole row by row from what is left and right of it; rows that are all hole stay."""
    made = pixels.copy()
    places = np.arange(hole.shape[1])
    for row in np.flatnonzero(hole.any(1) & ~hole.all(1)):
        known = ~hole[row]
        for channel in range(3):
            made[row, hole[row], channel] = np.interp(places[hole[row]], places[known], pixels[row, known, channel])
    return made


def _sources(hole: NDArray[np.bool_]) -> tuple[Places, Places]:
    """The middles of all patches that have nothing of the hole in them."""
    bare = sliding_window_view(hole, (_SIDE, _SIDE)).any((2, 3))
    rows, columns = np.nonzero(~bare)
    return rows + _RADIUS, columns + _RADIUS


def _settled(
    pixels: Floats, hole: NDArray[np.bool_], sources: tuple[Places, Places], field: Places | None, rounds: int
) -> tuple[Floats, Places]:
    """Rounds of finding each patch its like, and of letting all patches over a place say what it looks like."""
    high, wide = hole.shape
    grown = np.pad(hole, _RADIUS)
    touched = sliding_window_view(grown, (_SIDE, _SIDE)).any((2, 3))
    rows, columns = np.nonzero(touched)
    inner = np.zeros(hole.shape, bool)
    inner[sources] = True
    every = len(rows) * len(sources[0]) * _SIDE * _SIDE * 3 <= _EXHAUSTIVE or field is None
    for _ in range(rounds):
        views = sliding_window_view(np.pad(pixels, ((_RADIUS,) * 2, (_RADIUS,) * 2, (0, 0)), mode="edge"),
                                    (_SIDE, _SIDE), axis=(0, 1))  # fmt: skip
        wanted = views[rows, columns].reshape(len(rows), -1)
        if every or field is None:
            found = _nearest(wanted, views[sources].reshape(len(sources[0]), -1), rows / high, sources[0] / high)
            there = sources[0][found], sources[1][found]
        else:
            there = _refined(wanted, views, (rows, columns), field, inner)
        field = _grid((high, wide))
        field[0][rows, columns], field[1][rows, columns] = there
        pixels = _voted(pixels, hole, (rows, columns), there)
    return pixels, _grid((high, wide)) if field is None else field


def _nearest(wanted: Floats, known: Floats, at: Floats, known_at: Floats) -> Places:
    """For each row of `wanted` the most like row of `known`; `at` is how far down each lies, as a share."""
    size = (known**2).sum(1)
    parts = []
    for start in range(0, len(wanted), _CHUNK):
        part = slice(start, start + _CHUNK)
        away = size - 2 * wanted[part] @ known.T
        away += _LEVEL * (at[part, None] - known_at[None]).astype(np.float32) ** 2
        parts.append(np.argmin(away, axis=1))
    return np.concatenate(parts).astype(np.intp)


def _refined(
    wanted: Floats, views: Any, here: tuple[Places, Places], field: Places, inner: NDArray[np.bool_]
) -> tuple[Places, Places]:
    """The best of what was found for a place and for its neighbours, moved along."""
    high, wide = inner.shape
    best = np.full(len(wanted), np.inf, np.float32)
    rows, columns = np.zeros_like(here[0]), np.zeros_like(here[1])
    for down, right in _STEPS:
        y, x = np.clip(here[0] + down, 0, high - 1), np.clip(here[1] + right, 0, wide - 1)
        from_y = np.clip(field[0][y, x] - down, _RADIUS, high - 1 - _RADIUS)
        from_x = np.clip(field[1][y, x] - right, _RADIUS, wide - 1 - _RADIUS)
        away = ((views[from_y, from_x].reshape(len(wanted), -1) - wanted) ** 2).sum(1)
        away += _LEVEL * ((from_y - here[0]) / high).astype(np.float32) ** 2
        away[~inner[from_y, from_x]] = 1e12
        better = away < best
        best[better], rows[better], columns[better] = away[better], from_y[better], from_x[better]
    return rows, columns


def _voted(
    pixels: Floats, hole: NDArray[np.bool_], here: tuple[Places, Places], there: tuple[Places, Places]
) -> Floats:
    """Each place of the hole as the mean of what all patches over it have there."""
    high, wide = hole.shape
    total, count = np.zeros((high, wide, 3), np.float64), np.zeros((high, wide), np.float64)
    for down in range(-_RADIUS, _RADIUS + 1):
        for right in range(-_RADIUS, _RADIUS + 1):
            y, x = here[0] + down, here[1] + right
            kept = (y >= 0) & (y < high) & (x >= 0) & (x < wide)
            colours = pixels[there[0][kept] + down, there[1][kept] + right]
            weight = np.exp(-(down * down + right * right) / 6.0)
            np.add.at(total, (y[kept], x[kept]), colours * weight)
            np.add.at(count, (y[kept], x[kept]), weight)
    mean = total / np.maximum(count, 1e-6)[..., None]
    made: Floats = np.where(hole[..., None], mean, pixels).astype(np.float32)
    return made


def _doubled(field: Places, shape: tuple[int, ...]) -> Places:
    """The field at the next finer scale."""
    rows = np.minimum(np.arange(shape[0]) * field.shape[1] // shape[0], field.shape[1] - 1)
    columns = np.minimum(np.arange(shape[1]) * field.shape[2] // shape[1], field.shape[2] - 1)
    coarse = field[:, rows[:, None], columns[None]]
    offsets = coarse - np.stack(np.meshgrid(rows, columns, indexing="ij"))
    here = _grid(shape)
    grown = here + offsets * np.array([shape[0] / field.shape[1], shape[1] / field.shape[2]])[:, None, None]
    limits = np.array(shape)[:, None, None] - 1 - _RADIUS
    found: Places = np.clip(np.round(grown), _RADIUS, limits).astype(np.intp)
    return found


def _grid(shape: tuple[int, ...]) -> Places:
    """Each place's own row and column, (2, h, w)."""
    return np.indices(shape, np.intp)


def _detailed(area: Image.Image, cover: Image.Image, pixels: Floats, field: Places) -> Image.Image:
    """The filled hole at the picture's own scale: fine detail from where its look is from."""
    grown = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).resize(area.size, Image.Resampling.BICUBIC)
    ratio = area.width / pixels.shape[1]
    if ratio <= 1.05:
        return grown.convert("RGBA")
    full = np.asarray(area)
    fine = _doubled(field, full.shape[:2])
    copied = Image.fromarray(full[fine[0], fine[1]])
    blur = ImageFilter.GaussianBlur(1.2 * ratio)
    detail = np.asarray(copied, np.float32) - np.asarray(copied.filter(blur), np.float32)
    made = np.asarray(grown.filter(ImageFilter.GaussianBlur(0.6 * ratio)), np.float32) + detail
    return Image.fromarray(np.clip(made, 0, 255).astype(np.uint8)).convert("RGBA")
