"""How the node's power looks in a terminal: watts against the budget, the last minute as a sparkline, what it means."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from omniwatt.cli.power_site import lease_lines, site_lines
from omniwatt.cli.units import joules, span, watts

BLOCKS = " ▁▂▃▄▅▆▇█"
OVER = 1.02
"""More than this over the budget is shown as too much: the promise is within 2 %."""
UNSURE_PCT = 50.0
"""As uncertain as that are watts nobody calibrated."""
UNITS = {
    "prefill": "token",
    "decode": "token",
    "embed": "token",
    "encode": "s of sound",
    "diffusion": "step",
    "tile": "megapixel",
    "relay": "request",
    "probe": "byte",
}
"""What one unit of each kind of step is."""
STATES = {
    "tracking": "holding the budget",
    "demand-limited": "less work than the budget allows",
    "guard": "over the budget: flexible work pauses",
    "stale": "by the model alone, with a wider margin",
    "floor": "at the safe floor",
    "below-idle": "the budget lies below what the machine takes without our work: only the least of it goes on",
    "unlimited": "no budget is set",
    "unmetered": "no meter",
    "ungoverned": "the budget is not held",
}


def view(status: Mapping[str, Any], width: int = 80) -> Group:
    """The whole view as something rich can print."""
    head = [_headline(status), *(Text(f"→ {one}", style="yellow") for one in advice(status))]
    head += lease_lines(status.get("lease"))
    lines = [*head, *_curve(status, width), _engines(status), _meaning(status), _method(status)]
    return Group(*(line for line in lines if line.plain), *site_lines(status.get("site")))


def folded(lines: Group) -> Group:
    """The view for a place that would cut off what is longer than its lines: the end of one often says what to do."""
    for line in lines.renderables:
        if isinstance(line, Text):
            line.no_wrap, line.overflow = False, "fold"
    return lines


def advice(status: Mapping[str, Any]) -> list[str]:
    """What the operator can do about it; nothing where all is well."""
    found = []
    if status.get("state") == "below-idle" and not status.get("lease"):
        least = f"more than {watts(status['idle_w'])}" if status.get("idle_w") else "more"
        found.append(f"give it {least} (omniwatt power set 60%), or no limit (omniwatt power set none)")
    if status.get("budget_unkept"):
        found.append(f"this budget ends with the server: {status['budget_unkept']}")
    if status.get("state") in ("stale", "guard", "below-idle") and status.get("uncertainty_pct", 0.0) >= UNSURE_PCT:
        found.append("what this machine takes is assumed: omniwatt power calibrate")
    return found


def sparkline(values: Sequence[float], low: float, high: float, width: int) -> str:
    """`values` (the newest last) as `width` blocks; each shows the largest value of its stretch."""
    if not values or width < 1:
        return ""
    span = max(high - low, 1e-9)
    count = min(width, len(values))
    cut = [round(i * len(values) / count) for i in range(count + 1)]
    peaks = [max(values[a:b]) for a, b in itertools.pairwise(cut)]
    return "".join(BLOCKS[min(8, max(0, 1 + int((peak - low) / span * 7.999)))] for peak in peaks)


def rates(rows: Sequence[Mapping[str, Any]]) -> Table | str:
    """What the server has learnt of its engines' steps, as a table; a sentence where it has not learnt any."""
    if not rows:
        return "nothing is learnt of engines' steps yet: joules a unit are learnt while they work"
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("ENGINE", "STEP"):
        table.add_column(column)
    for column in ("JOULES A UNIT", "ERROR", "LEARNT FROM"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        unit = UNITS.get(row["kind"], "unit")
        error = row.get("error_pct")
        table.add_row(
            row["engine"],
            row["kind"],
            f"{row['joules_per_unit']:.3g} J/{unit}",
            "-" if error is None else f"±{error:.0f} %",
            f"{row['intervals']} stretches of 2 s",
        )
    return table


def _headline(status: Mapping[str, Any]) -> Text:
    now_w, budget_w, state = status.get("watts"), status.get("budget_w"), status.get("state", "unmetered")
    text = Text()
    text.append(watts(now_w), style=_colour(now_w, budget_w))
    if budget_w is not None:
        text.append(f" of {watts(budget_w)}")
        if status.get("max_w"):
            text.append(f" ({budget_w / status['max_w']:.0%} of full load)", style="dim")
    if status.get("budget_left_s"):
        text.append(f" for {span(status['budget_left_s'])} more")
    text.append("   " + STATES.get(state, state))
    if status.get("why"):
        text.append(f": {status['why']}", style="yellow")
    return text


def _colour(now_w: float | None, budget_w: float | None) -> str:
    if now_w is None or budget_w is None:
        return "bold"
    return "bold red" if now_w > OVER * budget_w else "bold green"


def _curve(status: Mapping[str, Any], width: int) -> list[Text]:
    """The last minute, scaled from idle to full load, with the budget's place below it."""
    history = [point["watts"] for point in status.get("history", ()) if point.get("watts") is not None]
    low, high = status.get("idle_w") or 0.0, max(status.get("max_w") or 0.0, *history, 1.0)
    line = Text(sparkline(history, low, high, max(10, width - 24)), style="cyan")
    line.append(f"  {watts(low)} … {watts(high)}", style="dim")
    return [line] if history else []


def _engines(status: Mapping[str, Any]) -> Text:
    slots, running = status.get("slots"), status.get("running") or 0.0
    if slots is None:
        return Text("")
    wanted = ", ".join(f"{tier} {count:g}" for tier, count in (status.get("wanted") or {}).items() if count)
    text = f"{round(running, 1):g} steps at once of {slots:.1f} that may run"
    return Text(text + (f"; wanted: {wanted}" if wanted else ""), style="dim")


def _meaning(status: Mapping[str, Any]) -> Text:
    amounts = status.get("amounts")
    if not amounts:
        return Text("")
    parts = [f"{amounts['kwh_per_day']:.2f} kWh a day at this rate", f"{amounts['laptops']:.2f} laptops of 200 W"]
    if amounts.get("cost_per_day") is not None:
        parts.insert(1, f"{amounts['cost_per_day']:.2f} {amounts['currency']}")
    if amounts.get("kg_co2_per_day") is not None:
        parts.insert(-1, f"{amounts['kg_co2_per_day']:.2f} kg CO2")
    return Text(" · ".join(parts))


def _method(status: Mapping[str, Any]) -> Text:
    if not status.get("method"):
        return Text("without a meter there are no watts and no joules: see `omniwatt power calibrate`", style="dim")
    doubt = f" ±{status['uncertainty_pct']:.0f} %" if status.get("uncertainty_pct") else ""
    total = f"; {joules(status['metered_j'])} since the start" if status.get("metered_j") else ""
    return Text(f"{status['method']} by {status['source']}, scope {status['scope']}{doubt}{total}", style="dim")
