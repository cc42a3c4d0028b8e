"""The operator's orders: the settings' budget and prices, a word that is kept, and what is refused."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from omniwatt.contract.power import Event, Window
from omniwatt.power.orders import Orders, check
from omniwatt.settings import Power

NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)
NIGHT = Window(start=time(22), end=time(6), budget="50%")
DAY = Window(start=time(6), end=time(22), budget="80%")
LESS = Event(start=NOON - timedelta(minutes=10), length_s=3600.0, reduce_pct=25.0)


@pytest.mark.parametrize(
    ("power", "said", "expected_w"),
    [
        (Power(), None, None),
        (Power(budget="60%"), None, 60.0),
        (Power(budget="60%", windows=(NIGHT, DAY)), None, 80.0),
        (Power(budget="60%", windows=(NIGHT,)), None, 60.0),
        (Power(budget="60%", windows=(DAY,)), "30W", 30.0),
        (Power(budget="60%", windows=(DAY,)), 30, 30.0),
        (Power(budget="60%"), "none", None),
        (Power(budget="60%"), "default", 60.0),
        (Power(events=(LESS,)), None, 75.0),
        (Power(budget="60%", events=(LESS,)), "none", 75.0),
        (Power(budget="60%", events=(LESS,)), "40W", 30.0),
    ],
)
def test_what_holds_now(power: Power, said: str | float | None, expected_w: float | None, tmp_path: Path) -> None:
    orders = Orders(power, 100.0, tmp_path / "kept")
    if said is not None:
        orders.say(said, 100.0)
    assert orders.watts(NOON, 100.0) == expected_w
    assert Orders(power, 100.0, tmp_path / "kept").watts(NOON, 100.0) == expected_w


def test_new_settings_hold_but_not_over_a_word(tmp_path: Path) -> None:
    orders = Orders(Power(budget="60%", price_per_kwh=0.3), 100.0, tmp_path / "kept")
    orders.read(Power(budget="70%", price_per_kwh=0.4, currency="CHF"), 100.0)
    assert (orders.watts(NOON, 100.0), orders.tariff.price_per_kwh, orders.tariff.currency) == (70.0, 0.4, "CHF")
    orders.say("50W", 100.0)
    orders.read(Power(budget="90%"), 100.0)
    assert (orders.by_word, orders.watts(NOON, 100.0), orders.tariff.price_per_kwh) == (True, 50.0, None)
    orders.say("default", 100.0)
    assert (orders.by_word, orders.watts(NOON, 100.0)) == (False, 90.0)
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    "power",
    [
        Power(budget="lots"),
        Power(budget="-5W"),
        Power(windows=(Window(start=time(1), end=time(2), budget=""),)),
        Power(events=(Event(start=NOON, length_s=60.0, reduce_pct=101.0),)),
        Power(events=(Event(start=NOON, length_s=60.0, reduce_pct=float("nan")),)),
        Power(events=(Event(start=NOON, length_s=0.0, reduce_pct=10.0),)),
        Power(events=(Event(start=NOON, length_s=60.0, reduce_pct=10.0, within_s=-1.0),)),
    ],
)
def test_what_cannot_be_held_is_refused_and_changes_nothing(power: Power, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"budget|event"):
        check(power, 100.0)
    orders = Orders(Power(budget="60%"), 100.0, tmp_path / "kept")
    with pytest.raises(ValueError, match=r"budget|event"):
        orders.read(power, 100.0)
    assert orders.watts(NOON, 100.0) == 60.0


def test_a_folder_that_cannot_be_written_keeps_nothing_but_holds(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    orders = Orders(Power(), 100.0, tmp_path / "home" / "kept")
    orders.say("50W", 100.0)
    assert orders.watts(NOON, 100.0) == 50.0
    assert "kept cannot be written" in orders.unkept


def test_what_is_too_long_to_be_kept_whole_is_refused(tmp_path: Path) -> None:
    orders = Orders(Power(), 100.0, tmp_path / "kept")
    with pytest.raises(ValueError, match="no budget"):
        orders.say("0" * 200 + "60W", 100.0)
    assert orders.budget == ""


@pytest.mark.parametrize("kept", [b"\xff\xfe", b"much", b"", b"60%%", b"-5W", b"9" * 10_000, b"nan", b"1e8kW", None])
def test_a_kept_word_that_is_none_is_said_and_the_settings_hold(kept: bytes | None, tmp_path: Path, caplog) -> None:
    file = tmp_path / "power_budget"
    if kept is None:
        file.mkdir()
    else:
        file.write_bytes(kept)
    orders = Orders(Power(budget="60%"), 100.0, file)
    assert (orders.by_word, orders.watts(NOON, 100.0)) == (False, 60.0)
    assert ("power_budget is not taken" in caplog.text) == (kept != b"")
    orders.say("50W", 100.0)
    assert orders.watts(NOON, 100.0) == 50.0
    assert bool(orders.unkept) == (kept is None)
    orders.say("default", 100.0)
    assert orders.watts(NOON, 100.0) == 60.0


def test_a_budget_for_a_while_leaves_no_trace(tmp_path: Path) -> None:
    now_s = 100.0
    orders = Orders(Power(budget="80%"), 100.0, tmp_path / "kept", lambda: now_s)
    orders.say("70W", 100.0)
    orders.say("50W", 100.0, 10.0)
    assert (orders.watts(NOON, 100.0), orders.budget, orders.left_s) == (50.0, "50w", 10.0)
    assert (tmp_path / "kept").read_text() == "70w"
    now_s += 11.0
    assert (orders.watts(NOON, 100.0), orders.budget, orders.left_s) == (70.0, "70w", None)
    orders.say("none", 100.0, 10.0)
    assert orders.watts(NOON, 100.0) is None
    orders.say("default", 100.0, 0.0)
    assert (orders.watts(NOON, 100.0), orders.left_s) == (70.0, None)
    orders.say("50W", 100.0, 10.0)
    orders.say("default", 100.0)
    assert (orders.watts(NOON, 100.0), orders.left_s) == (80.0, None)


@pytest.mark.parametrize("for_s", [-1.0, float("nan"), float("inf"), 1e9])
def test_what_is_no_while(tmp_path: Path, for_s: float) -> None:
    orders = Orders(Power(), 100.0, tmp_path / "kept")
    with pytest.raises(ValueError, match="a while"):
        orders.say("50W", 100.0, for_s)
    assert orders.watts(NOON, 100.0) is None


def test_why_another_budget_holds_than_the_settings_is_said(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    less = Event(start=now - timedelta(minutes=10), length_s=3600.0, reduce_pct=25.0)
    orders = Orders(Power(budget="80W"), 100.0, tmp_path / "kept")
    assert orders.because == ""
    orders.read(Power(budget="80W", events=(less,)), 100.0)
    assert orders.because.startswith("an event takes 25 % until ")
    orders.say("60W", 100.0, 30.0)
    assert orders.because.startswith("an event takes 25 % until ")
    orders.say("60W", 100.0)
    assert orders.because.startswith("set by hand, the settings' budget waits; an event takes 25 %")
    orders.say("default", 100.0)
    assert orders.because.startswith("an event takes")
