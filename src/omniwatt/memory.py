"""What memory there is: the machine's, or that of the control group this process is in, whichever is less."""

import os
from collections.abc import Iterator
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")
SELF = Path("/proc/self/cgroup")


def machine_bytes(groups: Path = GROUPS, own: Path = SELF) -> int:
    """Memory this process may use at most."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *(limit for limit, _ in _limited(groups, own))])


def free_bytes(groups: Path = GROUPS, own: Path = SELF, meminfo: Path = MEMINFO) -> int:
    """Memory that can be had now without anything being swapped or killed; caches of files count as free."""
    return max(0, min([_available(meminfo), *(limit - used for limit, used in _limited(groups, own))]))


def _available(meminfo: Path) -> int:
    """`MemAvailable` (Documentation/filesystems/proc.rst)."""
    for line in _text(meminfo).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _limited(groups: Path, own: Path) -> Iterator[tuple[int, int]]:
    """Limit and use of each control group above this process, of both versions; groups without a limit are left out."""
    for line in _text(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            names, root = ("memory.max", "memory.current", "inactive_file"), groups
        elif "memory" in controllers.split(","):
            names, root = (
                ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
                groups / "memory",
            )
        else:
            continue
        folder = root / path.lstrip("/")
        for one in (folder, *folder.parents):
            limit, used = _text(one / names[0]).strip(), _text(one / names[1]).strip()
            if limit.isdigit() and used.isdigit():
                yield int(limit), int(used) - _cached(one, names[2])
            if one == root:
                break


def _cached(folder: Path, name: str) -> int:
    for line in _text(folder / "memory.stat").splitlines():
        found, _, count = line.partition(" ")
        if found == name and count.isdigit():
            return int(count)
    return 0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
