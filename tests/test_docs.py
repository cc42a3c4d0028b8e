"""The documents say what the code does: generated pages are current, commands exist, the tree is the tree."""

import re
from pathlib import Path

import click
import pytest

from bench import table
from docs import generate
from omniwatt.cli.menu import omniwatt

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROSE = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md", "THIRD_PARTY.md")]
NOT_IN_TREE = {"__init__.py", "__main__.py", "py.typed", "__pycache__"}


@pytest.mark.parametrize("name", sorted(generate.PAGES))
def test_generated_pages_are_current(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == generate.PAGES[name](), "run `make docs`"


def test_the_measured_table_is_current() -> None:
    assert table.placed(README, table.render(table.newest())) == README, "run `make docs`"


def test_the_measured_table_shows_misses() -> None:
    figure = {
        "value": 1234.5,
        "unit": "1/s",
        "readme": "omniwatt: requests/s, 1 client",
        "aim": ">= 2,000",
        "met": False,
    }
    other = {"value": 1, "readme": "something else"}
    machine = {"commit": "abc", "cores": 2, "cpu": "Some CPU", "memory_bytes": 2**34, "kernel": "6.1"}
    figures = [figure, other, {"value": 1}]
    result = {"bench": "gateway", "date": "2026-01-02T00:00:00", "machine": machine, "figures": figures}
    chief, whole = table.render([result]), table.page([result])
    for text in (chief, whole):
        assert "| omniwatt: requests/s, 1 client | 1,234 1/s | >= 2,000 ✗ missed |" in text
    assert "2 cores of Some CPU, 16 GiB" in whole
    assert (chief.count("\n| "), whole.count("\n| ")) == (1, 3)


def test_every_chief_figure_is_measured() -> None:
    missing = [pattern for pattern in table.CHIEF if not table.matching(pattern, table.newest())]
    assert missing == []


def shell_lines(text: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`((?:\.venv/bin/)?omniwatt [^`]+|make [a-z-]+)`", text)
    return [line for line in lines + inline if line]


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.name)
def test_commands_in_prose_exist(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in shell_lines(path.read_text(encoding="utf-8")):
        words = line.split()
        if words[0] == "make":
            target = re.sub(r"^bench-\w+$", "bench-%", words[1])
            assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), line
        elif words[0].removeprefix(".venv/bin/") == "omniwatt":
            check_command(words[1:], line)


def check_command(words: list[str], line: str) -> None:
    command: click.Command = omniwatt
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, line
        command = command.commands[words.pop(0)]
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    for word in words:
        if word.startswith("--"):
            assert word in known, f"{line}: {word}"


def test_the_readme_tells_the_two_commands() -> None:
    section = README.partition("## Two commands")[2].partition("\n## ")[0]
    lines = [line for line in shell_lines(section) if line.startswith("make ")]
    assert lines[:2] == ["make demo", "make test"]


def test_the_readme_tree_is_the_tree() -> None:
    block = next(b for b in re.findall(r"```text\n(.*?)```", README, re.DOTALL) if "src/omniwatt/" in b)
    package, folder, named = ROOT / "src/omniwatt", ROOT, set()
    for line in block.splitlines():
        inside = line.startswith("  ")
        name = line.split()[0]
        folder = package if inside else ROOT
        assert (folder / name).exists(), name
        if inside:
            named.add(name.partition("/")[0])
    there = {path.name for path in package.iterdir()} - NOT_IN_TREE
    assert named == there


@pytest.mark.parametrize("path", [*PROSE, *(ROOT / "docs").glob("*.md")], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (path.parent / target).exists(), target


def test_the_licence_is_apache() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_every_help_has_a_summary_and_every_option_a_word() -> None:
    for path, command in generate.walk(omniwatt, ("omniwatt",)):
        assert command.get_short_help_str(), path
        for one in command.params:
            if isinstance(one, click.Option):
                assert one.help, (path, one.name)
