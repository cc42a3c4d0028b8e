"""Who stops and continues engine processes: there is one hand on the signals, the governor's where there is one."""

from collections.abc import Callable, Mapping
from typing import Protocol


class Bill(Protocol):
    """One call, as those see it who charge for it."""

    @property
    def tier(self) -> str:
        """Its job's; empty: nobody will ask what it has cost."""
        ...

    @property
    def brief(self) -> bool:
        """The governor need not be told of it one by one, should it be short."""
        ...

    def end(self, work: Mapping[str, float], *, brief: bool) -> None:
        """It is over, and did so many units of each kind; said again, nothing.

        `brief`: by its host's word the governor was told of it in a sum alone.
        """
        ...


class Hand(Protocol):
    """The governor as the workers see it."""

    @property
    def gate(self) -> str:
        """Where hosts ask for their steps, relative to their folder; empty where nobody governs."""
        ...

    def join(self, pid: int, name: str, threads: int, *, exempt: bool, freed: Callable[[], None]) -> None:
        """A process group has come, or more is known of it. `exempt`: it is counted and never held.

        `freed` runs when the governor is lost: the group has to be continued by whoever reads this.
        """
        ...

    def leave(self, pid: int) -> None:
        """A process group is about to end; it is not signalled any more."""
        ...

    def want(self, pid: int, *, held: bool, urgent: bool) -> bool:
        """Have it held for the cores' sake, or never held. False: nobody is there to do it."""
        ...

    def let(self, pid: int) -> float:
        """Share of the time the group is let run, of that in which it is not held for the cores' sake."""
        ...

    def call(self, job: str, engine: str, capability: str) -> Bill:
        """A call for a job begins on an engine."""
        ...


class Nobody:
    """No governor: the workers stop and continue by themselves."""

    gate = ""

    def join(self, pid: int, name: str, threads: int, *, exempt: bool, freed: Callable[[], None]) -> None: ...
    def leave(self, pid: int) -> None: ...
    def want(self, pid: int, *, held: bool, urgent: bool) -> bool:
        return False

    def let(self, pid: int) -> float:
        return 1.0

    def call(self, job: str, engine: str, capability: str) -> Bill:
        return NOBODYS


class _Nobodys:
    tier, brief = "", False

    def end(self, work: Mapping[str, float], *, brief: bool) -> None: ...


NOBODYS: Bill = _Nobodys()
"""Of a call that no request is charged with."""
