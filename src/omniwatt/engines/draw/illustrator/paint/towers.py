"""Rows of buildings, near and far, by day and by night."""

import random
from dataclasses import dataclass
from typing import Any

import skia

from omniwatt.engines.draw.illustrator.paint.colours import RGB, mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.shapes import polygon
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, along

NEONS = ("#ff2fa0", "#19e3ff", "#8b5cff", "#ffb02e", "#39ffb6", "#ff5a4d")
WARM = ("#ffd58a", "#ffe9b8", "#ffc46b", "#fff3d6", "#9fd8ff")


@dataclass(frozen=True)
class Tower:
    """One building: where it stands and how high, and the window grid's pitch."""

    x: float
    width: float
    top: float
    foot: float
    crown: str
    pitch: float


def row(stage: Stage, layer: int, foot: float, low: float, high: float, wide: float, gap: float = 0.0) -> list[Tower]:
    """Towers side by side over the width; `gap` leaves that share of the middle open."""
    roll = stage.roll("row", layer)
    towers, x = [], -MARGIN - roll.uniform(0, wide)
    while x < stage.width + MARGIN:
        width = wide * roll.uniform(0.55, 1.35)
        away = abs((x + width / 2) / stage.width - 0.5) * 2
        rise = roll.uniform(low, high) * (0.62 + 0.5 * away if gap else 1.0)
        crown = roll.choice(("flat", "flat", "step", "spire", "slant", "round"))
        if not gap or away > gap:
            towers.append(Tower(x, width, foot - rise, foot, crown, roll.choice((0.8, 1.0, 1.25))))
        x += width * roll.uniform(0.86, 1.12)
    return towers


def body(tower: Tower, roll: random.Random) -> Any:
    """The silhouette of a tower with its crown."""
    x, w, y, foot = tower.x, tower.width, tower.top, tower.foot
    path = skia.Path()
    if tower.crown == "slant":
        return polygon([(x, foot), (x, y + w * 0.35), (x + w, y), (x + w, foot)])
    path.addRect(skia.Rect.MakeLTRB(x, y, x + w, foot))
    if tower.crown == "step":
        path.addRect(skia.Rect.MakeLTRB(x + w * 0.16, y - w * 0.22, x + w * 0.84, y + 1))
        path.addRect(skia.Rect.MakeLTRB(x + w * 0.34, y - w * 0.42, x + w * 0.66, y + 1))
    elif tower.crown == "spire":
        path.addPath(
            polygon(
                [(x + w * 0.2, y + 1), (x + w * 0.46, y - w * 0.5), (x + w * 0.54, y - w * 0.5), (x + w * 0.8, y + 1)]
            )
        )
        path.addRect(skia.Rect.MakeLTRB(x + w * 0.485, y - w * (0.9 + roll.random() * 0.4), x + w * 0.515, y))
    elif tower.crown == "round":
        path.addOval(skia.Rect.MakeLTRB(x, y - w * 0.3, x + w, y + w * 0.3))
    else:
        for _ in range(2):
            at, size = x + w * roll.uniform(0.1, 0.75), w * roll.uniform(0.08, 0.2)
            path.addRect(skia.Rect.MakeLTRB(at, y - size, at + size, y + 1))
    return path


def windows(
    stage: Stage,
    tower: Tower,
    size: float,
    lit: float,
    roll: random.Random,
    tints: tuple[RGB, ...],
    dark: RGB | None = None,
) -> None:
    """A grid of windows: the share `lit` shines in one of the tints, the others are dark glass (or not drawn)."""
    across, down = size * tower.pitch, size * 1.35
    count = int((tower.width - across * 0.6) / across)
    if count < 1:
        return
    start = tower.x + (tower.width - count * across) / 2
    paths = [skia.Path() for _ in tints]
    glass, frames = skia.Path(), skia.Path()
    habit = roll.random()
    y = tower.top + down * (0.9 if tower.crown != "slant" else 0.9 + tower.width * 0.35 / down)
    while y < tower.foot - down * 0.4:
        floor = roll.random() < 0.16
        for index in range(count):
            left = start + index * across + across * 0.18
            pane = skia.Rect.MakeXYWH(left, y, across * 0.64, down * (0.52 + 0.16 * habit))
            if roll.random() < (0.85 if floor else lit):
                paths[roll.randrange(len(tints))].addRect(pane)
            elif dark is not None:
                glass.addRect(pane)
            if stage.fine > 1:
                frames.addRect(skia.Rect.MakeXYWH(left + across * 0.31, y, across * 0.02, pane.height()))
        y += down
    if dark is not None:
        stage.fill(glass, dark, 0.75)
    for path, tint in zip(paths, tints, strict=True):
        stage.fill(path, tint, 0.92)
    stage.fill(frames, (0.05, 0.05, 0.08), 0.7)


