"""Windows of sound to segments of text: fitted windows first, the full window for what the guard does not believe."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from omniwatt.contract.event import Segment, TokenLogprob, Word
from omniwatt.engines.hear.guard import Limits, Written, better, compression_ratio, fault, silent
from omniwatt.engines.hear.listener import Window
from omniwatt.engines.hear.mel import FRAMES_PER_S, FULL_FRAMES, RATE_HZ
from omniwatt.engines.hear.recogniser import Recogniser, Way
from omniwatt.engines.hear.words import spoken_words, token_logprobs

UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})
"""Languages written without spaces between words."""
SURE_OF_LANGUAGE = 0.5


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """How the encoder's window follows the sound. Learnt on real recordings; see docs of the benchmark."""

    margin_s: float = 1.5
    shortest_s: float = 3.0
    step_frames: int = 50
    beams: int = 1
    careful_beams: int = 5
    temperatures: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 1.0)

    def frames(self, seconds: float) -> int:
        """Encoder input frames for so much sound; never more than the model was trained on."""
        wanted = max(seconds + self.margin_s, self.shortest_s) * FRAMES_PER_S
        return min(FULL_FRAMES, -(-int(wanted) // self.step_frames) * self.step_frames)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller asked for, in the model's terms."""

    task: str
    prompt: tuple[int, ...]
    temperature: float
    words: bool
    logprobs: bool
    accurate: bool


class Heard(msgspec.Struct, frozen=True):
    """What was said in one window, and in how many tokens."""

    segments: tuple[Segment, ...]
    tokens: int
    language: str


class Transcriber:
    """One call's decoding; blocks, and is used from one thread at a time."""

    def __init__(
        self, recogniser: Recogniser, fit: Fit, limits: Limits, wish: Wish, step: Callable[[str, float], None]
    ) -> None:
        self._recogniser, self._fit, self._limits, self._wish, self._step = recogniser, fit, limits, wish, step
        self.language = ""
        self.language_probability = 0.0
        self._guessed: dict[Any, Heard] = {}

    def write(self, windows: Sequence[Window]) -> list[Heard]:
        """All windows, in one batch but for those already guessed."""
        found = {window.key: self._guessed.get(window.key) for window in windows}
        fresh = [window for window in windows if found[window.key] is None]
        self._guessed = {}
        if fresh:
            found |= {window.key: heard for window, heard in zip(fresh, self._write(fresh), strict=True)}
        return [heard for window in windows if (heard := found[window.key]) is not None]

    def guess(self, window: Window) -> None:
        """Find out what is said in a window that may turn out to be whole, and keep it."""
        if window.key not in self._guessed:
            self._guessed = {window.key: self._write([window])[0]}

    def _write(self, windows: Sequence[Window]) -> list[Heard]:
        seconds = [window.seconds for window in windows]
        frames = FULL_FRAMES if self._wish.accurate else self._fit.frames(max(seconds))
        encoded = self._encode(windows, frames)
        languages = self._languages(encoded, windows)
        found: list[Heard] = []
        for way, places in self._ways(languages):
            # One call decodes the windows of one language together; usually that is all of them.
            part = encoded if len(places) == len(windows) else self._encode([windows[p] for p in places], frames)
            written = self._recogniser.write(part, [seconds[place] for place in places], way)
            for place, (best, *_) in zip(places, written, strict=True):
                found.append(self._heard(windows[place], best, way, frames))
        return found

    def _ways(self, languages: Sequence[str]) -> list[tuple[Way, list[int]]]:
        wish = self._wish
        way = Way(
            language=languages[0], task=wish.task, prompt=wish.prompt, temperature=wish.temperature,
            beams=self._fit.careful_beams if wish.accurate else self._fit.beams,
        )  # fmt: skip
        return [(way, list(range(len(languages))))]

    def _encode(self, windows: Sequence[Window], frames: int) -> Any:
        self._step("encode", len(windows) * frames / FRAMES_PER_S)
        return self._recogniser.encode([window.samples for window in windows], frames)

    def _languages(self, encoded: Any, windows: Sequence[Window]) -> list[str]:
        if self.language_probability < SURE_OF_LANGUAGE:
            found = self._recogniser.languages(encoded)
            longest = max(range(len(windows)), key=lambda place: windows[place].seconds)
            name, probability = found[longest][0]
            if probability > self.language_probability:
                self.language, self.language_probability = name, probability
        return [self.language] * len(windows)

    def _heard(self, window: Window, written: Written, way: Way, frames: int) -> Heard:
        if fault(written, window.seconds, self._limits):
            written, way, frames = self._again(window, written, way)
        self._step("decode", len(written.tokens) + 1)
        if silent(written, self._limits) or not written.text:
            return Heard((), 0, way.language)
        return Heard(self._segments(window, written, way, frames), len(written.tokens), way.language)

    def _again(self, window: Window, first: Written, way: Way) -> tuple[Written, Way, int]:
        """The full window and beams; then, as Whisper does, ever warmer."""
        encoded = self._encode([window], FULL_FRAMES)
        best = first
        temperatures = [way.temperature, *(t for t in self._fit.temperatures if t > way.temperature)]
        for temperature in temperatures:
            way = msgspec.structs.replace(way, beams=self._fit.careful_beams, temperature=temperature)
            written = self._recogniser.write(encoded, [window.seconds], way)[0][0]
            best = better(best, written)
            if not fault(written, window.seconds, self._limits) or silent(written, self._limits):
                return written, way, FULL_FRAMES
            self._step("decode", len(written.tokens) + 1)
        return best, way, FULL_FRAMES

    def _segments(self, window: Window, written: Written, way: Way, frames: int) -> tuple[Segment, ...]:
        words: tuple[Word, ...] = ()
        logprobs: tuple[TokenLogprob, ...] = ()
        start_s = window.start / RATE_HZ
        ids = [id_ for id_ in written.tokens if id_ < self._recogniser.vocabulary.end]
        if self._wish.words or self._wish.logprobs:
            aligned = self._recogniser.align(self._encode([window], frames), ids, window.seconds, way)
            if self._wish.words:
                words = spoken_words(self._recogniser.vocabulary, ids, aligned, start_s, way.language in UNSPACED)
            if self._wish.logprobs:
                logprobs = token_logprobs(self._recogniser.vocabulary, ids, aligned)
        text = self._recogniser.vocabulary.text(ids)
        segment = Segment(
            text=text, start_s=start_s, end_s=start_s + window.seconds, seek=round(start_s * FRAMES_PER_S),
            tokens=written.tokens, temperature=way.temperature, avg_logprob=written.avg_logprob,
            compression_ratio=compression_ratio(text), no_speech_prob=written.no_speech_prob,
            words=words, logprobs=logprobs,
        )  # fmt: skip
        return (segment,)
