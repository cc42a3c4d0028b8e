"""A sprite in another colour: its main colours are turned to the one asked for, its shading and small parts stay.

Colours are moved in OKLab (Ottosson 2020): the hue becomes the new one, lightness and chroma keep their distances from
the main colour. What is far from the main hue (eyes, windows, wheels, a beak) keeps its own.
"""

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniwatt.engines.draw.illustrator.paint.colours import RGB, code, from_oklab, oklab, rgb

_ATTRIBUTE = re.compile(r'\b(fill|stroke|stop-color|flood-color)="(#[0-9A-Fa-f]{3,8}|white|black)"')
_MATRIX = re.compile(r'values="0 0 0 0 ([\d.]+) 0 0 0 0 ([\d.]+) 0 0 0 0 ([\d.]+) ')
_NAMES = {"white": "#ffffff", "black": "#000000"}
_NEUTRAL = 0.045
_BINS = 24


@dataclass(frozen=True)
class Main:
    """The colour most of a sprite has: OKLab, and what share of its area is near it."""

    light: float
    green_red: float
    blue_yellow: float
    share: float

    @property
    def chroma(self) -> float:
        return math.hypot(self.green_red, self.blue_yellow)

    @property
    def hue(self) -> float:
        return math.atan2(self.blue_yellow, self.green_red)


def main_colour(pixels: NDArray[np.uint8], spared: tuple[float, float] | None = None) -> Main:
    """The main colour of RGBA pixels.

    `spared` is a hue and its reach in degrees that a colour is not asked for: a person's skin and hair, the water
    under a boat.
    """
    lab = _oklab(pixels[pixels[..., 3] > 200][:, :3] / 255.0)
    if not len(lab):
        return Main(0.5, 0.0, 0.0, 0.0)
    chroma, hue = np.hypot(lab[:, 1], lab[:, 2]), np.arctan2(lab[:, 2], lab[:, 1])
    bins = ((hue + math.pi) / (2 * math.pi) * _BINS).astype(int) % _BINS
    bins = np.where(chroma >= _NEUTRAL, bins, _BINS + np.clip(lab[:, 0] * 3, 0, 2).astype(int))
    if spared is not None:
        kept = (np.abs(_turn(hue - math.radians(spared[0]))) < math.radians(spared[1])) & (chroma >= _NEUTRAL)
        bins = np.where(kept, _BINS + 3, bins)
    near = _largest(np.bincount(bins, minlength=_BINS + 4).astype(float), bins)
    if near.mean() < 0.08:
        return Main(0.5, 0.0, 0.0, 0.0)
    light, green_red, blue_yellow = lab[near].mean(axis=0)
    return Main(float(light), float(green_red), float(blue_yellow), float(near.mean()))


def _largest(counts: NDArray[np.float64], bins: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pixels belong to the largest kind: a hue with its neighbours, or the dark, middle or light greys."""
    hues, greys = counts[:_BINS], counts[_BINS : _BINS + 3] * (1.0, 1.0, 0.45)
    spread = hues + np.roll(hues, 1) + np.roll(hues, -1)
    best, neutral = int(spread.argmax()), int(greys.argmax())
    if spread[best] >= 0.6 * greys[neutral]:
        return np.isin(bins, [(best - 1) % _BINS, best, (best + 1) % _BINS])
    near: NDArray[np.bool_] = bins == _BINS + neutral
    return near


def recolour(body: str, main: Main, colour: str) -> str:
    """The sprite's SVG with its main colours turned to `colour` (#rrggbb)."""
    if main.share <= 0.0:
        return body
    target = oklab(rgb(colour))
    made: dict[str, str] = {}

    def attribute(found: re.Match[str]) -> str:
        old = _NAMES.get(found[2], found[2])
        if old not in made:
            made[old] = code(_moved(rgb(old), main, target))
        return f'{found[1]}="{made[old]}"'

    def matrix(found: re.Match[str]) -> str:
        new = _moved((float(found[1]), float(found[2]), float(found[3])), main, target)
        return 'values="0 0 0 0 {:.4f} 0 0 0 0 {:.4f} 0 0 0 0 {:.4f} '.format(*new)

    return _MATRIX.sub(matrix, _ATTRIBUTE.sub(attribute, body))


def _moved(colour: RGB, main: Main, target: RGB) -> RGB:
    lab = oklab(colour)
    share = _share(lab, main)
    if share <= 0.0:
        return colour
    goal = math.hypot(target[1], target[2])
    hue = math.atan2(target[2], target[1])
    chroma = math.hypot(lab[1], lab[2])
    chroma = goal * min(max(chroma / main.chroma, 0.55), 1.25) if main.chroma >= _NEUTRAL else goal
    light = _light(lab[0] - main.light, target[0])
    new = (light, chroma * math.cos(hue), chroma * math.sin(hue))
    mixed = [old + (turned - old) * share for old, turned in zip(lab, new, strict=True)]
    return _in_gamut((mixed[0], mixed[1], mixed[2]))


def _light(away: float, target: float) -> float:
    """Lightness this far from the main one, around the target's: very light and very dark colours keep less relief."""
    room = (1.0 - target) if away > 0 else target
    keep = 0.85 * min(1.0, room / 0.35) if room < 0.35 else 0.85
    if target < 0.25 and away > 0:
        keep = 0.55
    return min(max(target + away * max(keep, 0.25), 0.07), 0.985)


def _share(lab: RGB, main: Main) -> float:
    """How far a colour follows the main one: 1 where it is of its kind, 0 where it is not, soft between."""
    chroma = math.hypot(lab[1], lab[2])
    if main.chroma < _NEUTRAL:
        near = 1.0 - max(0.0, abs(lab[0] - main.light) - 0.25) / 0.15
        grey = 1.0 - max(0.0, chroma - _NEUTRAL) / 0.03
        return min(1.0, max(0.0, min(near, grey)))
    if chroma < 0.02:
        return 0.0
    away = abs(float(_turn(np.array(math.atan2(lab[2], lab[1]) - main.hue))))
    reach = math.radians(65 if main.share > 0.45 else 110)
    close = 1.0 - max(0.0, away - reach) / math.radians(25)
    return min(1.0, max(0.0, min(close, (chroma - 0.02) / 0.02)))


def _turn(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """An angle brought to -pi..pi."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


def _in_gamut(lab: RGB) -> RGB:
    """The colour of this lightness and hue with as much chroma as a screen can show."""
    if _shown(lab, 1.0):
        return from_oklab(lab)
    low, high = 0.0, 1.0
    for _ in range(6):
        keep = (low + high) / 2
        low, high = (keep, high) if _shown(lab, keep) else (low, keep)
    return from_oklab((lab[0], lab[1] * low, lab[2] * low))


def _shown(lab: RGB, keep: float) -> bool:
    wanted = (lab[0], lab[1] * keep, lab[2] * keep)
    return math.dist(oklab(from_oklab(wanted)), wanted) < 0.012


def _oklab(srgb: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    first = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    second = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    made: NDArray[np.float64] = np.cbrt(linear @ first.T) @ second.T
    return made
