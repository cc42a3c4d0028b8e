"""Where things stand: the words between nouns resolved to which noun is where against which."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from omniwatt.engines.draw.illustrator.understand.items import Item, Mark, Noun

_REACH = 12
"""Items looked at on either side of a relation."""
_AS_SIDE = {"on": "above", "under": "below", "beside": "in", "between": "in", "around": "in"}


class Related(NamedTuple):
    """Noun `a` stands in this relation to `b` (and `c`); None is the picture itself."""

    relation: str
    a: Noun
    b: Noun | None
    c: Noun | None = None
    worn: bool = False


def related(items: Sequence[Item], *, verb_last: bool) -> list[Related]:
    """All relations of a reading. `verb_last` where what is worn comes before the word for wearing (Japanese)."""
    found: list[Related] = []
    for at, item in enumerate(items):
        kind, value = (item.kind, item.value) if isinstance(item, Mark) else ("", "")
        if kind == "before":
            found += _before(items, at, value)
        elif kind == "after":
            found += _after(items, at, value)
        elif kind == "side":
            found += _side(items, at, value)
        elif kind in ("wearing", "passive"):
            found += _turned(items, at, value, verb_last=verb_last)
    return _unique(found)


def _unique(found: list[Related]) -> list[Related]:
    seen: set[tuple[str, int, int, int]] = set()
    out = []
    for one in found:
        key = (one.relation, id(one.a), id(one.b), id(one.c))
        if key not in seen and one.a is not one.b:
            seen.add(key)
            out.append(one)
    return out


def _noun(items: Sequence[Item], at: int | None) -> Noun | None:
    item = items[at] if at is not None and 0 <= at < len(items) else None
    return item if isinstance(item, Noun) else None


def _standing(items: Sequence[Item], at: int | None) -> Noun | None:
    """The noun at this place, if it is something that can stand somewhere."""
    noun = _noun(items, at)
    return noun if noun and noun.kind in ("thing", "setting", "role", "text") and not noun.negated else None


def _is(item: Item, *kinds: str) -> bool:
    return isinstance(item, Mark) and item.kind in kinds


def _before(items: Sequence[Item], at: int, relation: str) -> Iterator[Related]:
    """`a` RELATION `b`, and `on b is a`."""
    end = _object(items, at)
    b = _noun(items, end)
    if b is None or end is None:
        return
    c: Noun | None = None
    if relation == "between" and end + 2 < len(items) and _is(items[end + 1], "and", "comma"):
        c = _noun(items, end + 2)
        end = end + 2 if c else end
    for a in _subjects_before(items, at, b) or _subject_after(items, end):
        if b.kind == "picture":
            yield Related("in" if relation == "on" else relation, a, None)
        else:
            yield Related(relation, a, b, c)


def _object(items: Sequence[Item], at: int) -> int | None:
    """What a preposition governs: the noun right after it; for a pronoun, the noun it most likely stands for."""
    for index in range(at + 1, min(at + 4, len(items))):
        noun = _noun(items, index)
        if noun:
            return index if noun.kind != "text" else None
        if _is(items[index], "it"):
            nouns = [near for near in range(max(0, at - _REACH), at) if _standing(items, near)]
            return nouns[-2] if len(nouns) > 1 else None
        if not _is(items[index], "of", "is", "effect"):
            return None
    return None


def _subjects_before(items: Sequence[Item], at: int, b: Noun) -> list[Noun]:
    """The noun before a relation, with those joined to it by `and` when a verb follows them."""
    verb = False
    for index in range(at - 1, max(-1, at - _REACH), -1):
        item = items[index]
        if _is(item, "stop") or (_is(item, "comma") and not verb and index != at - 1):
            return []
        verb = verb or _is(item, "is")
        noun = _standing(items, index)
        if noun and noun is not b:
            if noun.kind == "setting":
                return [noun] if noun.may_be_thing else []
            return _joined(items, index) if verb else [noun]
    return []


def _joined(items: Sequence[Item], index: int) -> list[Noun]:
    """A noun with those before it that `and` joins to it."""
    group: list[Noun] = []
    noun = _standing(items, index)
    while noun:
        group.insert(0, noun)
        index -= 2
        noun = _standing(items, index) if index >= 0 and _is(items[index + 1], "and") else None
    return group


def _subject_after(items: Sequence[Item], at: int) -> list[Noun]:
    for index in range(at + 1, min(at + _REACH, len(items))):
        if _noun(items, index):
            noun = _standing(items, index)
            return [noun] if noun else []
        if _is(items[index], "stop", "before", "side"):
            return []
    return []


def _after(items: Sequence[Item], at: int, relation: str) -> Iterator[Related]:
    """`b` RELATION: the noun before it is where; what stands there comes before that, or after."""
    first = at - 2 if at and _is(items[at - 1], "of") else at - 1
    b = _noun(items, first)
    if b is None and relation in ("in_front_of", "behind", "beside", "around") and _is(items[at - 1], "comma"):
        b, first = next(
            ((noun, at) for index in range(at - 1, -1, -1) if (noun := _standing(items, index))), (None, first)
        )
    if b is None or b.kind in ("text", "picture", "background"):
        yield from _side(items, at, relation)
        return
    c: Noun | None = None
    if relation == "between":
        other = _standing(items, first - 2) if first >= 2 and _is(items[first - 1], "and", "comma") else None
        if other:
            b, c, first = other, b, first - 2
        else:
            relation = "in"
    before = [] if first == at else _subjects_parted(items, first)
    for a in before or _subject_of_place(items, at):
        yield Related(relation, a, b, c)


def _subjects_parted(items: Sequence[Item], first: int) -> list[Noun]:
    """What comes before the place, if a verb or a particle parts them (猫在桌子上, 猫が机の上)."""
    parted = False
    for index in range(first - 1, max(-1, first - _REACH), -1):
        if _is(items[index], "stop", "comma"):
            return []
        parted = parted or _is(items[index], "at", "is", "but")
        noun = _standing(items, index)
        if noun and parted:
            return _joined(items, index) if noun.kind == "thing" else [noun]
    return []


def _subject_of_place(items: Sequence[Item], at: int) -> list[Noun]:
    for index in range(at + 1, min(at + _REACH, len(items))):
        noun = _noun(items, index)
        if noun and noun.kind not in ("picture", "background"):
            return [noun] if _standing(items, index) else []
        if _is(items[index], "stop", "comma", "after"):
            return []
    return []


def _side(items: Sequence[Item], at: int, relation: str) -> Iterator[Related]:
    """A side of the picture: of the noun before it in its clause, else of the next one."""
    side = _AS_SIDE.get(relation, relation)
    for index in range(at - 1, max(-1, at - _REACH), -1):
        if _is(items[index], "stop", "comma", "but", "and", "before", "after", "side"):
            break
        if noun := _standing(items, index):
            yield Related(side, noun, None)
            return
    for index in range(at + 1, min(at + _REACH, len(items))):
        if _noun(items, index):
            if noun := _standing(items, index):
                yield Related(side, noun, None)
            return
        if _is(items[index], "stop", "before"):
            return


def _turned(items: Sequence[Item], at: int, relation: str, *, verb_last: bool) -> Iterator[Related]:
    """`b` wearing `a`, `b` surrounded by `a`; where the verb is last, `a` comes before the word and `b` after."""
    after = _nearest(items, range(at + 1, min(at + 4, len(items))))
    before = _nearest(items, range(at - 1, max(-1, at - _REACH), -1))
    a, b = (before, after) if verb_last else (after, before)
    if a is not None and b is not None and a.is_thing:
        yield Related(relation, a, b, worn=relation == "on" and items[at].kind == "wearing")


def _nearest(items: Sequence[Item], indices: range) -> Noun | None:
    for index in indices:
        if _is(items[index], "stop", "comma"):
            return None
        if noun := _standing(items, index):
            return noun
    return None
