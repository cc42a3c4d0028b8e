"""The arrow rule: imports point only the way a request travels, and heavy libraries stay in engines."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "omniwatt"

LAYERS: list[set[str]] = [
    {"cli", "demo"},
    {"wiring"},
    {"api"},
    {"realtime"},
    {"pipeline"},
    {
        "auth",
        "limits",
        "plan",
        "plan_pictures",
        "admission",
        "flows",
        "ledger",
        "ledger_rows",
        "context",
        "tokens",
        "compute",
    },
    {"workers", "power"},
    {"engines"},
    {"catalog", "blobs", "stored"},
    {"database", "metrics", "logs", "telemetry", "packets", "tree"},
    {"schema", "settings", "memory"},
    {"contract"},
]
LEVEL = {name: depth for depth, names in enumerate(LAYERS) for name in names}

MAY_MEET = {
    ("demo", "cli"),
    ("cli", "demo"),
    ("plan", "tokens"),
    ("plan", "plan_pictures"),
    ("plan_pictures", "tokens"),
    ("ledger", "tokens"),
    ("ledger", "ledger_rows"),
    ("flows", "tokens"),
    ("telemetry", "logs"),
    ("schema", "settings"),
}
"""Pairs of one layer that import one another, each for a reason: four count with
tokens, a plan may be of pictures, the ledger has a table, the demo is a command."""

HEAVY = {
    "codecpod", "ctranslate2", "gguf", "numpy", "onnxruntime", "PIL", "pypdfium2", "pypinyin", "ray", "rjieba",
    "soundfile", "soxr", "tokenizers", "torch", "wetext", "xllamacpp",
}  # fmt: skip


def _sources() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def _part(file: Path) -> str:
    first = file.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def _imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("file", _sources(), ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_point_down(file: Path) -> None:
    part = _part(file)
    if part in {"__init__", "__main__"}:
        return
    assert part in LEVEL, f"{part} has no layer: say where it stands in tests/test_arrows.py"
    for name in _imports(file):
        parts = name.split(".")
        if parts[0] != "omniwatt" or len(parts) < 2 or parts[1] not in LEVEL:
            continue
        other = parts[1]
        down = LEVEL[other] > LEVEL[part] or other == part or (part, other) in MAY_MEET
        assert down, f"{file.relative_to(ROOT)} imports {name}, which does not stand below it"


@pytest.mark.parametrize("file", _sources(), ids=lambda f: str(f.relative_to(ROOT)))
def test_heavy_libraries_stay_in_engines(file: Path) -> None:
    heavy = {name.split(".")[0] for name in _imports(file)} & HEAVY
    assert not heavy or _part(file) in {"engines", "native"}, f"{file.relative_to(ROOT)} imports {heavy}"


@pytest.mark.parametrize("file", _sources(), ids=lambda f: str(f.relative_to(ROOT)))
def test_only_settings_reads_the_environment(file: Path) -> None:
    reads = [
        node.lineno
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}
    ]
    assert not reads or _part(file) == "settings", f"{file.relative_to(ROOT)} reads the environment at lines {reads}"


def test_no_cycle_between_modules() -> None:
    modules = {
        ".".join(("omniwatt", *f.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): f
        for f in _sources()
    }
    graph = {
        name: {target for i in _imports(f) if (target := i if i in modules else i.rpartition(".")[0]) in modules}
        for name, f in modules.items()
    }
    state: dict[str, int] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if state.get(name) == 2:
            return
        assert state.get(name) != 1, " -> ".join((*trail, name))
        state[name] = 1
        for other in graph[name] - {name}:
            visit(other, (*trail, name))
        state[name] = 2

    for name in modules:
        visit(name, ())
    assert len(state) == len(modules)
