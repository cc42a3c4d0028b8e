"""The bench of joules: a figure is the mean over answers, and says how it is known."""

import pytest

from bench.joules import Taken, figure

ENERGY = {
    "energy_joules": 10.0,
    "idle_joules": 4.0,
    "avg_power_watts": 50.0,
    "method": "estimated",
    "source": "cpu-time",
    "scope": "node",
    "uncertainty_pct": 40.0,
}


def test_a_figure_is_a_mean_of_joules_over_size_with_and_without_idle() -> None:
    found = figure("x", "J", "a token", [Taken(10.0, ENERGY), Taken(20.0, ENERGY)])
    assert found["value"] == pytest.approx((1.0 + 0.5) / 2)
    assert found["without_idle"] == pytest.approx((0.6 + 0.3) / 2)
    assert found["deviation"] == pytest.approx(0.3536, abs=1e-3)
    assert (found["answers"], found["watts"], found["method"]) == (2, 50.0, "estimated")
    assert found["readme"] == "a token (estimated by cpu-time, scope node, ±40 %; idle watts included)"


def test_one_answer_has_no_deviation() -> None:
    assert figure("x", "J", "a token", [Taken(10.0, ENERGY)])["deviation"] is None
