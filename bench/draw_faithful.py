"""Is what a prompt asked for really in the picture? Objects, counts, colours, relations, setting and texts.

    python -m bench.draw_faithful [--quick] [--missed]
    python -m bench.draw_faithful --sheets FOLDER      contact sheets of what has no label that holds, with questions
    python -m bench.draw_faithful --accept             after looking: these are the pictures that were labelled

A hundred prompts (draw_faithful.toml) with what each asks for, in parts. Each part is judged twice: from the scene
description, and from the pixels: a person looked at each picture and answered `y` or `n` for each part, in order, under
`seen`. A label holds for the picture that was looked at: its layout (what stands where, how large, in which colour) and
its look (lightness in 8x8 fields) are kept beside it. When a picture is drawn otherwise today its label is stale: it is
counted and left out of the shares.
"""

import argparse
import json
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageDraw

from bench.common import report, say
from bench.draw_understanding import PROMPTS, Part, compare
from bench.gallery import loaded
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.illustrator.layout import Box, Layout
from omniwatt.engines.draw.illustrator.studio import SQUARE, Studio

LABELS = Path(__file__).parent / "draw_faithful.toml"
AIM = 0.95
SIDE_PX = 384
ACROSS, DOWN = 4, 3
CAPTION_PX = 26
SORTS = ("object", "count", "colour", "relation", "setting", "text")
MOVED, GROWN, LOOKS, FIELD = 8.0, 1.35, 0.6, 3
"""A label is stale when a thing has moved by more than so many hundredths of the side, is so many times larger or
smaller, or the fields' lightness differs by more than this of 15 steps in the mean, or by so much in one."""
_HEAD = """\
# Prompts, what each asks for, and what a person saw in the picture, for bench/draw_faithful.py.
#
# `truth` is as in draw_prompts.toml; `seen` has a letter for each of its parts (an object, then its count, then its
# colour; a relation; a setting; a text): y it is there, n it is not. `layout` and `look` are written by --accept.
"""


class Drawn(NamedTuple):
    """One picture today: its parts judged from the scene, its layout and look, and its pixels."""

    parts: tuple[Part, ...]
    layout: str
    look: str
    picture: Any


