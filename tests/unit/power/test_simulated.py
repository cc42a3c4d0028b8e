"""The simulated server behaves as servers do, its sensors as sensors do; and it knows nothing of the policy."""

import ast
import statistics
from pathlib import Path

import pytest

from omniwatt.contract.power import Meter, MeterLost
from omniwatt.power import profile
from omniwatt.power.meters import plant as plants
from omniwatt.power.meters.plant import Plant
from omniwatt.power.meters.simulated import AVERAGE, BOARD, INSTANT, SMOOTHED, Ill, Sensor, Simulated, Trouble
from omniwatt.power.meters.tasks import Spread, Task

EVEN = Spread(chip=0, step=0, host=0, psu=0, cooling=0)
SERVER = profile.server("server28kw")


def _plant(seed: int = 1, mode: str = "flux", **more: object) -> Plant:
    one = Plant(SERVER, seed, **more)  # type: ignore[arg-type]
    one.workers.backlog = {mode: 1.0}
    return one


def _mean(plant: Plant, seconds: float) -> float:
    from_j, at_s = plant.trace_j[-1], plant.now_s
    plant.advance(at_s + seconds)
    return (plant.trace_j[-1] - from_j) / seconds


def test_it_imports_nothing_of_the_policy() -> None:
    for name in ("plant", "simulated"):
        tree = ast.parse((Path(plants.__file__).parent / f"{name}.py").read_text("utf-8"))
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        assert not {"omniwatt.power.policy", "omniwatt.power.sight", "omniwatt.power.learn"} & modules
        assert not {"policy", "sight", "learn", "guard", "count", "trust"} & names


def test_without_spread_it_draws_what_the_profile_says() -> None:
    plant = _plant(spread=EVEN)
    plant.grant(0)
    assert _mean(plant, 1.0) == pytest.approx(profile.idle_w(SERVER), rel=0.01)
    plant.grant(32)
    plant.advance(120.0)
    assert _mean(plant, 5.0) == pytest.approx(profile.full_w(SERVER, {"flux": 1.0}), rel=0.01)


def test_machines_differ_and_the_same_seed_is_the_same_machine() -> None:
    full_w = []
    for seed in (1, 2, 3, 3):
        plant = _plant(seed)
        plant.grant(32)
        plant.advance(5.0)
        full_w.append(_mean(plant, 5.0))
    assert full_w[2] == full_w[3]
    assert len(set(full_w)) == 3
    assert max(full_w) / min(full_w) < 1.1


def test_slots_obey_at_step_boundaries_flex_first() -> None:
    plant = _plant()
    plant.workers.tiers = {"priority": 0.4, "flex": 0.6}
    plant.grant(32)
    plant.advance(2.0)
    before = [slot.tier for slot in plant.workers.slots if slot.state == "running"]
    plant.grant(20)
    assert plant.workers.running == 32
    plant.advance(2.5)
    assert plant.workers.running == 20
    after = [slot.tier for slot in plant.workers.slots if slot.state == "running"]
    assert after.count("priority") >= min(20, before.count("priority")) - 1
    plant.grant(32, pause=("flex",))
    plant.advance(3.0)
    assert all(slot.tier == "priority" for slot in plant.workers.slots if slot.state == "running")


def test_power_follows_slots_with_an_electrical_lag() -> None:
    plant = _plant()
    plant.grant(0)
    plant.advance(1.0)
    low_w = plant.watts
    plant.grant(32)
    plant.advance(1.01)
    quick_w = plant.watts
    plant.advance(1.5)
    assert low_w < quick_w < low_w + 0.75 * (plant.watts - low_w)


def test_fans_follow_the_heat_slowly() -> None:
    server = profile.server("hgx_h100_air")
    plant = Plant(server, 4, spread=Spread(step=0))
    plant.workers.backlog = {"flux": 1.0}
    plant.grant(8)
    plant.advance(2.0)
    early_w = _mean(plant, 3.0)
    plant.advance(200.0)
    assert 1.03 < _mean(plant, 3.0) / early_w < 1.3


def test_cooling_that_is_too_small_throttles() -> None:
    fields = {name: getattr(SERVER, name) for name in SERVER.__struct_fields__}
    plant = Plant(profile.Server(**fields | {"heat_limit_w": 15_000.0}), 1)
    plant.workers.backlog = {"flux": 1.0}
    plant.grant(32)
    plant.advance(3.0)
    early_w = _mean(plant, 2.0)
    plant.advance(150.0)
    assert _mean(plant, 2.0) < 0.85 * early_w


