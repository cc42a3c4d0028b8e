"""Stroke edges and specks of lettering against the glyphs' own outlines, and whether the judges of text can say no.

    python -m bench.draw_edges [--quick]

Lines are painted as they stand in pictures of 1024² and in crops of one of 4096², at high quality. The rise of an edge
is the way from 10 to 90 % between the paper and the ink, across it, where it is nearly upright and both sides are wide
enough to have a level; the outlines say where each edge runs, to a part of a pixel, so that all edges make one curve.
A speck is a patch of ink, 4 pixels or more, that is no part of a glyph and was not there before the words; a hole is
one of no ink well inside.

Two judges are put to the test: `exact` on lines of which one glyph is another one's, is left out or stands for other
characters; and the reader on lines that show another text than the one they are held against, one character changed at
random, or for one that looks alike.
"""

import dataclasses
import random
from typing import Any

import cv2
import msgspec
import numpy as np
import skia
from numpy.typing import NDArray

from bench.common import arguments, report, say
from bench.draw_strings import String, strings
from bench.draw_text import PROMPTS

SIZES_PX = (1024, 4096)
AIM_RISE_PX = 1.5
LEVEL_PX = 4
"""How far on each side of an edge paper and ink are level."""
UPRIGHT = 0.94
STEP_PX = 0.1
SPECK_PX = 4
ALIKE = ("未末", "土士", "日曰", "己已", "人入", "大太", "木本", "王玉", "O0", "l1", "I1", "ce", "rn", "シツ", "ソン")
Grey = NDArray[np.float64]


def main() -> None:
    """Paint, measure, and try to deceive the judges."""
    quick = arguments(__doc__ or "").quick
    studio = _studio()
    some = [string for string in strings(500) if 1 < len(string.text) < 30]
    figures = []
    for role in ("title", "body"):
        for size_px in SIZES_PX:
            figures += edges(studio, role, size_px, some[: 6 if quick else 40])
            say(f"{role} at {size_px} px")
    figures += [judged_by_glyphs(studio, some[: 20 if quick else 200])]
    figures += judged_by_reading(studio, some[: 20 if quick else 150])
    report("draw_edges", figures, quick)


def edges(studio: Any, role: str, size_px: int, some: list[String]) -> list[dict[str, Any]]:
    """Rise of the edges in pixels, and specks and holes for each line."""
    from omniwatt.contract.request import DrawBody

    samples: list[tuple[float, float]] = []
    specks = holes = lines = 0
    for string in some:
        body = DrawBody(PROMPTS[role].format(string.text), width_px=size_px, height_px=size_px)
        layout = studio.layout(studio.scene(body), (size_px, size_px), 1, {})
        bare = msgspec.structs.replace(layout, lines=())
        for line in layout.lines:
            ink, ground, cover = _crops(studio, layout, bare, line, size_px / 1000)
            samples += samples_of(ink, cover)
            found = stray(ink, ground, cover)
            specks, holes, lines = specks + found[0], holes + found[1], lines + 1
    rise = round(rise_of(samples), 3)
    name = {"role": role, "picture_px": size_px, "lines": lines}
    return [
        {"figure": "rise of stroke edges, 10 to 90 %", **name, "value": rise, "unit": "px", "samples": len(samples),
         "aim": f"<= {AIM_RISE_PX}", "met": rise <= AIM_RISE_PX,
         "readme": f"{role}: rise of stroke edges, 10 to 90 %, in a picture of {size_px} px"},
        {"figure": "specks and holes", **name, "value": specks + holes, "specks": specks, "holes": holes, "unit": "",
         "aim": "0", "met": specks + holes == 0},
    ]  # fmt: skip


def _crops(studio: Any, layout: Any, bare: Any, line: Any, scale: float) -> tuple[Grey, Grey, Grey]:
    """The line as painted, the same place without words, and how much of each pixel its outlines cover; 0 to 1."""
    from omniwatt.engines.draw.illustrator.proving import inside, padded

    region = inside(padded(line.box, 0.2 * line.size), layout)
    ink = _grey(studio.painter(layout, "high").paint(region, scale))
    ground = _grey(studio.painter(bare, "high").paint(region, scale))
    return ink, ground, _cover(studio, layout, line, region, scale, ink.shape)


