"""Memory for pictures: those inside never need more than there is; who came first enters first; no waiting for ever."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from omniwatt.contract.error import Cancelled, Overloaded
from omniwatt.engines.draw import room as room_module
from omniwatt.engines.draw.room import KEPT_BYTES, Room
from omniwatt.memory import machine_bytes

MB = 1 << 20


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "POLL_S", 0.005)


def nothing() -> None:
    return


def room(limit_mb: int = 100, free_mb: int = 1000, **more: Callable[[], None] | float) -> Room:
    return Room(limit_mb * MB, free=lambda: free_mb * MB + KEPT_BYTES, **more)  # type: ignore[arg-type]


class Painting(threading.Thread):
    """Takes room, keeps it until told, and notes when it was inside."""

    def __init__(self, place: Room, need_mb: int, log: list[str], name: str) -> None:
        super().__init__()
        self.place, self.need, self.log, self.told = place, need_mb * MB, log, threading.Event()
        self.name = name
        self.start()

    def run(self) -> None:
        with self.place.taken(self.need, nothing):
            self.log.append(f"{self.name} in")
            self.told.wait(5)
            self.log.append(f"{self.name} out")


def until(log: list[str], entry: str) -> None:
    for _ in range(1000):
        if entry in log:
            return
        time.sleep(0.005)
    raise AssertionError(f"{entry} did not come: {log}")


def test_two_large_pictures_come_one_after_the_other() -> None:
    log: list[str] = []
    place = room(limit_mb=100)
    one = Painting(place, 60, log, "one")
    until(log, "one in")
    two = Painting(place, 60, log, "two")
    time.sleep(0.05)
    assert log == ["one in"], "the two would need 120 of 100"
    one.told.set()
    until(log, "two in")
    two.told.set()
    for each in (one, two):
        each.join(5)
    assert log == ["one in", "one out", "two in", "two out"]


def test_small_ones_go_in_beside_a_large_one_but_never_before_one_that_waits() -> None:
    log: list[str] = []
    place = room(limit_mb=100)
    large = Painting(place, 60, log, "large")
    until(log, "large in")
    small = Painting(place, 30, log, "small")
    until(log, "small in")
    second = Painting(place, 50, log, "second")
    time.sleep(0.03)
    late = Painting(place, 5, log, "late")
    time.sleep(0.05)
    assert log == ["large in", "small in"], "late would fit, but second came first"
    large.told.set()
    until(log, "late in")
    assert log.index("second in") < log.index("late in")
    for each in (small, second, late):
        each.told.set()
    for each in (large, small, second, late):
        each.join(5)


def test_what_is_free_now_counts_and_what_is_kept_for_speed_is_let_go_first() -> None:
    free = [50 * MB + KEPT_BYTES]

    def spare() -> None:
        free[0] += 20 * MB

    place = Room(1000 * MB, spare, lambda: free[0])
    with place.taken(60 * MB, nothing):
        assert free[0] == 70 * MB + KEPT_BYTES
    with place.taken(10 * MB, nothing):
        assert free[0] == 70 * MB + KEPT_BYTES, "nothing is let go without need"


def test_memory_that_others_hold_is_not_waited_for_for_ever() -> None:
    with pytest.raises(Overloaded, match=r"needs 63 MB.* leave 147 MB"):  # noqa: SIM117 - the error is of entering
        with room(limit_mb=100, free_mb=12, wait_s=0.02).taken(60 * MB, nothing):
            raise AssertionError
    place = room(limit_mb=100)
    with place.taken(100 * MB, nothing):
        pass


def test_who_gives_up_waiting_leaves_the_queue() -> None:
    def left() -> None:
        raise Cancelled("gone")

    place = room(limit_mb=100)
    with ExitStack() as inside:
        inside.enter_context(place.taken(80 * MB, nothing))
        with pytest.raises(Cancelled):
            inside.enter_context(place.taken(80 * MB, left))
        inside.enter_context(place.taken(10 * MB, nothing))
    with place.taken(100 * MB, nothing):
        pass


def test_the_machine_is_the_limit_where_the_operator_says_nothing() -> None:
    assert 0 < Room().limit_bytes < machine_bytes()
