"""Shapes as paths in design units: ridges, trees, grass, clouds. Each is a pure function of its numbers."""

import math
import random
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray

Array = NDArray[np.float64]


def waves(x: Array, wavelength: float, seed: int, *, fine: float = 1, gain: float = 0.5) -> Array:
    """Fractal value noise along a line, about -1 to 1; octaves go down to half a unit over `fine`."""
    total, amount, octave = np.zeros_like(x), 0.5, 0
    while wavelength > 1.6 / fine and octave < 14:
        table = np.random.default_rng((seed, octave)).uniform(-1, 1, 4096)
        place = x / wavelength + 911.7
        cell = np.floor(place).astype(int)
        part = place - cell
        part = part * part * (3 - 2 * part)
        total += amount * (table[cell & 4095] * (1 - part) + table[(cell + 1) & 4095] * part)
        wavelength, amount, octave = wavelength / 2, amount * gain, octave + 1
    return total


def across(left: float, right: float, fine: int = 1, step: float = 2.0) -> Array:
    """Places along the width, close enough for this level of detail."""
    return np.arange(left, right + step / fine, step / fine)


def outline(x: Array, y: Array, bottom: float) -> Any:
    """The area under a line, down to `bottom`."""
    points = [skia.Point(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    points += [skia.Point(float(x[-1]), bottom), skia.Point(float(x[0]), bottom)]
    return skia.Path.Polygon(points, True)


def polygon(points: list[tuple[float, float]]) -> Any:
    return skia.Path.Polygon([skia.Point(x, y) for x, y in points], True)


def blob(
    x: float, y: float, radius: float, seed: int, *, wobble: float = 0.18, squash: float = 1.0, fine: int = 1
) -> Any:
    """A round thing with an uneven rim."""
    count = max(24, min(180, int(radius * 1.2 * fine)))
    angle = np.linspace(0, 2 * math.pi, count, endpoint=False)
    rng = np.random.default_rng(seed)
    rim = np.ones(count)
    for wave in range(2, 9):
        rim += wobble / wave * 1.4 * math.cos(rng.uniform(0, 6.28)) * np.cos(wave * angle + rng.uniform(0, 6.28))
    return polygon(
        [(x + radius * r * math.cos(a), y + radius * squash * r * math.sin(a)) for a, r in zip(angle, rim, strict=True)]
    )


def conifer(path: Any, x: float, foot: float, height: float, roll: random.Random) -> None:
    """Adds a fir: tiers that grow wider to the foot, each a little uneven."""
    tiers = max(5, min(13, int(height / 14)))
    half = height * roll.uniform(0.16, 0.24)
    left, right = [], []
    for tier in range(tiers):
        share = (tier + 1) / tiers
        y = foot - height * (1 - share) * 0.97 - height * 0.04
        reach = half * share**0.85 * roll.uniform(0.82, 1.15)
        drop = height / tiers * 0.32
        left += [(x - reach, y + drop), (x - reach * 0.45, y - drop * 0.2)]
        reach = half * share**0.85 * roll.uniform(0.82, 1.15)
        right += [(x + reach, y + drop), (x + reach * 0.45, y - drop * 0.2)]
    trunk = max(height * 0.018, 0.4)
    foot_points = [
        (x - trunk, foot - height * 0.05),
        (x - trunk, foot),
        (x + trunk, foot),
        (x + trunk, foot - height * 0.05),
    ]
    points = [(x, foot - height), *left, *foot_points, *reversed(right)]
    path.addPoly([skia.Point(a, b) for a, b in points], True)


def crown(x: float, y: float, radius: float, roll: random.Random, puffs: int = 14) -> list[tuple[float, float, float]]:
    """Circles (x, y, radius) that make the crown of a leafy tree, the lower and outer ones first."""
    circles = []
    for _ in range(puffs):
        angle, away = roll.uniform(0, 2 * math.pi), math.sqrt(roll.random()) * 0.72
        size = radius * roll.uniform(0.28, 0.46)
        circles.append((x + radius * away * math.cos(angle) * 1.15, y + radius * away * math.sin(angle) * 0.85, size))
    return sorted(circles, key=lambda circle: -circle[1])


def circles(places: list[tuple[float, float, float]]) -> Any:
    """Many circles as one path, filled where any of them is."""
    path = skia.Path()
    for x, y, radius in places:
        path.addCircle(x, y, radius)
    return path


def trunk(x: float, foot: float, height: float, width: float, roll: random.Random) -> Any:
    """A leafy tree's stem with two boughs."""
    path = skia.Path()
    lean = roll.uniform(-0.1, 0.1) * height
    path.moveTo(x - width, foot)
    path.quadTo(x - width * 0.4, foot - height * 0.3, x + lean - width * 0.35, foot - height)
    path.lineTo(x + lean + width * 0.35, foot - height)
    path.quadTo(x + width * 0.5, foot - height * 0.3, x + width * 1.1, foot)
    path.close()
    for side in (-1, 1):
        y = foot - height * roll.uniform(0.5, 0.7)
        path.moveTo(x + lean * 0.5 - width * 0.25, y)
        path.lineTo(x + lean * 0.5 + side * height * 0.28, y - height * 0.3)
        path.lineTo(x + lean * 0.5 + width * 0.3, y - height * 0.08)
        path.close()
    return path


def blades(path: Any, x: float, foot: float, height: float, roll: random.Random, lean: float = 0.0) -> None:
    """Adds one blade of grass."""
    bend = (roll.uniform(-0.35, 0.35) + lean) * height
    width = height * 0.045 + 0.25
    path.moveTo(x - width, foot)
    path.quadTo(x - width * 0.6 + bend * 0.25, foot - height * 0.6, x + bend, foot - height)
    path.quadTo(x + width * 0.8 + bend * 0.25, foot - height * 0.55, x + width, foot)
    path.close()


def cumulus(x: float, base: float, width: float, roll: random.Random) -> list[tuple[float, float, float]]:
    """Circles of a heaped cloud on a level base, tallest in the middle."""
    puffs, place = [], -0.5
    while place < 0.5:
        hump = math.cos(place * math.pi) ** 0.8 if abs(place) < 0.5 else 0.0
        radius = width * (0.05 + 0.13 * hump * roll.uniform(0.65, 1.1))
        puffs.append((x + place * width, base - radius * 0.55, radius))
        if hump > 0.45:
            puffs.append((x + (place + roll.uniform(-0.05, 0.05)) * width, base - radius * 1.5, radius * 0.8))
        place += roll.uniform(0.07, 0.12)
    return puffs
