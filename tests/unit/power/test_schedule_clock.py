"""A schedule on clocks that are put forward, put back and moved to another zone; windows that lie on one another."""

import time as clock
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path

import pytest

from omniwatt.contract.power import Event, Window
from omniwatt.power.orders import Orders
from omniwatt.power.schedule import budget_at
from omniwatt.settings import Power

SUMMER, WINTER = timezone(timedelta(hours=2)), timezone(timedelta(hours=1))
SMALL_HOURS = Window(start=time(2), end=time(3), budget="40W")
NIGHT = Window(start=time(22), end=time(6), budget="20W", days=("sat",))
DAY, NOON = Window(start=time(8), end=time(18), budget="80W"), Window(start=time(12), end=time(13), budget="30W")


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (datetime(2026, 10, 25, 1, 59, tzinfo=SUMMER), 100),
        (datetime(2026, 10, 25, 2, 30, tzinfo=SUMMER), 40),
        (datetime(2026, 10, 25, 2, 30, tzinfo=WINTER), 40),
        (datetime(2026, 10, 25, 3, 0, tzinfo=WINTER), 100),
        (datetime(2027, 3, 28, 1, 59, tzinfo=WINTER), 100),
        (datetime(2027, 3, 28, 3, 0, tzinfo=SUMMER), 100),
    ],
)
def test_a_window_goes_by_the_clock_on_the_wall(when: datetime, expected: float) -> None:
    """It holds for two hours where an hour comes twice, and not at all where it is left out."""
    assert budget_at(when, "100W", 200.0, (SMALL_HOURS,)) == expected


@pytest.mark.parametrize("zone", [SUMMER, WINTER])
def test_a_night_over_a_change_belongs_to_the_day_it_began_on(zone: timezone) -> None:
    assert budget_at(datetime(2026, 10, 25, 2, 30, tzinfo=zone), "100W", 200.0, (NIGHT,)) == 20.0
    assert budget_at(datetime(2026, 10, 25, 22, 30, tzinfo=WINTER), "100W", 200.0, (NIGHT,)) == 100.0


def test_an_event_is_as_long_as_it_says_whatever_the_clock_does() -> None:
    event = Event(start=datetime(2026, 10, 25, 0, 30, tzinfo=UTC), length_s=3600.0, reduce_pct=50.0, within_s=0.0)
    before_end, end = (datetime(2026, 10, 25, 2, 30, tzinfo=WINTER) - timedelta(seconds=left_s) for left_s in (1, 0))
    assert budget_at(before_end, "100W", 200.0, (), (event,)) == 50.0
    assert budget_at(end, "100W", 200.0, (), (event,)) == 100.0


@pytest.mark.parametrize(
    ("windows", "expected"), [((DAY, NOON), 30), ((NOON, DAY), 80), ((DAY, NOON, DAY), 80), ((NOON, NOON), 30)]
)
def test_of_windows_that_overlap_the_one_written_last_holds(windows: tuple[Window, ...], expected: float) -> None:
    assert budget_at(datetime(2026, 11, 20, 12, 30, tzinfo=UTC), "100W", 200.0, windows) == expected
    assert budget_at(datetime(2026, 11, 20, 14, 0, tzinfo=UTC), "100W", 200.0, (DAY, NOON)) == 80.0


@pytest.fixture
def zones(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Settable by TZ; put back at the end."""
    with monkeypatch.context() as patch:
        yield patch
    clock.tzset()


def test_a_machine_moved_to_another_zone_is_so_after_a_reload(tmp_path: Path, zones: pytest.MonkeyPatch) -> None:
    zones.setenv("TZ", "UTC0")
    clock.tzset()
    now = datetime.now(UTC)
    hour = Window(start=now.time().replace(minute=0, second=0, microsecond=0), end=_last_of(now), budget="30W")
    settings = Power(budget="100W", windows=(hour,))
    orders = Orders(settings, 200.0, tmp_path / "kept")
    if datetime.now(UTC).hour == now.hour:
        assert orders.now_w(200.0) == 30.0
    zones.setenv("TZ", "AWAY-05")
    orders.read(settings, 200.0)
    assert orders.now_w(200.0) == 100.0


def _last_of(now: datetime) -> time:
    return now.time().replace(minute=59, second=59, microsecond=999_999)
