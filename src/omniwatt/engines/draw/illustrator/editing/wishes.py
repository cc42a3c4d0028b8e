"""What an edit asks for, read from its words: tones, turns, a new background, things to remove, words left to draw."""

import functools
import re
import tomllib
from pathlib import Path

import msgspec

from omniwatt.engines.draw.quotes import FIRST_MARK, is_mark, take_texts

_WORDS = Path(__file__).parent / "words.toml"
_CLAUSES = re.compile(
    r"[,.;，。；、\n]+(?!\d)"
    r"|\s+(?:and then|then|und dann|und|et|y|and)\s+(?=(?:also\s+)?(?:add|insert|put|place|make|turn|remove|"
    r"delete|erase|replace|change|write|draw|mirror|flip|rotate|blur|give|convert|paint|set|crop|"
    r"füge?|mach|entfern|ersetze|schreib|setze|ajoute|mets|enlève|remplace|fais|añade|pon|quita|cambia|haz)\w*)"
    r"|(?:并且|並且|然后|然後|再把|并把|並把|并|並)(?=.)"
)


class Wishes(msgspec.Struct, frozen=True):
    """All that an edit's words ask for."""

    prompt: str = ""
    """What is left to be drawn: things, words, a style, weather."""
    tones: tuple[str, ...] = ()
    turns: tuple[str, ...] = ()
    collage: str = ""
    """`row`, `column` or `grid`: the pictures beside each other."""
    background: bool = False
    """Something is to stand in the background's place: what `prompt` names, or a further picture."""
    cutout: bool = False
    """The background is to be taken away."""
    removed: tuple[str, ...] = ()
    """What is to be taken out, in the prompt's own words."""
    place: tuple[str, ...] = ()
    """Where the further pictures go."""
    others: bool = False
    """Further pictures were spoken of."""
    adds: bool = False
    """Something is to come to what is there, as against: to be changed."""
    crop: bool = False


def read(prompt: str) -> Wishes:
    """The wishes of a prompt; quoted text is nobody's wish, and stays as it is. Never raises on text."""
    marked = take_texts(prompt)
    found: dict[str, list[str]] = {"tone": [], "turn": [], "removed": [], "left": [], "place": []}
    flags: dict[str, bool] = {}
    collage = _first("collage", marked.prompt.lower())
    for clause in _clauses(marked.prompt):
        _clause(clause, found, flags, collage)
    texts = [one.text for one in marked.texts]
    return Wishes(
        prompt=_spoken(", ".join(found["left"]), texts),
        tones=_once(found["tone"]),
        turns=_once(found["turn"]),
        collage=collage,
        background=flags.get("background", False),
        cutout=flags.get("cutout", False),
        removed=tuple(_spoken(clause, texts).strip() for clause in found["removed"]),
        place=_once(found["place"]),
        others=flags.get("other", False),
        adds=flags.get("add", False),
        crop=flags.get("crop", False),
    )


def _clause(clause: str, found: dict[str, list[str]], flags: dict[str, bool], collage: str) -> None:
    low = clause.lower()
    asks = {name for name in ("remove", "background", "cutout", "add", "crop", "other") if _has("ask", name, low)}
    if (
        asks >= {"remove", "background"}
        or asks >= {"cutout", "background"}
        or (asks >= {"cutout"} and "add" not in asks)
    ):
        flags["cutout"] = True
        return
    tones = [] if "add" in asks else [name for name in _table()["tone"] if _has("tone", name, low)]
    if "remove" in asks and "grey" not in tones:
        found["removed"].append(clause)
        return
    turns = [] if "add" in asks else [name for name in _table()["turn"] if _has("turn", name, low)]
    found["tone"] += tones
    found["turn"] += turns[:1]
    flags["add"] = flags.get("add", False) or "add" in asks
    flags["other"] = flags.get("other", False) or "other" in asks
    flags["crop"] = flags.get("crop", False) or ("crop" in asks and "add" not in asks)
    flags["background"] = flags.get("background", False) or ("background" in asks and not tones)
    if "other" in asks:
        found["place"] += [name for name in _table()["place"] if _has("place", name, low)]
    rest = _without(clause, [*(("tone", name) for name in tones), *(("turn", name) for name in turns)])
    rest = _without(rest, [("collage", collage)] if collage else [])
    if "other" in asks:
        # What is named beside a further picture is what that picture shows.
        rest = "".join(one for one in rest if is_mark(one))
    rest = _without(rest, [("ask", "crop")] if flags["crop"] else [])
    found["left"].append(_without(rest, [("drop", "words")]).strip())


def _clauses(prompt: str) -> list[str]:
    return [clause.strip() for clause in _CLAUSES.split(prompt) if clause and clause.strip()]


def _spoken(prompt: str, texts: list[str]) -> str:
    """The marks of texts as quotes again."""
    return "".join(f"“{texts[ord(one) - FIRST_MARK]}”" if is_mark(one) else one for one in prompt).strip(" ,")


def _has(kind: str, name: str, text: str) -> bool:
    return any(pattern.search(text) for pattern in _table()[kind][name])


def _first(kind: str, text: str) -> str:
    return next((name for name in _table()[kind] if _has(kind, name, text)), "")


def _without(text: str, names: list[tuple[str, str]]) -> str:
    for kind, name in names:
        for pattern in _table()[kind][name]:
            text = pattern.sub(" ", text)
    return text


def _once(words: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


@functools.cache
def _table() -> dict[str, dict[str, list[re.Pattern[str]]]]:
    found = tomllib.loads(_WORDS.read_text("utf-8"))
    return {
        kind: {name: [re.compile(one, re.IGNORECASE) for one in patterns] for name, patterns in names.items()}
        for kind, names in found.items()
    }
