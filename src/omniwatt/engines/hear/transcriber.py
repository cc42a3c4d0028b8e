"""Windows of sound to segments of text: fitted windows first, the full window for what the guard does not believe."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from omniwatt.contract.event import Segment
from omniwatt.engines.hear.cutting import Span
from omniwatt.engines.hear.guard import (
    FIRST_MARK,
    Limits,
    Written,
    better,
    compression_ratio,
    fault,
    repetitive,
    silent,
)
from omniwatt.engines.hear.hypotheses import agree, best
from omniwatt.engines.hear.listener import Window, apart
from omniwatt.engines.hear.mel import FRAMES_PER_S, FULL_FRAMES, RATE_HZ
from omniwatt.engines.hear.recogniser import Recogniser, Way
from omniwatt.engines.hear.timing import closed, timed, trimmed
from omniwatt.engines.hear.words import spoken_words, token_logprobs

UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})
"""Languages written without spaces between words."""
SURE_OF_LANGUAGE = 0.5
UNHEARD_S = 1.5
"""Speech of this length after the last word is more than a word's soft end."""
LEAST_HEARD_S = 0.5
SPARSE_S, SPARSE_TOKENS_PER_S = 4.0, 1.6
"""So much speech has more tokens a second than this; slow readers at hand have 2.4 and more."""
RICHER = 1.3
_REPEATED = ("compression", "repetition")
_LOOPED = (*_REPEATED, "length")


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """How the encoder's window follows the sound."""

    margin_s: float = 4.0
    """Silence after the sound, so that the model finds its end: with 1.5 s it errs a quarter more often."""
    shortest_s: float = 6.0
    step_frames: int = 50
    beams: int = 1
    doubtful_logprob: float = -0.55
    """Below this on the average, beams are tried on the same encoder output."""
    careful_beams: int = 5
    temperatures: tuple[float, ...] = (0.4, 0.8)

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
    keywords: tuple[str, ...] = ()
    accurate: bool = False
    latin: bool = False
    """The caller's own words hold Latin letters: then so may the text, whatever the language."""


class Heard(msgspec.Struct, frozen=True):
    """What was said in one window, and in how many tokens."""

    segments: tuple[Segment, ...]
    tokens: int
    language: str


class Overtaken(Exception):
    """A guess has become useless: more was said meanwhile."""


