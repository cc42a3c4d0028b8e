"""What an edit did, told in the prompt's language; and by name, for programs."""

import functools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omniwatt.engines.draw.illustrator.scene import Scene
from omniwatt.engines.draw.illustrator.understand.describe import things_of, word_of

_SAY = Path(__file__).parent / "say.toml"
_COLUMNS = {"en": 0, "zh": 1, "zh-hant": 2, "ja": 3}


@dataclass
class Done:
    """What is done to the given pictures."""

    tones: tuple[str, ...] = ()
    turns: tuple[str, ...] = ()
    collage: str = ""
    pictures: int = 1
    cutout: bool = False
    backdrop: str = ""
    """The new background; `picture` where it is a further picture."""
    removed: bool = False
    pasted: int = 0
    style: str = ""
    weather: tuple[Any, ...] = ()
    things: tuple[Any, ...] = ()
    texts: tuple[Any, ...] = ()
    anchors: tuple[str, ...] = ()
    """What things were to be placed against: it is in the picture, and only its painter knows where."""
    varied: tuple[str, ...] = ()
    left: list[str] = field(default_factory=list)
    """What was asked for and is not done."""

    @property
    def nothing(self) -> bool:
        """Whether the picture would stay as it is."""
        return not self.names()

    def names(self) -> list[str]:
        """`tone:warmer`, `style:oil`, `thing:balloon`, ...; in the order in which it is done."""
        found = [f"collage:{self.collage}"] * bool(self.collage)
        found += [f"turn:{name}" for name in self.turns] + ["remove:background"] * self.cutout
        found += ["remove:mask"] * self.removed + [f"tone:{name}" for name in self.tones]
        found += [f"background:{self.backdrop}"] * bool(self.backdrop) + ["picture"] * self.pasted
        found += [f"weather:{name}" for name in self.weather] + [f"thing:{thing.sprite}" for thing in self.things]
        found += [f"text:{text.role}" for text in self.texts] + [f"style:{self.style}"] * bool(self.style)
        return found + [f"vary:{name}" for name in self.varied]


def told(done: Done, scene: Scene, language: str) -> str:
    """`The given picture: warmer; a red balloon added; in watercolour.`, in `language` as far as it is told in it."""
    column = _COLUMNS.get(language, 0)

    def frame(name: str, **parts: str) -> str:
        return _say()["frame"][name][column].format(**parts)

    def names(table: str, values: tuple[str, ...]) -> list[str]:
        return [_say()[table][value][column] for value in values]

    said = [frame(f"collage_{done.collage}", count=str(done.pictures))] if done.collage else []
    said += names("turn", done.turns) + [frame("cutout")] * done.cutout + [frame("removed")] * done.removed
    said += names("tone", done.tones) + names("vary", done.varied)
    if done.backdrop:
        place = frame("other") if done.backdrop == "picture" else word_of("backdrop", done.backdrop, language)
        said.append(frame("background", place=place))
    said += [frame("pasted", count=str(done.pasted))] if done.pasted else []
    comma = frame("comma")
    added = [*things_of(scene, language)] if done.things else []
    added += [word_of("weather", name, language) for name in done.weather]
    said += [frame("added", things=comma.join(added))] if added else []
    said += [frame("text", role=word_of("role", text.role, language), text=text.text) for text in done.texts]
    said += [frame("style", style=word_of("style", done.style, language))] if done.style else []
    tail = frame("anchors", words=comma.join(done.anchors)) if done.anchors else ""
    tail += frame("left", words=comma.join(done.left)[:400]) if done.left else ""
    return frame("head") + (frame("joint").join(said) or frame("same")) + tail + frame("end")


@functools.cache
def _say() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(_SAY.read_text("utf-8"))
