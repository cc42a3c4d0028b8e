"""What the parser could not read, as a question a strong language model may answer; its answers only ever add."""

from collections.abc import Mapping
from typing import Any

import msgspec

from omniwatt.engines.draw.illustrator.scene import Scene, Thing
from omniwatt.engines.draw.illustrator.understand.lexicon import Lexicon
from omniwatt.engines.draw.illustrator.understand.parser import MAX_KINDS
from omniwatt.engines.draw.illustrator.understand.reading import MAX_COUNT

_MAX_ADDED = 8
_MAX_WORDS = 40

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "things": {
            "type": "array",
            "maxItems": _MAX_ADDED,
            "items": {
                "type": "object",
                "properties": {
                    "word": {"type": "string", "maxLength": 40},
                    "looks_like": {"type": "string", "maxLength": 40},
                    "count": {"type": "integer", "minimum": 1, "maximum": 12},
                },
                "required": ["word", "looks_like", "count"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["things"],
    "additionalProperties": False,
}
"""What an answer has to look like: for each word that is a visible thing, a plain English noun it looks like."""


def leftovers(scene: Scene) -> str:
    """The question for a language model; empty when every word was understood."""
    if not scene.not_understood:
        return ""
    drawn = ", ".join(dict.fromkeys(thing.word for thing in scene.things)) or "nothing"
    words = ", ".join(scene.not_understood[:_MAX_WORDS])
    return (
        f"A picture is being drawn. Already in it: {drawn}. These words of its description were not understood: "
        f"{words}.\nFor each of them that names a visible thing, give the word, a common English noun for what "
        "it looks like most (an animal, plant, vehicle, food, tool, building, person), and how many. "
        "Leave out all other words."
    )


def complete(scene: Scene, answer: Mapping[str, Any], lexicon: Lexicon) -> Scene:
    """The scene with what an answer (of SCHEMA) names and our lexicon can draw; nothing is changed or replaced."""
    left = set(scene.not_understood)
    known = {thing.sprite for thing in scene.things} | set(scene.without)
    things: list[Thing] = []
    notes: list[tuple[str, str]] = []
    for item in list(answer.get("things", ()))[:_MAX_ADDED]:
        word, noun, count = (
            str(item.get("word", "")),
            str(item.get("looks_like", "")).lower().strip(),
            item.get("count", 1),
        )
        senses = lexicon.words("en").senses.get(noun, ())
        sprite = next((sense.value for sense in senses if sense.kind == "thing"), "")
        if word not in left or not sprite or sprite in known or len(scene.things) + len(things) >= MAX_KINDS:
            continue
        known.add(sprite)
        things.append(Thing(sprite=sprite, word=word, count=max(1, min(int(count), MAX_COUNT))))
        notes.append((word, f"{sprite} (second opinion)"))
    taken = {word for word, _ in notes}
    return msgspec.structs.replace(
        scene,
        things=scene.things + tuple(things),
        understood=scene.understood + tuple(notes),
        not_understood=tuple(word for word in scene.not_understood if word not in taken),
    )