class Transcriber:
    """One call's decoding; blocks, and is used from one thread at a time."""

    def __init__(
        self, recogniser: Recogniser, fit: Fit, limits: Limits, wish: Wish, step: Callable[[str, float], None]
    ) -> None:
        self._recogniser, self._fit, self._limits, self._wish, self._step = recogniser, fit, limits, wish, step
        self.language = ""
        self.language_probability = 0.0
        self.overtaken = False
        """Set from any thread: the guess under way stops before its next step."""
        self._guessing = False
        self._guessed: dict[Any, tuple[Heard, float]] = {}

    def write(self, windows: Sequence[Window]) -> list[Heard]:
        """All windows, in one batch but for those already guessed."""
        guessed, self._guessed = self._guessed, {}
        found = {}
        for window in windows:
            if window.key in guessed:
                found[window.key], probability = guessed[window.key]
                if probability > self.language_probability:
                    self.language, self.language_probability = found[window.key].language, probability
        fresh = [window for window in windows if window.key not in found]
        if fresh:
            found |= {window.key: heard for window, heard in zip(fresh, self._write(fresh), strict=True)}
        return [found[window.key] for window in windows]

    def guess(self, window: Window) -> str:
        """What is said in a window that may turn out to be whole, and is kept if so; "" when `overtaken` early."""
        if window.key in self._guessed:
            return ""
        language, probability = self.language, self.language_probability
        self._guessing = True
        try:
            heard = self._write([window])[0]
            self._guessed = {window.key: (heard, self.language_probability)}
            return "".join(segment.text for segment in heard.segments).strip()
        except Overtaken:
            return ""
        finally:
            self._guessing = False
            # A word or two may sound like another language: only what counts settles it.
            self.language, self.language_probability = language, probability

    def _check(self) -> None:
        if self._guessing and self.overtaken:
            raise Overtaken

    def _write(self, windows: Sequence[Window]) -> list[Heard]:
        careful = self._wish.accurate
        frames = FULL_FRAMES if careful else self._fit.frames(max(window.seconds for window in windows))
        views = [self._encode(window, frames) for window in windows]
        self._find_language(views, windows, frames)
        self._check()
        way = Way(
            language=self.language, task=self._wish.task, prompt=self._wish.prompt, temperature=self._wish.temperature,
            beams=self._fit.careful_beams if careful else self._fit.beams,
            best=self._fit.careful_beams if careful and self._wish.keywords else 1,
            latin=self._wish.latin,
        )  # fmt: skip
        found = self._recogniser.write(views, [window.seconds for window in windows], way)
        return [
            self._heard(window, self._sure(window, best(hypotheses, self._wish.keywords), way, view), way, view)
            for window, view, hypotheses in zip(windows, views, found, strict=True)
        ]

    def _sure(self, window: Window, first: Written, way: Way, view: Any) -> Written:
        """Greedy decoding errs where the model is in doubt: beams then, which cost little more on the same encoding."""
        if first.avg_logprob >= self._fit.doubtful_logprob or way.temperature > 0 or way.beams > 1:
            return first
        self._step("decode", len(first.tokens) + 1)
        way = msgspec.structs.replace(way, beams=self._fit.careful_beams)
        return better(first, self._recogniser.write([view], [window.seconds], way)[0][0])

    def _encode(self, window: Window, frames: int) -> Any:
        """One at a time: whoever waits for the model gets it in between."""
        self._check()
        self._step("encode", frames / FRAMES_PER_S)
        return self._recogniser.encode(window.samples, frames)

    def _find_language(self, views: Sequence[Any], windows: Sequence[Window], frames: int) -> None:
        """The language of the longest window, unless an earlier one left no doubt; the full window if this one does."""
        if self.language_probability >= SURE_OF_LANGUAGE:
            return
        longest = max(range(len(windows)), key=lambda place: windows[place].seconds)
        name, probability = self._recogniser.languages(views[longest])[0]
        if probability < SURE_OF_LANGUAGE and frames < FULL_FRAMES:
            name, probability = self._recogniser.languages(self._encode(windows[longest], FULL_FRAMES))[0]
        if probability > self.language_probability:
            self.language, self.language_probability = name, probability

    def _heard(self, window: Window, written: Written, way: Way, view: Any) -> Heard:
        written = self._ended(window, written)
        why = fault(written, window.seconds, self._limits)
        if why in _LOOPED and len(window.spans) > 1:
            return _joined(self._write(apart(window)), way.language)
        if why:
            written, way, view = self._again(window, written, way, view)
        self._step("decode", len(written.tokens) + 1)
        if silent(written, self._limits) or not written.text:
            return Heard((), 0, way.language)
        segments = self._segments(window, written, way, view)
        heard = Heard(segments, len(written.tokens), way.language)
        if sparse(window, segments):
            return self._stretch_by_stretch(window, heard)
        rest = unheard(window, segments)
        return heard if rest is None else self._with_rest(heard, rest, way)

    def _stretch_by_stretch(self, window: Window, heard: Heard) -> Heard:
        """The model passed over part of what was said: the stretches of speech one by one, if that brings more."""
        parts = _joined(self._write(apart(window)), heard.language)
        return parts if parts.tokens >= RICHER * heard.tokens else heard

    def _ended(self, window: Window, written: Written) -> Written:
        """Without what was heard after the sound's end, or was begun where there was no room for more."""
        vocabulary = self._recogniser.vocabulary
        if not written.complete and not repetitive(written, self._limits):
            written = closed(vocabulary, written)
        return trimmed(vocabulary, written, window.seconds)

    def _with_rest(self, heard: Heard, window: Window, way: Way) -> Heard:
        """The model stopped although somebody speaks on: the rest is a window of its own, if it can be believed."""
        view = self._encode(window, FULL_FRAMES if self._wish.accurate else self._fit.frames(window.seconds))
        written = self._ended(window, self._recogniser.write([view], [window.seconds], way)[0][0])
        if fault(written, window.seconds, self._limits) or silent(written, self._limits):
            return heard
        return _joined([heard, self._heard(window, written, way, view)], heard.language)

    def _again(self, window: Window, first: Written, way: Way, view: Any) -> tuple[Written, Way, Any]:
        """The full window and beams; then, as Whisper does, ever warmer.

        Who says the same thing again and again looks like a loop: two encodings that agree, and come to an end, are
        believed.
        """
        if not self._wish.accurate:
            view = self._encode(window, FULL_FRAMES)
        best, found = first, first
        temperatures = [way.temperature, *(t for t in self._fit.temperatures if t > way.temperature)]
        for temperature in temperatures[1:] if self._wish.accurate else temperatures:
            way = msgspec.structs.replace(way, beams=self._fit.careful_beams, temperature=temperature, best=1)
            found = self._ended(window, self._recogniser.write([view], [window.seconds], way)[0][0])
            why = fault(found, window.seconds, self._limits)
            if not why or silent(found, self._limits):
                return found, way, view
            if why in _REPEATED and first.complete and agree(first.text, found.text):
                return found, way, view
            best = better(best, found)
            self._step("decode", len(found.tokens) + 1)
        return best, way, view

    def _segments(self, window: Window, written: Written, way: Way, view: Any) -> tuple[Segment, ...]:
        vocabulary = self._recogniser.vocabulary
        start_s = window.start / RATE_HZ
        shared = Segment(
            text="", start_s=start_s, end_s=start_s + window.seconds, seek=round(start_s * FRAMES_PER_S),
            temperature=way.temperature, avg_logprob=written.avg_logprob, no_speech_prob=written.no_speech_prob,
        )  # fmt: skip
        found = []
        for part in timed(vocabulary, written.tokens, window.seconds):
            text = vocabulary.text(part.ids)
            segment = msgspec.structs.replace(
                shared, text=text, start_s=start_s + part.start_s, end_s=start_s + part.end_s, tokens=part.tokens,
                compression_ratio=compression_ratio(text),
            )  # fmt: skip
            found.append(segment)
        return self._aligned(found, view, window, way) if self._wish.words or self._wish.logprobs else tuple(found)

    def _aligned(self, segments: Sequence[Segment], view: Any, window: Window, way: Way) -> tuple[Segment, ...]:
        """With words and log-probabilities, from one alignment of the whole window."""
        vocabulary = self._recogniser.vocabulary
        texts = [[id_ for id_ in segment.tokens if id_ < vocabulary.end] for segment in segments]
        whole = self._recogniser.align(view, [id_ for ids in texts for id_ in ids], window.seconds, way)
        found, at = [], 0
        for segment, ids in zip(segments, texts, strict=True):
            part = whole.part(at, at + len(ids))
            at += len(ids)
            changes: dict[str, Any] = {}
            if self._wish.words:
                offset_s = window.start / RATE_HZ
                changes["words"] = spoken_words(vocabulary, ids, part, offset_s, way.language in UNSPACED)
            if self._wish.logprobs:
                changes["logprobs"] = token_logprobs(vocabulary, ids, part)
            found.append(msgspec.structs.replace(segment, **changes))
        return tuple(found)


