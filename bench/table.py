"""The measured figures: all in docs/MEASURED.md, the chief ones in the README; from each benchmark's newest result."""

import json
import re
from pathlib import Path
from typing import Any

from bench.common import RESULTS, ROOT

CHIEF = (
    r"0\.5b-instruct, [18] streams: tokens/s",
    r"5b-instruct: first token of 30 questions",
    r"omniwatt: requests/s, (1|64) client",
    r"latency added at half load, p50",
    r"Utterances under 10 s: times faster",
    r"spoken answer begins, silence \d+ ms: p50",
    r"piper-joe, English: first audio",
    r"voice styles",
    r"^draw \d+x\d+",
    r"^draw: (edges|pictures wholly)",
    r"^text set as title or body",
    r"^text set: the glyphs",
    r"^the same, of the strings the reader",
    r"^watts, real engines, (chat \+ pictures \+ hearing|4096² pictures alone), budgets.*: mean of a second",
    r"^watts, simulated 28 kW server, 32 slots, budget in steps, omniwatt",
    r"^watts, simulated 28 kW server, 32 slots, budget of a grid",
    r"^watts, simulated 28 kW server: cases",
    r"^a (token|picture|minute)",
)
"""The rows the README shows, by their beginnings or what stands in them; the others are on a page of their own."""
BEGIN, END = "<!-- measured: made by `make docs` from bench/results/ -->", "<!-- /measured -->"


HEAD = ("| | measured | aim |", "|---|---|---|")


def newest(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """The latest result of each benchmark, by its date."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        if result["bench"] not in found or result["date"] > found[result["bench"]]["date"]:
            found[result["bench"]] = result
    return [found[name] for name in sorted(found)]


def render(results: list[dict[str, Any]]) -> str:
    """Markdown: the chief figures."""
    rows = [row for result in results for row in map(_row, result["figures"]) if row and _chief(row)]
    if not rows:
        return "No figures are kept yet: `make bench`."
    return "\n".join([*HEAD, *rows])


def page(results: list[dict[str, Any]]) -> str:
    """Markdown: every figure that has a name for people, by benchmark, with the machine it was taken on."""
    parts = ["# Measured", "Made by `make docs` from [bench/results](../bench/results/); misses are marked as such."]
    for result in results:
        rows = [row for row in map(_row, result["figures"]) if row]
        if rows:
            parts += [f"## {result['bench'].replace('_', ' ')}", _taken(result), "\n".join([*HEAD, *rows])]
    return "\n\n".join(parts) + "\n"


def _taken(result: dict[str, Any]) -> str:
    on = result["machine"]
    command = result.get("command", f"make bench-{result['bench']}")
    return (
        f"`{command}`, {result['date'][:10]}, commit {on['commit']}: {on['cores']} cores of "
        f"{on['cpu']}, {on['memory_bytes'] / 2**30:.0f} GiB, Linux {on['kernel']}."
    )


def matching(pattern: str, results: list[dict[str, Any]]) -> list[str]:
    """The rows a pattern of CHIEF finds."""
    rows = [row for result in results for row in map(_row, result["figures"]) if row]
    return [row for row in rows if re.search(pattern, row.removeprefix("| "))]


def _chief(row: str) -> bool:
    return any(re.search(pattern, row.removeprefix("| ")) for pattern in CHIEF)


def _row(figure: dict[str, Any]) -> str | None:
    if "readme" not in figure:
        return None
    aim = figure.get("aim", "")
    if aim and "met" in figure:
        aim += " ✓" if figure["met"] else " ✗ missed"
    return f"| {figure['readme']} | {number(figure['value'])} {figure.get('unit', '')} | {aim} |".replace("  |", " |")


def number(value: float) -> str:
    """Three digits that matter, thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def placed(readme: str, table: str) -> str:
    """The README with its table replaced. Raises ValueError if the markers are gone."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the README has lost its markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main() -> None:
    """Put the table into the README."""
    path = ROOT / "README.md"
    path.write_text(placed(path.read_text(encoding="utf-8"), render(newest())), encoding="utf-8")
    print("README.md")


if __name__ == "__main__":
    main()
