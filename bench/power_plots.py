"""Plots of power over time as small multiples, in plain SVG."""

from collections.abc import Iterable, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.power_metrics import Floats

WIDTH_PX, HEIGHT_PX, GAP_PX, LEFT_PX, TOP_PX, HEAD_PX = 520, 210, 26, 52, 44, 64
COLUMNS = 2
INK, DIM, LINE, AIM, BAND, BUDGET = "#1d2430", "#69727f", "#0b6e99", "#d9822b", "#f4c68a", "#b4232c"
FONT = "font-family='Helvetica,Arial,sans-serif'"


class Scale(NamedTuple):
    """In what watts are written, and how far the lines are apart, small and large."""

    unit: str
    watts: float
    step: int = 5
    large_step: int = 10


KW, W = Scale("kW", 1000.0), Scale("W", 1.0)


class Panel(NamedTuple):
    """One run: watts, budget and aim at even times."""

    title: str
    says: str
    watts: Floats
    budget_w: Floats
    aim_w: Floats
    tick_s: float


class Line(NamedTuple):
    """Points, and the line through them."""

    title: str
    says: str
    x: Sequence[float]
    y: Sequence[float]
    rest: float
    slope: float


def multiples(path: Path, title: str, explains: str, panels: Sequence[Panel], scale: Scale = KW) -> None:
    """Write one picture with a panel for each run, all to the same scale of watts."""
    top = max(float(np.percentile(np.maximum(each.watts, each.budget_w), 99.8)) for each in panels) / scale.watts * 1.04
    low = min(float(each.watts.min()) for each in panels) / scale.watts // 5 * 5
    rows = -(-len(panels) // COLUMNS)
    width = COLUMNS * (LEFT_PX + WIDTH_PX + GAP_PX) + GAP_PX
    height = HEAD_PX + 22 + rows * (TOP_PX + HEIGHT_PX + GAP_PX)
    body = [_text(GAP_PX, 28, title, 19, INK, bold=True), _text(GAP_PX, 50, explains, 13, DIM), _legend(GAP_PX, 70)]
    for place, panel in enumerate(panels):
        left = GAP_PX + (place % COLUMNS) * (LEFT_PX + WIDTH_PX + GAP_PX) + LEFT_PX
        upper = HEAD_PX + 22 + (place // COLUMNS) * (TOP_PX + HEIGHT_PX + GAP_PX) + TOP_PX
        body.append(f"<g transform='translate({left},{upper})'>{''.join(_panel(panel, (low, top), scale))}</g>")
    _write(path, width, height, body)


def scatter(path: Path, line: Line) -> None:
    """Write watts over load, with the line through them."""
    top_kw = max(line.y) / 1000 * 1.1
    ups = [HEIGHT_PX * 1.4 * (1 - y / 1000 / top_kw) for y in line.y]
    high = HEIGHT_PX * 1.4
    dots = [f"<circle cx='{x * WIDTH_PX:.1f}' cy='{y:.1f}' r='3' fill='{LINE}' fill-opacity='.55'/>"
            for x, y in zip(line.x, ups, strict=True)]  # fmt: skip
    ends = [high * (1 - each / 1000 / top_kw) for each in (line.rest, line.rest + line.slope)]
    body = [
        _text(GAP_PX, 28, line.title, 19, INK, bold=True),
        _text(GAP_PX, 50, line.says, 13, DIM),
        f"<g transform='translate({GAP_PX + LEFT_PX},{HEAD_PX + 10})'>",
        *_scale((0, top_kw), high, KW),
        *(_text(share * WIDTH_PX, high + 18, f"{share:.0%}", 11, DIM, "middle") for share in (0, 0.25, 0.5, 0.75, 1)),
        f"<line x1='0' y1='{ends[0]:.1f}' x2='{WIDTH_PX}' y2='{ends[1]:.1f}' stroke='{AIM}' stroke-width='1.5'/>",
        *dots,
        _text(WIDTH_PX / 2, high + 36, "slots at work", 12, DIM, "middle"),
        "</g>",
    ]
    _write(path, LEFT_PX + WIDTH_PX + 3 * GAP_PX, HEAD_PX + high + 60, body)


def _write(path: Path, width: float, height: float, body: Iterable[str]) -> None:
    size = f"viewBox='0 0 {width:.0f} {height:.0f}' width='{width:.0f}' height='{height:.0f}'"
    head = f"<svg xmlns='http://www.w3.org/2000/svg' {size}>"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"{head}\n<rect width='100%' height='100%' fill='#fff'/>\n" + "\n".join(body) + "\n</svg>\n", "utf-8"
    )


def _panel(panel: Panel, ends: tuple[float, float], scale: Scale) -> Iterable[str]:
    seconds = len(panel.watts) * panel.tick_s
    yield _text(0, -22, panel.title, 14, INK, bold=True)
    yield _text(0, -7, panel.says, 11.5, DIM)
    yield from _scale(ends, HEIGHT_PX, scale)
    for at_s in range(0, int(seconds) + 1, 10 if seconds <= 100 else 20):
        x = at_s / seconds * WIDTH_PX
        yield f"<line x1='{x:.1f}' y1='{HEIGHT_PX}' x2='{x:.1f}' y2='{HEIGHT_PX + 3}' stroke='{DIM}'/>"
        yield _text(x, HEIGHT_PX + 15, f"{at_s} s" if at_s == 0 else str(at_s), 10.5, DIM, "middle")
    places = partial(_points, seconds=seconds, tick_s=panel.tick_s, ends=(ends[0] * scale.watts, ends[1] * scale.watts))
    low, high = (places(panel.aim_w + share * panel.budget_w) for share in (-0.02, 0.02))
    yield f"<polygon points='{' '.join(low + high[::-1])}' fill='{BAND}' fill-opacity='.75'/>"
    yield _curve(places(panel.budget_w), BUDGET, 1.0, dash="4 3")
    yield _curve(places(panel.watts), LINE, 1.1)


def _scale(ends: tuple[float, float], high: float, scale: Scale) -> Iterable[str]:
    low, top = ends
    step = scale.step if top <= 30 else scale.large_step
    for each in range(int(low), int(top) + 1, step):
        y = high * (1 - (each - low) / (top - low))
        yield f"<line x1='0' y1='{y:.1f}' x2='{WIDTH_PX}' y2='{y:.1f}' stroke='#e4e7eb'/>"
        yield _text(-7, y + 4, f"{each} {scale.unit}" if each == int(low) else str(each), 10.5, DIM, "end")


def _points(values: Floats, seconds: float, tick_s: float, ends: tuple[float, float]) -> list[str]:
    xs = (np.arange(len(values)) + 0.5) * tick_s / seconds * WIDTH_PX
    ys = np.clip(HEIGHT_PX * (ends[1] - values) / (ends[1] - ends[0]), 0, HEIGHT_PX)
    return [f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True)]


