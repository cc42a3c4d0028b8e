"""espeak-ng itself as a voice: 100+ languages, formant synthesis, milliseconds; the library runs in its own program."""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import numpy as np
import psutil

from omniwatt.contract.error import BadInput
from omniwatt.contract.job import EngineSpec, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import SpeakBody
from omniwatt.engines.speak.espeak_pipe import EspeakPipe, unpacked
from omniwatt.engines.speak.normalise import spoken_characters
from omniwatt.engines.speak.speaking import Rendering, Sound, Speaker, artifact

WORDS_PER_MIN = 175
SLOWEST, FASTEST = 80, 450
"""Words a minute espeak-ng takes; beyond them the finished sound is stretched."""
LETTER_S = 0.065
"""Sound of a letter at WORDS_PER_MIN, about: work is told before the program has said how long it is."""
_VOICE = re.compile(r"[A-Za-z0-9-]{1,40}(\+[A-Za-z0-9_ -]{1,40})?")


class Espeak(Speaker):
    """Every language of espeak-ng: voice `LANGUAGE` or `LANGUAGE+VARIANT`. Artifact: `espeak` (the wheel)."""

    pipe: EspeakPipe

    def __init__(self) -> None:
        self._voices: frozenset[str] = frozenset()
        self._variants: frozenset[str] = frozenset()
        self._default = ""

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Start the program and ask what it can say."""
        folder = await asyncio.to_thread(unpacked, artifact(spec, "espeak"))
        self.pipe = EspeakPipe(folder)
        await self.pipe.start()
        self.rate_hz = self.pipe.rate_hz
        self._default = str(spec.options.get("voice", "en-us"))
        voices = await self.pipe.voices()
        # A voice may be called by its language, or by the file of its language (`cmn`, `gmw/en-US`).
        self._voices = frozenset(
            name.lower() for language, _, identifier, _ in voices for name in (language, identifier.rpartition("/")[2])
        )
        self._variants = await asyncio.to_thread(_variants, folder)
        progress(1.0)
        details = {"rate_hz": self.rate_hz, "voices": sorted(self._voices), "variants": sorted(self._variants)}
        return Loaded(max(1, spec.slots), 0, 1, psutil.Process().memory_info().rss, details)

    def rendering(self, body: SpeakBody, pace: float) -> Rendering:
        """Raises BadInput for an unknown language or variant."""
        voice = body.voice.name or self._default
        language, _, variant = voice.partition("+")
        known = language.lower() in self._voices and (not variant or variant in self._variants)
        if not known or not _VOICE.fullmatch(voice):
            raise BadInput(f"There is no voice {voice!r} here.", param="voice")
        if body.language and not language.lower().startswith(body.language.lower()):
            language = self._other(body.language)
        return _Saying(self.pipe, language.lower() + (f"+{variant}" if variant else ""), pace)

    def _other(self, tag: str) -> str:
        """The voice of a language asked for beside the voice: a variant says any. Raises BadInput."""
        for name in (tag.lower(), {"zh": "cmn", "fr": "fr-fr", "en": "en-us"}.get(tag.lower().partition("-")[0], "")):
            if name in self._voices:
                return name
        raise BadInput(f"espeak-ng does not speak {tag!r}.", param="language")

    async def close(self) -> None:
        """End the program."""
        with contextlib.suppress(AttributeError):
            await self.pipe.close()


class _Saying(Rendering):
    def __init__(self, pipe: EspeakPipe, voice: str, pace: float) -> None:
        self._pipe, self._voice = pipe, voice
        self._rate = round(min(max(pace * WORDS_PER_MIN, SLOWEST), FASTEST))
        self.pace_left = pace * WORDS_PER_MIN / self._rate
        # Rounding a rate is nothing to stretch sound for.
        if abs(self.pace_left - 1) < 0.02:
            self.pace_left = 1.0

    async def sound(self, clause: str, ctx: Context) -> AsyncGenerator[Sound]:
        await ctx.astep("render", len(clause) * LETTER_S * WORDS_PER_MIN / self._rate)
        said = await self._pipe.say(spoken_characters(clause), self._voice, rate=self._rate)
        yield np.frombuffer(said, "<i2").astype(np.float32) / np.float32(32768)


def _variants(folder: Path) -> frozenset[str]:
    return frozenset(file.name for file in (folder / "espeakng_loader/espeak-ng-data/voices/!v").iterdir())
