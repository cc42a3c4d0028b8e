"""Five hundred strings to be set: half of them drawn at random from a script's characters, half real words.

    python -m bench.draw_strings

prints them. The same seed gives the same strings. Lengths run from 1 to 60 characters, short ones being the likelier,
as on posters and signs. Random characters come from the level-1 sets of GB 2312, Big5 and JIS X 0208: what a reader of
the language meets.
"""

import random
import tomllib
from pathlib import Path
from typing import NamedTuple

COUNT = 500
SEED = 20261122
KINDS = ("zh-hans", "zh-hant", "en", "ja", "mixed")
MOST = 60

REAL: dict[str, list[str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
CJK, JAPANESE = "，。！？、", "、。！？・"
PUNCTUATION = {"zh-hans": CJK, "zh-hant": CJK, "en": ",.!?-:", "ja": JAPANESE, "mixed": ",.!?" + CJK}


class String(NamedTuple):
    text: str
    kind: str
    real: bool


def strings(count: int = COUNT, seed: int = SEED) -> list[String]:
    """`count` strings, the kinds in turn, real and random ones in turn."""
    chance = random.Random(seed)
    found: list[String] = []
    for number in range(count):
        kind, real = KINDS[number // 2 % len(KINDS)], number % 2 == 0
        found.append(String(_real(kind, chance) if real else _random(kind, chance), kind, real))
    return found


def _length(chance: random.Random) -> int:
    return max(1, min(MOST, round(chance.lognormvariate(2.1, 0.9))))


def _real(kind: str, chance: random.Random) -> str:
    """A phrase, or two of them where one is short."""
    text = chance.choice(REAL[kind])
    if chance.random() < 0.3:
        joint = " " if kind in {"en", "mixed"} else "，" if kind.startswith("zh") else "、"
        other = chance.choice(REAL[kind])
        text = f"{text}{joint}{other}" if len(text) + len(other) < MOST else text
    return text


def _random(kind: str, chance: random.Random) -> str:
    length = _length(chance)
    letters = "".join(_character(kind, chance) for _ in range(length))
    if kind == "en":
        return _words(letters, chance)
    if length > 12:
        middle = chance.randrange(4, length - 4)
        letters = letters[:middle] + chance.choice(PUNCTUATION[kind]) + letters[middle + 1 :]
    return letters


def _words(letters: str, chance: random.Random) -> str:
    """Cut into words of 2 to 9 letters, some with a mark behind."""
    words: list[str] = []
    while letters:
        size = chance.randint(2, 9)
        words.append(letters[:size] + (chance.choice(PUNCTUATION["en"]) if chance.random() < 0.1 else ""))
        letters = letters[size:]
    return " ".join(words)[:MOST].strip()


def _character(kind: str, chance: random.Random) -> str:
    if kind == "zh-hans":
        return _han(chance, "gb2312", 0xB0, 0xD7, 0xA1, 0xF9)
    if kind == "zh-hant":
        return _han(chance, "big5", 0xA4, 0xC6, 0x40, 0x7E)
    if kind == "ja":
        return _japanese(chance)
    if kind == "mixed":
        return _character(chance.choice(("zh-hans", "zh-hant", "ja", "en", "en")), chance)
    return chance.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def _japanese(chance: random.Random) -> str:
    which = chance.random()
    if which < 0.4:
        return chr(chance.randint(0x3042, 0x3093)) if which < 0.28 else chr(chance.randint(0x30A2, 0x30F3))
    return _han(chance, "euc_jp", 0xB0, 0xCE, 0xA1, 0xFE)


def _han(chance: random.Random, encoding: str, first: int, last: int, low: int, high: int) -> str:
    while True:
        try:
            return bytes((chance.randint(first, last), chance.randint(low, high))).decode(encoding)
        except UnicodeDecodeError:
            continue


if __name__ == "__main__":
    for string in strings():
        print(f"{string.kind}\t{'real' if string.real else 'random'}\t{string.text}")
