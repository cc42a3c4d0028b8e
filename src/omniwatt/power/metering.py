"""What the way of a request needs of the meter: a job begins, and at its end somebody asks what it has cost."""

from typing import Any, Protocol


class Metering(Protocol):
    """See power/control.py."""

    @property
    def tight(self) -> bool:
        """Work has been waiting for watts for a while."""
        ...

    def share(self, tier: str) -> float:
        """What of the steps it wants a call of this tier may run now: 1.0 unless watts are short."""
        ...

    def begin(self, job: str, tier: str) -> None:
        """A request whose cost will be asked for; said again when its tier is known."""
        ...

    async def settle(self, job: str) -> dict[str, Any] | None:
        """What it has cost, as `usage.energy`, when asked for the first time; None where nobody can say."""
        ...


class Unmetered:
    """No meter: nothing is known of joules."""

    tight = False

    def share(self, tier: str) -> float:
        return 1.0

    def begin(self, job: str, tier: str) -> None: ...
    async def settle(self, job: str) -> dict[str, Any] | None:
        return None
