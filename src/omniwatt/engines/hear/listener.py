"""One call's sound: what has come in, where speech is in it, and which windows of it are ready to be written down."""

import itertools

import msgspec
import numpy as np

from omniwatt.engines.hear.activity import Activity, Model
from omniwatt.engines.hear.cutting import Cutter, Rules, Span, joinable, joined, padded
from omniwatt.engines.hear.loudness import Loudness
from omniwatt.engines.hear.mel import RATE_HZ, Floats, samples_of

GUESS_QUIET_S = 0.05
"""After so much quiet it is worth finding out what was said, should this be the end."""
GUESS_SPOKEN_S = 0.25
"""Less than this is hardly a word."""
LATE_S = 0.25
"""So much later than the ear hears a voice end voice activity may say so."""


class Window(msgspec.Struct, frozen=True):
    """A stretch of sound to write down. `key` names the speech in it: equal keys hold the same speech."""

    start: int
    samples: Floats
    key: Span
    spans: tuple[Span, ...] = ()
    """The stretches of speech in it, where it was joined from several."""

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE_HZ


def apart(window: Window) -> list[Window]:
    """Each stretch of speech as a window of its own, the quiet between two shared by both."""
    edges = [window.start]
    edges += [(one.end + after.start) // 2 for one, after in itertools.pairwise(window.spans)]
    edges += [window.start + len(window.samples)]
    return [
        Window(start, window.samples[start - window.start : end - window.start], span)
        for (start, end), span in zip(itertools.pairwise(edges), window.spans, strict=True)
    ]


class Listener:
    """Takes samples in pieces of any size and holds no more of them than is still needed."""

    def __init__(self, model: Model, rules: Rules) -> None:
        self._activity, self._cutter, self._rules = Activity(model), Cutter(rules), rules
        self._loudness = Loudness()
        self._samples: Floats = np.zeros(0, np.float32)
        self._base = 0
        self._odd = b""
        self._spans: list[Span] = []
        self._taken = 0
        """Where the last window taken ended: the next begins no earlier."""
        self.ended = False

    @property
    def heard(self) -> int:
        """Samples that have come in."""
        return self._base + len(self._samples)

    @property
    def heard_s(self) -> float:
        return self.heard / RATE_HZ

    @property
    def waiting(self) -> int:
        """Windows that are settled, but for the last, which may still grow."""
        return len(joined(self._spans, self._rules))

    def feed(self, data: bytes) -> None:
        """Signed 16-bit little-endian samples at 16 kHz; a sample may be split between two pieces."""
        data = self._odd + data
        self._odd = data[len(data) & ~1 :]
        samples = samples_of(data[: len(data) & ~1])
        self._samples = np.concatenate([self._samples, samples])
        self._loudness.feed(samples)
        self._spans += self._cutter.feed(self._activity.feed(samples).tolist())
        if not self._spans:
            self._forget(self.heard if self._cutter.open is None else self._cutter.open.start)

    def end(self) -> None:
        """No more will come."""
        if not self.ended:
            self.ended = True
            self._spans += self._cutter.feed(self._activity.end().tolist()) + self._cutter.end()

    def take(self, windows: int, *, flush: bool) -> list[Window]:
        """Up to `windows` windows, in order; `flush` gives also the one that might still grow."""
        groups = joined(self._spans, self._rules)
        if not (flush or self.ended) and groups and self._may_grow(groups[-1]):
            groups = groups[:-1]
        groups = groups[:windows]
        found = [self._window(group) for group in groups]
        if groups:
            self._spans = [span for span in self._spans if span.start >= groups[-1].end]
            nearest = self._spans[0].start if self._spans else self.heard
            self._forget(nearest if self._cutter.open is None else min(nearest, self._cutter.open.start))
        return found

    def said(self) -> Span | None:
        """The key of the window that would be if nothing more were said; None while somebody speaks."""
        span = self._cutter.open
        if span is None:
            return None
        until = self._voiced_until(span)
        if self.heard - until < GUESS_QUIET_S * RATE_HZ or until - span.start < GUESS_SPOKEN_S * RATE_HZ:
            return None
        return Span(joined([*self._spans, span], self._rules)[-1].start, until)

    def guess(self) -> Window | None:
        """That window; None where `said` is."""
        span = self._cutter.open
        if span is None or self.said() is None:
            return None
        return self._cut(joined([*self._spans, span], self._rules)[-1], self.heard)

    def _voiced_until(self, span: Span) -> int:
        """Where the voice in `span` ends, as near as can be told: loudness knows it first, where it is quiet enough."""
        loud = self._loudness.last
        return loud if 0 <= span.end - loud <= LATE_S * RATE_HZ else span.end

    def _may_grow(self, group: Span) -> bool:
        next_start = self.heard if self._cutter.open is None else self._cutter.open.start
        return joinable(group, Span(next_start, next_start + 1), self._rules)

    def _window(self, group: Span) -> Window:
        later = [span.start for span in self._spans if span.start >= group.end]
        if not later and self._cutter.open is not None:
            later = [self._cutter.open.start]
        window = self._cut(group, later[0] if later else self.heard)
        self._taken = window.start + len(window.samples)
        return window

    def _cut(self, group: Span, after: int) -> Window:
        span = padded(group, max(self._taken, self._base), min(after, self.heard), self._rules)
        samples = self._samples[span.start - self._base : span.end - self._base].copy()
        spans = tuple(one for one in self._spans if group.start <= one.start and one.end <= group.end)
        return Window(span.start, samples, Span(group.start, self._voiced_until(group)), spans)

    def _forget(self, needed: int) -> None:
        """Drop what lies before `needed` and its padding."""
        keep = max(self._base, needed - RATE_HZ * self._rules.prefix_padding_ms // 1000 - 2 * RATE_HZ // 10)
        self._samples = self._samples[keep - self._base :]
        self._base = keep
