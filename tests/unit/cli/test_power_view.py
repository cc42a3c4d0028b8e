"""Watts as a terminal shows them."""

import io

import pytest
from rich.console import Console
from rich.live import Live

from omniwatt.cli.power_view import folded, sparkline, stretches, view
from omniwatt.cli.units import joules, watts
from omniwatt.power.amounts import Tariff, a_day_of, cost_of

STATUS = {
    "watts": 6.14,
    "budget_w": 6.2,
    "idle_w": 2.0,
    "max_w": 10.3,
    "method": "estimated",
    "source": "cpu-time",
    "scope": "node",
    "uncertainty_pct": 50.0,
    "state": "tracking",
    "slots": 1.2,
    "running": 1.0,
    "wanted": {"default": 3.0, "flex": 0.0},
    "metered_j": 812.0,
    "history": [{"at_s": 2.0 * i, "watts": w, "budget_w": 6.2} for i, w in enumerate((2.0, 4.0, 6.0, 8.0, 10.0))],
    "amounts": {"kwh_per_day": 0.147, "laptops": 0.031, "cost_per_day": 0.04, "currency": "EUR"},
}


def _shown(status) -> str:
    console = Console(width=80, record=True, file=None, force_terminal=False)
    with console.capture() as capture:
        console.print(view(status, 80))
    return " ".join(capture.get().split())


def test_the_whole_view() -> None:
    text = _shown(STATUS)
    for part in (
        "6.1 W of 6.2 W (60% of full load)",
        "holding the budget",
        "▁▂ ▄ ▆ █",
        "2.0 W … 10.3 W, budget ▅",
        "0.15 kWh a day",
    ):
        assert part in text
    for part in ("0.04 EUR", "812 J since the start", "estimated by cpu-time, scope node ±50 %", "wanted: default 3"):
        assert part in text


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (
            {"state": "below-idle", "why": "idle takes 2 W"},
            "idle takes 2 W → give it more than 2.0 W (omniwatt power set 60%), or no limit",
        ),
        (
            {"state": "below-idle", "rest_w": 7.1},
            "→ other programs take about 5.1 W besides 2.0 W idle: nothing holds them → give it more than 7.1 W, or no",
        ),
        ({"state": "demand-limited", "slots": 0.0, "wanted": {"default": 0.01}}, "no work just now"),
        ({"budget_w": 12.0}, "of 12.0 W (more than full load)"),
        ({"method": "", "watts": None, "history": []}, "without a meter"),
        ({"budget_w": None, "state": "unlimited"}, "no budget is set"),
        (
            {"state": "stale", "why": "the meter is silent"},
            "by the model alone, with a wider margin: the meter is silent",
        ),
        ({"state": "stale"}, "→ what this machine takes is assumed: omniwatt power calibrate"),
        (
            {"budget_unkept": "power_budget cannot be written: No space left"},
            "ends with the server: power_budget cannot",
        ),
        ({"watts": 27_800.0, "budget_w": 28_000.0, "max_w": 0.0}, "27.80 kW of 28.00 kW"),
        ({"budget_because": "an event takes 25 % until 20:00"}, "budget: an event takes 25 % until 20:00"),
        ({"budget_left_s": 12.3}, "for 12 s more"),
        ({"budget_left_s": 10_800.0}, "for 3.0 h more"),
    ],
)
def test_what_is_not_as_it_should_be_is_said(change, part) -> None:
    assert part in _shown(STATUS | change)


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_narrow_terminal_cuts_nothing_off_that_says_what_to_do(width) -> None:
    status = STATUS | {"state": "below-idle", "why": "the meter has been silent: no answer within 2 s", "budget_w": 0.0}
    out = io.StringIO()
    console = Console(width=width, height=60, soft_wrap=True, file=out, force_terminal=True, color_system=None)
    with Live(console=console, auto_refresh=False) as live:
        live.update(folded(view(status, width)), refresh=True)
    text = "".join(out.getvalue().split())
    for part in ("no answer within 2 s", "omniwatt power set none", "812 J since the start"):
        assert part.replace(" ", "") in text


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], ""), ([0, 10], "▁█"), ([5] * 4, "▄▄▄▄"), ([-5, None, 99], "  █")],
)
def test_a_sparkline_has_a_block_for_each_value(values, expected) -> None:
    assert sparkline(values, 0, 10) == expected


def test_stretches_are_means_that_stay_as_they_are_while_time_goes_on() -> None:
    points = [{"at_s": 100.0 + 0.2 * i, "watts": float(i % 5), "budget_w": 3.0} for i in range(300)]
    points[50:60] = [{"at_s": one["at_s"], "watts": None, "budget_w": 3.0} for one in points[50:60]]
    before, after = stretches(points[:295], 2.0, 20), stretches(points, 2.0, 20)
    assert before[-5:-1] == after[-5:-1] == [(pytest.approx(2.0), 3.0)] * 4
    assert len(after) == 20
    assert stretches(points, 2.0, 40)[5] == (None, None)
    assert stretches([], 2.0, 20) == []


def test_the_curve_is_red_where_it_was_over_its_budget() -> None:
    out = io.StringIO()
    console = Console(width=80, soft_wrap=True, file=out, force_terminal=True, color_system="standard")
    console.print(view(STATUS, 80))
    assert "\x1b[36m▄\x1b[0m" in out.getvalue()
    assert "\x1b[31m▆\x1b[0m" in out.getvalue()


def test_units_are_those_people_write() -> None:
    assert [watts(None), watts(3.21), watts(344.4)] == ["-", "3.2 W", "344 W"]
    assert [joules(0.5), joules(99.0), joules(25_000.0), joules(7.2e6)] == ["0.50 J", "99 J", "25.0 kJ", "2.000 kWh"]


def test_what_watts_and_joules_amount_to() -> None:
    tariff = Tariff(price_per_kwh=0.30, g_co2_per_kwh=380.0)
    day = a_day_of(1000.0, tariff)
    assert (day.kwh_per_day, day.laptops) == (24.0, 5.0)
    assert (day.cost_per_day, day.kg_co2_per_day) == pytest.approx((7.2, 9.12))
    assert cost_of(3.6e6, tariff) == {"kwh": 1.0, "cost": 0.3, "currency": "EUR", "g_co2": 380.0}
    assert cost_of(3.6e6, Tariff()) == {"kwh": 1.0}
