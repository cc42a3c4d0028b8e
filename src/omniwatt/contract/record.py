"""What a request cost, as the ledger keeps it and as its observers (metrics, logs, traces) see it."""

from typing import Any, Literal, Protocol

from omniwatt.contract.request import Value

State = Literal["open", "done", "refused", "cancelled", "failed", "lost", "discarded"]

GAP_BOUNDS_S = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5)
"""Upper bounds of the buckets in which gaps between pieces of an answer are counted; the last bucket has none."""


class Record(Value, frozen=True):
    """One request. Times of day are Unix seconds. Energy is absent (None) where nothing measures or estimates it."""

    id: str
    time: float
    key_id: str
    project: str
    capability: str
    asked: str
    """The model's name as the caller wrote it."""
    card: str = ""
    """The card that answers; empty when refused before one was chosen."""
    model: str = ""
    """The model that really answered, in its provider's words."""
    tier: str = "default"
    state: State = "open"
    code: str | None = None
    status: int | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0
    audio_output_tokens: int = 0
    """Part of `completion_tokens`."""
    queue_s: float | None = None
    first_token_s: float | None = None
    """From arrival to the first piece of the answer."""
    total_s: float | None = None
    energy_j: float | None = None
    method: str | None = None
    details: dict[str, Any] = {}
    key_name: str = ""
    """For the log line; not kept."""
    gaps: tuple[int, ...] = ()
    """How many gaps between pieces fell into each bucket of GAP_BOUNDS_S; not kept."""
    gaps_s: float = 0.0
    """Their sum; not kept."""


class Observer(Protocol):
    """Learns of every request, on the event loop: must be quick and must not raise."""

    def opened(self) -> None:
        """A request has come in."""
        ...

    def ended(self, record: Record) -> None:
        """It has ended; called once for each `opened`."""
        ...
