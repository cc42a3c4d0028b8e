"""Where speech begins and ends, and which stretches are written down together. Pure; all places are samples."""

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from omniwatt.contract.error import BadInput
from omniwatt.engines.hear.activity import PIECE
from omniwatt.engines.hear.mel import RATE_HZ

_RELEASE = 0.15
"""Speech goes on until its probability is this far below the threshold (Silero's own hysteresis)."""
_SHORTEST_PIECES = 3
_SURE = 0.6
"""A stretch whose likeliest piece stays below this is a noise."""


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How sound is cut. The first three are OpenAI's names of `server_vad`."""

    threshold: Annotated[float, msgspec.Meta(ge=0.05, le=0.95)] = 0.5
    prefix_padding_ms: Annotated[int, msgspec.Meta(ge=0, le=5000)] = 400
    silence_duration_ms: Annotated[int, msgspec.Meta(ge=100, le=10_000)] = 500
    longest_s: Annotated[float, msgspec.Meta(ge=5, le=28)] = 28.0
    joined_s: Annotated[float, msgspec.Meta(ge=1, le=28)] = 16.0
    """Neighbouring stretches are joined up to this length: attention makes each second of a longer window dearer."""
    gap_s: Annotated[float, msgspec.Meta(ge=0, le=10)] = 2.0
    """Stretches further apart than this are not joined."""


class Span(msgspec.Struct, frozen=True):
    """A stretch with speech, without padding."""

    start: int
    end: int


def rules_of(options: dict[str, Any], asked: dict[str, Any]) -> Rules:
    """The engine's options with what the caller asked for on top. Raises BadInput."""
    try:
        return msgspec.convert(options | {k: v for k, v in asked.items() if k != "type"}, Rules)
    except msgspec.ValidationError as error:
        raise BadInput(f"chunking_strategy: {error}.", param="chunking_strategy") from None


class Cutter:
    """Turns probabilities of speech, one a piece, into spans; a span is out once silence has settled it."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._at = 0
        self._likely: list[float] = []
        """Probabilities since the open span began; empty while there is none."""
        self._quiet = 0

    @property
    def open(self) -> Span | None:
        """What has been heard of a span that is not settled."""
        if not self._likely:
            return None
        start = self._at - len(self._likely)
        return self._span(start, self._at - self._quiet)

    @property
    def quiet(self) -> int:
        """Samples of silence at the end of the open span."""
        return self._quiet * PIECE

    def feed(self, likely: Iterable[float]) -> list[Span]:
        """Spans settled by these pieces."""
        found = []
        for probability in likely:
            self._at += 1
            if not self._likely and probability < self._rules.threshold:
                continue
            self._likely.append(probability)
            self._quiet = self._quiet + 1 if probability < self._rules.threshold - _RELEASE else 0
            if self._quiet * PIECE * 1000 >= self._rules.silence_duration_ms * RATE_HZ:
                found += self._settled()
            elif len(self._likely) * PIECE >= self._rules.longest_s * RATE_HZ:
                found += self._broken()
        return found

    def end(self) -> list[Span]:
        """The span that was open, if it was speech."""
        return self._settled() if self._likely else []

    def _settled(self) -> list[Span]:
        heard = self._likely[: len(self._likely) - self._quiet]
        start = self._at - len(self._likely)
        self._likely, self._quiet = [], 0
        if len(heard) < _SHORTEST_PIECES or max(heard) < _SURE:
            return []
        return [self._span(start, start + len(heard))]

    def _broken(self) -> list[Span]:
        """Speech without a pause: cut where it is least likely, in the second half."""
        half = len(self._likely) // 2
        place = min(range(half, len(self._likely)), key=lambda place: (self._likely[place], -place))
        start = self._at - len(self._likely)
        self._likely = self._likely[place:]
        return [self._span(start, start + place)]

    @staticmethod
    def _span(start: int, end: int) -> Span:
        return Span(start * PIECE, end * PIECE)


def joined(spans: list[Span], rules: Rules) -> list[Span]:
    """Neighbours that are heard better, and cheaper, in one go."""
    found: list[Span] = []
    for span in spans:
        before = found[-1] if found else None
        if before is not None and joinable(before, span, rules):
            found[-1] = Span(before.start, span.end)
        else:
            found.append(span)
    return found


def joinable(before: Span, after: Span, rules: Rules) -> bool:
    """Whether the two are near enough, and short enough together."""
    near = after.start - before.end <= rules.gap_s * RATE_HZ
    return near and after.end - before.start <= rules.joined_s * RATE_HZ


def padded(span: Span, before: int, after: int, rules: Rules) -> Span:
    """With the padding asked for, up to the neighbours' ends at `before` and `after`."""
    pad = rules.prefix_padding_ms * RATE_HZ // 1000
    return Span(max(before, span.start - pad), min(after, span.end + pad))
