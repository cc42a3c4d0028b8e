"""Words to be seen: found in a prompt before anything else is read, kept verbatim, a mark left in their place."""

import re
import unicodedata
from typing import NamedTuple

MAX_TEXTS = 24
FIRST_MARK, LAST_MARK = 0xE000, 0xF8FF
"""A private letter stands where a text stood; such letters in a prompt itself are dropped first."""
_PAIRS = {
    "“": "”",
    "„": "“”",
    "«": "»",
    "»": "«",
    "‹": "›",
    "「": "」",
    "『": "』",
    "‘": "’",
    "‚": "‘’",
    "《": "》",
    "〝": "〞〟",
}
_STRAIGHT = {'"': '"', "＂": "＂", "'": "'", "＇": "＇", "`": "`"}
_SINGLE = "'‘’＇`"
_LONGEST_SINGLE = 300
_LONGEST_UNCLOSED = 200
_WHOLE_PROMPT_WORDS = 5
_MAX_UNCLOSED = 32
"""So many quotes that open and never close are no quotes: the search for their ends is given up."""

_CUES_EN = (
    (r"(?:titled|entitled|(?:title|headline|heading)(?: is| of| reading)?:?)", "title"),
    (r"(?:subtitled|(?:subtitle|tagline|slogan|subheading)(?: is| of| reading)?:?)", "subtitle"),
    (r"(?:captioned|caption(?: is| reading)?:?)", "caption"),
    (r"(?:(?:that|which) (?:says|reads)|saying|with (?:the )?(?:words?|text|phrase|message|inscription))", ""),
)
_WORD = r"[A-Z0-9][^\s,.;:!?]*"
_SMALL = r"(?: (?:of|the|and|in|for|to|a|an|on|at|by|&|is|with) (?=[A-Z0-9])| )"
_NAME = rf"{_WORD}(?:{_SMALL}(?=[A-Z0-9]){_WORD})*[!?]?"
_ENDS = r"(?= (?:in|on|at|above|below|over|under|with|and|against|hanging|written) |[,.;:\n]|$)"
_PLAIN = rf"[^\W_][^,.;:!?\n]{{0,120}}?[!?]?{_ENDS}"
_CARRIERS = (
    "招牌|牌匾|牌子|横幅|橫幅|条幅|灯牌|燈牌|海报|海報|卡片|T恤|旗子|旗|木牌|路牌|气球|氣球|蛋糕|纸|紙|书|書|墙|牆"
)
_HAN = r"([^，。；,.;\n]{1,30}?)"
_HAN_END = r"(?=[，。；、,.;\n！!？?]|$|[\ue000-\uf8ff])"
_UNQUOTED = [(re.compile(rf"(?<![\w]){cue} ({_NAME})"), role) for cue, role in _CUES_EN]
_UNQUOTED += [(re.compile(rf"(?<![\w]){cue} ({_PLAIN})"), role) for cue, role in _CUES_EN[3:]]
_UNQUOTED += [
    (re.compile(rf"(?i)(?<![\w])(?:title|headline)\s?[:=]\s?({_PLAIN})"), "title"),
    (re.compile(rf"(?:副标题|副標題|标语|標語|口号|口號)(?:为|為|是|：|:) ?{_HAN}{_HAN_END}"), "subtitle"),
    (re.compile(rf"(?:标题|標題|题目|題目)(?:为|為|是|叫|写着|寫著|：|:) ?{_HAN}{_HAN_END}"), "title"),
    (
        re.compile(
            r"(?:写着|寫著|写有|寫有|印着|印著|刻着|刻著|题为|題為) ?([^，。；,.;\n的]{1,24}?)"
            rf"(?=的[^，。]{{0,4}}(?:{_CARRIERS})|[，。；,.;\n]|$)"
        ),
        "",
    ),
    (
        re.compile(
            r"([^\s、。，「」のにがはをで\ue000-\uf8ff]{1,24})(?=と(?:書かれた|書いてある|書いた|書かれている|刻まれた|題した|題された))"
        ),
        "",
    ),
    (re.compile(r"タイトル(?:は|：|:) ?([^、。\n]{1,30}?)(?=[、。\n]|です|$)"), "title"),
]
"""Texts without quotes, after words that leave no doubt; the group is the text."""


class Quoted(NamedTuple):
    """A text to be seen, and the role that the words before it gave it, if they did."""

    text: str
    role: str = ""


class Marked(NamedTuple):
    """A prompt without its texts. `surplus` are texts beyond MAX_TEXTS."""

    prompt: str
    texts: tuple[Quoted, ...]
    surplus: tuple[str, ...] = ()


def is_mark(letter: str) -> bool:
    """Whether a text stood here."""
    return FIRST_MARK <= ord(letter) <= LAST_MARK


