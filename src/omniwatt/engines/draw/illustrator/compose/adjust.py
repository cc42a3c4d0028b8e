"""Lines set anew after they were not read back: first larger, apart and on a calm ground, then in another face too."""

from collections.abc import Mapping, Sequence

import msgspec

from omniwatt.engines.draw.illustrator.layout import Box, Line
from omniwatt.engines.draw.illustrator.paint.colours import lightness, rgb
from omniwatt.engines.draw.lettering.faces import Faces
from omniwatt.engines.draw.lettering.language import language_of
from omniwatt.engines.draw.lettering.plain import other_face
from omniwatt.engines.draw.lettering.shape import shaper_of

_LIGHT, _DARK = "#fffdf5", "#12151c"
_GROWTH = 1.25
"""How much larger a line may become."""
_SPACING, _SHRINK = 0.14, 0.88
"""Ground between characters, in ems, and how much smaller a line without any room becomes for half of it."""
_JOINED = frozenset({"ar", "hi", "th"})
"""Languages whose letters join, or stack: they are not set apart."""
_EDGE = 0.02
"""Of the picture's shorter side: nothing is set nearer to its edge."""


def adjusted(
    lines: tuple[Line, ...], attempts: Mapping[int, int], faces: Faces, size: tuple[float, float]
) -> tuple[Line, ...]:
    """The lines, those named in `attempts` set for that attempt; how many there are and their order stay."""
    made = list(lines)
    for index, attempt in attempts.items():
        if attempt > 1 and 0 <= index < len(made):
            others = [line.box for place, line in enumerate(made) if place != index]
            made[index] = _again(made[index], attempt, faces, room(made[index], others, size))
    return tuple(made)


def _again(line: Line, attempt: int, faces: Faces, free: Box) -> Line:
    if line.effect == "stamp":
        return line
    dark = lightness(rgb(line.colour)) < 0.55 and line.effect != "neon"
    if attempt == 2:
        if line.effect == "brush":
            halo = "#fdf6e3" if dark else "#0d111c"
            return _refitted(msgspec.structs.replace(line, outline=line.outline or halo), free, faces, line.size)
        panel = f"{line.panel[:7]}ff" if line.panel else "#fffdf6e6" if dark else "#0d111ce6"
        effect = "plain" if line.effect == "shadow" else line.effect
        return _refitted(msgspec.structs.replace(line, panel=panel, effect=effect), free, faces, line.size)
    face = other_face(line, faces)
    return _refitted(
        msgspec.structs.replace(
            line, face=face, effect="plain", outline="", panel="#ffffffff" if dark else "#0b0e16ff",
            colour=_DARK if dark else _LIGHT, note=line.note or f"set plain in {face} to be readable",
        ), free, faces, line.size,
    )  # fmt: skip


def _refitted(line: Line, free: Box, faces: Faces, size: float) -> Line:
    """As large as the free room lets it be, its characters apart; hardly smaller where it cannot be both."""
    joined = language_of(line.text) in _JOINED
    made = line
    for apart, least in ((_SPACING, 1.0), (_SPACING / 2, _SHRINK), (0.0, 0.0)):
        made = _one_line(msgspec.structs.replace(line, spacing=0.0 if joined else apart), free, faces, size * _GROWTH)
        if made.size >= least * size:
            break
    return _near(made, line.box, free)


def _one_line(line: Line, free: Box, faces: Faces, size_max: float) -> Line:
    """The line as large as it can be in the free room."""
    shaped = shaper_of(faces).line(line)
    width, height = max(shaped.right - shaped.left, 0.01), max(shaped.bottom - shaped.top, 0.01)
    size = min(size_max, free.width / width, free.height / height)
    return msgspec.structs.replace(line, size=size, box=Box(free.x, free.y, width * size, height * size))


def _near(line: Line, before: Box, free: Box) -> Line:
    """Its middle where it was, as far as the free room lets it."""
    x = before.x + (before.width - line.box.width) / 2
    y = before.y + (before.height - line.box.height) / 2
    x = min(max(x, free.x), max(free.x, free.x + free.width - line.box.width))
    y = min(max(y, free.y), max(free.y, free.y + free.height - line.box.height))
    return msgspec.structs.replace(line, box=Box(x, y, line.box.width, line.box.height))


def room(line: Line, others: Sequence[Box], size: tuple[float, float]) -> Box:
    """The free ground around a line: to the picture's edges, and half of the way to each line above, below and beside
    it."""
    box, pad = line.box, 0.32 * line.size
    edge = max(_EDGE * min(size), pad)
    left, top = min(box.x, edge), min(box.y, 0.7 * edge)
    right, bottom = max(box.x + box.width, size[0] - edge), max(box.y + box.height, size[1] - 0.7 * edge)
    for other in others:
        if _meet(box.x, box.width, other.x, other.width):
            if other.y + other.height <= box.y:
                top = max(top, (other.y + other.height + box.y) / 2)
            elif other.y >= box.y + box.height:
                bottom = min(bottom, (box.y + box.height + other.y) / 2)
        elif _meet(box.y, box.height, other.y, other.height):
            if other.x + other.width <= box.x:
                left = max(left, (other.x + other.width + box.x) / 2)
            else:
                right = min(right, (box.x + box.width + other.x) / 2)
    return Box(left, top, right - left, bottom - top)


def _meet(start: float, length: float, other: float, other_length: float) -> bool:
    return start < other + other_length and other < start + length
