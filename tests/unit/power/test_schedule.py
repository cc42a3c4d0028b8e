"""The budget over a day."""

from datetime import UTC, datetime, time

import pytest

from omniwatt.contract.power import Event, Window
from omniwatt.power.schedule import budget_at, reasons, watts

NIGHT = Window(start=time(22), end=time(6), budget="100%")
PEAK = Window(start=time(17), end=time(20), budget="500W", days=("mon", "tue", "wed", "thu", "fri"))
SHED = Event(start=datetime(2026, 11, 20, 18, tzinfo=UTC), length_s=3 * 3600, reduce_pct=25)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("180W", 180), ("180", 180), ("1.2kW", 1200), ("1.2 kw", 1200), ("60%", 600), ("0", 0), (" 60 % ", 600)],
)
def test_budgets_are_read(text, expected) -> None:
    assert watts(text, 1000.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    ["", "W", "-5W", "nan", "inf W", "60%%", "a lot", "1e12 W", "1e8kW", "1e300", "1e300kW", "1e9%", "1e400", "-0.1%"],
)
def test_what_is_no_budget_is_refused(text) -> None:
    with pytest.raises(ValueError, match="no budget"):
        watts(text, 1000.0)


def test_a_share_of_an_unknown_load_is_refused() -> None:
    with pytest.raises(ValueError, match="calibrate"):
        watts("60%", 0.0)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-11-20T12:00:00+00:00", 800),
        ("2026-11-20T17:00:00+00:00", 500),
        ("2026-11-21T17:00:00+00:00", 800),
        ("2026-11-20T23:00:00+00:00", 1000),
        ("2026-11-21T05:59:59+00:00", 1000),
        ("2026-11-21T06:00:00+00:00", 800),
    ],
)
def test_windows_hold_on_their_days_and_over_midnight(when, expected) -> None:
    assert budget_at(datetime.fromisoformat(when), "80%", 1000.0, (NIGHT, PEAK)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-1, 800), (0, 800), (15, 700), (30, 600), (10_799, 600), (10_800, 800)]
)
def test_an_event_takes_its_share_within_its_time_and_gives_it_back(seconds, expected) -> None:
    now = datetime.fromtimestamp(SHED.start.timestamp() + seconds, UTC)
    assert budget_at(now, "800W", 1000.0, (), (SHED,)) == pytest.approx(expected)


def test_an_event_without_a_budget_reduces_the_full_load() -> None:
    now = datetime.fromtimestamp(SHED.start.timestamp() + 60, UTC)
    assert budget_at(now, "", 1000.0, (), (SHED,)) == pytest.approx(750.0)
    assert budget_at(SHED.start.replace(hour=1), "", 1000.0, (), (SHED,)) == float("inf")


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (datetime(2026, 11, 20, 12, tzinfo=UTC), []),
        (datetime(2026, 11, 20, 17, 30, tzinfo=UTC), ["the window from 17:00 to 20:00 holds"]),
        (
            datetime(2026, 11, 20, 19, tzinfo=UTC),
            ["the window from 17:00 to 20:00 holds", "an event takes 25 % until 21:00"],
        ),
        (datetime(2026, 11, 20, 20, 30, tzinfo=UTC), ["an event takes 25 % until 21:00"]),
    ],
)
def test_what_the_schedule_does_is_said(when, said) -> None:
    assert reasons(when, [PEAK], [SHED]) == said