def _joined(parts: Sequence[Heard], language: str) -> Heard:
    segments = tuple(segment for part in parts for segment in part.segments)
    return Heard(segments, sum(part.tokens for part in parts), language)


def sparse(window: Window, segments: Sequence[Segment]) -> bool:
    """Whether some sentence is said to last much longer than anybody takes for it, others being in the same window."""
    if len(window.spans) < 2:
        return False
    for segment in segments:
        start, end = int(segment.start_s * RATE_HZ), int(segment.end_s * RATE_HZ)
        spoken = sum(max(0, min(span.end, end) - max(span.start, start)) for span in window.spans)
        tokens = sum(token < FIRST_MARK for token in segment.tokens)
        if spoken >= SPARSE_S * RATE_HZ and tokens * RATE_HZ < SPARSE_TOKENS_PER_S * spoken:
            return True
    return False


def unheard(window: Window, segments: Sequence[Segment]) -> Window | None:
    """What is left of the window when its text ends UNHEARD_S or more before its speech does."""
    end_s = segments[-1].end_s - window.start / RATE_HZ
    spoken_s = (window.key.end - window.start) / RATE_HZ
    if end_s < LEAST_HEARD_S or min(spoken_s, window.seconds) - end_s < UNHEARD_S:
        return None
    at = int(end_s * RATE_HZ)
    start = window.start + at
    return Window(start, window.samples[at:], Span(start, window.key.end))
