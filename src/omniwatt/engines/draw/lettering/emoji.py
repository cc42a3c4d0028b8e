"""Which sprite an emoji in a text is drawn with."""

import functools
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec


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


def _characters(hexcode: str) -> str:
    return "".join(chr(int(part, 16)) for part in hexcode.split("-") if part not in ("FE0F", "FE0E"))


def _slug(label: str) -> str:
    label = label.lower().replace(" skin tone", "").replace("’", "").replace("'", "")
    return re.sub(r"[^a-z0-9]+", "-", label).strip("-")


def bare(emoji: str) -> str:
    """The emoji without variation selectors, as the mapping has it."""
    return emoji.replace("\ufe0f", "").replace("\ufe0e", "")
