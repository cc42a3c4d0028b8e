"""The README's table of measured figures, made from the newest result of each benchmark in bench/results/."""

import json
from pathlib import Path
from typing import Any

from bench.common import RESULTS, ROOT

BEGIN, END = "<!-- measured: made by `make docs` from bench/results/ -->", "<!-- /measured -->"


def newest(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """The latest result of each benchmark, by its date."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        if result["bench"] not in found or result["date"] > found[result["bench"]]["date"]:
            found[result["bench"]] = result
    return [found[name] for name in sorted(found)]


def render(results: list[dict[str, Any]]) -> str:
    """Markdown: the figures that name themselves for the README, and the machines they were taken on."""
    rows = [row for result in results for row in map(_row, result["figures"]) if row]
    if not rows:
        return "No figures are kept yet: `make bench`."
    lines = ["| | measured | aim |", "|---|---|---|", *rows, ""]
    for result in results:
        on = result["machine"]
        lines.append(
            f"- `make bench-{result['bench']}`, {result['date'][:10]}, commit {on['commit']}: {on['cores']} cores of "
            f"{on['cpu']}, {on['memory_bytes'] / 2**30:.0f} GiB, Linux {on['kernel']}"
        )
    return "\n".join(lines)


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