def main() -> None:
    """Print shares by kind of prompt and by sort of part, from scene and from pixels; keep them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="every tenth prompt; the result says so and is not kept")
    parser.add_argument("--missed", action="store_true", help="list what was missed")
    parser.add_argument("--sheets", type=Path, help="write contact sheets of stale labels there, judge nothing")
    parser.add_argument("--accept", action="store_true", help="keep the layout and look of each picture as labelled")
    asked = parser.parse_args()
    data = tomllib.loads(LABELS.read_text("utf-8"))
    objects = tomllib.loads(PROMPTS.read_text("utf-8"))["objects"] | data["objects"]
    rows: list[dict[str, Any]] = data["picture"][:: 10 if asked.quick else 1]
    studio = loaded()
    drawn = [draw(studio, row, objects) for row in rows]
    if asked.sheets:
        sheets(
            [(at, row, now) for at, (row, now) in enumerate(zip(rows, drawn, strict=True)) if stale(row, now)],
            asked.sheets,
        )
    elif asked.accept:
        LABELS.write_text(labels(data["objects"], rows, drawn), "utf-8")
    else:
        report("draw_faithful", list(figures(rows, drawn, missed=asked.missed)), asked.quick)


def draw(studio: Studio, row: Mapping[str, Any], objects: Mapping[str, str]) -> Drawn:
    """The picture of a row."""
    scene = studio.scene(DrawBody(prompt=row["prompt"]))
    layout = studio.layout(scene, SQUARE, row["seed"], {})
    whole = Box(0, 0, layout.width, layout.height)
    pixels = studio.painter(layout, "medium").paint(whole, SIDE_PX / layout.width)
    picture = Image.fromarray(pixels[..., :3])
    return Drawn(tuple(compare(scene, row["truth"], objects)), placed(layout), look(picture), picture)


def placed(layout: Layout) -> str:
    """What stands where, in hundredths of the picture: `backdrop style time ...; sprite#colour x y width height`."""
    side = layout.width / 100
    things = sorted(
        f"{one.sprite}{one.colour} "
        + " ".join(str(round(part / side)) for part in (one.box.x, one.box.y, one.box.width, one.box.height))
        for one in layout.placed
    )
    scene = layout.scene
    set_ = [scene.backdrop, scene.style, scene.time, *scene.weather, *scene.light, *scene.features]
    return "; ".join([" ".join([*set_, *(f"no-{name}" for name in scene.without)]), *things])


def look(picture: Any) -> str:
    """Lightness in 8x8 fields, a hexadecimal digit each."""
    small = picture.convert("L").resize((8, 8), Image.Resampling.BOX)
    return "".join(f"{value // 16:x}" for value in small.tobytes())


def stale(row: Mapping[str, Any], now: Drawn) -> bool:
    """Whether the picture is no longer the one that was looked at."""
    if len(row["seen"]) != len(now.parts):
        return True
    before, after = (_fields(layout) for layout in (row["layout"], now.layout))
    if [one[0] for one in before] != [one[0] for one in after]:
        return True
    if any(_differs(one[1], other[1]) for one, other in zip(before, after, strict=True)):
        return True
    apart = [abs(int(a, 16) - int(b, 16)) for a, b in zip(row["look"], now.look, strict=True)]
    return sum(apart) / len(apart) > LOOKS or max(apart) >= FIELD


def _fields(layout: str) -> list[tuple[str, tuple[float, ...]]]:
    words = [part.split() for part in layout.split("; ")[1:]]
    things = [(name, tuple(map(float, numbers))) for name, *numbers in words]
    return [(layout.split("; ", maxsplit=1)[0], ()), *sorted(things)]


def _differs(one: Sequence[float], other: Sequence[float]) -> bool:
    if not one:
        return False
    moved = max(abs((one[at] + one[at + 2] / 2) - (other[at] + other[at + 2] / 2)) for at in (0, 1))
    grown = max((one[at] + 1) / (other[at] + 1) for at in (2, 3)), max((other[at] + 1) / (one[at] + 1) for at in (2, 3))
    return moved > MOVED or max(grown) > GROWN


def figures(rows: Sequence[Mapping[str, Any]], drawn: Sequence[Drawn], *, missed: bool) -> Iterator[dict[str, Any]]:
    """Shares by kind of prompt and all together; `drawable` where every object has a sprite."""
    fresh = [(row, now) for row, now in zip(rows, drawn, strict=True) if not stale(row, now)]
    kinds: dict[str, list[tuple[Mapping[str, Any], Drawn]]] = defaultdict(list)
    for row, now in fresh:
        kinds[row["kind"]].append((row, now))
        _tell(row, now, missed=missed)
    for kind, some in kinds.items():
        yield {"what": kind, "pictures": len(some), **shares(some)}
    whole = shares(fresh)
    share = whole["right_drawable"]["pixels"]
    yield {
        "what": "all", "pictures": len(fresh), **whole, "value": share, "unit": "", "aim": f">= {AIM}",
        "met": share >= AIM, "readme": "draw: pictures wholly as asked, by eye, where all objects can be drawn",
    }  # fmt: skip
    yield {"what": "labels", "pictures": len(rows), "stale": len(rows) - len(fresh)}


def _tell(row: Mapping[str, Any], now: Drawn, *, missed: bool) -> None:
    wrong = [
        f"{part.kind} {part.asked}{'' if part.found else ' (nor in the scene)'}"
        for part, answer in zip(now.parts, row["seen"], strict=True)
        if answer != "y"
    ]
    if missed and wrong:
        say(f"{row['prompt']}\n    not seen: {'; '.join(wrong)}")


def shares(some: Sequence[tuple[Mapping[str, Any], Drawn]]) -> dict[str, Any]:
    """Pictures wholly right, and parts of each sort: [from the scene, from the pixels], of those that can be drawn."""
    able = [(row, now) for row, now in some if all(part.drawable for part in now.parts)]
    out: dict[str, Any] = {"right": _right(some), "right_drawable": _right(able), "drawable": len(able)}
    for sort in SORTS:
        parts = [
            (part.found, answer == "y")
            for row, now in some
            for part, answer in zip(now.parts, row["seen"], strict=True)
            if part.kind == sort and part.drawable
        ]
        if parts:
            out[sort] = {
                "parts": len(parts),
                "scene": _share(one for one, _ in parts),
                "pixels": _share(b for _, b in parts),
            }
    return out


def _right(some: Sequence[tuple[Mapping[str, Any], Drawn]]) -> dict[str, float]:
    return {
        "scene": _share(all(part.found for part in now.parts) for _, now in some),
        "pixels": _share(set(row["seen"]) == {"y"} for row, _ in some),
    }


def _share(answers: Iterator[bool]) -> float:
    every = list(answers)
    return round(sum(every) / max(1, len(every)), 3)


def sheets(numbered: Sequence[tuple[int, Mapping[str, Any], Drawn]], folder: Path) -> None:
    """Pictures with their numbers, twelve to a sheet, and `questions.txt`: what is asked of each."""
    folder.mkdir(parents=True, exist_ok=True)
    each = ACROSS * DOWN
    for first in range(0, len(numbered), each):
        sheet = Image.new("RGB", (ACROSS * SIDE_PX, DOWN * (SIDE_PX + CAPTION_PX)), "white")
        pen = ImageDraw.Draw(sheet)
        for place, (number, _, one) in enumerate(numbered[first : first + each]):
            x, y = place % ACROSS * SIDE_PX, place // ACROSS * (SIDE_PX + CAPTION_PX)
            sheet.paste(one.picture, (x, y + CAPTION_PX))
            pen.text((x + 6, y + 4), str(number), fill="black", font_size=20)
        sheet.save(folder / f"sheet-{first // each:02}.png")
    lines = []
    for number, row, one in numbered:
        parts = "; ".join(f"{part.kind} {part.asked}{'' if part.found else ' (!)'}" for part in one.parts)
        lines.append(f"{number} {row['prompt']}\n    {parts}")
    (folder / "questions.txt").write_text("\n".join(lines) + "\n", "utf-8")


def labels(objects: Mapping[str, str], rows: Sequence[Mapping[str, Any]], drawn: Sequence[Drawn]) -> str:
    """The file of labels with today's layouts and looks. Raises ValueError where an answer is missing."""
    parts = [_HEAD, "[objects]"]
    parts += [f"{json.dumps(noun, ensure_ascii=False)} = {json.dumps(names)}" for noun, names in objects.items()]
    for row, now in zip(rows, drawn, strict=True):
        if len(row["seen"]) != len(now.parts) or set(row["seen"]) - set("yn"):
            raise ValueError(f"{row['prompt']!r} has {len(now.parts)} parts, and the answers {row['seen']!r}")
        kept = {**row, "layout": now.layout, "look": now.look}
        parts += ["", "[[picture]]", *(f"{name} = {json.dumps(kept[name], ensure_ascii=False)}" for name in kept)]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
