"""Joules a unit: how well they predict is known, and they are kept over restarts."""

import json
from pathlib import Path

import pytest

from omniwatt.power import learnt
from omniwatt.power.attribution import FADE, Learnt, learn

GOOD = {"chat": Learnt({"decode": 0.5, "prefill": 0.05}, 7.0, 200.0, 10.0), "draw": Learnt({"tile": 9.0}, 1.0)}


def test_what_is_kept_is_what_comes_back(tmp_path: Path) -> None:
    learnt.save(GOOD, tmp_path / "rates.json")
    assert learnt.load(tmp_path / "rates.json") == GOOD
    learnt.save(GOOD, tmp_path / "no" / "such" / "folder.json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"a": 1}',
        '{"a": {"rates": {"decode": 0}}}',
        '{"a": {"rates": {"decode": -1}}}',
        '{"a": {"rates": {"decode": 1e300}}}',
        '{"a": {"rates": {"decode": 1}, "seen": -1}}',
    ],
)
def test_what_cannot_be_is_learnt_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "rates.json").write_text(text)
    assert learnt.load(tmp_path / "rates.json") == {}
    assert learnt.load(tmp_path / "nothing.json") == {}


def test_rows_say_joules_a_unit_and_the_error_of_an_engines_predictions() -> None:
    rows = learnt.rows(GOOD)
    assert [(row["engine"], row["kind"], row["joules_per_unit"]) for row in rows] == [
        ("chat", "decode", 0.5),
        ("chat", "prefill", 0.05),
        ("draw", "tile", 9.0),
    ]
    assert (rows[0]["error_pct"], rows[0]["intervals"], rows[2]["error_pct"]) == (5.0, 7, None)
    json.dumps(rows)


def test_the_error_is_that_of_predictions_made_before_they_were_corrected() -> None:
    one = learn(Learnt(), 50.0, {"decode": 100.0})
    assert one.error_pct is None
    two = learn(one, 40.0, {"decode": 100.0})
    assert two.error_pct == pytest.approx(25.0)
    three = learn(two, 100.0, {"decode": 100.0, "prefill": 5.0})
    assert three.metered_j == pytest.approx(FADE * 40.0)
    assert three.error_pct == pytest.approx(25.0)


def test_a_steady_engine_is_predicted_ever_better_whatever_came_before() -> None:
    one = Learnt()
    for turn in range(2000):
        one = learn(one, 30.0 if turn < 50 else 10.0, {"decode": 20.0})
    assert one.error_pct == pytest.approx(0.0, abs=0.1)
