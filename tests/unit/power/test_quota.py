"""CPU quotas in folders that look like control groups, of both versions."""

import signal
from pathlib import Path

import pytest

from omniwatt.power.actuators.duty import Duty
from omniwatt.power.actuators.quota import Quota, lift, open_quota

V1, V2 = "4:memory:/x\n1:cpu,cpuacct:/deep\n0::/\n", "0::/user/deep\n"


def kernel(root: Path, *, unified: bool) -> Path:
    """The parent group, with what the kernel would put into the new one."""
    parent = root / ("user/deep" if unified else "cpu,cpuacct/deep")
    made = parent / "omniwatt-t"
    made.mkdir(parents=True)
    (parent / "cgroup.procs").touch()
    names = ["cpu.max"] if unified else ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
    for name in (*names, "cgroup.procs"):
        (made / name).touch()
    if unified:
        (root / "cgroup.controllers").write_text("cpu memory")
    return made


def said(made: Path) -> str:
    """The quota as it stands, whatever the version."""
    v2 = made / "cpu.max"
    return (v2 if v2.exists() else made / "cpu.cfs_quota_us").read_text().split()[0]


@pytest.mark.parametrize("unified", [True, False])
def test_quotas_members_and_the_end(tmp_path: Path, unified: bool) -> None:
    made = kernel(tmp_path, unified=unified)
    quota = open_quota(tmp_path, V2 if unified else V1, "omniwatt-t")
    assert isinstance(quota, Quota)
    none = "max" if unified else "-1"
    assert said(made) == none
    quota.hold(1.2)
    assert said(made) == "24000"
    quota.hold(0.0)
    assert said(made) == "1000", "the least the kernel takes"
    quota.members([7])
    assert (made / "cgroup.procs").read_text() == "7"
    quota.members([])
    assert (made.parent / "cgroup.procs").read_text() == "7"
    lift(tmp_path, V2 if unified else V1, "omniwatt-t")
    assert said(made) == none
    quota.hold(0.5)
    quota.close()
    assert said(made) == none


def test_where_no_group_may_be_made(tmp_path: Path) -> None:
    assert open_quota(tmp_path, V2, "omniwatt-t") is None
    assert open_quota(tmp_path, V1, "omniwatt-t") is None
    assert open_quota(tmp_path, "nonsense\n", "omniwatt-t") is None
    (tmp_path / "cgroup.controllers").touch()
    (tmp_path / "user" / "deep").mkdir(parents=True)
    assert open_quota(tmp_path, V2, "omniwatt-t") is None, "no cpu.max appears in it"
    assert not (tmp_path / "user" / "deep" / "omniwatt-t").exists()
    lift(tmp_path, V2, "omniwatt-t")


class Clock:
    """A group's clock that is moved by hand."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.now_s = 1.0

    def clock_s(self) -> float:
        return self.now_s

    def pids(self) -> tuple[int, ...]:
        return (self.pid,)


class Sent:
    def __init__(self) -> None:
        self.sent: list[tuple[int, int]] = []

    def send(self, pid: int, number: int) -> None:
        self.sent.append((pid, number))

    def forget(self, pid: int) -> None: ...


def test_duty_by_quota_stops_only_those_below(tmp_path: Path) -> None:
    made = kernel(tmp_path, unified=True)
    signals = Sent()
    clocks = {pid: Clock(pid) for pid in (1, 2, 9)}
    duty = Duty(2, signals, clocks.__getitem__, open_quota(tmp_path, V2, "omniwatt-t"))
    for pid, tier in ((1, "default"), (2, "flex")):
        duty.join(pid, 2, exempt=False)
        duty.works_for(pid, [tier])
    duty.join(9, 1, exempt=True)
    duty.slots = 1.0
    for tick in range(200):
        for clock in clocks.values():
            clock.now_s += 0.002 if clock.pid == 9 else 0.009
        duty.tick(100.0 + tick * 0.01)
    assert 15_000 < int(said(made)) < 17_000, "a core less the fifth of one that is never held"
    stopped = {pid for pid, number in signals.sent if number == signal.SIGSTOP}
    assert stopped == {2}
    (made / "cpu.max").unlink()
    duty.slots = 0.5
    for tick in range(50):
        for clock in clocks.values():
            clock.now_s += 0.009
        duty.tick(103.0 + tick * 0.01)
    stopped = {pid for pid, number in signals.sent if number == signal.SIGSTOP}
    assert stopped == {1, 2}, "by stops, where the group was taken away"
    duty.free_all()