def night_row(stage: Stage, towers: list[Tower], layer: int, near: float, size: float) -> None:
    """A row by night: dark bodies with a lit haze at the foot, windows, roof lights."""
    roll = stage.roll("night", layer)
    haze = stage.tone("#5a2f8e", 0.5)
    for tower in towers:
        base = mix(shade(haze, 0.04), stage.tone("#0a0c22", 0.3), 0.35 + 0.62 * near)
        path = body(tower, roll)
        top, foot = shade(base, 0.03 * near), mix(base, stage.tone("#a03b9c", 0.5), 0.55 - 0.35 * near)
        stage.shaded(
            path, along(0, tower.top - tower.width * 0.5, 0, tower.foot, [(0, top, 1), (0.55, base, 1), (1, foot, 1)])
        )
        edge = skia.Rect.MakeLTRB(tower.x + tower.width * 0.72, tower.top, tower.x + tower.width, tower.foot)
        stage.canvas.drawRect(edge, skia.Paint(Color4f=skia.Color4f(0, 0, 0.02, 0.16)))
        mood = roll.choice((WARM, WARM, ("#bfe6ff", "#e8f6ff", "#8fd0ff"), ("#ffb3e2", "#ffd9f0", "#c9a0ff")))
        tints = tuple(mix(rgb(tint), base, 0.55 - 0.4 * near + 0.22 * roll.random()) for tint in mood)
        windows(stage, tower, size, roll.uniform(0.12, 0.42), roll, tints)
        if near > 0.3 and roll.random() < 0.6:
            x, y = tower.x + tower.width * 0.5, tower.top - (tower.width * 1.0 if tower.crown == "spire" else 6)
            stage.glow(x, y, 16 + 14 * near, rgb("#ff4a4a"), 0.9)


def signs(stage: Stage, towers: list[Tower], layer: int, size: float, share: float = 0.75) -> None:
    """Neon on the walls: upright boards, tubes along the edges, rings and bars. No letters: those are set as text."""
    roll = stage.roll("signs", layer)
    for tower in towers:
        if roll.random() > share:
            continue
        colour = rgb(NEONS[roll.randrange(len(NEONS))])
        tall = min((tower.foot - tower.top) * roll.uniform(0.25, 0.5), size * 9)
        x = tower.x + tower.width * roll.choice((0.06, 0.86))
        y = tower.top + (tower.foot - tower.top) * roll.uniform(0.12, 0.4)
        kind = roll.choice(("board", "board", "tube", "ring", "bars"))
        if kind == "board":
            board(stage, x, y, size * 1.3, tall, colour, roll)
        elif kind == "tube":
            path = skia.Path()
            path.moveTo(tower.x + 2, tower.foot)
            path.lineTo(tower.x + 2, tower.top)
            path.lineTo(tower.x + tower.width - 2, tower.top)
            path.lineTo(tower.x + tower.width - 2, tower.foot)
            tube(stage, path, colour, size * 0.16)
        elif kind == "ring":
            path = skia.Path()
            path.addCircle(tower.x + tower.width / 2, y, size * 1.5)
            path.addCircle(tower.x + tower.width / 2, y, size * 0.9)
            stage.glow(tower.x + tower.width / 2, y, size * 9, colour, 0.45)
            tube(stage, path, colour, size * 0.2)
        else:
            for bar in range(4):
                path = skia.Path()
                path.moveTo(tower.x + tower.width * 0.2, y + bar * size * 0.7)
                path.lineTo(tower.x + tower.width * (0.8 - 0.12 * bar), y + bar * size * 0.7)
                tube(stage, path, colour, size * 0.22)


def tube(stage: Stage, path: Any, colour: RGB, width: float) -> None:
    """A neon tube: wide faint strokes for its glow, a bright core."""
    for wide, alpha in ((11.0, 0.05), (6.5, 0.09), (3.4, 0.18)):
        stage.line(path, colour, width * wide, alpha)
    stage.line(path, colour, width * 1.5, 0.95)
    stage.line(path, mix(colour, (1, 1, 1), 0.75), width * 0.65, 1.0)


def board(stage: Stage, x: float, y: float, width: float, tall: float, colour: RGB, roll: random.Random) -> None:
    """An upright board of neon with marks that are no letters."""
    stage.glow(x + width / 2, y + tall / 2, tall * 1.5, colour, 0.5)
    rect = skia.Rect.MakeXYWH(x, y, width, tall)
    path = skia.Path()
    path.addRoundRect(rect, width * 0.2, width * 0.2)
    stage.fill(path, mix(colour, (0, 0, 0.05), 0.78))
    tube(stage, path, colour, width * 0.07)
    marks = skia.Path()
    count = max(2, int(tall / (width * 0.95)))
    for index in range(count):
        cy = y + tall * (index + 0.5) / count
        kind = roll.randrange(4)
        half = width * 0.26
        if kind == 0:
            marks.addCircle(x + width / 2, cy, half)
        elif kind == 1:
            marks.addRect(skia.Rect.MakeLTRB(x + width / 2 - half, cy - half, x + width / 2 + half, cy + half))
        elif kind == 2:
            marks.addPath(
                polygon(
                    [(x + width / 2 - half, cy + half), (x + width / 2, cy - half), (x + width / 2 + half, cy + half)]
                )
            )
        else:
            for step in (-0.7, 0.0, 0.7):
                marks.moveTo(x + width / 2 - half, cy + half * step)
                marks.lineTo(x + width / 2 + half, cy + half * step)
    tube(stage, marks, mix(colour, (1, 1, 1), 0.25), width * 0.05)
