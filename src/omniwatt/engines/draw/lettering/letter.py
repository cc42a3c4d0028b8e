"""One line of text painted on a canvas in design units: ink, neon tube, relief, sign, seal, or plain and crisp."""

import contextlib
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import skia

from omniwatt.engines.draw.illustrator.layout import Line
from omniwatt.engines.draw.illustrator.paint.chance import chance, number
from omniwatt.engines.draw.illustrator.paint.colours import RGB, lightness, mix, rgb, shade
from omniwatt.engines.draw.lettering.faces import Faces
from omniwatt.engines.draw.lettering.shape import Glyph, Shaped, place, shaper_of

Inline = Callable[[Any, str, Any], None]
"""Draws an emoji (canvas, its characters, the skia.Rect it stands in)."""
_PAPER: RGB = (0.98, 0.96, 0.91)


def letter(
    canvas: Any, line: Line, faces: Faces, inline: Inline | None = None, *, seed: int = 0, panel: bool = True
) -> None:
    """Paint `line` where its box says, with its effect, over its panel. Nothing is painted outside what is visible."""
    box = line.box
    frame = skia.Rect.MakeXYWH(box.x, box.y, box.width, box.height)
    if canvas.quickReject(frame.makeOutset(2.2 * line.size, 2.2 * line.size)):
        return
    if line.effect == "stamp":
        _stamp(canvas, line, faces, seed)
        return
    if line.panel and panel:
        _panel(canvas, line, frame)
    path = outline(line, faces, seed)
    _EFFECTS[line.effect](canvas, path, line, seed)
    if inline is not None:
        shaped = _shaped(line, faces)
        matrix = origin(line, shaped)
        for glyph in shaped.glyphs:
            if glyph.emoji:
                inline(canvas, glyph.emoji, matrix.mapRect(skia.Rect.MakeXYWH(glyph.x, glyph.y - 1.12, 1.12, 1.12)))


def letters(canvas: Any, lines: Sequence[Line], faces: Faces, inline: Inline | None = None, *, seed: int = 0) -> None:
    """Paint all lines of a layout; the lines of one text share one panel."""
    for _, group in itertools.groupby(lines, key=lambda line: (line.of, line.panel, line.effect)):
        block = list(group)
        if block[0].panel and block[0].effect != "stamp":
            frame = skia.Rect.MakeEmpty()
            for line in block:
                frame.join(skia.Rect.MakeXYWH(line.box.x, line.box.y, line.box.width, line.box.height))
            _panel(canvas, block[0], frame)
        for line in block:
            letter(canvas, line, faces, inline, seed=seed, panel=False)


def outline(line: Line, faces: Faces, seed: int = 0) -> Any:
    """The line's outlines as one path in design units (emoji are not in it)."""
    shaped = _shaped(line, faces)
    base = origin(line, shaped)
    made = skia.Path()
    for index, glyph in enumerate(shaped.glyphs):
        if glyph.emoji:
            continue
        matrix = place(glyph, faces)
        if line.effect == "brush":
            matrix = skia.Matrix.Concat(_sway(glyph, index, line, seed), matrix)
        matrix = skia.Matrix.Concat(base, matrix)
        made.addPath(_moved(faces.face(glyph.face).path(glyph.glyph), matrix))
    return made


def origin(line: Line, shaped: Shaped) -> Any:
    """From ems to design units: the line's ink and advance, centred on its box."""
    box = line.box
    x = box.x + (box.width - (shaped.right - shaped.left) * line.size) / 2 - shaped.left * line.size
    y = box.y + (box.height - (shaped.bottom - shaped.top) * line.size) / 2 - shaped.top * line.size
    return skia.Matrix.Translate(x, y).preScale(line.size, line.size)


def _shaped(line: Line, faces: Faces) -> Shaped:
    return shaper_of(faces).line(line)


def _sway(glyph: Glyph, index: int, line: Line, seed: int) -> Any:
    """A hand's small unevenness: a turn, a step off the line, a little larger or smaller."""
    roll = chance(seed, "sway", line.text, index)
    middle_x = glyph.x + (0.0 if line.vertical else 0.5)
    middle_y = glyph.y - 0.35
    matrix = skia.Matrix.Translate(middle_x + roll.uniform(-0.012, 0.012), middle_y + roll.uniform(-0.02, 0.02))
    size = 1.0 + roll.uniform(-0.03, 0.015)
    return matrix.preRotate(roll.uniform(-1.6, 1.6)).preScale(size, size).preTranslate(-middle_x, -middle_y)


