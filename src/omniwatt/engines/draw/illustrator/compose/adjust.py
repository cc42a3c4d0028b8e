"""Lines set anew after they were not read back: more contrast first, then a plainer face on a calm ground."""

from collections.abc import Mapping

import msgspec

from omniwatt.engines.draw.illustrator.layout import Box, Line
from omniwatt.engines.draw.illustrator.paint.colours import lightness, rgb
from omniwatt.engines.draw.lettering.faces import Faces
from omniwatt.engines.draw.lettering.fit import Setting, fit
from omniwatt.engines.draw.lettering.language import language_of
from omniwatt.engines.draw.lettering.shape import shaper_of

_LIGHT, _DARK = "#fffdf5", "#12151c"


def adjusted(
    lines: tuple[Line, ...], attempts: Mapping[int, int], faces: Faces, size: tuple[float, float]
) -> tuple[Line, ...]:
    """The lines, those named in `attempts` set for that attempt; how many there are and their order stay."""
    return tuple(
        _again(line, attempts[index], faces, size) if attempts.get(index, 1) > 1 else line
        for index, line in enumerate(lines)
    )


def _again(line: Line, attempt: int, faces: Faces, size: tuple[float, float]) -> Line:
    if line.effect == "stamp":
        return line
    dark_letters = lightness(rgb(line.colour)) < 0.55 and line.effect != "neon"
    if attempt == 2:
        panel = line.panel or ("#fffdf6e6" if dark_letters else "#0d111ce6")
        effect = "plain" if line.effect == "shadow" else line.effect
        return msgspec.structs.replace(line, panel=panel, effect=effect, box=_grown(line, size))
    choice = faces.choose(line.text, "bold", language_of(line.text))
    plain = msgspec.structs.replace(
        line, face=choice.face, effect="plain", outline="", panel="#ffffffff" if dark_letters else "#0b0e16ff",
        colour=_DARK if dark_letters else _LIGHT, note=line.note or f"set plain in {choice.face} to be readable",
    )  # fmt: skip
    made = fit(plain, _grown(line, size), shaper_of(faces), Setting(size_max=line.size * 1.15))
    return made[0] if len(made) == 1 else msgspec.structs.replace(plain, face=line.face, note=line.note)


def _grown(line: Line, size: tuple[float, float]) -> Box:
    """The line's box, within the picture with room for its panel."""
    pad = 0.32 * line.size
    x = min(max(line.box.x, pad), max(pad, size[0] - pad - line.box.width))
    y = min(max(line.box.y, 0.7 * pad), max(0.7 * pad, size[1] - 0.7 * pad - line.box.height))
    return Box(x, y, line.box.width, line.box.height)
