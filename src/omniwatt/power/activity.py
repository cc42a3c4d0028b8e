"""Whose CPU time it was: each engine's, ours that serves all, strangers'. By these the dynamic watts are cut."""

from omniwatt.contract.power import Meter
from omniwatt.power.actuators.duty import Duty
from omniwatt.power.meters.estimate import Estimate, Strangers
from omniwatt.tree import Everyone


class Activity:
    """All engines of a node. `by_core`: its watts are the processors'; cards are told apart by units of work alone."""

    def __init__(self, duty: Duty, meter: Meter | None, *, by_core: bool) -> None:
        self._duty = duty
        self._meter = meter
        self._by_core = by_core
        self._engines: dict[int, str] = {}
        self._used_s: dict[str, float] = {}
        self._looked_s: dict[int, float] = {}
        """Of each process group, as of the last look."""
        counts = meter is None or isinstance(meter, Estimate) or not by_core
        self._strangers = None if counts else Strangers(lambda: duty.used_s, Everyone().clock_s)

    def join(self, pid: int, name: str) -> None:
        """A process group that duty knows of works for an engine; what it used before is nobody's."""
        self._engines[pid] = name
        self._looked_s.setdefault(pid, self._duty.used_by(pid))

    def leave(self, pid: int) -> None:
        """It is about to go: what it used up to now still is its engine's."""
        if pid in self._engines:
            self._count(pid)
            del self._engines[pid], self._looked_s[pid]

    def used_s(self) -> dict[str, float]:
        """CPU seconds by engine so far, under "" all that is no engine's; empty where they tell nothing."""
        if not self._by_core:
            return {}
        for pid in self._engines:
            self._count(pid)
        return self._used_s | {"": self._duty.others_s + self._strangers_s()}

    def _count(self, pid: int) -> None:
        used_s, name = self._duty.used_by(pid), self._engines[pid]
        self._used_s[name] = self._used_s.get(name, 0.0) + max(0.0, used_s - self._looked_s[pid])
        self._looked_s[pid] = used_s

    def _strangers_s(self) -> float:
        if isinstance(self._meter, Estimate):
            return self._meter.others_s
        return self._strangers.used_s() if self._strangers else 0.0
