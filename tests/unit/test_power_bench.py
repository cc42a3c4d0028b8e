"""The benchmarks of power: what they say of themselves, and that misses show."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bench import common, power_gpu
from bench.power_chief import OURS, chief
from bench.power_phases import steps
from bench.power_sim import AIMS
from bench.table import page

STEPPED = "32 slots, 126 ms steps"


def _line(worst_1s: float, **more: object) -> dict[str, object]:
    figures = {name: [0.1, 0.01, 0.2] for name in AIMS}
    return {"case": STEPPED, "who": OURS, "seeds": 20, **figures, "worst_1s_pct": [1.0, 0.1, worst_1s], **more}


@pytest.mark.parametrize(("worst_1s", "met"), [(1.9, True), (2.1, False)])
def test_a_miss_of_the_worst_machine_is_a_miss(worst_1s, met) -> None:
    line = _line(worst_1s, **({} if met else {"misses": {"worst_1s_pct": worst_1s}}))
    found = {one["figure"]: one for one in chief([line], AIMS)}
    assert found["worst_1s_pct"]["met"] is met
    assert found["worst_1s_pct"]["value"] == worst_1s
    assert found["cases_held"]["met"] is met
    machine = {"commit": "1", "cores": 2, "cpu": "a", "memory_bytes": 1, "kernel": "6"}
    result = {"bench": "power_sim", "date": "2026-01-01", "machine": machine, "figures": [found["worst_1s_pct"]]}
    assert ("missed" in page([result])) is not met


@pytest.mark.parametrize(
    ("module", "words", "name", "command"),
    [
        ("bench.power_sim", [], "power_sim", "make bench-power_sim"),
        ("bench.power", ["--only", "mix"], "power_mix", "python -m bench.power --only mix"),
        ("bench.hear", ["--data", "/some/where"], "hear", "python -m bench.hear --data FOLDER"),
        ("pytest", ["-q"], "power", "make bench-power"),
    ],
)
def test_a_result_says_what_was_typed(monkeypatch, module, words, name, command) -> None:
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__spec__=SimpleNamespace(name=module)))
    monkeypatch.setattr(sys, "argv", ["x", *words])
    assert common._command(name) == command


def test_a_simulated_card_is_held_on_the_mean_and_told_apart_from_a_worse_one() -> None:
    phases = [one._replace(seconds=6.0) for one in steps(6.0)]
    run = power_gpu.simulated(phases)
    found = power_gpu.figures("simulated", phases, run)
    assert len(found) == len(phases) - 1
    assert np.isinf(run.budget_w[: round(6.0 / 0.02)]).all()
    by_name = {one["of"]: one for one in found}
    assert by_name["simulated: 60 %"]["value"] == pytest.approx(0.6 * run.full_w, rel=0.05)
    worse = [{**one, "worst_1s_pct": one["worst_1s_pct"] + 3.0} for one in found]
    gap = {one["figure"]: one for one in power_gpu.apart(worse, found, "a card")}["sim_to_real"]
    assert gap["value"] == pytest.approx(3.0)
    assert gap["gaps"]["settle_s"] == 0.0


def test_without_a_card_nothing_is_measured_and_nothing_kept(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["power_gpu"])
    monkeypatch.setattr(power_gpu, "card", lambda: None)
    monkeypatch.setattr(power_gpu, "report", lambda *_: pytest.fail("kept"))
    assert power_gpu.main() == 3
    assert "no GPU" in "".join(capsys.readouterr())
