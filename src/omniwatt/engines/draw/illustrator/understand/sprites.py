"""From an emoji to the sprite that draws it: names follow from CLDR's English labels, with few exceptions.

The sprite set (fluent-emoji 1.2.7) names its icons by the labels of an earlier CLDR, has five skin tones of most
people, and lacks couples, families and what Unicode added later. Tones are folded away; a whole animal is preferred
to its face.
"""

import re
import unicodedata

TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
VARIATION = "️"

_RENAMED = {
    "smiling-face-with-open-hands": "hugging-face",
    "face-with-crossed-out-eyes": "knocked-out-face",
    "enraged-face": "pouting-face",
    "backhand-index-pointing-right": "backhand-index-pointing-left",
    "superhero": "person-superhero",
    "supervillain": "person-supervillain",
    "mage": "person-mage",
    "fairy": "person-fairy",
    "vampire": "person-vampire",
    "merperson": "person-merpeople",
    "merman": "man-merpeople",
    "mermaid": "woman-merpeople",
    "elf": "person-elf",
    "genie": "person-genie",
    "zombie": "person-zombie",
    "ballet-dancer": "woman-dancing",
    "black-bird": "blackbird",
    "phoenix": "phoenix-bird",
    "pinata": "piata",
    "red-triangle-pointed-up": "red-triangle",
    "keycap-hash": "keycap-hashtag",
    "orca": "dolphin",
    "trombone": "trumpet",
    "hairy-creature": "troll",
    "treasure-chest": "package",
}
_REWORDED = (
    (re.compile(r"^(person|man|woman)-blond-hair$"), r"\1-blonde-hair"),
    (re.compile(r"^deaf-(person|man|woman)$"), r"\1-deaf"),
    (re.compile(r"^people-(with-bunny-ears|wrestling)$"), r"person-\1"),
    (re.compile(r"^men-(with-bunny-ears|wrestling)$"), r"man-\1"),
    (re.compile(r"^women-(with-bunny-ears|wrestling)$"), r"woman-\1"),
)
_ABSENT = re.compile(
    r"family|kiss-(man|woman)|kiss$|couple-with-heart|(people|women|men|woman-and-man)-holding-hands|.*-skin-tone$|"
    r"(red|curly|white)-hair$|bald$|face-with-bags|distorted-face|fight-cloud|fingerprint|leafless-tree|root-vegetable|"
    r"landslide|harp$|shovel$|splatter$"
)
_FACES = ("cat", "dog", "mouse", "rabbit", "horse", "cow", "pig", "tiger", "monkey", "dragon")
_WHOLE = {f"{animal}-face": animal for animal in _FACES}
_WHOLE |= {
    "man": "man-standing",
    "woman": "woman-standing",
    "person": "person-standing",
    "front-facing-baby-chick": "baby-chick",
}


def sprite_of(label: str) -> str:
    """The sprite of an emoji by its English label; empty where the set has none."""
    plain = unicodedata.normalize("NFKD", label.replace("’", "").replace("&", "and").replace("#", "hash"))
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter)).lower().replace("*", "asterisk")
    name = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")
    for pattern, new in _REWORDED:
        name = pattern.sub(new, name)
    name = _RENAMED.get(name, name)
    return "" if _ABSENT.match(name) else name


def whole(sprite: str) -> str:
    """The animal or person from head to foot, where the set has it."""
    return _WHOLE.get(sprite, sprite)


def plain_emoji(emoji: str) -> str:
    """An emoji without skin tone and variation selectors: the form it is looked up by."""
    return "".join(letter for letter in emoji if letter not in TONES and letter != VARIATION)
