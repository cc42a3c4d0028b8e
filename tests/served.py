"""A real server in a process of its own, for tests that need sockets, signals or the whole way."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from omniwatt import settings

PATIENCE_S = 110.0


def free_port() -> int:
    """A port nobody uses just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def environment(home: Path) -> dict[str, str]:
    """This process's environment with no settings of ours but the state folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMNIWATT_", "OPENAI_"))}
    return kept | {"OMNIWATT_HOME": str(home), "NO_COLOR": "1"}


class Served:
    """One `omniwatt serve`."""

    def __init__(self, home: Path, *flags: str, port: int | None = None) -> None:
        self.home = home
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.errors = home.parent / f"{home.name}.stderr"
        command = [sys.executable, "-m", "omniwatt", "serve", "--port", str(self.port), *flags]
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(command, env=environment(home), stdout=subprocess.DEVNULL, stderr=errors)

    @property
    def key(self) -> str:
        return (self.home / "run" / "demo.key").read_text(encoding="ascii").strip()

    def get(self, path: str) -> int:
        """The status of a GET without a key; 0 when nobody listens."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def wait(self, path: str = "/healthz") -> "Served":
        """Until a GET of `path` is 200. Raises AssertionError with what the server said."""
        until = time.monotonic() + PATIENCE_S
        while self.get(path) != 200:
            assert self.process.poll() is None, f"the server ended: {self.said}"
            assert time.monotonic() < until, f"{path} was never 200: {self.said}"
            time.sleep(0.02)
        return self

    @property
    def said(self) -> str:
        return self.errors.read_text(encoding="utf-8", errors="replace")

    def stop(self, patience_s: float = 30.0) -> int:
        """SIGTERM, and the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@contextlib.contextmanager
def served(home: Path, *flags: str, ready: str = "/healthz") -> Iterator[Served]:
    """A server that listens, stopped at the end."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = Served(home, *flags)
    try:
        yield server.wait(ready)
    finally:
        server.stop()


def share_models(home: Path) -> Path:
    """Give a fresh state folder the models this user has pulled."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "models").symlink_to(settings.load(None, {}).home / "models")
    return home