def test_a_trim_takes_power_and_some_speed() -> None:
    plant = _plant(trimmed=True, spread=EVEN)
    plant.grant(32)
    plant.advance(30.0)
    full_w, done = _mean(plant, 5.0), len(plant.workers.work)
    plant.advance(40.0)
    before = len(plant.workers.work) - done
    plant.grant(32, trim=0.6)
    plant.advance(41.0)
    done = len(plant.workers.work)
    trimmed_w = _mean(plant, 5.0)
    idle_w = profile.idle_w(SERVER)
    assert (trimmed_w - idle_w) / (full_w - idle_w) == pytest.approx(0.6, abs=0.04)
    assert (len(plant.workers.work) - done) / before == pytest.approx(0.6**0.4, abs=0.06)
    untrimmed = _plant(spread=EVEN)
    untrimmed.grant(32, trim=0.6)
    assert untrimmed.trim_wanted == 1.0


def test_tasks_are_served_in_steps_and_counted() -> None:
    plant = Plant(SERVER, 1)
    plant.workers.queue.extend(Task(f"job-{place}", "sana", 10) for place in range(50))
    assert plant.workers.demand()["default"] == 32.0
    plant.grant(32)
    plant.advance(5.0)
    assert len(plant.workers.finished) == 50
    units = [work for work in plant.workers.work if work.job == "job-7"]
    assert sum(work.units for work in units) == 10
    assert plant.workers.running == 0
    assert plant.workers.demand() == {"priority": 0.0, "default": 0.0, "flex": 0.0}


def test_gangs_and_losses() -> None:
    plant = _plant(gang=4)
    assert len(plant.workers.slots) == 8
    plant.grant(8)
    plant.advance(2.0)
    whole_w = _mean(plant, 1.0)
    plant.workers.lose(0.25)
    plant.advance(3.5)
    assert plant.workers.running == 6
    assert _mean(plant, 1.0) < 0.87 * whole_w


@pytest.mark.parametrize(("sensor", "late_s"), [(INSTANT, 0.05), (AVERAGE, 0.05), (SMOOTHED, 0.05), (BOARD, 1.0)])
def test_a_sensor_is_late_averages_and_is_nearly_right(sensor: Sensor, late_s: float) -> None:
    plant = _plant(spread=EVEN)
    plant.grant(16)
    meter: Meter = Simulated(plant, sensor, seed=3)
    plant.advance(20.0)
    seen = meter.read()
    assert late_s <= plant.now_s - seen.at_s <= sensor.period_s + sensor.window_s + sensor.late_s
    assert seen.watts == pytest.approx(plant.watts, rel=0.03)
    assert seen.watts % sensor.quantum_w == 0
    assert (seen.method, seen.scope) == ("measured", "wall")
    before = plant.joules_at(seen.at_s)
    assert seen.energy_j == pytest.approx(before, rel=0.2)
    again = meter.read()
    assert again is seen
    plant.advance(20.0 + sensor.period_s)
    assert meter.read().at_s == pytest.approx(seen.at_s + sensor.period_s)


def test_a_mean_over_a_second_shows_a_step_half_done_after_half_of_it() -> None:
    plant = _plant(spread=EVEN)
    plant.grant(0)
    meter = Simulated(plant, AVERAGE, seed=3)
    plant.advance(5.0)
    low_w = meter.read().watts
    plant.grant(32)
    plant.advance(5.6)
    share = (meter.read().watts - low_w) / (plant.watts - low_w)
    assert 0.3 < share < 0.6


def _watts(trouble: Trouble, by: float = 1.0) -> list[float]:
    plant = _plant()
    plant.grant(20)
    meter = Simulated(plant, INSTANT, seed=3, ill=(Ill(trouble, 2.0, 3.0, by),))
    out = []
    for tick in range(10, 50):
        plant.advance(tick / 10)
        out.append(meter.read().watts)
    return out


@pytest.mark.parametrize(
    ("trouble", "by", "factor"),
    [("bias", 0.97, 0.97), ("negative", 1.0, -1.0), ("milliwatts", 1.0, 1000.0), ("kilowatts", 1.0, 0.001)],
)
def test_troubles_of_scale_come_and_go(trouble: Trouble, by: float, factor: float) -> None:
    watts = _watts(trouble, by)
    well, ill = statistics.mean([*watts[:10], *watts[25:]]), statistics.mean(watts[12:19])
    assert ill / well == pytest.approx(factor, rel=0.02)


def test_a_stuck_sensor_repeats_its_watts_and_a_silent_one_says_nothing() -> None:
    assert len(set(_watts("stuck")[11:19])) == 1
    assert len(set(_watts("stuck")[21:])) > 10
    with pytest.raises(MeterLost):
        _watts("dropout")
    assert max(_watts("jump")) > 1.5 * min(_watts("jump"))
