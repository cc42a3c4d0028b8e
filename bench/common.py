"""What the benchmarks share: the machine's description, servers to measure, results as JSON."""

import argparse
import contextlib
import json
import os
import platform
import re
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results"
PACKAGES = ("omniwatt", "xllamacpp", "uvicorn", "uvloop", "httptools", "msgspec")


def arguments(description: str) -> argparse.Namespace:
    """--quick, which every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work; the result says so and is not kept")
    return parser.parse_args()


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    model = re.search(r"^model name\s*: (.*)$", cpuinfo, re.MULTILINE)
    return {
        "cpu": model[1] if model else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "commit": _git("rev-parse", "--short", "HEAD"),
        "changed_files": len(_git("status", "--porcelain", "--untracked-files=no").splitlines()),
        "load_before": os.getloadavg()[0],
    }


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _command(name: str) -> str:
    """What was typed to make a result: `make bench-NAME`, or the module with its arguments where that is another."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    module, words = spec.name if spec else "", sys.argv[1:]
    if not module.startswith("bench.") or (module == f"bench.{name}" and not words):
        return f"make bench-{name}"
    return shlex.join(["python", "-m", module, *("FOLDER" if word.startswith("/") else word for word in words)])


def keep(name: str, figures: list[dict[str, Any]], quick: bool, notes: dict[str, Any] | None = None) -> None:
    """Write the figures so far (unless quick): a run of half an hour may be cut short."""
    on = machine()
    now = datetime.now(UTC)
    result = {"bench": name, "date": now.isoformat(timespec="seconds"), "quick": quick, "machine": on}
    result |= {"command": _command(name), "notes": notes or {}, "figures": figures}
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        slug = re.sub(r"[^a-z0-9]+", "-", f"{on['cpu']} {on['cores']}c".lower()).strip("-")
        path = RESULTS / f"{name}_{slug}_{now:%Y-%m-%d}.json"
        path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        say(f"kept in {path.relative_to(ROOT)}")


def report(name: str, figures: list[dict[str, Any]], quick: bool, notes: dict[str, Any] | None = None) -> None:
    """Keep the figures and print them, one JSON line each, last."""
    keep(name, figures, quick, notes)
    for figure in figures:
        print(json.dumps({"bench": name, **figure, "quick": quick}, ensure_ascii=False), flush=True)


def say(text: str) -> None:
    """Progress, apart from the figures."""
    print(text, file=sys.stderr, flush=True)


def free_port() -> int:
    """A port nobody uses just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_http(url: str, process: subprocess.Popen[bytes] | None = None, patience_s: float = 120.0) -> None:
    """Until a URL answers anything below 500. Raises RuntimeError."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{url}: its process ended with {process.returncode}")
        with contextlib.suppress(OSError):
            try:
                with urllib.request.urlopen(url, timeout=2):
                    return
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    return
        time.sleep(0.05)
    raise RuntimeError(f"{url} did not answer within {patience_s:.0f} s")


def load(**spec: Any) -> dict[str, Any]:
    """Run the load generator in its own process."""
    command = [sys.executable, "-m", "bench.load", json.dumps(spec)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    outcome: dict[str, Any] = json.loads(done.stdout)
    if outcome["failed"]:
        raise RuntimeError(f"{outcome['failed']} of {outcome['sent']} requests failed: {outcome['failure']}")
    return outcome


@contextlib.contextmanager
def running(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is stopped at the end, with everything it started."""
    process = subprocess.Popen(command, cwd=ROOT, **options)
    try:
        yield process
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            process.terminate()
            _, stubborn = psutil.wait_procs(family, timeout=15)
            for one in stubborn:
                one.kill()
        process.wait()


class Service:
    """A running omniwatt of our own, on a folder of its own."""

    def __init__(self, url: str, port: int, key: str, home: Path, pid: int) -> None:
        self.url, self.port, self.key, self.home = url, port, key, home
        self.process = psutil.Process(pid)

    def family(self) -> dict[str, list[psutil.Process]]:
        """The gateway, and the engine processes under it."""
        return {"gateway": [self.process], "engines": self.process.children(recursive=True)}

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds so far, user and system."""
        return {name: sum(sum(p.cpu_times()[:2]) for p in group) for name, group in self.family().items()}

    def rss_bytes(self) -> dict[str, int]:
        """Resident memory now."""
        return {name: sum(p.memory_info().rss for p in group) for name, group in self.family().items()}

    def ledger_rows(self) -> int:
        """Rows written so far, all of them."""
        time.sleep(1.0)
        with contextlib.closing(sqlite3.connect(f"file:{self.home / 'omniwatt.db'}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM ledger").fetchone()[0])


@contextlib.contextmanager
def service(*flags: str, cards: dict[str, str] | None = None, store: Path | None = None) -> Iterator[Service]:
    """Start `omniwatt serve` on a fresh state folder; `store` is a model store to share, `cards` the user's own."""
    with tempfile.TemporaryDirectory(prefix="ow-") as folder:
        home = Path(folder)
        (home / "cards").mkdir()
        for name, text in (cards or {}).items():
            (home / "cards" / f"{name}.toml").write_text(text, encoding="utf-8")
        if store is not None:
            (home / "models").symlink_to(store)
        port = free_port()
        command = [sys.executable, "-m", "omniwatt", "serve", "--port", str(port), "--log-level", "warning", *flags]
        environ = {k: v for k, v in os.environ.items() if not k.startswith("OMNIWATT_")} | {"OMNIWATT_HOME": folder}
        with running(command, env=environ, stdout=subprocess.DEVNULL) as process:
            wait_http(f"http://127.0.0.1:{port}/healthz", process)
            key = (home / "run" / "demo.key").read_text(encoding="ascii").strip()
            yield Service(f"http://127.0.0.1:{port}", port, key, home, process.pid)


def model_store() -> Path:
    """Where this user's pulled models lie."""
    from omniwatt import settings

    return settings.load(None, {}).home / "models"


def have(program: str) -> str | None:
    """The path of a program, also where only root's PATH looks."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
