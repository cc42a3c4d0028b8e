"""Windows of sound to segments of text: fitted windows first, the full window for what the guard does not believe."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from omniwatt.contract.event import Segment
from omniwatt.engines.hear.consensus import Candidate, chosen, units_of
from omniwatt.engines.hear.guard import Limits, Written, better, compression_ratio, fault, silent
from omniwatt.engines.hear.listener import Window
from omniwatt.engines.hear.mel import FRAMES_PER_S, FULL_FRAMES, RATE_HZ, Floats
from omniwatt.engines.hear.recogniser import Recogniser, Way
from omniwatt.engines.hear.timing import timed, trimmed
from omniwatt.engines.hear.words import spoken_words, token_logprobs

UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})
"""Languages written without spaces between words."""
SURE_OF_LANGUAGE = 0.5
PACES = (0.93, 1.07)
"""How much faster the sound is also heard, where there is time: other errors come of it, and cancel out."""
CAREFUL_MARGIN_S = 1.5


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """How the encoder's window follows the sound."""

    margin_s: float = 1.5
    """Silence after the sound, so that the model finds its end."""
    shortest_s: float = 4.0
    step_frames: int = 50
    beams: int = 1
    doubtful_logprob: float = -0.55
    """Below this on the average, beams are tried on the same encoder output."""
    careful_beams: int = 5
    hypotheses: int = 5
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
        seconds = [window.seconds for window in windows]
        frames = self._fit.frames(max(seconds))
        encoded = self._encode(windows, frames)
        self._find_language(encoded, windows, frames)
        self._check()
        way = Way(
            language=self.language,
            task=self._wish.task,
            prompt=self._wish.prompt,
            temperature=self._wish.temperature,
            beams=self._fit.beams,
        )
        if self._wish.accurate:
            return [self._carefully(window, way) for window in windows]
        found = []
        for window, (best, *_) in zip(windows, self._recogniser.write(encoded, seconds, way), strict=True):
            own = encoded if len(windows) == 1 else None
            found.append(self._heard(window, self._sure(window, best, way, frames, own), way, frames))
        return found

    def _sure(self, window: Window, first: Written, way: Way, frames: int, encoded: Any) -> Written:
        """Greedy decoding errs where the model is in doubt: beams then, which cost little more on the same encoding."""
        if first.avg_logprob >= self._fit.doubtful_logprob or way.temperature > 0:
            return first
        way = msgspec.structs.replace(way, beams=self._fit.careful_beams)
        encoded = self._encode([window], frames) if encoded is None else encoded
        second = self._recogniser.write(encoded, [window.seconds], way)[0][0]
        self._step("decode", len(first.tokens) + 1)
        return better(first, second)

    def _encode(self, windows: Sequence[Window], frames: int) -> Any:
        self._check()
        self._step("encode", len(windows) * frames / FRAMES_PER_S)
        return self._recogniser.encode([window.samples for window in windows], frames)

    def _find_language(self, encoded: Any, windows: Sequence[Window], frames: int) -> None:
        """The language of the longest window, unless an earlier one left no doubt; the full window if this one does."""
        if self.language_probability >= SURE_OF_LANGUAGE:
            return
        longest = max(range(len(windows)), key=lambda place: windows[place].seconds)
        name, probability = self._recogniser.languages(encoded)[longest][0]
        if probability < SURE_OF_LANGUAGE and frames < FULL_FRAMES:
            name, probability = self._recogniser.languages(self._encode([windows[longest]], FULL_FRAMES))[0][0]
        if probability > self.language_probability:
            self.language, self.language_probability = name, probability

    def _heard(self, window: Window, written: Written, way: Way, frames: int, *, believed: bool = False) -> Heard:
        written = trimmed(self._recogniser.vocabulary, written, window.seconds)
        if not believed and fault(written, window.seconds, self._limits):
            written, way, frames = self._again(window, written, way)
        self._step("decode", len(written.tokens) + 1)
        if silent(written, self._limits) or not written.text:
            return Heard((), 0, way.language)
        return Heard(self._segments(window, written, way, frames), len(written.tokens), way.language)

    def _carefully(self, window: Window, way: Way) -> Heard:
        """What most views of the sound agree on; a plain decoding if none of them can be believed."""
        unspaced = way.language in UNSPACED
        candidates = [
            Candidate(written, units_of(written.text, unspaced))
            for written in self._views(window, msgspec.structs.replace(way, beams=self._fit.careful_beams))
            if fault(written, window.seconds, self._limits) in ("", "logprob")
        ]
        if not candidates:
            written, way, frames = self._again(window, None, way)
            return self._heard(window, written, way, frames)
        best = chosen(candidates, self._wish.keywords)
        # The same words with times are as good, and say when.
        same = [one for one in candidates if one.units == best.units and self._has_times(one)]
        written = max(same or [best], key=lambda one: one.logprob).written
        return self._heard(window, written, way, FULL_FRAMES, believed=True)

    def _has_times(self, candidate: Candidate) -> bool:
        return any(map(self._recogniser.vocabulary.is_time, candidate.written.tokens))

    def _views(self, window: Window, way: Way) -> list[Written]:
        """Hypotheses for the sound as it is, in two window sizes, a little slower and a little faster."""
        found: list[Written] = []
        fitted = self._fit.frames(window.seconds + CAREFUL_MARGIN_S)
        views = [(window.samples, FULL_FRAMES, (False, True)), (window.samples, fitted, (True,))]
        views += [(stretched(window.samples, pace), FULL_FRAMES, (False,)) for pace in PACES]
        for samples, frames, times in views:
            self._step("encode", frames / FRAMES_PER_S)
            encoded = self._recogniser.encode([samples], frames)
            for with_times in times:
                changed = msgspec.structs.replace(way, times=with_times, best=self._fit.hypotheses)
                hypotheses = self._recogniser.write(encoded, [window.seconds], changed)[0]
                self._step("decode", sum(len(written.tokens) + 1 for written in hypotheses))
                found += [trimmed(self._recogniser.vocabulary, written, window.seconds) for written in hypotheses]
        return found

    def _again(self, window: Window, first: Written | None, way: Way) -> tuple[Written, Way, int]:
        """The full window and beams; then, as Whisper does, ever warmer."""
        encoded = self._encode([window], FULL_FRAMES)
        best = first
        temperatures = [way.temperature, *(t for t in self._fit.temperatures if t > way.temperature)]
        for temperature in temperatures:
            way = msgspec.structs.replace(way, beams=self._fit.careful_beams, temperature=temperature)
            written = self._recogniser.write(encoded, [window.seconds], way)[0][0]
            written = trimmed(self._recogniser.vocabulary, written, window.seconds)
            best = written if best is None else better(best, written)
            if not fault(written, window.seconds, self._limits) or silent(written, self._limits):
                return written, way, FULL_FRAMES
            self._step("decode", len(written.tokens) + 1)
        return best or written, way, FULL_FRAMES

    def _segments(self, window: Window, written: Written, way: Way, frames: int) -> tuple[Segment, ...]:
        vocabulary = self._recogniser.vocabulary
        start_s = window.start / RATE_HZ
        shared = Segment(
            text="", start_s=start_s, end_s=start_s + window.seconds, seek=round(start_s * FRAMES_PER_S),
            temperature=way.temperature, avg_logprob=written.avg_logprob, no_speech_prob=written.no_speech_prob,
        )  # fmt: skip
        encoded = self._encode([window], frames) if self._wish.words or self._wish.logprobs else None
        found = []
        for part in timed(vocabulary, written.tokens, window.seconds):
            text = vocabulary.text(part.ids)
            segment = msgspec.structs.replace(
                shared, text=text, start_s=start_s + part.start_s, end_s=start_s + part.end_s, tokens=part.tokens,
                compression_ratio=compression_ratio(text),
            )  # fmt: skip
            found.append(segment)
        return tuple(found) if encoded is None else self._aligned(found, encoded, window, way)

    def _aligned(self, segments: Sequence[Segment], encoded: Any, window: Window, way: Way) -> tuple[Segment, ...]:
        """With words and log-probabilities, from one alignment of the whole window."""
        vocabulary = self._recogniser.vocabulary
        texts = [[id_ for id_ in segment.tokens if id_ < vocabulary.end] for segment in segments]
        whole = self._recogniser.align(encoded, [id_ for ids in texts for id_ in ids], window.seconds, way)
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


def stretched(samples: Floats, pace: float) -> Floats:
    """The sound `pace` times faster, its pitch with it."""
    places = np.arange(0, len(samples) - 1, pace)
    return np.asarray(np.interp(places, np.arange(len(samples)), samples), dtype=np.float32)
