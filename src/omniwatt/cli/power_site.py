"""How a site looks in a terminal: what it lends this node, and, where this server is the site, a row for each node."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from omniwatt.cli.units import span, watts

STANDING = {
    "ok": ("ok", "green"),
    "short": ("wants more", "yellow"),
    "waiting": ("no room for it yet", "yellow"),
    "lost": ("silent: its floor is kept", "red"),
}
OVER = 1.02
"""More than this times what is lent is too much: the promise is within 2 %."""
LATE_S = 2.0
"""Longer than this since a node asked is worth a second look."""


def lease_lines(lease: Mapping[str, Any] | None) -> list[Text]:
    """What the site lends this node; what to do where it lends nothing."""
    if not lease:
        return []
    place, why = lease["site"], lease.get("why") or ""
    of_whom = f"as {lease['name']}, by {place}"
    if lease["state"] == "lent":
        wants = f"; its work wants {watts(lease['wants_w'])}" if lease["wants_w"] > lease["watts"] * 1.01 else ""
        late = f"; {why}, {span(lease['left_s'])} left" if why else ""
        return [Text(f"{watts(lease['watts'])} are lent to it, {of_whom}{wants}{late}", style="yellow" if late else "")]
    if lease["state"] == "asking":
        return [Text(f"asks {place} for watts{f': {why}' if why else ''}", style="yellow")]
    if lease["state"] == "waiting":
        lines = [Text(f"nothing is lent to it yet, {of_whom}: {why}", style="bold yellow")]
        more = "→ at the site: omniwatt power shows who has what; omniwatt power set 2kW --site gives more"
        return [*lines, Text(more, style="yellow")] if "no room" in why else lines
    since = span(lease["heard_s_ago"])
    return [
        Text(f"site lost: {place} {f'({why})' if why else 'does not answer'} for {since}", style="bold red"),
        Text(f"→ it holds its floor of {watts(lease['floor_w'])} and asks on: {_remedy(why)}", style="yellow"),
    ]


def _remedy(why: str) -> str:
    """What to do about a site that lends nothing."""
    if "401" in why or "403" in why:
        return "make a key there (omniwatt keys create --admin --name nodes) and put it where power.site_key_file says"
    if "is called" in why:
        return "give each node its own power.site_name"
    return "start the site again, or look why it cannot be reached"


def site_lines(site: Mapping[str, Any] | None) -> list[Text | Table]:
    """The site's budget, and who has what of it."""
    if not site:
        return []
    head = Text()
    over = site["budget_w"] is not None and site["watts"] > OVER * site["budget_w"]
    head.append(f"\nsite: {watts(site['watts'])}", style="bold red" if over else "bold green")
    head.append(" without a limit" if site["budget_w"] is None else f" of {watts(site['budget_w'])}")
    if site.get("budget_left_s"):
        head.append(f" for {span(site['budget_left_s'])} more")
    head.append(f", {watts(site['lent_w'])} lent", style="dim")
    if site.get("why"):
        head.append(f"   {site['why']}", style="yellow")
    gone = [node["name"] for node in site["nodes"] if node["state"] == "lost"]
    lines: list[Text | Table] = [head, _table(site)] if site["nodes"] else [head, Text("no node has asked yet")]
    if gone:
        lines.append(Text(f"→ switched off for good? omniwatt power forget {gone[0]} frees its floor", style="yellow"))
    return lines


def _table(site: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("NODE", overflow="fold")
    for column in ("NOW", "LENT", "WANTS", "FLOOR", "HEARD"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("")
    for node in site["nodes"]:
        says, style = STANDING.get(node["state"], (node["state"], ""))
        if (
            node["state"] == "ok"
            and None not in (node["watts"], node["lent_w"])
            and node["watts"] > OVER * node["lent_w"]
        ):
            says, style = "takes more than it is lent", "red"
        told = Text(says, style=style)
        if node.get("why"):
            told.append(f"; {node['why']}", style="yellow")
        heard_s = node["heard_s_ago"]
        heard = "never" if heard_s is None else "now" if heard_s < LATE_S else f"{span(heard_s)} ago"
        figures = (watts(node[field]) for field in ("watts", "lent_w", "wants_w", "floor_w"))
        table.add_row(node["name"], *figures, heard, told)
    return table
