"""When somebody begins and stops speaking, from the probability of speech in each frame of sound. Pure.

States: quiet -> (START_FRAMES voiced frames) speaking -> (a silence as long as asked for) quiet. Within a turn each
silence is first a Pause, the moment to start guessing, and then either Resumed or Stopped.
"""

from dataclasses import dataclass, field
from typing import Literal

from omniwatt.realtime.values import MAX_WAIT_MS, TurnDetection

FRAME_MS = 32
"""What the voice activity model looks at at once: 512 samples at 16 kHz."""
START_FRAMES = 2
"""A single voiced frame is a click."""
RELEASE = 0.15
"""How far below the threshold the probability must fall to count as silence: without it, speech flickers."""
PAUSE_MS = 64
"""This long below the threshold is worth a guess: most stops between syllables are shorter."""
SOFT_FRAMES = 3
"""So many frames between release and threshold are soft speech; fewer are a voice that dies away."""
COMPLETE_MS = 400
"""How long semantic detection waits after a sentence that sounds complete."""
OPEN_ENDINGS = frozenset(
    {"and", "or", "but", "because", "so", "if", "when", "while", "that", "which", "who", "the", "a", "an", "of", "to"}
    | {"in", "on", "with", "for", "from", "my", "your", "is", "are", "was", "i", "you", "we", "they", "it", "then"}
    | {"than", "as", "at", "by", "um", "uh", "er", "like"}
)
"""After one of these nobody has finished."""
SENTENCE_ENDS = ".?!。？！…"
QUESTION_ENDS = "?？!！"
"""Written down after what sounds like a question or a call, never after a broken-off sentence."""


@dataclass(frozen=True, slots=True)
class Sign:
    """`started` and `stopped` carry the place where the sound for the model begins and ends (ms since the start of
    all sound), `paused` and `resumed` where the voice ended and came back."""

    kind: Literal["started", "paused", "resumed", "stopped"]
    at_ms: int


@dataclass(slots=True)
class Turns:
    """The state machine. `feed` takes one frame's probability of speech, 0 to 1, and says what it means."""

    detection: TurnDetection
    now_ms: int = 0
    speaking: bool = False
    paused: bool = False
    voiced_ms: int = 0
    """Where the last voiced frame ended."""
    loud_ms: int = 0
    """Where the last frame above the threshold ended."""
    started_ms: int = 0
    patience_ms: int | None = None
    """Semantic detection's word for this pause, once the words are known; None waits the longest."""
    _run: int = field(default=0)
    """Frames in a row: loud ones while it is quiet, soft ones while somebody speaks."""

    def feed(self, speech: float) -> list[Sign]:
        """One frame on."""
        self.now_ms += FRAME_MS
        loud = speech >= max(0.01, self.detection.threshold)
        if not self.speaking:
            return self._quiet(loud)
        return self._speaking(loud, voiced=speech >= max(0.01, self.detection.threshold - RELEASE))

    def reset(self) -> None:
        """Forget the turn under way: the buffer was committed or cleared by hand."""
        self.speaking = self.paused = False
        self._run = 0
        self.patience_ms = None

    def silence_limit_ms(self) -> int:
        """How long a silence ends the turn."""
        if self.detection.type == "server_vad":
            return self.detection.silence_duration_ms
        longest = MAX_WAIT_MS[self.detection.eagerness]
        return longest if self.patience_ms is None else min(longest, self.patience_ms)

    def _quiet(self, loud: bool) -> list[Sign]:
        self._run = self._run + 1 if loud else 0
        if self._run < START_FRAMES:
            return []
        self.speaking, self.paused, self.patience_ms = True, False, None
        self.voiced_ms = self.loud_ms = self.now_ms
        begun_ms = self.now_ms - START_FRAMES * FRAME_MS
        self.started_ms = max(0, begun_ms - self.detection.prefix_padding_ms)
        self._run = 0
        return [Sign("started", self.started_ms)]

    def _speaking(self, loud: bool, *, voiced: bool) -> list[Sign]:
        signs = []
        self._run = self._run + 1 if voiced and not loud else 0
        if voiced:
            self.voiced_ms = self.now_ms
        if loud:
            self.loud_ms = self.now_ms
        if self.paused and (loud or self._run >= SOFT_FRAMES):
            self.paused, self.patience_ms = False, None
            signs.append(Sign("resumed", self.now_ms - FRAME_MS))
        elif not self.paused and self._run < SOFT_FRAMES and self.now_ms - self.loud_ms >= self._pause_ms():
            self.paused = True
            signs.append(Sign("paused", self.loud_ms))
        # The voice ended somewhere in its last frame: half of one is its due.
        if self.now_ms - self.voiced_ms + FRAME_MS // 2 >= self.silence_limit_ms():
            self.reset()
            signs.append(Sign("stopped", self.now_ms))
        return signs

    def _pause_ms(self) -> int:
        return min(PAUSE_MS, self.silence_limit_ms())


def patience_ms(text: str, eagerness: str) -> int:
    """How long to wait after these words for more of them: short after a sentence, long after half of one. Pure."""
    longest = MAX_WAIT_MS[eagerness]
    words = text.strip().rstrip(SENTENCE_ENDS + ",;:-").lower().split()
    if words and text.rstrip()[-1:] in QUESTION_ENDS:
        return min(longest, COMPLETE_MS * longest // MAX_WAIT_MS["medium"])
    if not words or words[-1] in OPEN_ENDINGS or text.rstrip().endswith((",", ";", ":", "-", "…", "...")):
        return longest
    if text.rstrip()[-1:] in SENTENCE_ENDS:
        return min(longest, COMPLETE_MS * longest // MAX_WAIT_MS["medium"])
    return longest // 2
