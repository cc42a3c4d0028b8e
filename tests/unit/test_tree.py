"""CPU clocks of processes: as the kernel's own accounts have them, and never falling."""

import errno
import os
import subprocess
import sys
import time

import psutil
import pytest

from omniwatt.tree import LOOK_S, PATIENCE, Everyone, Tree

WORK = """
import subprocess, sys, time
until = time.process_time() + 0.15
while time.process_time() < until: pass
subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"])
print("done", flush=True)
sys.stdin.read()
"""


def test_the_quick_clock_agrees_with_the_thorough_one_and_knows_helpers_that_ended() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        tree, everyone = Tree(child.pid), Everyone()
        everyone.clock_s()
        seen = []
        while not seen or seen[-1] < 0.15:
            seen.append(tree.clock_s())
            time.sleep(0.01)
        child.stdout.readline()
        time.sleep(0.3)  # the helpers that ended are looked for four times a second
        times = psutil.Process(child.pid).cpu_times()
        whole_s = times.user + times.system + times.children_user + times.children_system
        assert abs(tree.clock_s() - whole_s) < 0.05
        assert abs(tree.clock_s() - Tree(child.pid).cpu_s()) < 0.03
        assert everyone.clock_s() > 0.1
        assert seen == sorted(seen)
        child.stdin.close()
    assert tree.clock_s() == 0.0


def test_everyone_counts_those_that_come_later_and_never_falls() -> None:
    everyone = Everyone()
    first_s = everyone.clock_s()
    assert first_s == 0.0
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        time.sleep(0.3)
        second_s = everyone.clock_s()
        child.kill()
    assert second_s > 0.01
    assert everyone.clock_s() >= second_s


STARTS = """
import subprocess, sys
sys.stdin.readline()
subprocess.Popen([sys.executable, "-c", "while True: pass"])
print("started", flush=True)
sys.stdin.read()
"""


def test_a_helper_that_has_just_come_is_known_before_the_next_full_look() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        tree = Tree(child.pid)
        begun_s = time.monotonic()
        assert tree.pids() == (child.pid,)
        took_s = time.monotonic() - begun_s
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.stdout.readline()
        time.sleep(min(LOOK_S, max(0.02, 2 * PATIENCE * took_s)))
        helpers = tree.pids()[1:]
        assert len(helpers) == 1
        psutil.Process(helpers[0]).kill()
        child.stdin.close()


def test_where_processes_cannot_be_listed_those_known_are_still_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.stdout.readline()
        tree, everyone = Tree(child.pid), Everyone()
        before = tree.pids()
        assert len(before) == 2
        everyone.clock_s()
        with monkeypatch.context() as patch:
            patch.setattr(os, "listdir", _no_files)
            time.sleep(LOOK_S)
            assert tree.pids() == before
            assert tree.clock_s() > 0.0
            assert everyone.clock_s() == 0.0
        assert 0.0 <= everyone.clock_s() < 60.0, "nobody is counted as new who was there before"
        psutil.Process(before[1]).kill()
        child.stdin.close()


def _no_files(*_: object) -> None:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
