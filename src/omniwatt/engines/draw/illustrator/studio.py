"""What the illustrator has at hand: words, sprites and faces, loaded once; and the steps from a prompt to a painter."""

from collections.abc import Mapping
from typing import Any

import msgspec

from omniwatt.contract.error import BadInput, EngineFailed
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.illustrator.compose import compose
from omniwatt.engines.draw.illustrator.layout import SHORT_SIDE, Layout, Line
from omniwatt.engines.draw.illustrator.objects import Sprites
from omniwatt.engines.draw.illustrator.paint.region import Painter
from omniwatt.engines.draw.illustrator.scene import Scene
from omniwatt.engines.draw.illustrator.understand import Lexicon, complete, describe, understand
from omniwatt.engines.draw.illustrator.understand.language import language_of
from omniwatt.engines.draw.lettering.emoji import emoji_sprites
from omniwatt.engines.draw.lettering.exact import exact
from omniwatt.engines.draw.lettering.faces import Faces
from omniwatt.engines.draw.lettering.plain import plainly
from omniwatt.engines.draw.quotes import take_texts

MOODS = {"vivid": "dramatic", "natural": "soft"}
"""OpenAI's two styles -> the light that comes nearest; the style stays the prompt's own."""
SQUARE, TALL, WIDE = (1024, 1024), (1024, 1536), (1536, 1024)
_WIDE = frozenset({"night_city", "city", "sea", "desert", "lake", "mountains", "beach", "street", "space"})


class Studio:
    """Loaded once for each process. `lexicon` is None in a process that only paints."""

    def __init__(self, lexicon: Lexicon | None, sprites: Sprites, faces: Faces) -> None:
        self.lexicon = lexicon
        self.sprites = sprites
        self.faces = faces

    @classmethod
    def load(cls, artifacts: Mapping[str, str], *, words: bool = True) -> "Studio":
        """From a card's artifacts. Raises EngineFailed naming what is missing or broken."""
        try:
            lexicon = Lexicon.load(artifacts) if words else None
            return cls(lexicon, Sprites.load(artifacts["sprites"]), Faces.load(artifacts))
        except (KeyError, OSError, msgspec.DecodeError) as error:
            raise EngineFailed(f"The illustrator cannot read its sprites, words or fonts: {error}.") from error

    def scene(self, body: DrawBody) -> Scene:
        """What the prompt asks to see, in the style and on the ground that were asked for beside it.

        Raises BadInput for words in a script that no font has.
        """
        if self.lexicon is None:
            raise EngineFailed("This process only paints.")
        scene = understand(body.prompt, self.lexicon, "" if body.style in MOODS else body.style)
        if body.opinion:
            scene = complete(scene, body.opinion, self.lexicon)
        for text in scene.texts:
            if script := self.faces.unknown_script(text.text):
                raise BadInput(f"No font here has {script} letters: {text.text[:40]} cannot be set.", param="prompt")
        light = (*scene.light, MOODS[body.style]) if body.style in MOODS else scene.light
        transparent = body.background == "transparent" or (scene.transparent and body.background != "opaque")
        return msgspec.structs.replace(scene, light=light, transparent=transparent)

    def styled(self, scene: Scene, style: str) -> Scene:
        """The scene in another style, by its name."""
        if self.lexicon is None:
            return scene
        return msgspec.structs.replace(scene, style=understand("", self.lexicon, style).style)

    def describe(self, scene: Scene, prompt: str) -> str:
        """What is drawn, in words of the prompt's language; the prompt itself where nothing can be said."""
        if self.lexicon is None:
            return prompt
        return describe(scene, self.language(prompt)) or prompt

    def language(self, prompt: str) -> str:
        """The language a prompt is in, its quoted words aside: one of the lexicon's, or `zh-hant`."""
        simplified = self.lexicon.simplified if self.lexicon is not None else ()
        about = take_texts(prompt).prompt
        return language_of(about if any(map(str.isalpha, about)) else prompt, frozenset(map(chr, simplified)))

    def layout(self, scene: Scene, size: tuple[int, int], seed: int, adjust: Mapping[int, int]) -> Layout:
        """The scene with everything in its place; `adjust`: line -> the attempt it is lettered for anew."""
        made: Layout = compose(scene, *size, seed, self.sprites.sizes, self.faces, adjust)
        return made

    def exact(self, line: Line) -> bool:
        """Whether each character of a line is drawn by its own glyph, or sprite."""
        names = self.faces.emoji_names
        return exact(line, self.faces, emoji_sprites(names, self.sprites.names()) if names else ())

    def plainly(self, line: Line) -> bytes:
        """A PNG of the line's text, black on white."""
        return plainly(line, self.faces)

    def painter(self, layout: Layout, quality: str) -> Any:
        """What paints this layout."""
        return Painter(layout, self.sprites, self.faces, quality)


def size_of(body: DrawBody, scene: Scene) -> tuple[int, int]:
    """The size asked for, or what suits the scene: columns and posters are tall, cities and seas wide."""
    if body.width_px:
        return body.width_px, body.height_px
    if scene.view == "portrait" or any(text.orientation == "vertical" for text in scene.texts):
        return TALL
    if scene.style == "poster":
        return TALL
    return WIDE if scene.view == "wide" or (scene.backdrop in _WIDE and not scene.texts) else SQUARE


def quality_of(body: DrawBody, size: tuple[int, int]) -> str:
    """low, medium or high; left open it is medium."""
    return "medium" if body.quality == "auto" else body.quality


def scale_of(size: tuple[int, int]) -> float:
    """Pixels for each design unit."""
    return min(size) / SHORT_SIDE
