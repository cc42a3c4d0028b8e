"""Real engines under a budget: the chief figures by their names for people, and the pictures."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bench.common import RESULTS
from bench.power_metrics import Floats
from bench.power_plots import Panel, W, multiples

NAMES = {
    "mix": "chat + pictures + hearing",
    "large": "4096² pictures alone",
    "gate": "chat + pictures + hearing, steps that wait alone",
}
FIGURES = {
    "worst_1s_pct": ("mean of a second off the aim by, at worst", "% of the budget", 2.0),
    "over_1s_pct": ("mean of a second over the budget by, at worst", "% of the budget", 2.0),
    "worst_10s_pct": ("mean of 10 s off the aim by, at worst", "% of the budget", 2.0),
    "settle_s": ("settles in", "s", 2.0),
    "over_102_longest_s": ("longest over 102 % of the budget", "s", 0.25),
}
BELOW = ("60 %", "80 %")
"""The phases in which more is wanted than the budget has room for, all the time."""
DRAWN_S = 0.1


def chief(name: str, figures: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """The worst of the steady budgets that bind."""
    phases = [one for one in figures if one["of"].rpartition(": ")[2] in BELOW]
    for figure, (says, unit, aim) in FIGURES.items():
        worst = max(phase[figure] for phase in phases)
        yield {
            "figure": figure, "of": name, "value": worst, "unit": unit,
            "readme": f"watts, real engines, {NAMES[name]}, budgets of {' and '.join(BELOW)}: {says}",
            "aim": f"<= {aim:g}", "met": worst <= aim,
        }  # fmt: skip
    shares = [(phase["work_of_dynamic"], phase["of"].rpartition(": ")[2]) for phase in phases]
    for share, phase in shares:
        yield {
            "figure": "work_of_dynamic", "of": name, "value": share, "unit": "of what as many watts do otherwise",
            "readme": f"watts, real engines, {NAMES[name]}, budget of {phase}: work done above idle",
        }  # fmt: skip


SAYS = {"gate": "only the gate: whoever cannot be asked before each step is not held"}


def picture(runs: Mapping[str, tuple[Floats, Floats, Floats]], tick_s: float) -> None:
    """`power_real.svg`: of each mix watts, budget (infinite: none) and aim, by even ticks of so many seconds."""
    each = round(DRAWN_S / tick_s)
    panels = []
    for name, (watts, budget_w, aim_w) in runs.items():
        seen = np.where(np.isinf(budget_w), aim_w, budget_w)
        says = SAYS.get(name, "the gate, and processes stopped for milliseconds")
        panels.append(Panel(NAMES[name], says, _means(watts, each), _means(seen, each), _means(aim_w, each), DRAWN_S))
    multiples(
        RESULTS / "power_real.svg",
        "Real engines under a budget",
        "No budget, 100, 60, 80, 100 %, a ramp, a sine of 0.05 Hz. Watts are the judge's, from everybody's CPU time.",
        panels,
        W,
    )


def _means(values: Floats, each: int) -> Floats:
    whole = len(values) // each * each
    return np.asarray(values[:whole].reshape(-1, each).mean(axis=1))
