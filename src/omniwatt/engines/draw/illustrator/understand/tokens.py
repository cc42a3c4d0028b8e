"""A prompt cut into words that mean something: longest match where there are spaces, cheapest cut where not."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from omniwatt.engines.draw.illustrator.understand import inflect
from omniwatt.engines.draw.illustrator.understand.lexicon import OWN, TAG, Lexicon, Sense, Senses, Words
from omniwatt.engines.draw.illustrator.understand.sprites import TONES, VARIATION, plain_emoji
from omniwatt.engines.draw.quotes import FIRST_MARK, is_mark

MAX_TOKENS = 6000
_MAX_SLIPS = 64
"""So many unknown words of one prompt are compared with the known ones."""
_LONGEST_EMOJI = 10
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff々〆〇"
_KANA = r"\u3040-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_MARKS = r"\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0e4f\u200c\u200d"
"""What stands above, below or beside a letter (Arabic, Devanagari, Thai, ...) and belongs to the word."""
_LETTER = rf"(?:[^\W_{_HAN}{_KANA}]|(?<=\S)[{_MARKS}])"
_PIECE = re.compile(
    rf"(?P<number>\d+(?:[.,]\d{{3}})*(?:\.\d+)?(?:e\+?\d{{1,4}}|\^\d{{1,4}})?(?![\w°]))|(?P<digits>\d+(?=[{_HAN}{_KANA}]))"
    rf"|(?P<han>[{_HAN}{_KANA}]+)|(?P<word>{_LETTER}+(?:['’\-.&]{_LETTER}+)*['’]?)"
    r"|(?P<stop>[.!?。！？…।\n]+)|(?P<comma>[,;،؛、，；|/()（）\[\]{}—–•·]+)|(?P<other>\S)"
)
_PLURALS = ("people", "men", "women", "children")
_KOREAN_AND = ("와", "과", "랑", "하고")
"""What grows together with a noun and joins it to the next."""
_S_PLURALS = ("fr", "es", "pt")
_CONTENT = {
    "thing",
    "backdrop",
    "colour",
    "feature",
    "trait",
    "mood",
    "weather",
    "time",
    "season",
    "style",
    "light",
    "after",
}


class Token(NamedTuple):
    """A word (or phrase) with its senses: none if unknown. `taken` is the entry it was found under, if another."""

    text: str
    senses: Senses = ()
    plural: bool = False
    taken: str = ""
    number: int = -1

    def has(self, *kinds: str) -> bool:
        """Whether one of its senses is of one of these kinds."""
        return any(sense.kind in kinds for sense in self.senses)

    def value(self, kind: str) -> str:
        """The value of its first sense of a kind; empty if it has none."""
        return next((sense.value for sense in self.senses if sense.kind == kind), "")


def tokens(prompt: str, lexicon: Lexicon, language: str) -> list[Token]:
    """The words of a prompt whose texts have been taken out. At most MAX_TOKENS, the rest unread."""
    cutter = _Cutter(lexicon, language)
    found: list[Token] = []
    for token in cutter.cut(_plain(prompt)):
        found.append(token)
        if len(found) >= MAX_TOKENS:
            break
    return found


def _plain(prompt: str) -> str:
    """Lower case, full-width letters as plain ones, no skin tones."""
    wide = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code) not in "，；！？（）"}
    return prompt.translate(wide | {ord(tone): None for tone in TONES}).lower().replace("’", "'")


class _Cutter:
    def __init__(self, lexicon: Lexicon, language: str) -> None:
        self._lexicon = lexicon
        self._first = lexicon.words(language)
        self._english = lexicon.words("en")
        self._han = lexicon.words(language if language in ("zh", "ja") else "zh")
        self._slips = _MAX_SLIPS
        self._mended: dict[str, str] = {}

    def cut(self, prompt: str) -> Iterator[Token]:
        for kind, piece in self._pieces(prompt):
            if kind == "words":
                yield from self._cut_words(piece.split(" "))
            elif kind == "han":
                yield from self._cut_han(piece)
            else:
                yield self._single(kind, piece)

    def _pieces(self, prompt: str) -> Iterator[tuple[str, str]]:
        """Runs of one kind; words and numbers that follow each other are one run, since entries may span them."""
        run: list[str] = []
        at = 0
        while at < len(prompt):
            letter = prompt[at]
            if (letter in self._lexicon.first_letters or is_mark(letter)) and (long := self._emoji(prompt, at)):
                kind, piece, at = "emoji", prompt[at : at + long], at + long
            elif found := _PIECE.match(prompt, at):
                kind, piece, at = found.lastgroup or "other", found.group(), found.end()
            else:
                at += 1
                continue
            if kind in ("word", "number"):
                run.append(piece)
                continue
            if run:
                yield "words", " ".join(run)
                run = []
            yield kind, piece
        if run:
            yield "words", " ".join(run)

    def _emoji(self, prompt: str, at: int) -> int:
        """How many letters an emoji (or a text's mark) takes here; 0 if there is none."""
        if is_mark(prompt[at]):
            return 1
        for long in range(min(_LONGEST_EMOJI, len(prompt) - at), 0, -1):
            piece = prompt[at : at + long]
            if plain_emoji(piece) in self._lexicon.emojis and not (
                piece[0] in "#*0123456789" and "\u20e3" not in piece
            ):
                return long
        return 0

    def _single(self, kind: str, piece: str) -> Token:
        if kind == "emoji" and len(piece) == 1 and is_mark(piece):
            return Token(piece, (Sense("text", str(ord(piece) - FIRST_MARK)),))
        if kind == "emoji":
            return Token(piece, self._lexicon.emojis[plain_emoji(piece)])
        if kind == "digits":
            return _number(piece)
        if kind in ("stop", "comma"):
            return Token(piece, (Sense("break", kind),))
        if piece in "&+":
            return Token(piece, (Sense("join", "and"),))
        quiet = piece in ":\"'’`“”‘«»-_*~=<>^#@$%€£\\" + VARIATION or piece == "\u200d" or "︀" <= piece <= "️"
        return Token(piece, (Sense("stop", "stop"),) if quiet or not piece.isprintable() else ())

    def _cut_words(self, words: list[str]) -> Iterator[Token]:
        at = 0
        while at < len(words):
            token, used = self._longest(words, at)
            if not token.senses and (parts := _parts(words[at])):
                yield from self._cut_words(parts)
            else:
                yield token
            at += used
            if self._first.language == "ko" and token.taken and words[at - 1].endswith(_KOREAN_AND):
                yield Token("와", (Sense("join", "and"),))

    def _longest(self, words: list[str], at: int) -> tuple[Token, int]:
        for source in dict.fromkeys((self._first if self._first.spaced else self._english, self._english)):
            if found := _entry(source, words, at):
                return found
        word = words[at]
        if word[0].isdigit() and (number := _number(word)).number >= 0:
            return number, 1
        if known := self._mend(word):
            return known, 1
        return Token(word), 1

    def _mend(self, word: str) -> Token | None:
        """A compound by its last part (German), or an English word with a slip of the pen."""
        if self._first.language in ("de", "ru") and (tail := _tail(self._first, word)):
            return Token(word, self._first.senses[tail])
        if self._english.spellings is None or not word.isascii() or self._slips <= 0:
            return None
        if word not in self._mended:
            self._slips -= 1
            self._mended[word] = self._english.spellings.nearest(word)
            if not self._mended[word] and word.endswith("s"):
                self._mended[word] = self._english.spellings.nearest(word[:-1])
        if known := self._mended[word]:
            return Token(
                word, self._english.senses[known], plural=word.endswith("s") and not known.endswith("s"), taken=known
            )
        return None

    def _cut_han(self, run: str) -> Iterator[Token]:
        folded = self._lexicon.fold(run, self._han.language)
        yield from _numbers(_unsure(_cheapest(run, folded, self._han)))


def _parts(word: str) -> list[str]:
    """The parts of an unknown compound with hyphens, and of what is grown together with its noun (l'arbre, وقطة)."""
    if word.startswith("و") and len(word) > 2:
        return ["و", word[1:]]
    if "-" in word.strip("-"):
        return [part for part in word.split("-") if part]
    article, _, noun = word.partition("'")
    return [article, noun] if noun and len(noun) > 1 and len(article) <= 4 else []


def _entry(source: Words, words: list[str], at: int) -> tuple[Token, int] | None:
    """The longest entry that begins with this word, endings folded; and how many words it takes."""
    first = words[at]
    reach = max(source.reach.get(form, 1) for form in (first, *inflect.singulars(first)))
    if source.stems:
        reach = max(reach, 4)
    for used in range(min(reach, len(words) - at), 0, -1):
        phrase = " ".join(words[at : at + used])
        senses = source.senses.get(phrase)
        plain = Token(phrase, senses, plural=phrase in _PLURALS) if senses else None
        if plain is not None and plain.senses[0].rank == OWN:
            return _with_things(source, plain), used
        other = _stemmed(source, words[at : at + used]) if source.stems else _folded(source, phrase)
        if plain is not None and (other is None or other.senses[0].rank >= plain.senses[0].rank):
            return plain, used
        if other is not None:
            return other, used
    return None


def _with_things(source: Words, token: Token) -> Token:
    """A plural that is scenery (clouds, trees) may also be the things themselves, when they are counted."""
    if source.language != "en" or token.has("thing") or not token.has("feature", "weather"):
        return token
    one = (source.senses.get(form, ()) for form in inflect.singulars(token.text))
    things = next((tuple(sense for sense in senses if sense.kind == "thing") for senses in one if senses), ())
    return token._replace(senses=token.senses + things, plural=True) if things else token


def _stemmed(source: Words, words: list[str]) -> Token | None:
    phrase = " ".join(words)
    if source.language in _S_PLURALS:
        for ending in ("es", "s", "x"):
            if phrase.endswith(ending) and (senses := source.senses.get(phrase.removesuffix(ending))):
                return Token(phrase, senses, plural=True, taken=phrase.removesuffix(ending))
    stem = " ".join(inflect.stem(word, source.language) for word in words)
    if not (senses := source.stems.get(stem)):
        return None
    plural = source.language in _S_PLURALS and phrase[-1] in "sx"
    return Token(phrase, senses, plural=plural, taken=stem if source.language == "ko" else "")


def _folded(source: Words, phrase: str) -> Token | None:
    head, _, last = phrase.rpartition(" ")
    before = f"{head} " if head else ""
    for form in inflect.singulars(last):
        if senses := source.senses.get(before + form):
            return Token(phrase, senses, plural=not last.endswith("'s"), taken=before + form)
    for form in inflect.verb_bases(last):
        if (senses := source.senses.get(before + form)) and senses[0].kind in ("trait", "stop", "light", "before"):
            return Token(phrase, senses, taken=before + form)
    return None


def _tail(source: Words, word: str) -> str:
    """The longest known noun that a compound ends in, four letters at least."""
    for begin in range(2, len(word) - 3):
        senses = source.senses.get(word[begin:])
        if senses and senses[0].kind in ("thing", "backdrop", "feature") and senses[0].rank < TAG:
            return word[begin:]
    return ""


def _number(text: str) -> Token:
    """Digits with separators, and powers written as 10^15 or 1e6; more than anyone can draw is one number."""
    base, _, power = text.replace(",", "").partition("^")
    mantissa, _, exponent = base.partition("e")
    try:
        value = float(mantissa) * 10.0 ** min(float(exponent or 0), 300)
        value = value ** float(power) if power else value
    except OverflowError:
        value = 1e300
    except ValueError:
        return Token(text)
    return Token(text, (Sense("number", text),), number=int(min(value, 1e18)))


def _cheapest(run: str, folded: str, words: Words) -> list[Token]:
    """The cut with the least cost: fewer, longer and surer words before single letters before unknown ones."""
    costs = [0.0] + [float("inf")] * len(run)
    came = [(0, False)] * (len(run) + 1)
    for at in range(len(run)):
        for end, cost, known in _steps(folded, at, words):
            if costs[at] + cost < costs[end]:
                costs[end], came[end] = costs[at] + cost, (at, known)
    found: list[Token] = []
    end = len(run)
    while end:
        at, known = came[end]
        found.append(Token(run[at:end], words.senses[folded[at:end]] if known else ()))
        end = at
    return found[::-1]


def _steps(folded: str, at: int, words: Words) -> Iterator[tuple[int, float, bool]]:
    for long in range(1, min(words.reach.get(folded[at], 0), len(folded) - at) + 1):
        senses = words.senses.get(folded[at : at + long])
        if senses:
            yield at + long, 1.0 + 0.35 * (long == 1) + 0.4 * senses[0].rank - 0.02 * long, True
    katakana = at
    while katakana < len(folded) and "ァ" <= folded[katakana] <= "ー":
        katakana += 1
    if katakana > at + 1 and not (at and "ァ" <= folded[at - 1] <= "ー"):
        yield katakana, 3.2, False
    yield at + 1, 2.6, False


def _unsure(found: Iterable[Token]) -> list[Token]:
    """A single letter that means a thing, beside unknown letters, is more likely part of an unknown word."""
    out: list[Token] = []
    for token in found:
        joins = bool(out) and not out[-1].senses and (not token.senses or _may_be_part(token))
        if joins or (not token.senses and out and _may_be_part(out[-1])):
            out[-1] = Token(out[-1].text + token.text)
        else:
            out.append(token)
    return out


def _may_be_part(token: Token) -> bool:
    kana = "぀" <= token.text[0] <= "ヿ"
    return (
        len(token.text) == 1 and not kana and bool(token.senses) and {sense.kind for sense in token.senses} <= _CONTENT
    )


_DIGITS = {str(value): value for value in range(10)}


def _numbers(found: list[Token]) -> Iterator[Token]:
    """Chinese numerals put together: 二十三, 一百."""
    at = 0
    while at < len(found):
        end = at
        while end < len(found) and found[end].has("number"):
            end += 1
        if end - at > 1 or (end > at and len(found[at].senses) == 1):
            values = [int(token.value("number")) for token in found[at:end]]
            text = "".join(token.text for token in found[at:end])
            yield Token(text, (Sense("number", text),), number=_together(values))
            at = end
        else:
            yield found[at]
            at += 1


def _together(values: list[int]) -> int:
    if all(value < 10 for value in values):
        return int("".join(map(str, values[:18])))
    total = section = digit = 0
    for value in values:
        if value < 10:
            digit = value
        elif value < 10_000:
            section, digit = section + max(digit, 1) * value, 0
        else:
            total, section, digit = total + max(section + digit, 1) * value, 0, 0
    return min(total + section + digit, 10**18)


def known_words(words: Iterable[str], source: Words) -> int:
    """How well a language knows some words: our own list counts twice. Tells languages apart."""
    found = (source.senses.get(word) or source.stems.get(inflect.stem(word, source.language), ()) for word in words)
    return sum(2 if senses[0].rank == OWN else 1 for senses in found if senses)
