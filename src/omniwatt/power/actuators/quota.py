"""A CPU quota for all engines together, by a control group of their own, where this process may make one.

Version 2 (`cpu.max`) and version 1 (`cpu.cfs_quota_us`). The kernel holds the cores in use to a quota that stays the
same; each change of it begins a new period, so that one that changes all the time holds nothing.
Source: the kernel's cgroup-v2.rst and sched-bwc.rst.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

PERIOD_US = 20_000
LEAST_US = 1_000
"""The kernel takes no smaller quota."""
LEAVE_S = 0.2
"""So long it may take until the last one has left the group."""


class Quota:
    """One group below `parent`. Open it with `open_quota`."""

    def __init__(self, parent: Path, name: str, *, unified: bool) -> None:
        self._parent = parent
        self._folder = parent / name
        self._unified = unified
        self._members: set[int] = set()
        self._text = ""

    def open(self) -> bool:
        """Make the group; False where that, or its quota, is not ours to write."""
        for left in self._parent.glob("omniwatt-*"):
            with suppress(OSError):  # one that is in use cannot be removed
                left.rmdir()
        try:
            self._folder.mkdir(exist_ok=True)
            if self._unified and not (self._folder / "cpu.max").exists():
                (self._parent / "cgroup.subtree_control").write_text("+cpu")
            self.hold(None)
        except OSError:
            with suppress(OSError):
                self._folder.rmdir()
            return False
        return True

    def hold(self, cores: float | None) -> None:
        """So many cores for all members together; None: no limit. Raises OSError."""
        quota_us = None if cores is None else max(LEAST_US, round(cores * PERIOD_US))
        text = f"{quota_us} {PERIOD_US}" if quota_us else "none"
        if text == self._text:
            return
        if self._unified:
            _write(self._folder / "cpu.max", text if quota_us else f"max {PERIOD_US}")
        else:
            _write(self._folder / "cpu.cfs_period_us", str(PERIOD_US))
            _write(self._folder / "cpu.cfs_quota_us", str(quota_us or -1))
        self._text = text

    def members(self, pids: Iterable[int]) -> None:
        """These processes, and no others, are held."""
        wanted = set(pids)
        for pid in wanted - self._members:
            _move(self._folder, pid)
        for pid in self._members - wanted:
            _move(self._parent, pid)
        self._members = wanted

    def lift(self) -> None:
        """No limit, if there is such a group at all."""
        if self._folder.is_dir():
            with suppress(OSError):
                self.hold(None)

    def close(self) -> None:
        """No limit; everybody back, and the group gone."""
        self._text = ""
        with suppress(OSError):
            self.hold(None)
        self.members(())
        until_s = time.monotonic() + LEAVE_S
        while self._folder.is_dir():
            with suppress(OSError):
                self._folder.rmdir()
                return
            # Those that were killed with their gateway are still about to leave it.
            if time.monotonic() > until_s:
                return
            time.sleep(LEAVE_S / 20)


def quota_name(gate: str) -> str:
    """The group of one gateway's engines."""
    return f"omniwatt-{gate}"


def open_quota(root: Path, own: str, name: str) -> Quota | None:
    """A group below our own, or None where there may be none. `own` is the text of /proc/self/cgroup."""
    return next((quota for quota in _places(root, own, name) if quota.open()), None)


def lift(root: Path, own: str, name: str) -> None:
    """Take away the limit of a group whose governor has died."""
    for quota in _places(root, own, name):
        quota.lift()


def _places(root: Path, own: str, name: str) -> Iterator[Quota]:
    for line in own.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers and (root / "cgroup.controllers").exists():
            yield Quota(root / path.lstrip("/"), name, unified=True)
        elif "cpu" in controllers.split(","):
            yield Quota(root / controllers / path.lstrip("/"), name, unified=False)


def _write(file: Path, text: str) -> None:
    """Into a file that is there: one that is not is no control of the kernel's."""
    control = os.open(file, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    try:
        os.write(control, text.encode("ascii"))
    finally:
        os.close(control)


def _move(folder: Path, pid: int) -> None:
    with suppress(OSError):
        _write(folder / "cgroup.procs", str(pid))