def _cover(studio: Any, layout: Any, line: Any, region: Any, scale: float, shape: tuple[int, ...]) -> Grey:
    from omniwatt.engines.draw.lettering.letter import outline

    surface = skia.Surface(shape[1], shape[0])
    canvas = surface.getCanvas()
    canvas.clear(skia.ColorWHITE)
    canvas.translate(-round(region.x * scale), -round(region.y * scale))
    canvas.scale(scale, scale)
    for other in layout.lines:
        canvas.drawPath(outline(other, studio.faces, layout.seed), skia.Paint(AntiAlias=True))
    return 1.0 - _grey(surface.toarray(colorType=skia.kRGBA_8888_ColorType))


def _grey(pixels: NDArray[Any]) -> Grey:
    return np.asarray(pixels[..., :3].astype(np.float64) @ (0.2126, 0.7152, 0.0722) / 255.0, np.float64)


def samples_of(ink: Grey, cover: Grey) -> list[tuple[float, float]]:
    """Of each upright edge: places across it, 0 where the outline runs, in pixels, with the share of ink there."""
    found: list[tuple[float, float]] = []
    inside = cover > 0.5
    smooth = cv2.GaussianBlur(cover, (0, 0), 1.0)
    across, down = cv2.Sobel(smooth, cv2.CV_64F, 1, 0), cv2.Sobel(smooth, cv2.CV_64F, 0, 1)
    upright = np.abs(across) / np.maximum(np.hypot(across, down), 1e-9)
    for row, column in np.argwhere(inside[:, 1:] != inside[:, :-1])[::3]:
        start, end = column - LEVEL_PX, column + LEVEL_PX + 2
        if start < 0 or end > ink.shape[1] or upright[row, column] < UPRIGHT:
            continue
        covered, seen = cover[row, start:end], ink[row, start:end]
        if covered[0] > covered[-1]:
            covered, seen = covered[::-1], seen[::-1]
        low, high = seen[:2].mean(), seen[-2:].mean()
        level = covered[:3].max() < 0.01 and covered[-3:].min() > 0.99
        if level and abs(high - low) > 0.2:
            edge = float((1 - covered).sum())
            places = (np.arange(len(seen)) + 0.5 - edge) * upright[row, column]
            found += zip(places.tolist(), ((seen - low) / (high - low)).tolist(), strict=True)
    return found


def rise_of(samples: list[tuple[float, float]]) -> float:
    """10 to 90 % of the edge that all samples show together (the edge spread function, as ISO 12233 takes it)."""
    places, shares = np.array(samples).T
    bins = np.arange(-LEVEL_PX, LEVEL_PX + STEP_PX, STEP_PX)
    which = np.digitize(places, bins)
    curve = np.array([np.median(shares[which == one]) if (which == one).any() else np.nan for one in range(len(bins))])
    at, known = bins[~np.isnan(curve)] - STEP_PX / 2, curve[~np.isnan(curve)]
    steady = np.maximum.accumulate(known)
    return float(np.interp(0.9, steady, at) - np.interp(0.1, steady, at))


