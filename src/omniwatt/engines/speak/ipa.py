"""Text to IPA through espeak-ng, with the punctuation kept in place: the voices were taught to pause by it."""

import re

from omniwatt.engines.speak.espeak_pipe import EspeakPipe

MARKS = {"。": ".", "！": "!", "？": "?", "，": ",", "、": ",", "；": ";", "：": ":", "—": "—", "–": "—", "…": "…"}
_PIECES = re.compile(r"([^.,;:!?。！？，、；：—–…]+)|(\.{2,}|…+)|([.,;:!?。！？，、；：—–])")
LANGUAGE_FLAG = re.compile(r"\([\^a-z0-9-]+\)")
"""`(en)`: espeak-ng says so where it reads a word in another language."""
_INNER = re.compile(r"(?<=\w)[.,:](?=\w)")


async def ipa(pipe: EspeakPipe, text: str, voice: str) -> str:
    """Phonemes of `text` with its marks; letters of one sound are tied with `^`. Raises BadInput or EngineFailed."""
    said: list[str] = []
    # A mark inside a word (3.14, 12:30, U.S.) is the word's, not the sentence's.
    for match in _PIECES.finditer(_INNER.sub(lambda found: _hidden(found[0]), text)):
        words, dots, mark = match.groups()
        if words is not None:
            plain = _shown(words).strip()
            if any(character.isalnum() for character in plain):
                said.append((" " if said else "") + LANGUAGE_FLAG.sub("", await pipe.phonemes(plain, voice)))
        elif said:
            said.append("…" if dots else MARKS.get(mark, mark))
    return "".join(said)


def _hidden(mark: str) -> str:
    return {".": "\ue000", ",": "\ue001", ":": "\ue002"}[mark]


def _shown(text: str) -> str:
    return text.replace("\ue000", ".").replace("\ue001", ",").replace("\ue002", ":")
