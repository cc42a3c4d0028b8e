"""How much of a prompt the illustrator understands: objects, counts, colours, relations, setting, texts; and how fast.

    python -m bench.draw_understanding [--quick] [--missed]

The prompts and what is asked for are in draw_prompts.toml: 200 by template in the manner of GenEval, 60 as people write
them. Judged from the scene alone, not from pixels. `drawable` leaves out objects for which there is no sprite. Coverage
is the share of common nouns that become something to be seen.
"""

import argparse
import statistics
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.common import report, say
from omniwatt.catalog.catalog import Catalog
from omniwatt.engines.draw.illustrator.scene import Scene, Thing
from omniwatt.engines.draw.illustrator.understand import Lexicon, understand
from omniwatt.engines.draw.illustrator.understand.setting import SCENERY
from omniwatt.settings import load

PROMPTS = Path(__file__).parent / "draw_prompts.toml"
COLOURS = {
    "red": "#d8312b",
    "orange": "#f28c28",
    "yellow": "#f2c12e",
    "gold": "#d4a017",
    "green": "#2e9e4f",
    "blue": "#2f6fd6",
    "purple": "#8a4fd0",
    "pink": "#f27aa8",
    "brown": "#8b5a33",
    "black": "#1c1c1e",
    "white": "#ffffff",
}
LISTS = {"feature": "features", "weather": "weather", "light": "light", "mood": "mood", "without": "without"}
ROUNDS = 5
_SENTENCES = {"en": "a picture of a {}", "zh": "一张{}的图", "ja": "{}の絵"}


class Part(NamedTuple):
    """One thing a prompt asks for, whether the scene has it, and whether a sprite for it exists."""

    kind: str
    asked: str
    found: bool
    drawable: bool = True


