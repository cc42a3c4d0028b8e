"""A line set as plainly as can be, to learn what of its text a reader can read at best."""

import io

import msgspec
import skia
from PIL import Image

from omniwatt.engines.draw.illustrator.layout import Box, Line
from omniwatt.engines.draw.lettering.faces import Faces
from omniwatt.engines.draw.lettering.fit import Setting, fit
from omniwatt.engines.draw.lettering.language import language_of
from omniwatt.engines.draw.lettering.letter import letter
from omniwatt.engines.draw.lettering.shape import shaper_of

MOST_BYTES = 40 * 1024
HIGH_PX, LONG_PX = 64, 4200
MARGIN = 0.25
"""Of the line's height, left white around it."""


def other_face(line: Line, faces: Faces) -> str:
    """A plain face built another way: with serifs where there were none, which also tells I from l and O from 0."""
    language = language_of(line.text)
    styles = ("bold", "sans") if "serif" in line.face else ("serif", "bold")
    found = [faces.choose(line.text, style, language).face for style in styles]
    return next((face for face in found if face != line.face), found[0])


def plainly(line: Line, faces: Faces) -> bytes:
    """A PNG of the same text in its other face, black on white; nothing where that would be too large."""
    template = msgspec.structs.replace(
        line,
        face=other_face(line, faces),
        vertical=False,
        colour="#000000",
        outline="",
        effect="plain",
        panel="",
        spacing=0.0,
    )
    text = " ".join(line.text.split())
    made = fit(
        msgspec.structs.replace(template, text=text), Box(0, 0, LONG_PX, HIGH_PX), shaper_of(faces),
        Setting(size_max=HIGH_PX, align="start"),
    )  # fmt: skip
    if len(made) != 1:
        return b""
    margin = MARGIN * HIGH_PX
    box = made[0].box
    width, height = round(box.width + 2 * margin), round(box.height + 2 * margin)
    surface = skia.Surface.MakeRaster(skia.ImageInfo.MakeN32Premul(width, height))
    canvas = surface.getCanvas()
    canvas.clear(skia.ColorWHITE)
    canvas.translate(margin - box.x, margin - box.y)
    letter(canvas, made[0], faces)
    grey = Image.fromarray(surface.toarray(colorType=skia.kRGBA_8888_ColorType), "RGBA").convert("L")
    out = io.BytesIO()
    grey.save(out, "PNG", compress_level=9)
    return out.getvalue() if out.tell() <= MOST_BYTES else b""