def _panel(canvas: Any, line: Line, frame: Any) -> None:
    pad = line.size * (0.42 if line.effect == "sign" else 0.3)
    area = frame.makeOutset(pad, pad * 0.62)
    radius = line.size * (0.12 if line.effect == "sign" else 0.22)
    colour = rgb(line.panel)
    alpha = int(line.panel[7:9], 16) / 255 if len(line.panel) == 9 else 1.0
    if line.effect == "sign":
        shadow = skia.Paint(Color=_argb((0, 0, 0), 0.45), AntiAlias=True)
        shadow.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, line.size * 0.12))
        canvas.drawRoundRect(area.makeOffset(0, line.size * 0.07), radius, radius, shadow)
    canvas.drawRoundRect(area, radius, radius, skia.Paint(Color=_argb(colour, alpha), AntiAlias=True))
    if line.effect == "sign":
        rim = _stroke(mix(rgb(line.colour), colour, 0.25), line.size * 0.045)
        canvas.drawRoundRect(area.makeInset(line.size * 0.09, line.size * 0.09), radius * 0.7, radius * 0.7, rim)


def _plain(canvas: Any, path: Any, line: Line, seed: int) -> None:
    if line.outline:
        canvas.drawPath(path, _stroke(rgb(line.outline), line.size * 0.1))
    canvas.drawPath(path, skia.Paint(Color=_argb(rgb(line.colour)), AntiAlias=True))


def _shadow(canvas: Any, path: Any, line: Line, seed: int) -> None:
    dark = lightness(rgb(line.colour)) > 0.55
    behind = skia.Paint(Color=_argb((0.02, 0.02, 0.05) if dark else (1, 1, 1), 0.75 if dark else 0.9), AntiAlias=True)
    for reach in (0.13, 0.045):
        behind.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, line.size * reach))
        canvas.drawPath(_moved(path, skia.Matrix.Translate(0, line.size * 0.03 * dark)), behind)
    _plain(canvas, path, line, seed)


def _neon(canvas: Any, path: Any, line: Line, seed: int) -> None:
    """A glass tube: wide glow, saturated rim, a core nearly white."""
    colour = rgb(line.colour)
    for reach, alpha in ((0.42, 0.55), (0.17, 0.75), (0.06, 0.9)):
        glow = skia.Paint(Color=_argb(colour, alpha), AntiAlias=True, BlendMode=skia.BlendMode.kScreen)
        glow.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, line.size * reach))
        canvas.drawPath(path, glow)
    canvas.drawPath(path, _stroke(shade(colour, -0.04, 1.2), line.size * 0.035))
    canvas.drawPath(path, skia.Paint(Color=_argb(mix(colour, (1, 1, 1), 0.86)), AntiAlias=True))


def _embossed(canvas: Any, path: Any, line: Line, seed: int) -> None:
    # A face may draw a glyph of several overlapping parts: their seams would show as rims.
    with contextlib.suppress(RuntimeError):
        path = skia.Simplify(path)
    colour, step = rgb(line.colour), line.size * 0.022
    soft = skia.Paint(Color=_argb((0, 0, 0), 0.5), AntiAlias=True)
    soft.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, line.size * 0.05))
    canvas.drawPath(_moved(path, skia.Matrix.Translate(step * 1.6, step * 2.2)), soft)
    for part in (2.0, 1.0):
        move = skia.Matrix.Translate(step * part * 0.7, step * part)
        canvas.drawPath(_moved(path, move), skia.Paint(Color=_argb(shade(colour, -0.28)), AntiAlias=True))
    bounds = path.getBounds()
    shader = skia.GradientShader.MakeLinear(
        [skia.Point(0, bounds.top()), skia.Point(0, bounds.bottom())],
        [_argb(shade(colour, 0.16)), _argb(colour), _argb(shade(colour, -0.1))],
    )
    canvas.drawPath(path, skia.Paint(Shader=shader, AntiAlias=True))
    rim = _stroke(shade(colour, 0.3), line.size * 0.012)
    canvas.save()
    canvas.clipPath(path, doAntiAlias=True)
    canvas.drawPath(_moved(path, skia.Matrix.Translate(step * 0.35, step * 0.45)), rim)
    canvas.restore()


def _brush(canvas: Any, path: Any, line: Line, seed: int) -> None:
    """Ink: a breath of bleeding, full strokes, and streaks where the brush ran dry; edges stay crisp."""
    colour = rgb(line.colour)
    if line.outline:
        halo = skia.Paint(Color=_argb(rgb(line.outline), 0.85), AntiAlias=True)
        halo.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, line.size * 0.07))
        canvas.drawPath(path, halo)
    bleed = skia.Paint(Color=_argb(colour, 0.13), AntiAlias=True)
    bleed.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, line.size * 0.022))
    canvas.drawPath(path, bleed)
    canvas.drawPath(path, skia.Paint(Color=_argb(colour), AntiAlias=True))
    if line.size < 60:
        return
    canvas.save()
    canvas.clipPath(path, doAntiAlias=True)
    paper = mix(colour, _PAPER, 0.62) if lightness(colour) < 0.6 else mix(colour, (0, 0, 0), 0.25)
    for turn, share in ((-24, 0.55), (62, 0.35)):
        canvas.save()
        bounds = path.getBounds()
        canvas.rotate(turn, bounds.centerX(), bounds.centerY())
        canvas.drawRect(bounds.makeOutset(bounds.height(), bounds.width()), _streaks(line, paper, share, seed + turn))
        canvas.restore()
    canvas.restore()


