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

from omniwatt.cli import remote
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
    console.print(table(names, rows) if rows else f"nothing was used since {_date(answer['since'])}")


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


def table(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Table:
    """The rows and their sum. Pure."""
    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_footer=len(rows) > 1, footer_style="bold")
    for place, name in enumerate(names):
        found.add_column(name.upper(), footer="" if place else "all", overflow="fold")
    total = summed(rows)
    priced, grams = "cost" in total, "g_co2" in total
    heads = ["REQUESTS", "TOKENS IN", "TOKENS OUT", "SECONDS", "ENERGY", "KWH"]
    heads += ["COST"] if priced else []
    heads += ["CO2"] if grams else []
    for head, foot in zip(heads, _figures(total, priced=priced, grams=grams), strict=True):
        found.add_column(head, footer=foot, justify="right", no_wrap=True)
    for row in rows:
        cells = (row.get("key" if name == "key" else COLUMNS[name]) for name in names)
        found.add_row(*(escape(str(cell or "-")) for cell in cells), *_figures(row, priced=priced, grams=grams))
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


def _figures(row: Mapping[str, Any], *, priced: bool, grams: bool) -> list[str]:
    energy_j = row.get("energy_j")
    found = [
        f"{row.get('requests', 0):,}",
        f"{row.get('prompt_tokens') or 0:,}",
        f"{row.get('completion_tokens') or 0:,}",
        f"{row.get('total_s') or 0:,.1f}",
        "-" if energy_j is None else joules(energy_j),
        "-" if energy_j is None else f"{row.get('kwh', 0.0):.6f}",
    ]
    if priced:
        found.append(f"{row['cost']:.5f} {row.get('currency', '')}".strip() if "cost" in row else "-")
    if grams:
        found.append(f"{row['g_co2']:.3f} g" if "g_co2" in row else "-")
    return found


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
