"""How the node's power looks in a terminal: watts against the budget, the last minute as a sparkline, what it means."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Group
from rich.table import Table
from rich.text import Text

from omniwatt.cli.power_site import lease_lines, site_lines
from omniwatt.cli.units import joules, span, watts

BLOCKS = " ▁▂▃▄▅▆▇█"
OVER = 1.02
"""More than this over the budget is shown as too much: the promise is within 2 %."""
SHOWN_S = 60.0
LEAST_COLUMNS = 10
REST = 0.05
"""What others take is told from so much of the full load on: less may be an error of the model."""
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
    because = Text(f"budget: {status['budget_because']}" if status.get("budget_because") else "", style="dim")
    head = [_headline(status), because, *(Text(f"→ {one}", style="yellow") for one in advice(status))]
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
        idle_w, rest_w = status.get("idle_w") or 0.0, status.get("rest_w") or 0.0
        others = rest_w - idle_w > REST * (status.get("max_w") or math.inf)
        if others:
            found.append(
                f"other programs take about {watts(rest_w - idle_w)} besides {watts(idle_w)} idle: nothing holds them"
            )
        least = f"more than {watts(max(idle_w, rest_w))}" if idle_w else "more"
        how = "" if others else " (omniwatt power set 60%)"
        found.append(f"give it {least}{how}, or no limit (omniwatt power set none)")
    if status.get("budget_unkept"):
        found.append(f"this budget ends with the server: {status['budget_unkept']}")
    if status.get("state") in ("stale", "guard", "below-idle") and status.get("uncertainty_pct", 0.0) >= UNSURE_PCT:
        found.append("what this machine takes is assumed: omniwatt power calibrate")
    return found


class Stretch(NamedTuple):
    """Mean watts of a stretch of time, and the last budget in it; None where nobody looked, or none was set."""

    watts: float | None = None
    budget_w: float | None = None


def stretches(history: Iterable[Mapping[str, Any]], length_s: float, count: int) -> list[Stretch]:
    """The newest `count` stretches of `length_s`, up to the newest look.

    They begin at whole multiples of their length, so that a curve moves on and does not change its shape. Pure.
    """
    found: dict[int, list[Mapping[str, Any]]] = {}
    for point in history:
        if point.get("watts") is not None:
            found.setdefault(math.floor(point["at_s"] / length_s), []).append(point)
    if not found:
        return []
    newest = max(found)
    return [_mean(found.get(place, ())) for place in range(max(min(found), newest - count + 1), newest + 1)]


def sparkline(values: Sequence[float | None], low: float, high: float) -> str:
    """One block for each value, the newest last; a gap for None. Pure."""
    span = max(high - low, 1e-9)
    return "".join(
        " " if value is None else BLOCKS[min(8, max(0, 1 + int((value - low) / span * 7.999)))] for value in values
    )


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
            share = budget_w / status["max_w"]
            text.append(f" ({share:.0%} of full load)" if share <= 1 else " (more than full load)", style="dim")
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


def _mean(points: Sequence[Mapping[str, Any]]) -> Stretch:
    if not points:
        return Stretch()
    return Stretch(sum(one["watts"] for one in points) / len(points), points[-1].get("budget_w"))


def _curve(status: Mapping[str, Any], width: int) -> list[Text]:
    """The last minute, scaled from idle to full load, red where it was over its budget, and the budget's height."""
    history = [point for point in status.get("history", ()) if point.get("watts") is not None]
    if not history:
        return []
    low = status.get("idle_w") or 0.0
    high = max(status.get("max_w") or 0.0, *(point["watts"] for point in history), 1.0)
    scale = f"  {watts(low)} … {watts(high)}"
    if status.get("budget_w") is not None:
        scale += f", budget {sparkline([status['budget_w']], low, high)}"
    columns = max(LEAST_COLUMNS, width - len(scale))
    line = Text()
    for one in stretches(history, SHOWN_S / columns, columns):
        over = one.watts is not None and one.budget_w is not None and one.watts > OVER * one.budget_w
        line.append(sparkline([one.watts], low, high), style="red" if over else "cyan")
    return [line.append(scale, style="dim")]


def _engines(status: Mapping[str, Any]) -> Text:
    slots, running = status.get("slots"), status.get("running") or 0.0
    if slots is None:
        return Text("")
    counts = {tier: round(count, 1) for tier, count in (status.get("wanted") or {}).items()}
    wanted = ", ".join(f"{tier} {count:g}" for tier, count in counts.items() if count)
    if not wanted:
        return Text("no work just now", style="dim")
    return Text(f"{round(running, 1):g} steps at once of {slots:.1f} that may run; wanted: {wanted}", style="dim")


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
