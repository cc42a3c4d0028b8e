"""What a meter's readings mean is what the policy is tuned to."""

import pytest

from omniwatt.contract.power import Manner, Reading
from omniwatt.power.machine import CARD_W, TURN_S, node, tuning
from omniwatt.power.meters.corrected import Corrected
from omniwatt.power.meters.nvml import AVERAGE, INSTANT
from omniwatt.power.meters.total import Total
from omniwatt.settings import Power

COUNTER = Manner()
WALL = Manner(window_s=1.0, period_s=2.0, doubt_s=0.08)


class Meter:
    """Reads what it is told."""

    def __init__(self, manner: Manner, source: str, uncertainty_pct: float) -> None:
        self.manner = manner
        self._reading = Reading(1.0, 100.0, 50.0, "measured", source, "node", uncertainty_pct)

    def read(self) -> Reading:
        return self._reading

    def close(self) -> None:
        return


CARD_NOW, CARD_MEAN = Meter(INSTANT, "nvml", 5.0), Meter(AVERAGE, "nvml", 10.0)
COUNTED, PLUG = Meter(COUNTER, "rapl", 5.0), Meter(WALL, "json", 3.0)


@pytest.mark.parametrize(
    ("meter", "window_s", "period_s", "react_s", "lag_s"),
    [
        (COUNTED, TURN_S, TURN_S, 0.4, 0.0),
        (CARD_NOW, 0.1, 0.1, 0.4, 0.03),
        (CARD_MEAN, 1.0, 0.1, 1.4, 0.03),
        (PLUG, 1.0, 2.0, 1.4, 0.03),
        (Meter(Manner(5.0, 5.0, 0.08), "redfish", 3.0), 5.0, 5.0, 2.0, 0.03),
        # A sum is as slow as its slowest part, however certain the sum.
        (Total((CARD_MEAN, COUNTED)), 1.0, 0.1, 1.4, 0.03),
        (Total((CARD_NOW, Meter(COUNTER, "cpu-time", 50.0))), 0.1, 0.1, 0.4, 0.03),
        # A correction changes the watts, not when they were.
        (Corrected(CARD_MEAN, 10.0, 1.1, 4.0), 1.0, 0.1, 1.4, 0.03),
        (Corrected(COUNTED, 10.0, 1.1, 4.0), TURN_S, TURN_S, 0.4, 0.0),
    ],
)
def test_each_meter_has_its_own_tuning(meter, window_s, period_s, react_s, lag_s) -> None:
    found = tuning(meter.manner, 4.0, by_core=False)
    assert (found.window_s, found.period_s, found.react_s, found.lag_s) == (window_s, period_s, react_s, lag_s)
    assert found.delay_doubt_s == (0.01 if window_s == TURN_S else 0.08)


@pytest.mark.parametrize(
    ("slots", "by_core", "trim", "floor", "trims"),
    [
        (4.0, True, True, 0.4, False),
        (32.0, True, False, 3.2, False),
        (1.0, False, True, 0.1, True),
        (4.0, False, False, 0.4, False),
        (32.0, False, True, 1.0, True),
    ],
)
def test_only_cards_are_trimmed_and_the_only_card_may_rest(slots, by_core, trim, floor, trims) -> None:
    found = tuning(INSTANT, slots, by_core=by_core, trim=trim)
    assert (found.floor_slots, found.trim) == (pytest.approx(floor), trims)


class Cards:
    """NVML with cards of such limits; None is a card that does not tell."""

    class NVMLError(Exception):
        pass

    def __init__(self, *limits_w: float | None) -> None:
        self._limits_w = limits_w

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self._limits_w)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetPowerManagementLimit(self, card: int) -> float:  # noqa: N802
        if self._limits_w[card] is None:
            raise self.NVMLError("not supported")
        return self._limits_w[card] * 1e3


@pytest.mark.parametrize(
    ("given", "limits_w", "most_w"),
    [
        ({}, (700.0, 700.0), 1400.0),
        ({}, (None, 700.0), CARD_W + 700.0),
        ({"max_w": 150.0}, (700.0, 700.0), 150.0),
        ({"idle_w": 4.0, "max_w": 150.0}, (700.0,), 150.0),
        ({"idle_w": 7.0}, (2.0,), 14.0),
    ],
)
def test_whatever_cards_and_settings_say_a_slot_takes_watts(given, limits_w, most_w) -> None:
    machine = node(Power(**given), None, 2, Cards(*limits_w)).machine
    assert machine.slot_w > 0.0
    assert 0.0 < machine.idle_w < machine.max_w
    assert machine.max_w == pytest.approx(most_w, abs=8.0)
