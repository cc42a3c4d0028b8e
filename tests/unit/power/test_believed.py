"""Nobody is charged by what cannot be."""

import itertools
import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from omniwatt.contract.power import Manner, Reading
from omniwatt.power.believed import Believed
from omniwatt.power.loop import Load, Loop, Machine
from omniwatt.power.meters.counter import Counter
from omniwatt.power.meters.rapl import Rapl
from omniwatt.power.sight import Decision, Tuning


def booked(watts: list[float], idle_w: float = 10.0, full_w: float = 30.0) -> list[float | None]:
    """Joules as the books have them, of a sensor that says this once a second."""
    believed, counter = Believed(idle_w, full_w), Counter()
    found = []
    for at_s, level_w in enumerate(watts):
        reading = Reading(float(at_s), level_w, counter.add(float(at_s), level_w), "measured", "json", "wall", 3.0)
        taken = believed.take(reading)
        found.append(None if taken is None else taken.energy_j)
    return found


def test_what_can_be_is_taken_as_it_is() -> None:
    assert booked([20.0, 22.0, 30.0, 8.0]) == [0.0, 21.0, 47.0, 66.0]


@pytest.mark.parametrize("wrong_w", [20_000.0, 0.02, 0.0, -5.0, 1e9, math.nan])
def test_a_stretch_with_nonsense_counts_at_the_lower_of_its_ends(wrong_w: float) -> None:
    found = booked([20.0, 20.0, wrong_w, wrong_w, 18.0, 20.0])
    assert found[:4] == [0.0, 20.0, None, None]
    if math.isfinite(wrong_w):
        assert found[4:] == pytest.approx([20.0 + 3 * 18.0, 20.0 + 3 * 18.0 + 19.0])
    else:
        assert found[4:] == [None, None], "what was counted is lost for good"


def test_it_never_falls_and_nonsense_at_the_start_is_not_booked() -> None:
    found = booked([9e3, 9e3, 20.0, 9e3, 20.0, 9e3, 9e3, 25.0])
    taken = [joules for joules in found if joules is not None]
    assert len(taken) == 3
    assert all(before <= after for before, after in itertools.pairwise(taken))
    assert taken[-1] - taken[0] == pytest.approx(5 * 20.0)


class Says:
    """A meter in wrong units for a while."""

    manner = Manner(0.1, 1.0)

    def __init__(self) -> None:
        self.at_s, self.unit_w, self._counter = 0.0, 1.0, Counter()

    def read(self) -> Reading:
        if self.unit_w == 0.0:
            raise OSError(24, "Too many open files")
        level_w = 20.0 * self.unit_w
        return Reading(self.at_s, level_w, self._counter.add(self.at_s, level_w), "measured", "json", "wall", 3.0)

    def close(self) -> None: ...


class Idle:
    """Nothing to act on."""

    def look(self, _: float) -> Load:
        return Load({}, 0.0, 0.0)

    def obey(self, decision: Decision | None, now_s: float) -> None: ...


def test_the_books_hold_no_more_than_the_machine_can_have_drawn() -> None:
    meter = Says()
    loop = Loop(Machine(2.0, 10.0, 10.0), Tuning(), meter, Idle())
    for at_s in range(40):
        meter.at_s, meter.unit_w = float(at_s), 1000.0 if 10 <= at_s < 20 else 1.0
        loop.turn(float(at_s))
        assert loop.believed.doubted == (meter.unit_w != 1.0)
    assert loop.account.metered_j == pytest.approx(39 * 20.0)


def test_a_meter_that_cannot_open_its_file_is_asked_again() -> None:
    meter = Says()
    loop = Loop(Machine(2.0, 10.0, 10.0), Tuning(), meter, Idle())
    loop.turn(0.0)
    meter.unit_w = 0.0
    loop.turn(1.0)
    assert "Too many open files" in loop.fault
    meter.at_s, meter.unit_w = 2.0, 1.0
    loop.turn(2.0)
    assert loop.fault == ""
    assert loop.account.metered_j == pytest.approx(40.0)


def test_whatever_a_driver_throws_the_work_goes_on_and_it_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = Says()
    loop = Loop(Machine(2.0, 10.0, 10.0), Tuning(), meter, Idle())
    loop.limit(20.0)
    loop.turn(0.0)
    with monkeypatch.context() as patch:
        patch.setattr(meter, "read", lambda: int("rubbish of the driver" * 100))
        assert loop.turn(1.0) is not None
        assert loop.fault.startswith("the meter failed: ValueError: ")
        assert len(loop.fault) <= 200
    meter.at_s = 2.0
    loop.turn(2.0)
    assert loop.fault == ""


def test_a_counter_that_falls_back_is_not_taken_for_one_that_went_round(tmp_path: Path) -> None:
    """RAPL begins anew after some machines have slept; a turn of its counter would be 262 kJ."""
    (domain := tmp_path / "intel-rapl:0").mkdir()
    (domain / "name").write_text("package-0")
    (domain / "max_energy_range_uj").write_text("262143328850")
    (domain / "energy_uj").write_text("9000000000")
    now = SimpleNamespace(s=0.0)
    loop = Loop(Machine(2.0, 10.0, 10.0), Tuning(), Rapl(tmp_path, lambda: now.s), Idle())
    for counted_j in (9000, 9020, 9040, 1, 21, 41):
        (domain / "energy_uj").write_text(str(counted_j * 1_000_000))
        now.s += 1.0
        loop.turn(now.s)
        assert loop.believed.doubted == (counted_j in (9000, 1)), "nor is nothing at all what a machine draws"
    assert loop.account.metered_j == pytest.approx(4 * 20.0), "the second in which it fell counts as those around it"
