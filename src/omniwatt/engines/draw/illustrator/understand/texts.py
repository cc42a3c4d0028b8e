"""The texts of a prompt with what was said of each: role, lettering, direction, colour, and what carries it."""

from collections.abc import Iterator, Sequence

import msgspec

from omniwatt.engines.draw.illustrator.scene import Text
from omniwatt.engines.draw.illustrator.understand.items import Item, Mark, Noun, Said
from omniwatt.engines.draw.illustrator.understand.relations import Related
from omniwatt.engines.draw.illustrator.understand.setting import CARRIERS
from omniwatt.engines.draw.quotes import Quoted

_ROLES = ("calligraphy", "title", "subtitle", "body", "sign", "neon", "stamp", "caption")
_PLACES = {
    "left_of": "left",
    "right_of": "right",
    "above": "top",
    "below": "bottom",
    "in": "middle",
    "on": "middle",
    "under": "bottom",
}
_SPOKEN = ("saying", "says", "say", "that says", "dizendo", "diciendo", "disant", "che dice")
_REACH = 7


def texts_of(
    items: Sequence[Item], quoted: Sequence[Quoted], found: Sequence[Related], loose: Said, default: str
) -> list[Text]:
    """Each text, in order. `default` is the role of a first text of which nothing was said."""
    out: list[Text] = []
    spoken_for = _orphans(items)
    for at, item in enumerate(items):
        if isinstance(item, Noun) and item.kind == "text":
            near = list(_context(items, at))
            for said in spoken_for.get(id(item), ()):
                item.said.fill(said)
            joined = bool(out) and _joined(items, at) and not _roles(near)
            role = _role(near, quoted[item.text], out, joined, default)
            out.append(_text(item, quoted[item.text].text, role, near, found, loose))
    return out


def _text(item: Noun, text: str, role: str, near: list[Noun], found: Sequence[Related], loose: Said) -> Text:
    said = Said()
    said.fill(item.said)
    about = [noun for noun in near if noun.kind == "role"]
    for noun in about:
        said.fill(noun.said)
    said.fill(Said(lettering=loose.lettering, orientation=loose.orientation, colour=loose.colour))
    places = [
        _PLACES[one.relation]
        for one in found
        if one.b is None and one.relation in _PLACES and _is_of(one.a, item, about)
    ]
    carrier = _carrier(item, near, about, found, role)
    fields = {
        "text": text,
        "role": role,
        "lettering": said.lettering,
        "orientation": said.orientation or "auto",
        "colour": said.colour,
        "on": carrier.things[0] if carrier is not None and carrier.things else -1,
        "place": places[0] if places else "auto",
    }
    return msgspec.convert(fields, Text)


def _orphans(items: Sequence[Item]) -> dict[int, list[Said]]:
    """What was said of lettering in a clause without a text (..., in golden letters): it is of the text before."""
    texts = [at for at, item in enumerate(items) if isinstance(item, Noun) and item.kind == "text"]
    used = {id(noun) for at in texts for noun in _context(items, at)}
    found: dict[int, list[Said]] = {}
    for at, item in enumerate(items):
        if isinstance(item, Noun) and item.kind == "role" and id(item) not in used and item.said:
            before = [text for text in texts if text < at]
            if before:
                found.setdefault(id(items[before[-1]]), []).append(item.said)
    return found


def _is_of(noun: Noun, item: Noun, about: Sequence[Noun]) -> bool:
    return noun is item or any(noun is one for one in about)


def _context(items: Sequence[Item], at: int) -> Iterator[Noun]:
    """Nouns that may speak of the text at this place, nearest first, up to the clause's ends."""
    sides = [
        _walk(items, range(at - 1, max(-1, at - _REACH), -1)),
        _walk(items, range(at + 1, min(len(items), at + _REACH))),
    ]
    for distance in range(1, _REACH):
        for side in sides:
            if distance in side:
                yield side[distance]


def _walk(items: Sequence[Item], indices: range) -> dict[int, Noun]:
    """Nouns by their distance. One comma may be crossed, but what lies beyond it may be of another text."""
    found: dict[int, Noun] = {}
    crossed = False
    for distance, index in enumerate(indices, 1):
        item = items[index]
        if isinstance(item, Noun):
            if item.kind == "text":
                return {} if crossed else found
            found[distance] = item
        elif item.kind == "comma" and not found:
            crossed = True
        elif item.kind in ("stop", "but", "and", "comma"):
            break
    return found


def _roles(near: Sequence[Noun]) -> list[str]:
    return [noun.role for noun in near if noun.role in _ROLES]


def _role(near: list[Noun], quoted: Quoted, before: Sequence[Text], joined: bool, default: str) -> str:
    roles = _roles(near)
    if roles:
        return roles[0]
    if quoted.role:
        return quoted.role
    if joined:
        return (
            before[-1].role
            if before[-1].role in ("sign", "neon", "calligraphy")
            else "subtitle"
            if len(before) == 1
            else "body"
        )
    if any(noun.is_thing and CARRIERS & set(noun.sprites) for noun in near):
        return "sign"
    if any(noun.is_thing for noun in near) and any(noun.word in _SPOKEN for noun in near):
        return "caption"
    if not before:
        return default
    return "subtitle" if len(before) == 1 and before[0].role == "title" else "body"


def _joined(items: Sequence[Item], at: int) -> bool:
    """Whether another text comes right before, with nothing but `and` or a comma between."""
    before = [
        item
        for item in items[max(0, at - 3) : at]
        if not (isinstance(item, Mark) and item.kind in ("and", "comma", "stop"))
    ]
    return bool(before) and isinstance(before[-1], Noun) and before[-1].kind == "text"


def _carrier(
    item: Noun, near: Sequence[Noun], about: Sequence[Noun], found: Sequence[Related], role: str
) -> Noun | None:
    """What the text stands on: what it was said to be on, else a surface named beside it."""
    for one in found:
        if (
            one.b is not None
            and one.relation in ("on", "in", "above", "in_front_of", "beside")
            and _is_of(one.a, item, about)
            and not _is_of(one.b, item, about)
        ):
            return one.b if one.b.things and role != "title" else None
    return next((noun for noun in near if noun.is_thing and CARRIERS & set(noun.sprites) and noun.things), None)
