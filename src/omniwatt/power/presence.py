"""Who is there, and whose the time is: while n jobs are there, each has an nth of it. Every call is O(1) but `cut`."""


class Presence:
    """Times are time.monotonic; one that lies before the last counts as the last."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        """Job -> what `_each_s` was when it came, or at the last cut."""
        self._each_s = 0.0
        """The sum of seconds / number of jobs so far: what one that was there from the start would have."""
        self._at_s: float | None = None

    def __len__(self) -> int:
        return len(self._since)

    def come(self, job: str, at_s: float) -> None:
        """It is there from now on; nothing if it already is."""
        self._pass(at_s)
        self._since.setdefault(job, self._each_s)

    def go(self, job: str, at_s: float) -> float:
        """It is there no more; returns its seconds since it came, or since the last cut. 0.0 if it was not there."""
        self._pass(at_s)
        return self._each_s - self._since.pop(job, self._each_s)

    def cut(self, at_s: float) -> dict[str, float]:
        """The seconds of each that is there; they are counted anew from here."""
        self._pass(at_s)
        found = {job: self._each_s - since_s for job, since_s in self._since.items()}
        self._since = dict.fromkeys(self._since, self._each_s)
        return found

    def _pass(self, at_s: float) -> None:
        if self._at_s is None:
            self._at_s = at_s
        if at_s > self._at_s:
            if self._since:
                self._each_s += (at_s - self._at_s) / len(self._since)
            self._at_s = at_s
