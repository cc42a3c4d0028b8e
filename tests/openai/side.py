"""What other clients bring along, fetched once by their ordinary installers and checked by hash: kept in the .venv."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path(sys.prefix) / "clients"
OLD_CLIENT_LOCK = HERE / "requirements-0.28.lock"
SDK_VERSION = "3.54.0"
SDK_SHA256 = "2e393e63f8a38be6452806f9ef0b6534fecd6d41ab3b2165180dfce3599249cd"


def pip(*arguments: str) -> None:
    """Run pip; its own words are the error's."""
    command = [sys.executable, "-m", "pip", *arguments, "--disable-pip-version-check", "--no-input", "--quiet"]
    subprocess.run(command, check=True, timeout=300)


def old_client() -> Path:
    """A folder from which `import openai` is 0.28.1, hash-checked against the lock."""
    folder = CACHE / "openai-0.28"
    stamp = folder / "lock"
    if not stamp.exists() or stamp.read_bytes() != OLD_CLIENT_LOCK.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        pip("install", "--require-hashes", "--no-deps", "--target", str(folder), "-r", str(OLD_CLIENT_LOCK))
        stamp.write_bytes(OLD_CLIENT_LOCK.read_bytes())
    return folder


def sdk_sources() -> Path:
    """The unpacked source distribution of the pinned `openai`, whose tests we run."""
    folder = CACHE / f"openai-{SDK_VERSION}"
    if folder.exists():
        return folder
    CACHE.mkdir(exist_ok=True)
    wanted = f"openai=={SDK_VERSION}"
    pip("download", "--no-binary", "openai", "--no-deps", "--no-build-isolation", "--dest", str(CACHE), wanted)
    archive = CACHE / f"openai-{SDK_VERSION}.tar.gz"
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert digest == SDK_SHA256, f"{archive.name} has sha256 {digest}"
    unpacked = CACHE / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(archive) as sources:
        sources.extractall(unpacked, filter="data")
    (unpacked / folder.name).rename(folder)
    unpacked.rmdir()
    archive.unlink()
    return folder
