"""`omniwatt doctor`: what this machine has, what is missing, and what to do next."""

import os
import platform
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
import msgspec
import psutil

from omniwatt.catalog.card import Card
from omniwatt.cli import home
from omniwatt.cli.common import config_option, console, settings_from, short, size
from omniwatt.settings import Settings

if TYPE_CHECKING:
    from omniwatt.catalog.catalog import Catalog

State = Literal["ok", "note", "wrong"]
MARKS = {"ok": "[green]✓[/green]", "note": "[yellow]•[/yellow]", "wrong": "[red]✗[/red]"}
# llama.cpp's CPU code has a path for each of these; without AVX2 answers take several times as long.
VECTOR_FLAGS = ("avx2", "avx512f", "avx512_vnni", "amx_int8")
LIBRARIES = {"libGL.so": "libgl1", "libEGL.so": "libegl1", "libGLX": "libglx0", "libGLdispatch": "libglvnd0"}
"""What Skia's wheel wants of the system -> the Debian or Ubuntu package that has it."""
PACKAGES = {"skia": "skia-python", "PIL": "pillow"}
ROOM_BYTES = 3_000_000_000


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at; `advice` says what to do about it."""

    state: State
    what: str
    finding: str
    advice: str = ""


@click.command(epilog="\b\nThe exit code is 1 when something is wrong.")
@click.option("--quick", is_flag=True, help="Do not read the model files again to compare their hashes.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@config_option
def doctor(quick: bool, as_json: bool, config: Path | None) -> None:
    """Check this machine and installation, and say what to do next."""
    settings = settings_from(config)
    findings: list[Finding] = []
    for finding in examine(settings, quick):
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(findings)).decode())
    elif not any(f.advice for f in findings):
        console.print("\nAll is well. Next: omniwatt serve")
    if any(f.state == "wrong" for f in findings):
        raise SystemExit(1)


def _show(finding: Finding) -> None:
    console.print(f"{MARKS[finding.state]} {finding.what:14} {finding.finding}")
    if finding.advice:
        console.print(f"{'':17}[bold]→ {finding.advice}[/bold]")


def examine(settings: Settings, quick: bool) -> Iterator[Finding]:
    """Every check, cheap ones first."""
    yield _python()
    yield from _machine()
    yield _disk(settings.home)
    yield _permissions(settings.home)
    yield _npm()
    yield _realtime()
    yield drawing()
    running = home.running(settings.home)
    if running:
        yield Finding("ok", "server", f"runs at {running.url}/v1, process {running.pid}")
    else:
        yield _port(settings.server.host, settings.server.port)
    yield from _models(settings, quick)


def _python() -> Finding:
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if platform.system() != "Linux":
        return Finding("note", "python", text, "only Linux is tested; the engine processes lean on its signals")
    return Finding("ok", "python", text)


def _machine() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    flags = vector_flags(Path("/proc/cpuinfo"))
    if platform.machine() == "x86_64" and "avx2" not in flags:
        yield Finding("note", "processor", f"{cores} cores, no AVX2", "it will work, slowly: prefer the fast model")
    else:
        yield Finding("ok", "processor", f"{cores} cores {' '.join(flags)}".rstrip())
    memory = psutil.virtual_memory()
    text = f"{size(memory.available)} free of {size(memory.total)}"
    if memory.available < ROOM_BYTES:
        yield Finding("note", "memory", text, "serve the fast model only: omniwatt serve --models fast,embed")
    else:
        yield Finding("ok", "memory", text)


def vector_flags(cpuinfo: Path) -> tuple[str, ...]:
    """The vector extensions this processor says it has, of those that matter here."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    words = set(next((line for line in text.splitlines() if line.startswith("flags")), "").split())
    return tuple(flag for flag in VECTOR_FLAGS if flag in words)


