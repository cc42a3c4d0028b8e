"""`omniwatt usage`: what was used and what it took, by key, model, day: requests, tokens, joules, money, CO2."""

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
from rich.markup import escape
from rich.table import Table

from omniwatt.cli import remote, tables
from omniwatt.cli.common import config_option, console, settings_from
from omniwatt.cli.units import joules

COLUMNS = {
    "key": "key_id",
    "project": "project",
    "model": "model",
    "kind": "capability",
    "tier": "tier",
    "state": "state",
    "day": "day",
}
"""What one can sum by, and the server's names for it."""
SPANS_S = {"h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0, "y": 365 * 86_400.0}


@click.command(
    epilog="""
\b
Examples:
  omniwatt usage                              the last 30 days, by key and model
  omniwatt usage --by day                     how it went, day by day
  omniwatt usage --since 24h --by model,kind
  omniwatt usage --since 2027-01-01 --until 2027-02-01 --by key --json
\b
kWh are the meter's joules that requests were charged, their share of the idle watts included; a dash
means that nothing was metered. Money and grams of CO2 follow from power.price_per_kwh and
power.g_co2_per_kwh in the settings; without these their columns are left out.
"""
)
@click.option("--by", default="key,model", show_default=True, help=f"Some of {', '.join(COLUMNS)}, with commas.")
@click.option("--since", default="30d", show_default=True, help="12h, 30d, 4w, 1y ago, or a date such as 2027-01-31.")
@click.option("--until", help="Likewise; default: now.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@config_option
def usage(*, by: str, since: str, until: str | None, as_json: bool, config: Path | None) -> None:
    """Show what was used: requests, tokens, energy, money and CO2."""
    names = [name.strip() for name in by.split(",") if name.strip()]
    for name in names:
        if name not in COLUMNS:
            raise click.BadParameter(f"{name!r} is none of {', '.join(COLUMNS)}", param_hint="--by")
    if not names or len(set(names)) < len(names):
        raise click.BadParameter(f"name some of {', '.join(COLUMNS)}, each once", param_hint="--by")
    now = time.time()
    asked = {"by": ",".join(COLUMNS[name] for name in names), "since": moment(since, now)}
    if until is not None:
        asked["until"] = moment(until, now)
    settings = settings_from(config)
    answer = remote.admin(settings, "GET", f"/admin/usage?{urlencode(asked)}")
    keys = remote.admin(settings, "GET", "/admin/keys")["data"] if "key" in names else []
    named = shown({one["id"]: one["name"] for one in keys})
    for row in answer["data"]:
        if "key_id" in row:
            row["key"] = named.get(row["key_id"], row["key_id"])
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(answer)).decode())
        return
    rows = answer["data"]
    if not rows:
        console.print(f"nothing was used since {_date(answer['since'])}")
        return
    tables.show(table(names, rows, tables.width_of(console)), console)


def moment(text: str, now: float) -> float:
    """Unix seconds of `30d` before now, or of a date (UTC where it does not say). Raises click.BadParameter."""
    span = re.fullmatch(r"(\d{1,6})([hdwy])", text.strip().lower())
    if span:
        return max(0.0, now - int(span[1]) * SPANS_S[span[2]])
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a span such as 30d, nor a date such as 2027-01-31") from None
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


SPARE = ("SECONDS", "TOKENS IN", "TOKENS OUT", "ENERGY")
"""What is left out first where a terminal is narrow."""


def table(names: Sequence[str], rows: Sequence[Mapping[str, Any]], width: int = tables.WIDE) -> Table:
    """The rows and their sum, in `width` columns. Pure."""
    found = Table(box=None, pad_edge=False, padding=(0, tables.GAP, 0, 0), show_footer=len(rows) > 1)
    found.footer_style = "bold"
    total = summed(rows)
    cells = [
        [str((row.get("key") if name == "key" else row.get(COLUMNS[name])) or "-") for name in names] for row in rows
    ]
    figures = [_figures(row, total) for row in [*rows, total]]
    widths = {head: max(len(head), *(len(one[head]) for one in figures)) for head in figures[-1]}
    longest = [max(len(name), *(len(row[place]) for row in cells)) for place, name in enumerate(names)]
    heads = tables.fitting(longest, widths, SPARE, width)
    for place, name in enumerate(names):
        found.add_column(name.upper(), footer="" if place else "all", overflow="fold")
    for head in heads:
        found.add_column(head, footer=figures[-1][head], justify="right", no_wrap=True)
    for row, values in zip(cells, figures, strict=False):
        found.add_row(*map(escape, row), *(values[head] for head in heads))
    return found


def summed(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One row of all; a figure is in it when any row has it."""
    total: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, int | float):
                total[name] = total.get(name, 0) + value
            elif name == "currency":
                total[name] = value
    return total


def shown(names: Mapping[str, str]) -> dict[str, str]:
    """Key id -> how to call it: its name, and its id too where others have the same name."""
    counts = Counter(names.values())
    return {key: name if counts[name] == 1 else f"{name} ({key})" for key, name in names.items()}


def _figures(row: Mapping[str, Any], total: Mapping[str, Any]) -> dict[str, str]:
    """What is said of a row; money and grams where anything has them."""
    energy_j = row.get("energy_j")
    found = {
        "REQUESTS": f"{row.get('requests', 0):,}",
        "TOKENS IN": f"{row.get('prompt_tokens') or 0:,}",
        "TOKENS OUT": f"{row.get('completion_tokens') or 0:,}",
        "SECONDS": f"{row.get('total_s') or 0:,.1f}",
        "ENERGY": "-" if energy_j is None else joules(energy_j),
        "KWH": "-" if energy_j is None else f"{row.get('kwh', 0.0):.6f}",
    }
    if "cost" in total:
        found["COST"] = f"{row['cost']:.5f} {row.get('currency', '')}".strip() if "cost" in row else "-"
    if "g_co2" in total:
        found["CO2"] = f"{row['g_co2']:.3f} g" if "g_co2" in row else "-"
    return found


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