def _curve(points: Sequence[str], colour: str, width: float, dash: str = "") -> str:
    dashed = f" stroke-dasharray='{dash}'" if dash else ""
    return f"<polyline points='{' '.join(points)}' fill='none' stroke='{colour}' stroke-width='{width}'{dashed}/>"


def _legend(x: float, y: float) -> str:
    return (
        f"<line x1='{x}' y1='{y - 4}' x2='{x + 24}' y2='{y - 4}' stroke='{LINE}' stroke-width='2'/>"
        + _text(x + 30, y, "power, means of 100 ms", 12, INK)
        + f"<line x1='{x + 250}' y1='{y - 4}' x2='{x + 274}' y2='{y - 4}' stroke='{BUDGET}' stroke-dasharray='4 3'/>"
        + _text(x + 280, y, "budget", 12, INK)
        + f"<rect x='{x + 345}' y='{y - 10}' width='24' height='12' fill='{BAND}'/>"
        + _text(x + 375, y, "aim ± 2 % of the budget; the aim is the budget less 1 %, or what the work draws", 12, INK)
    )


def _text(x: float, y: float, text: str, size: float, colour: str, anchor: str = "start", bold: bool = False) -> str:
    style = f"{FONT} font-size='{size}' fill='{colour}' text-anchor='{anchor}'"
    weight = " font-weight='600'" if bold else ""
    return f"<text x='{x:.1f}' y='{y:.1f}' {style}{weight}>{escape(text)}</text>"