def stray(ink: Grey, ground: Grey, cover: Grey) -> tuple[int, int]:
    """Patches of ink outside all glyphs, and of no ink well inside them."""
    core = cv2.erode((cover > 0.99).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if not core.any():
        return 0, 0
    level = float(np.median(ink[core]))
    far = np.abs(ground - level)
    inked = np.abs(ink - level) < 0.25 * np.maximum(far, 1e-3)
    near = cv2.dilate((cover > 0.01).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return _patches(inked & (far > 0.2) & ~near), _patches(core & ~inked & (far > 0.2))


def _patches(mask: NDArray[Any]) -> int:
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return int((stats[1:, cv2.CC_STAT_AREA] >= SPECK_PX).sum())


def judged_by_glyphs(studio: Any, some: list[String]) -> dict[str, Any]:
    """The share of spoilt lines that `exact` refuses."""
    from omniwatt.engines.draw.illustrator.layout import Box, Line
    from omniwatt.engines.draw.lettering.exact import wrong
    from omniwatt.engines.draw.lettering.language import language_of
    from omniwatt.engines.draw.lettering.shape import shaper_of

    chance, refused, tried = random.Random(5), 0, 0
    for string in some:
        face = studio.faces.choose(string.text, "bold", language_of(string.text)).face
        shaped = shaper_of(studio.faces).line(Line(string.text, Box(0, 0, 0, 0), face, 0.0))
        seen = [place for place, glyph in enumerate(shaped.glyphs) if not string.text[glyph.start].isspace()]
        place, other = chance.choice(seen), chance.choice(seen)
        glyph, wanted = shaped.glyphs[place], shaped.glyphs[other].glyph
        spoilt = [shaped.glyphs[:place] + shaped.glyphs[place + 1 :]]
        if wanted != glyph.glyph:
            changed = dataclasses.replace(glyph, glyph=wanted)
            spoilt.append([*shaped.glyphs[:place], changed, *shaped.glyphs[place + 1 :]])
        for glyphs in spoilt:
            tried += 1
            said = wrong(dataclasses.replace(shaped, glyphs=glyphs), studio.faces, ())
            refused += bool(said)
            if not said:
                say(f"{string.text!r} spoilt at {place} and not refused")
    value = round(refused / max(1, tried), 4)
    return {"figure": "spoilt lines refused by their glyphs", "value": value, "lines": tried, "unit": "", "aim": "1",
            "met": value == 1.0, "readme": "lines spoilt on purpose that the check of glyphs refuses"}  # fmt: skip


def judged_by_reading(studio: Any, some: list[String]) -> list[dict[str, Any]]:
    """The share of lines that are read as the text they were held against, though they show another."""
    from omniwatt.flows.reading import error_rate

    chance = random.Random(7)
    random_changes, alike_changes = [], []
    for string in some:
        place = chance.choice([at for at, one in enumerate(string.text) if not one.isspace()])
        other = chance.choice([one for one in "".join(each.text for each in some) if one.isalnum()])
        random_changes.append((string.text, string.text[:place] + other + string.text[place + 1 :]))
        for pair in ALIKE:
            for one, two in (pair, pair[::-1]):
                if one in string.text:
                    alike_changes.append((string.text, string.text.replace(one, two, 1)))
    figures = []
    for name, changes in (("at random", random_changes), ("for a look-alike", alike_changes)):
        pairs = [(asked, shown) for asked, shown in changes if error_rate(asked, shown) > 0]
        reads = _reads(studio, [shown for _, shown in pairs])
        taken = [pair for pair, text in zip(pairs, reads, strict=True) if error_rate(pair[0], text) == 0]
        for pair in taken:
            say(f"shown {pair[1]!r}, taken for {pair[0]!r}")
        value = round(len(taken) / max(1, len(pairs)), 4)
        figures.append({
            "figure": f"wrong letters taken for right: one character changed {name}", "value": value,
            "lines": len(pairs), "unit": "", "aim": "0", "met": value == 0.0,
            "readme": f"lines with one character changed {name} that are taken for right",
        })  # fmt: skip
    return figures


def _reads(studio: Any, texts: list[str]) -> list[str]:
    """What is read of each text, set plainly."""
    from omniwatt.engines.draw.illustrator.layout import Box, Line
    from omniwatt.engines.draw.lettering.language import language_of
    from omniwatt.engines.draw.lettering.plain import plainly
    from omniwatt.engines.see.ocr import eyes
    from omniwatt.engines.see.reading import Eye, Reader

    spec = _spec("pp-ocr")
    reader = Reader([Eye(*one, 2) for one in eyes(spec.artifacts)])
    pictures = []
    for text in texts:
        face = studio.faces.choose(text, "serif", language_of(text)).face
        png = np.frombuffer(plainly(Line(text, Box(0, 0, 0, 0), face, 60.0), studio.faces), np.uint8)
        pictures.append(np.asarray(cv2.imdecode(png, cv2.IMREAD_COLOR), np.uint8))
    return [read.text for read in reader.read(pictures, careful=True)]


def _spec(name: str) -> Any:
    from omniwatt import settings
    from omniwatt.catalog.catalog import Catalog

    return Catalog.open(settings.load(None, {})).spec(name)


def _studio() -> Any:
    from omniwatt.engines.draw.illustrator.studio import Studio

    return Studio.load(_spec("illustrator").artifacts)


if __name__ == "__main__":
    main()
