"""What the parser could not read, as a question a strong language model may answer; its answers only ever add."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from omniwatt.engines.draw.illustrator.scene import Scene, Thing
from omniwatt.engines.draw.illustrator.understand.lexicon import Lexicon
from omniwatt.engines.draw.illustrator.understand.parser import MAX_KINDS

_MAX_ADDED = 8
_MAX_WORDS = 40
_MAX_LETTERS = 40
_MAX_NAMED = 12

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "things": {
            "type": "array",
            "maxItems": _MAX_ADDED,
            "items": {
                "type": "object",
                "properties": {
                    "word": {"type": "string", "maxLength": _MAX_LETTERS},
                    "looks_like": {"type": "string", "maxLength": _MAX_LETTERS},
                    "count": {"type": "integer", "minimum": 1, "maximum": _MAX_NAMED},
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
    left = [word for word in scene.not_understood if not word.startswith("“")]
    if not left:
        return ""
    drawn = ", ".join(dict.fromkeys(thing.word for thing in scene.things)) or "nothing"
    words = ", ".join(left[:_MAX_WORDS])
    return (
        f"A picture is being drawn. Already in it: {drawn}. These words of its description were not understood: "
        f"{words}.\nFor each of them that names a visible thing, give the word, a common English noun for what "
        "it looks like most (an animal, plant, vehicle, food, tool, building, person), and how many. "
        "Leave out all other words."
    )


class _Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    word: Annotated[str, msgspec.Meta(max_length=_MAX_LETTERS)]
    looks_like: Annotated[str, msgspec.Meta(max_length=_MAX_LETTERS)]
    count: Annotated[int, msgspec.Meta(ge=1, le=_MAX_NAMED)]


class _Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    things: Annotated[tuple[_Named, ...], msgspec.Meta(max_length=_MAX_ADDED)]


def complete(scene: Scene, answer: Mapping[str, Any], lexicon: Lexicon) -> Scene:
    """The scene with what an answer names and our lexicon can draw; nothing is changed or replaced.

    An answer that is not of SCHEMA adds nothing.
    """
    try:
        named = msgspec.convert(answer, _Answer).things
    except msgspec.ValidationError:
        return scene
    things: list[Thing] = []
    notes: list[tuple[str, str]] = []
    for one in named:
        sprite = _sprite(one.looks_like, lexicon)
        known = {thing.sprite for thing in (*scene.things, *things)} | set(scene.without)
        asked = one.word in scene.not_understood and one.word not in dict(notes)
        if asked and sprite and sprite not in known and len(scene.things) + len(things) < MAX_KINDS:
            things.append(Thing(sprite=sprite, word=one.word, count=one.count))
            notes.append((one.word, f"{sprite} (second opinion)"))
    taken = dict(notes)
    return msgspec.structs.replace(
        scene,
        things=scene.things + tuple(things),
        understood=scene.understood + tuple(notes),
        not_understood=tuple(word for word in scene.not_understood if word not in taken),
    )


def _sprite(noun: str, lexicon: Lexicon) -> str:
    senses = lexicon.words("en").senses.get(noun.lower().strip(), ())
    return next((sense.value for sense in senses if sense.kind == "thing"), "")
