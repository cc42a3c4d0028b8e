"""What the governor asks of the kernel's scheduler, for itself and for those it holds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from omniwatt.power.machinery import YIELDS, go_after

FIRST = "import os; from omniwatt.power.machinery import go_first; print(go_first(), os.sched_getscheduler(0))"


def test_it_runs_in_real_time_where_it_may_and_says_whether() -> None:
    said = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=True).stdout.split()
    policy = int(said[1]) & ~os.SCHED_RESET_ON_FORK
    assert (said[0] == "True") is (policy == os.SCHED_RR)


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel has no shares of sessions")
def test_a_session_that_is_to_yield_does_where_sessions_share_the_cores() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as child:
        go_after(child.pid)
        said = Path(f"/proc/{child.pid}/autogroup").read_text("ascii")
    assert said.split()[-1] == str(YIELDS)


def test_of_one_that_is_gone_nothing_is_asked() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    go_after(child.pid)
    assert not Path(f"/proc/{child.pid}").exists()
