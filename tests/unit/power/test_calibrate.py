"""Fitting a machine's watts, from made-up and from really loaded cores."""

from contextlib import closing

import pytest
from hypothesis import given as example
from hypothesis import strategies as st

from omniwatt.contract.power import Reading
from omniwatt.power.calibrate import Calibration, Line, Sample, fit, fit_cpu, fit_wall, given, load, measure, save
from omniwatt.power.meters.corrected import Corrected
from omniwatt.power.meters.estimate import CpuModel, Estimate, busy_s


@example(st.floats(0, 1e3), st.floats(0.1, 1e3), st.lists(st.floats(0, 64), min_size=3, max_size=9, unique=True))
def test_a_line_is_found_again(offset, slope, loads) -> None:
    if max(loads) - min(loads) < 0.1:
        return
    line = fit([(x, offset + slope * x) for x in loads])
    assert line.offset == pytest.approx(offset, rel=1e-4, abs=1e-3 * slope)
    assert line.slope == pytest.approx(slope, rel=1e-4)
    assert line.error_pct < 0.01


def test_the_error_of_a_fit_is_told() -> None:
    model = fit_cpu([Sample(0, 10), Sample(1, 16), Sample(2, 18)], 2, meter_pct=3.0)
    assert (model.idle_w, model.core_w) == pytest.approx((10.667, 4.0), rel=1e-3)
    assert model.uncertainty_pct == pytest.approx(7.1, abs=0.1)
    assert model.max_w == pytest.approx(18.667, rel=1e-3)


@pytest.mark.parametrize(
    "samples",
    [[], [Sample(1, 5)], [Sample(1, 5), Sample(1, 6)], [Sample(0, 9), Sample(2, 5)], [Sample(0, float("nan"))]],
)
def test_what_gives_no_model_is_refused(samples) -> None:
    with pytest.raises(ValueError, match=r"load|finite"):
        fit_cpu(samples, 2, 1.0)


def test_two_figures_off_a_plug_are_enough() -> None:
    assert given(40.0, 100.0, 4) == CpuModel(idle_w=40.0, core_w=15.0, cores=4, uncertainty_pct=10.0)
    with pytest.raises(ValueError, match="less than"):
        given(100.0, 40.0, 4)


def test_a_calibration_is_kept_and_a_broken_one_named(tmp_path) -> None:
    file, model = tmp_path / "power.json", Calibration(cpu=given(40.0, 100.0, 4), source="given")
    assert load(file) is None
    save(model, file)
    assert load(file) == model
    good = file.read_text()
    wrong = ("{}", "", "\x00", "[" * 100_000, good.replace("40.0", "-40.0"), good.replace("4,", "0,"))
    for text in (*wrong, good.replace("15.0", "0.0"), good.replace("40.0", "1e99")):
        file.write_text(text)
        with pytest.raises(ValueError, match="calibrate"):
            load(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(ValueError, match="json cannot be read"):
        load(file)


def test_a_meter_inside_is_corrected_by_one_at_the_wall() -> None:
    samples = [Sample(cores, 30.0 + 10 * cores, 60.0 + 12 * cores) for cores in range(4)]
    line = fit_wall(samples, wall_pct=1.5)
    assert line == Line(pytest.approx(24.0), pytest.approx(1.2), pytest.approx(1.5))
    assert fit_wall([Sample(0, 1.0)], 1.5) is None

    class Inside:
        at_s = 0.0

        def read(self) -> Reading:
            return Reading(self.at_s, 50.0, 0.0, "measured", "rapl", "cpu", 5.0)

        def close(self) -> None:
            self.at_s = -1.0

    inside = Inside()
    with closing(Corrected(inside, line.offset, line.slope, line.error_pct)) as meter:
        assert meter.read().watts == pytest.approx(84.0)
        inside.at_s = 2.0
        reading = meter.read()
    assert (reading.energy_j, reading.scope) == (pytest.approx(168.0), "wall")
    assert reading.source == "rapl+wall-calibration"
    assert inside.at_s == -1.0


def test_real_cores_are_loaded_and_the_estimates_own_model_comes_back() -> None:
    """The estimate is read as if it were a meter: what it was made of must be found again."""
    truth, done = CpuModel(idle_w=20.0, core_w=8.0, cores=64), []
    with closing(Estimate(truth, busy_s)) as meter:
        model = fit_cpu(measure(meter, 1, 1.0, done.append), 1, meter_pct=0.0)
    assert done == [0.5, 1.0]
    assert model.core_w == pytest.approx(8.0, rel=0.1)
    assert model.idle_w == pytest.approx(20.0, abs=1.0)
