"""Which of a word's senses is meant where it stands: orange the fruit or the colour, a letter to read or to post."""

from collections.abc import Sequence

from omniwatt.engines.draw.illustrator.understand.lexicon import TAG, Sense, Senses
from omniwatt.engines.draw.illustrator.understand.tokens import Token

_SAID = ("colour", "trait", "shade", "size", "lettering", "mood", "style")
_NOUNS = ("thing", "group", "backdrop", "feature", "role", "says", "text")
_TEXTUAL = ("role", "says")
_WITHOUT_TEXT = {
    "sign": (Sense("thing", "placard"),),
    "neon": (Sense("light", "neon"),),
    "calligraphy": (Sense("style", "calligraphy"),),
}
_NOTHING = (Sense("stop", "stop"),)


def meant(tokens: Sequence[Token], at: int, *, texts: bool, noun: bool) -> Senses:
    """The senses of the word at this place, empty if it has none.

    `texts` says whether the prompt has words to be seen; `noun` whether a noun stands before it in its phrase.
    """
    token = tokens[at]
    senses = token.senses
    if not senses:
        return ()
    senses = _textual(senses, texts or _before(tokens, at).has("negation"))
    if token.has("measure"):
        senses = _measured(tokens, at, senses)
    if token.has("shade") and not (_next(tokens, at) and _next(tokens, at).has("colour")):
        senses = _unshaded(token, senses)
    if len(senses) > 1:
        senses = _one_of(tokens, at, senses, noun)
    if token.has("part") and senses[0].kind != "measure":
        owned = _owned(tokens, at) or (noun and any(one.has("thing", "group") for one in tokens[max(0, at - 8) : at]))
        senses = tuple(sense for sense in senses if (sense.kind == "part") == owned)
        senses = senses or token.senses
    return senses


def _next(tokens: Sequence[Token], at: int) -> Token:
    return tokens[at + 1] if at + 1 < len(tokens) else Token("")


def _before(tokens: Sequence[Token], at: int) -> Token:
    return tokens[at - 1] if at else Token("")


def _textual(senses: Senses, texts: bool) -> Senses:
    """Words about lettering mean something only where there is something to letter."""
    about = tuple(sense for sense in senses if sense.kind in _TEXTUAL)
    if not about:
        return senses
    if texts:
        return tuple(sense for sense in senses if sense.kind not in ("thing", "light", "link"))
    rest = tuple(sense for sense in senses if sense.kind not in _TEXTUAL)
    return rest or _WITHOUT_TEXT.get(about[0].value, _NOTHING)


def _measured(tokens: Sequence[Token], at: int, senses: Senses) -> Senses:
    before = _before(tokens, at)
    if before.has("number", "vague") or (before.has("determiner") and before.text in "这那每該该這"):
        return tuple(sense for sense in senses if sense.kind == "measure")[:1]
    return tuple(sense for sense in senses if sense.kind != "measure") or _NOTHING


def _unshaded(token: Token, senses: Senses) -> Senses:
    """`dark` and `bright` without a colour are a mood, `light` is nothing."""
    shade = token.value("shade")
    rest = tuple(sense for sense in senses if sense.kind != "shade")
    if rest:
        return rest
    return (Sense("mood", shade),) if shade in ("dark", "bright") else _NOTHING


def _one_of(tokens: Sequence[Token], at: int, senses: Senses, noun: bool) -> Senses:
    token = tokens[at]
    kinds = {sense.kind for sense in senses}
    if "thing" in kinds and kinds & set(_SAID):
        wanted = _is_said(tokens, at, noun)
        return tuple(sense for sense in senses if (sense.kind in _SAID) == wanted)
    if "after" in kinds:
        wanted = noun or _before(tokens, at).text in ("の", "的")
        return tuple(sense for sense in senses if (sense.kind == "after") == wanted) or senses
    if token.text in ("风", "風"):
        return _NOTHING if noun or _before(tokens, at).has("style", "mood", "backdrop") else (Sense("weather", "wind"),)
    if {"join", "link"} <= kinds or {"determiner", "link"} <= kinds:
        return tuple(sense for sense in senses if sense.kind == "link")
    if "trait" in kinds and "link" in kinds:
        return tuple(sense for sense in senses if sense.kind == "trait")
    if "stop" in kinds and len(kinds) > 1:
        return tuple(sense for sense in senses if sense.kind != "stop")
    return senses


def _is_said(tokens: Sequence[Token], at: int, noun: bool) -> bool:
    """Whether a word that may be a noun or said of one is the latter."""
    token, after, before = tokens[at], _next(tokens, at), _before(tokens, at)
    if token.plural:
        return False
    if after.has("join") and after.value("join") == "and" and at + 2 < len(tokens) and tokens[at + 2].has("colour"):
        return True
    if after.text in ("的", "の", "な", "色", "colored", "coloured", "color", "colour"):
        return True
    if after.has(*_NOUNS) and not (after.senses[0].rank == TAG and before.has("determiner")):
        return True
    if after.has("colour", "size", "trait", "shade") and before.has("determiner", "number"):
        return at + 2 < len(tokens) and tokens[at + 2].has(*_NOUNS)
    if before.has("determiner", "number", "measure", "vague", "size", "colour", "before", "wearing"):
        return before.text == "in"
    return before.value("link") == "is" or (noun and not before.has("join", "break"))


def _owned(tokens: Sequence[Token], at: int) -> bool:
    """Whether a part belongs to something named before it: `a cat with blue eyes`, `and its tail`."""
    near = tokens[max(0, at - 4) : at]
    links = any(
        token.value("join") in ("with", "of") or token.has("pronoun") or token.value("link") == "has" for token in near
    )
    return links and any(token.has("thing", "group") for token in tokens[max(0, at - 8) : at])
