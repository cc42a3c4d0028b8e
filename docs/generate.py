"""`make docs`: the documents that are made from the code. tests/test_docs.py fails while one of them is stale."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

ROOT = Path(__file__).parent.parent
WIDTH = 100
MADE = "<!-- Made by `make docs`; change the code, not this file. -->\n"


def commands() -> str:
    """The help of every command."""
    from omniwatt.cli.menu import omniwatt

    parts = [MADE, "# The command line\n"]
    for path, command in walk(omniwatt, ("omniwatt",)):
        context = command.make_context(
            " ".join(path),
            [],
            resilient_parsing=True,
            help_option_names=["-h", "--help"],
            terminal_width=WIDTH,
            max_content_width=WIDTH,
        )
        parts.append(f"## {' '.join(path)}\n\n```text\n{_tidy(command.get_help(context))}\n```\n")
    return "\n".join(parts)


def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all below it, with the words that lead to each."""
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            yield from walk(command.commands[name], (*path, name))


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


def settings() -> str:
    """Every setting with its default and its docstring, read from the source."""
    tree = ast.parse((ROOT / "src/omniwatt/settings.py").read_text(encoding="utf-8"))
    slices = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef) and _is_slice(node)}
    parts = [MADE, "# Settings\n", SETTINGS_INTRODUCTION]
    whole = slices.pop("Settings")
    for field in _fields(whole):
        kind = field.kind.split("[")[-1].strip("]").split(", ")[-1]
        section = f"{field.name}.NAME" if field.kind.startswith("dict") else field.name
        node = slices[kind]
        parts.append(f"## [{section}]\n\n{ast.get_docstring(node)}\n")
        parts.append("| setting | type | default | |\n|---|---|---|---|")
        parts += [f"| `{f.name}` | {_cell(f.kind)} | {_cell(f.default)} | {f.words} |" for f in _fields(node)]
        parts.append("")
    return "\n".join(parts)


SETTINGS_INTRODUCTION = """\
A setting comes from the settings file; the environment overrides it, and a flag overrides both.
`queue_limit` of `[admission]` is `OMNIWATT_ADMISSION_QUEUE_LIMIT` in the environment; lists are written with commas.
The file is `OMNIWATT_HOME/omniwatt.toml`, or what `--config` names. An unknown or ill-typed setting stops the start.
SIGHUP reads `[models]`, `[upstream]`, `[log] level`, the TLS certificate and, of `[power]`, budgets, windows, events
and prices again; any other change needs a restart.
"""


class Field(NamedTuple):
    """One setting as it stands in the source."""

    name: str
    kind: str
    default: str
    words: str


def _is_slice(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "Slice" for base in node.bases)


def _fields(node: ast.ClassDef) -> Iterator[Field]:
    """Annotated fields, each with the docstring that follows it."""
    for this, following in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(this, ast.AnnAssign) or not isinstance(this.target, ast.Name):
            continue
        words = ""
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            words = " ".join(str(following.value.value).split())
        default = ast.unparse(this.value) if this.value else "(required)"
        yield Field(this.target.id, ast.unparse(this.annotation), default, words)


def _cell(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def fields() -> str:
    """What becomes of each parameter of each route."""
    from omniwatt.api.openai.tables import render_markdown

    return f"{MADE}\n# Parameters\n\n{render_markdown().strip()}\n"


def routes() -> str:
    """Every route with what its handler says of itself."""
    from omniwatt.api.openapi import summary
    from omniwatt.api.server import ROUTES

    head = [MADE, "# Routes\n", "| method | path | |", "|---|---|---|"]
    rows = [
        f"| {method} | `{route.path}` | {summary(route)} |"
        for route in ROUTES
        for method in sorted((route.methods or {"GET"}) - {"HEAD"})
    ]
    return "\n".join([*head, *rows, ""])


def measured() -> str:
    """Every measured figure, by benchmark."""
    from bench import table

    return f"{MADE}\n{table.page(table.newest())}"


PAGES: dict[str, Callable[[], str]] = {
    "CLI.md": commands,
    "SETTINGS.md": settings,
    "FIELDS.md": fields,
    "ROUTES.md": routes,
    "MEASURED.md": measured,
}


def main() -> None:
    """Write every page and the README's measured table."""
    from bench import table

    for name, make in PAGES.items():
        (ROOT / "docs" / name).write_text(make(), encoding="utf-8")
        click.echo(f"docs/{name}")
    table.main()


if __name__ == "__main__":
    main()
