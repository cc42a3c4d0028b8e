"""Memory there is: the machine's, a control group's of either version, the least of those above a process."""

from pathlib import Path

import pytest

from omniwatt.memory import free_bytes, machine_bytes

MEMINFO = "MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:    8000000 kB\n"


def written(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="ascii")


@pytest.fixture
def meminfo(tmp_path: Path) -> Path:
    path = tmp_path / "meminfo"
    path.write_text(MEMINFO, encoding="ascii")
    return path


def own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own"
    path.write_text(text, encoding="ascii")
    return path


def test_the_machine_has_memory() -> None:
    assert 0 < free_bytes() <= machine_bytes()
    assert machine_bytes() > 100_000_000


def test_without_groups_the_machine_counts(tmp_path: Path, meminfo: Path) -> None:
    nowhere = tmp_path / "none"
    assert free_bytes(nowhere, nowhere, meminfo) == 8_000_000 * 1024
    assert machine_bytes(nowhere, nowhere) == machine_bytes(tmp_path, nowhere)


def test_a_group_of_version_2_and_the_one_above_it(tmp_path: Path, meminfo: Path) -> None:
    groups = tmp_path / "cgroup"
    stat = "anon 1\ninactive_file 300\n"
    written(groups / "a" / "b", memory__max="max", memory__current="5", memory__stat=stat)
    written(groups / "a", memory__max="3000", memory__current="1300", memory__stat=stat)
    written(groups)
    process = own(tmp_path, "0::/a/b\n")
    assert machine_bytes(groups, process) == 3000
    assert free_bytes(groups, process, meminfo) == 2000, "a cache of files is no use"


def test_a_group_of_version_1(tmp_path: Path, meminfo: Path) -> None:
    groups = tmp_path / "cgroup"
    names = {
        "memory__limit_in_bytes": "5000",
        "memory__usage_in_bytes": "5600",
        "memory__stat": "total_inactive_file 0",
    }
    written(groups / "memory" / "x", **names)
    process = own(tmp_path, "9:name=systemd:/\n4:cpu,memory:/x\n0::/\n")
    assert machine_bytes(groups, process) == 5000
    assert free_bytes(groups, process, meminfo) == 0, "never less than nothing"


def test_a_group_seen_from_inside_its_namespace(tmp_path: Path, meminfo: Path) -> None:
    groups = tmp_path / "cgroup"
    written(groups, memory__max="4096", memory__current="96")
    assert free_bytes(groups, own(tmp_path, "0::/../../elsewhere\n"), meminfo) == 4000