def main() -> None:
    """Print a line of figures for each kind of prompt, for coverage and for speed; keep them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="one round of timing; the result says so and is not kept")
    parser.add_argument("--missed", action="store_true", help="list what was missed")
    asked = parser.parse_args()
    data = tomllib.loads(PROMPTS.read_text("utf-8"))
    began = time.perf_counter()
    lexicon = Lexicon.load(Catalog.open(load(None, {})).spec("illustrator").artifacts)
    load_s = time.perf_counter() - began
    figures = [*judged(data, lexicon, missed=asked.missed), *coverage(data["nouns"], lexicon, missed=asked.missed)]
    figures.append(speed(data, lexicon, 1 if asked.quick else ROUNDS) | {"lexicon_load_s": round(load_s, 3)})
    report("draw_understanding", figures, asked.quick)


def judged(data: Mapping[str, Any], lexicon: Lexicon, *, missed: bool) -> Iterator[dict[str, Any]]:
    """Shares by kind of prompt and language."""
    kinds: dict[str, list[list[Part]]] = defaultdict(list)
    rows = [*data["templates"], *(["free", *row] for row in data["free"])]
    for kind, language, prompt, truth in rows:
        parts = list(compare(understand(prompt, lexicon), truth, data["objects"]))
        kinds[f"{kind}, {language}" if kind != "free" else kind].append(parts)
        wrong = [part for part in parts if not part.found]
        if missed and wrong:
            say(f"{prompt}\n    missed: {'; '.join(f'{part.kind} {part.asked}' for part in wrong)}")
    for kind, prompts in kinds.items():
        yield {"what": kind, "prompts": len(prompts), **shares(prompts)}
    templates = [parts for kind, prompts in kinds.items() if kind != "free" for parts in prompts]
    whole = shares(templates)
    yield {
        "what": "all templates", "prompts": len(templates), **whole, "value": whole["right"], "unit": "",
        "readme": "draw: prompts in English and Chinese wholly understood",
    }  # fmt: skip


def shares(prompts: Sequence[Sequence[Part]]) -> dict[str, Any]:
    """Of all prompts wholly right, and of the parts of each sort; `drawable` where every object has a sprite."""
    drawable = [parts for parts in prompts if all(part.drawable for part in parts)]
    out: dict[str, Any] = {"right": _share(prompts), "right_drawable": _share(drawable), "drawable": len(drawable)}
    for kind in ("object", "count", "colour", "relation", "setting", "text"):
        parts = [part for parts in prompts for part in parts if part.kind == kind and part.drawable]
        if parts:
            out[kind] = round(sum(part.found for part in parts) / len(parts), 3)
    return out


def _share(prompts: Sequence[Sequence[Part]]) -> float:
    return round(sum(all(part.found for part in parts) for parts in prompts) / max(1, len(prompts)), 3)


def compare(scene: Scene, truth: str, objects: Mapping[str, str]) -> Iterator[Part]:
    """Each part of the truth against the scene."""
    for asked in truth.split("; "):
        words = asked.split(" ")
        if asked[0] == "“":
            text, role = asked[1:].split("” ")
            yield Part("text", asked, any(one.text == text and role in ("*", one.role) for one in scene.texts))
        elif " > " in asked:
            yield _relation(scene, asked, objects)
        elif words[0].isdigit() or words[0] == "*":
            yield from _object(scene, asked, objects)
        else:
            yield Part("setting", asked, _set(scene, words[0], set(words[1].split("|"))))


def _set(scene: Scene, field: str, values: set[str]) -> bool:
    if field in LISTS:
        sprites = {thing.sprite for thing in scene.things}
        shown = {name for name, (sprite, *_) in SCENERY.items() if sprite in sprites} | (
            {"moon"} if "full-moon" in sprites else set()
        )
        return bool(values & {*getattr(scene, LISTS[field]), *(shown if field == "feature" else ())})
    return getattr(scene, field) in values


def _object(scene: Scene, asked: str, objects: Mapping[str, str]) -> Iterator[Part]:
    count, _, noun = asked.partition(" ")
    head, _, last = noun.rpartition(" ")
    noun, colour = (head, last) if last in COLOURS and head else (noun, "")
    drawable = bool(objects[noun])
    some = _matching(scene, noun, objects, colour) or _matching(scene, noun, objects)
    seen = bool(some) or bool(set(scene.features) & _features(objects[noun]))
    yield Part("object", noun, seen, drawable)
    if count != "*":
        right = sum(thing.count for thing in some) == int(count) or (not some and seen and count == "1")
        yield Part("count", asked, right, drawable)
    if colour:
        yield Part("colour", asked, bool(_matching(scene, noun, objects, colour)), drawable)


def _matching(scene: Scene, noun: str, objects: Mapping[str, str], colour: str = "") -> list[Thing]:
    accepted = set(objects[noun].split())
    things = [thing for thing in scene.things if thing.sprite in accepted]
    if not colour:
        return things
    return [thing for thing in things if thing.colour == COLOURS[colour] or thing.sprite.startswith(f"{colour}-")]


def _features(accepted: str) -> set[str]:
    return {word.removeprefix("feature:") for word in accepted.split() if word.startswith("feature:")}


def _relation(scene: Scene, asked: str, objects: Mapping[str, str]) -> Part:
    a, relation, b = asked.split(" > ")
    others = objects.get(b, "").split()
    drawable = bool(objects[a]) and (b == "picture" or bool(others)) and not _features(objects.get(b, ""))
    for one in scene.placings:
        there = one.b < 0 if b == "picture" else one.b >= 0 and scene.things[one.b].sprite in others
        if there and one.relation == relation and scene.things[one.a].sprite in objects[a].split():
            return Part("relation", asked, found=True, drawable=drawable)
    return Part("relation", asked, found=False, drawable=drawable)


def coverage(nouns: Mapping[str, Mapping[str, str]], lexicon: Lexicon, *, missed: bool) -> Iterator[dict[str, Any]]:
    """The share of nouns of which something is drawn: a sprite, or a part of the scenery."""
    for language, lists in nouns.items():
        every = [noun.replace("-", " ") for words in lists.values() for noun in words.split()]
        left = [noun for noun in every if not _drawn(understand(_SENTENCES[language].format(noun), lexicon))]
        if missed:
            say(f"not drawn ({language}): {', '.join(left)}")
        yield {"what": f"coverage, {language}", "nouns": len(every), "drawn": round(1 - len(left) / len(every), 3)}


def _drawn(scene: Scene) -> bool:
    seen = scene.things or scene.features or scene.weather or scene.backdrop not in ("gradient", "plain", "paper")
    return bool(seen) and not scene.not_understood


def speed(data: Mapping[str, Any], lexicon: Lexicon, rounds: int) -> dict[str, Any]:
    """Milliseconds a prompt: the median and the slowest twentieth, and a prompt of 32,000 letters."""
    prompts = [row[2] for row in data["templates"]] + [row[1] for row in data["free"]]
    took = [_took_ms(prompt, lexicon) for _ in range(rounds + 1) for prompt in prompts][len(prompts) :]
    longest = ("a red cat and two blue birds, " * 1_100)[:32_000]
    return {
        "what": "speed",
        "prompts": len(prompts),
        "median_ms": round(statistics.median(took), 3),
        "p95_ms": round(statistics.quantiles(took, n=20)[-1], 3),
        "letters_32000_ms": round(min(_took_ms(longest, lexicon) for _ in range(rounds)), 1),
    }


def _took_ms(prompt: str, lexicon: Lexicon) -> float:
    began = time.perf_counter()
    understand(prompt, lexicon)
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