def take_texts(prompt: str) -> Marked:
    """Put a mark in the place of each quoted text and of what follows words like `titled`."""
    prompt = _unwrapped(clean(prompt))
    out: list[str] = []
    texts: list[Quoted] = []
    surplus: list[str] = []
    at = unclosed = 0
    while at < len(prompt):
        opens = unclosed < _MAX_UNCLOSED and _opens(prompt, at)
        end = _closing(prompt, at) if opens else -1
        if end < 0:
            unclosed += opens
            out.append(" " if is_mark(prompt[at]) else prompt[at])
            at += 1
            continue
        text = prompt[at + 1 : end]
        if text.strip() and len(texts) < MAX_TEXTS:
            out.append(chr(FIRST_MARK + len(texts)))
            texts.append(Quoted(text, "title" if prompt[at] == "《" else ""))
        elif text.strip():
            surplus.append(text)
        at = end + 1
    return _take_unquoted(re.sub(r"[^\S\n]+", " ", "".join(out)), texts, surplus)


def clean(prompt: str) -> str:
    """The prompt without control letters and halves of surrogate pairs; line ends as one."""
    plain = prompt.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    if plain.isprintable():
        return plain
    return "".join(letter for letter in plain if letter == "\n" or unicodedata.category(letter) not in ("Cc", "Cs"))


def _unwrapped(prompt: str) -> str:
    """A whole prompt pasted in quotes is a prompt, not a text to be seen."""
    bare = prompt.strip()
    if len(bare) > 2 and _opens(bare, 0) and _closing(bare, 0) == len(bare) - 1:
        inside = bare[1:-1]
        han = sum("぀" <= letter <= "鿿" for letter in inside)
        if len(inside.split()) > _WHOLE_PROMPT_WORDS or han > 3 * _WHOLE_PROMPT_WORDS:
            return inside
    return prompt


def _opens(prompt: str, at: int) -> bool:
    return prompt[at] in _PAIRS or (prompt[at] in _STRAIGHT and _may_open(prompt, at))


def _closing(prompt: str, at: int) -> int:
    """Where the quote that opens here closes; -1 if it does not."""
    return _closing_pair(prompt, at) if prompt[at] in _PAIRS else _closing_straight(prompt, at)


def _closing_pair(prompt: str, at: int) -> int:
    opening, closing, depth = prompt[at], _PAIRS[prompt[at]], 1
    for end in range(at + 1, len(prompt)):
        letter = prompt[end]
        if letter in closing and not (letter in _SINGLE and _within_word(prompt, end)):
            depth -= 1
            if not depth:
                return end
        elif letter == opening:
            depth += 1
    return -1 if opening in _SINGLE or opening in "»‹《" else _unclosed(prompt, at)


def _closing_straight(prompt: str, at: int) -> int:
    mark, single = prompt[at], prompt[at] in _SINGLE
    limit = min(len(prompt), at + _LONGEST_SINGLE) if single else len(prompt)
    end = prompt.find(mark, at + 1, limit)
    while end >= 0 and single and (_within_word(prompt, end) or prompt[end - 1].isspace() or _clipped(prompt, end)):
        end = prompt.find(mark, end + 1, limit)
    return end if end >= 0 or single else _unclosed(prompt, at)


def _unclosed(prompt: str, at: int) -> int:
    """An opening double quote that nothing closes runs to the end of its line, if that is near."""
    end = prompt.find("\n", at)
    end = len(prompt) if end < 0 else end
    return end if 1 < end - at <= _LONGEST_UNCLOSED else -1


def _may_open(prompt: str, at: int) -> bool:
    """An apostrophe (don't, dogs') and a measure (12", 5') open nothing."""
    before, after = prompt[at - 1 : at], prompt[at + 1 : at + 2]
    if not after or (after.isspace() and prompt[at] in _SINGLE):
        return False
    if prompt[at] in _SINGLE:
        return not (_is_letter(before) or before.isdigit())
    return not (before.isdigit() and not after.isalnum() and prompt.count(prompt[at], at) % 2 == 1)


def _within_word(prompt: str, at: int) -> bool:
    return _is_letter(prompt[at - 1 : at]) and _is_letter(prompt[at + 1 : at + 2])


def _clipped(prompt: str, at: int) -> bool:
    """The second apostrophe of a word clipped at both ends: rock 'n' roll."""
    return prompt[at - 2 : at + 1].lower() in ("'n'", "’n’") and prompt[at + 1 : at + 2].isspace()


def _is_letter(letter: str) -> bool:
    """A letter of a script that has apostrophes within words."""
    return letter.isalpha() and letter < "\u0590"


def _take_unquoted(prompt: str, texts: list[Quoted], surplus: list[str]) -> Marked:
    for pattern, role in _UNQUOTED:
        while len(texts) < MAX_TEXTS and (found := _search(pattern, prompt)):
            text = found.group(1).strip()
            prompt = f"{prompt[: found.start(1)]} {chr(FIRST_MARK + len(texts))} {prompt[found.end(1) :]}"
            texts.append(Quoted(text, role))
    return Marked(prompt, tuple(texts), tuple(surplus))


def _search(pattern: re.Pattern[str], prompt: str) -> re.Match[str] | None:
    """The first match whose text holds no other text."""
    return next(
        (
            found
            for found in pattern.finditer(prompt)
            if found.group(1).strip() and not any(map(is_mark, found.group(1)))
        ),
        None,
    )