def _disk(state: Path) -> Finding:
    place = next(folder for folder in (state, *state.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if free < ROOM_BYTES:
        return Finding("note", "disk", f"{size(free)} free at {short(state)}", "the default models need about 3 GB")
    return Finding("ok", "disk", f"{size(free)} free at {short(state)}")


def _permissions(state: Path) -> Finding:
    if not state.exists():
        return Finding("ok", "state folder", f"{short(state)}, made at first use")
    if not os.access(state, os.W_OK | os.X_OK):
        return Finding("wrong", "state folder", f"{short(state)} cannot be written", "chown it, or set OMNIWATT_HOME")
    open_to_others = [
        path
        for path in (state, state / "secret", state / "omniwatt.db", state / "run" / "demo.key", state / "files")
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if open_to_others:
        names = " ".join(short(path) for path in open_to_others)
        return Finding("wrong", "state folder", f"others can read {names}", f"chmod go= {names}")
    return Finding("ok", "state folder", f"{short(state)}, yours alone")


def _npm() -> Finding:
    npm = shutil.which("npm")
    if npm:
        return Finding("ok", "npm", short(Path(npm)))
    return Finding("ok", "npm", "not installed; only a few optional models come from there")


def _realtime() -> Finding:
    from importlib.util import find_spec

    from omniwatt.contract.error import EngineFailed
    from omniwatt.engines import silero

    try:
        silero.weights()
    except EngineFailed as error:
        problem, _, advice = error.message.partition(" Install it again: ")
        return Finding("wrong", "realtime", problem, advice)
    webrtc = "WebSocket and WebRTC" if find_spec("aiortc") else "WebSocket; for WebRTC: pip install 'omniwatt[webrtc]'"
    return Finding("ok", "realtime", webrtc)


def drawing(modules: str = "skia, uharfbuzz, PIL.ImageCms") -> Finding:
    """In a process of its own: what a broken library does to the one that loads it is not known."""
    command = (sys.executable, "-c", f"import {modules}")
    tried = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if tried.returncode == 0:
        return Finding("ok", "drawing", "Skia and HarfBuzz can be loaded")
    last = (tried.stderr.strip().splitlines() or [f"the import ended with {tried.returncode}"])[-1]
    return Finding("wrong", "drawing", f"pictures cannot be drawn: {last}", drawing_advice(last))


def drawing_advice(problem: str) -> str:
    """What to install, by the last line of what Python says."""
    for library, package in LIBRARIES.items():
        if library in problem:
            return f"apt install {package}"
    module = problem.partition("No module named ")[2].strip("' ").partition(".")[0]
    return f"pip install {PACKAGES.get(module, module)}" if module else "pip install --force-reinstall skia-python"


def _port(host: str, port: int) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            return Finding(
                "wrong", "port", f"{host}:{port}: {error.strerror}", f"omniwatt serve --port {(port + 1) % 65536}"
            )
    return Finding("ok", "port", f"{host}:{port} is free")


def _models(settings: Settings, quick: bool) -> Iterator[Finding]:
    from omniwatt.catalog.catalog import Catalog
    from omniwatt.catalog.error import CatalogError

    try:
        catalog = Catalog.open(settings)
    except CatalogError as error:
        yield Finding("wrong", "models", str(error), "correct the setting models.serve")
        return
    for problem in catalog.problems:
        yield Finding("wrong", "cards", problem, "correct or remove the card")
    wanted = {card.name for card in catalog.wanted()}
    for card in catalog.cards():
        if card.artifacts and (card.name in wanted or catalog.present(card)):
            yield _model(catalog, card, quick)


def _model(catalog: "Catalog", card: Card, quick: bool) -> Finding:
    if not catalog.present(card):
        return Finding("note", "model", f"{card.name} is not on disk", f"omniwatt pull {card.name}")
    if quick:
        return Finding("ok", "model", f"{card.name}, {size(card.bytes)}")
    corrupt = catalog.store.verify(card)
    if corrupt:
        files = ", ".join(artifact.file for artifact in corrupt)
        text = f"{card.name}: {files} was damaged, and is removed"
        return Finding("wrong", "model", text, f"omniwatt pull {card.name}")
    return Finding("ok", "model", f"{card.name}, {size(card.bytes)}, hashes right")
