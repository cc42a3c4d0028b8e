# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of its own around espeak-ng (GPL-3.0): questions on standard input, answers on standard output.

    python espeak_program.py LIBRARY DATA_FOLDER

It imports nothing of omniwatt, and omniwatt never imports it: the two meet at the pipe alone. A question is its length
(4 bytes, little-endian) and a JSON object; an answer is frames of one letter, a length and that many bytes:

    {"do": "phonemes", "text": ..., "voice": ...}               J: the IPA as a JSON string
    {"do": "say", "text": ..., "voice": ..., "rate": ..., ...}  A: signed 16-bit samples, mono; any number of them
    {"do": "voices"}                                            J: a list of [language, name, identifier, gender]

Each answer ends in one frame `.`, or in `E` with what went wrong. The first frame of all is `J`: the sample rate.
"""

import ctypes
import json
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

UTF8 = 1
SYNCHRONOUS = 2
DO_NOT_EXIT = 0x8000
IPA_TIED = 0x02 | 0x80 | ord("^") << 8
PARAMETERS = {"rate": 1, "volume": 2, "pitch": 3, "range": 4}
DEFAULTS = {"rate": 175, "volume": 100, "pitch": 50, "range": 50}
MAX_QUESTION_BYTES = 1 << 20
_PR_SET_PDEATHSIG = 1

Heard = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class Voice(ctypes.Structure):
    """espeak_VOICE of speak_lib.h; `languages` is a priority byte and a name."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


class Espeak:
    """The library, with the voice that was used last."""

    def __init__(self, library: str, data: str, heard: Callable[[bytes], None]) -> None:
        self._lib = ctypes.CDLL(library)
        self._lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._lib.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(Voice))
        self._voice = ""

        def on_samples(samples: int | None, count: int, _events: int | None) -> int:
            if samples and count > 0:
                heard(ctypes.string_at(samples, 2 * count))
            return 0

        # Kept: the library holds only a bare pointer to it.
        self._heard = Heard(on_samples)
        self.rate_hz = int(self._lib.espeak_Initialize(SYNCHRONOUS, 200, data.encode(), DO_NOT_EXIT))
        if self.rate_hz <= 0:
            raise OSError(f"espeak-ng found no data in {data}")
        self._lib.espeak_SetSynthCallback(self._heard)
        # The library knows a voice by its file (`roa/fr`), people by its language (`fr-fr`).
        self._names = {language.lower(): identifier for language, _, identifier, _ in self.voices()}

    def choose(self, voice: str) -> None:
        """Take a voice: a language (`en-us`), with or without a variant (`en-us+f3`). Raises ValueError."""
        if voice != self._voice:
            language, plus, variant = voice.partition("+")
            named = self._names.get(language.lower(), language) + plus + variant
            if self._lib.espeak_SetVoiceByName(named.encode()) != 0:
                self._voice = ""
                raise ValueError(f"there is no voice {voice!r}")
            self._voice = voice

    def phonemes(self, text: str) -> str:
        """The IPA of a text, its clauses parted by a blank; letters of one sound are tied with `^`."""
        buffer = ctypes.create_string_buffer(text.encode() + b"\0")
        rest = ctypes.c_void_p(ctypes.addressof(buffer))
        clauses = []
        while rest.value:
            clauses.append((self._lib.espeak_TextToPhonemes(ctypes.byref(rest), UTF8, IPA_TIED) or b"").decode())
        return " ".join(clause.strip() for clause in clauses if clause.strip())

    def say(self, text: str, question: dict[str, Any]) -> None:
        """Speak; the samples go to `heard`. `rate` is in words a minute, the rest 0-100 (volume 0-200)."""
        for name, number in PARAMETERS.items():
            self._lib.espeak_SetParameter(number, int(question.get(name, DEFAULTS[name])), 0)
        data = text.encode() + b"\0"
        if self._lib.espeak_Synth(data, len(data), 0, 0, 0, UTF8, None, None) != 0:
            raise ValueError("espeak-ng would not say this")
        self._lib.espeak_Synchronize()

    def voices(self) -> list[tuple[str, str, str, int]]:
        """Language, name, identifier and gender (1 male, 2 female, 0 neither) of every voice but the variants."""
        listed = self._lib.espeak_ListVoices(None)
        found = []
        place = 0
        while listed[place]:
            voice = listed[place].contents
            language = ctypes.string_at(voice.languages + 1).decode() if voice.languages else ""
            found.append((language, voice.name.decode(), voice.identifier.decode(), int(voice.gender)))
            place += 1
        return found


def main() -> None:
    """Answer until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Whatever the library prints must not get between the frames.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    questions = sys.stdin.buffer
    espeak = Espeak(sys.argv[1], sys.argv[2], lambda samples: _write(answers, b"A", samples))
    _write(answers, b"J", json.dumps(espeak.rate_hz).encode())
    answers.flush()
    while (question := _read(questions)) is not None:
        try:
            _answer(espeak, question, answers)
            _write(answers, b".", b"")
        except (ValueError, KeyError, TypeError) as error:
            _write(answers, b"E", str(error).encode())
        answers.flush()


def _answer(espeak: Espeak, question: dict[str, Any], answers: BinaryIO) -> None:
    if question["do"] == "voices":
        _write(answers, b"J", json.dumps(espeak.voices()).encode())
        return
    espeak.choose(question["voice"])
    if question["do"] == "phonemes":
        _write(answers, b"J", json.dumps(espeak.phonemes(question["text"])).encode())
    else:
        espeak.say(question["text"], question)


def _read(questions: BinaryIO) -> dict[str, Any] | None:
    head = questions.read(4)
    if len(head) < 4:
        return None
    size = struct.unpack("<I", head)[0]
    if size > MAX_QUESTION_BYTES:
        return None
    question: dict[str, Any] = json.loads(questions.read(size))
    return question


def _write(answers: BinaryIO, letter: bytes, data: bytes) -> None:
    answers.write(letter + struct.pack("<I", len(data)) + data)


if __name__ == "__main__":
    main()