def _streaks(line: Line, colour: RGB, share: float, seed: int) -> Any:
    """Long thin noise in this colour, only its crests; their soft threshold leaves no specks."""
    thin = line.size * 0.05
    shader = skia.PerlinNoiseShader.MakeFractalNoise(1 / (thin * 11), 1 / thin, 2, float(number(seed, "ink")))
    gain, floor = 3.2, 0.58
    filtered = skia.ColorFilters.Matrix(
        [0, 0, 0, 0, colour[0], 0, 0, 0, 0, colour[1], 0, 0, 0, 0, colour[2], 0, 0, 0, gain, -gain * floor]
    )
    return skia.Paint(Shader=shader.makeWithColorFilter(filtered), Alphaf=share)


def _stamp(canvas: Any, line: Line, faces: Faces, seed: int) -> None:
    """A seal: characters left out of a red square whose rim is a little worn. Columns run from the right."""
    box = line.box
    red = rgb(line.colour)
    seal = skia.Path()
    roll = chance(seed, "seal", line.text)
    count = 44
    for step in range(count):
        angle = 2 * math.pi * step / count
        # A square with round corners (a superellipse), each point a little off.
        x, y = (abs(part) ** 0.36 * (1 if part >= 0 else -1) for part in (math.cos(angle), math.sin(angle)))
        worn = 1 + roll.uniform(-0.022, 0.006)
        point = (box.x + box.width / 2 * (1 + x * worn), box.y + box.height / 2 * (1 + y * worn))
        if step:
            seal.lineTo(*point)
        else:
            seal.moveTo(*point)
    seal.close()
    canvas.drawPath(seal, skia.Paint(Color=_argb(red, 0.93), AntiAlias=True))
    paint = skia.Paint(Color=_argb(_PAPER), AntiAlias=True)
    for character, cell in cells(line):
        role = faces.fallback(line.face, character)
        if not role:
            continue
        path = faces.face(role).path(faces.face(role).glyph(character))
        ink = path.getBounds()
        scale = min(cell.width() / ink.width(), cell.height() / ink.height())
        move = skia.Matrix.Translate(cell.centerX(), cell.centerY()).preScale(scale, scale)
        canvas.drawPath(_moved(path, move.preTranslate(-ink.centerX(), -ink.centerY())), paint)


def cells(line: Line) -> list[tuple[str, Any]]:
    """A seal's characters and the rectangles they fill, in the order they are read."""
    box, text = line.box, [one for one in line.text if not one.isspace()]
    columns = 1 if len(text) <= 2 else math.ceil(len(text) / math.ceil(math.sqrt(len(text))))
    rows = math.ceil(len(text) / columns)
    inner = skia.Rect.MakeXYWH(box.x, box.y, box.width, box.height)
    inner = inner.makeInset(box.width * 0.11, box.height * 0.11)
    wide, tall = inner.width() / columns, inner.height() / rows
    made = []
    for index, character in enumerate(text):
        column, row = divmod(index, rows)
        cell = skia.Rect.MakeXYWH(inner.right() - (column + 1) * wide, inner.top() + row * tall, wide, tall)
        made.append((character, cell.makeInset(wide * 0.05, tall * 0.05)))
    return made


_EFFECTS: dict[str, Callable[[Any, Any, Line, int], None]] = {
    "plain": _plain, "sign": _plain, "shadow": _shadow, "neon": _neon, "embossed": _embossed, "brush": _brush,
}  # fmt: skip


def _moved(path: Any, matrix: Any) -> Any:
    made = skia.Path()
    path.transform(matrix, made)
    return made


def _stroke(colour: RGB, width: float) -> Any:
    paint = skia.Paint(Color=_argb(colour), AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeWidth=width)
    paint.setStrokeJoin(skia.Paint.kRound_Join)
    paint.setStrokeCap(skia.Paint.kRound_Cap)
    return paint


def _argb(colour: RGB, alpha: float = 1.0) -> int:
    parts = [round(255 * min(max(part, 0.0), 1.0)) for part in (alpha, *colour)]
    return parts[0] << 24 | parts[1] << 16 | parts[2] << 8 | parts[3]
