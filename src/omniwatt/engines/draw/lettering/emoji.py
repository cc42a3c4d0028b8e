"""Which sprite an emoji in a text is drawn with."""

import functools
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec

from omniwatt.engines.draw.illustrator.objects.sprites import Sprites
from omniwatt.engines.draw.lettering.faces import Faces


class _Skin(msgspec.Struct):
    hexcode: str
    label: str


class _Emoji(msgspec.Struct):
    hexcode: str
    label: str
    skins: list[_Skin] = []


@functools.lru_cache(maxsize=2)
def emoji_sprites(names: str, sprites: Collection[str]) -> Mapping[str, str]:
    """Emoji (its characters, without variation selectors) -> sprite, from emojibase's English list at path `names`."""
    found: dict[str, str] = {}
    for one in msgspec.json.decode(Path(names).read_bytes(), type=list[_Emoji]):
        plain = _slug(one.label)
        for hexcode, label in ((one.hexcode, one.label), *((skin.hexcode, skin.label) for skin in one.skins)):
            sprite = _slug(label) if _slug(label) in sprites else plain
            if sprite in sprites:
                found[_characters(hexcode)] = sprite
    return found


def inline(faces: Faces, sprites: Sprites) -> Callable[[Any, str, Any], None] | None:
    """What draws an emoji of a line into a rectangle with these sprites; None where their names are not at hand."""
    if not faces.emoji_names:
        return None
    known = emoji_sprites(faces.emoji_names, sprites.names())

    def draw(canvas: Any, emoji: str, into: Any) -> None:
        shown = parts(emoji, known)
        for place, part in enumerate(shown):
            side = into.width() / len(shown)
            canvas.save()
            canvas.translate(into.left() + place * side, into.centerY() - side / 2)
            canvas.scale(side / 32, side / 32)
            canvas.drawPicture(sprites.picture(known[part]))
            canvas.restore()

    return draw


def parts(emoji: str, known: Collection[str]) -> tuple[str, ...]:
    """The emoji, if it is known; else those it is joined of, side by side (UTS #51); none where one is not known."""
    bare = emoji.replace("\ufe0f", "").replace("\ufe0e", "")
    if bare in known:
        return (bare,)
    joined = tuple(bare.split("\u200d"))
    return joined if all(part in known for part in joined) else ()


def _characters(hexcode: str) -> str:
    return "".join(chr(int(part, 16)) for part in hexcode.split("-") if part not in ("FE0F", "FE0E"))


def _slug(label: str) -> str:
    label = label.lower().replace(" skin tone", "").replace("’", "").replace("'", "")
    return re.sub(r"[^a-z0-9]+", "-", label).strip("-")
