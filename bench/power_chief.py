"""The simulated server's chief figures, by their names for people, with aims and misses."""

from collections.abc import Iterable, Mapping
from typing import Any

from bench.power_cases import COMPARED

OURS, RIVAL = "omniwatt", "PI without feed-forward"
"""The other is the best of those compared."""
NAMES = {
    "settle_s": ("settles in", "s"),
    "worst_1s_pct": ("mean of a second off the aim by", "% of the budget"),
    "over_102_longest_s": ("longest over 102 % of the budget", "s"),
    "max_pct_of_budget": ("most, mean of 0.1 s", "% of the budget"),
}
SHOWN = (
    (COMPARED[0], "32 slots, budget in steps", tuple(NAMES), (OURS, RIVAL)),
    ("regulation", "32 slots, budget of a grid regulation signal", ("worst_1s_pct",), (OURS, RIVAL)),
    ("32 slots, mixed work", "32 slots, mixed work, budget in steps", ("settle_s", "worst_1s_pct"), (OURS,)),
    ("8 slots, 233 ms steps", "8 slots, no trim, budget in steps", ("settle_s", "worst_1s_pct"), (OURS,)),
    ("8 slots, 233 ms steps, trim", "8 slots, trim by caps, budget in steps", ("settle_s", "worst_1s_pct"), (OURS,)),
)
"""Case, its name for people, figures, whose."""


def chief(lines: list[dict[str, Any]], aims: Mapping[str, float]) -> Iterable[dict[str, Any]]:
    """Of each case shown the worst of all machines drawn; and in how many cases every aim holds."""
    found = {(line["case"], line["who"]): line for line in lines}
    for case, words, names, whose in SHOWN:
        for who in whose:
            if line := found.get((case, who)):
                yield from (_figure(line, words, name, aims[name]) for name in names)
    ours = [line for line in lines if line["who"] == OURS and "worst_1s_pct" in line]
    held = sum("misses" not in line for line in ours)
    if ours:
        yield {
            "figure": "cases_held", "of": OURS, "value": held, "unit": f"of {len(ours)}",
            "missed": [line["case"] for line in ours if "misses" in line],
            "readme": "watts, simulated 28 kW server: cases in which the worst machine holds every aim",
            "aim": "all", "met": held == len(ours),
        }  # fmt: skip


def _figure(line: Mapping[str, Any], words: str, name: str, aim: float) -> dict[str, Any]:
    """The mean and half of its 95 % interval stand beside the worst."""
    mean, half, worst = line[name]
    says, unit = NAMES[name]
    of = f"worst of {line['seeds']} machines"
    return {
        "figure": name, "of": f"{line['who']}: {line['case']}", "value": worst, "unit": unit, "mean": mean,
        "mean_half_95": half, "readme": f"watts, simulated 28 kW server, {words}, {line['who']}: {says}, {of}",
        "aim": f"<= {aim:g}", "met": worst <= aim,
    }  # fmt: skip
