"""What a default install brings along: no torch, no GPL or AGPL, nothing without a hash, no package index's address."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from omniwatt.settings import Models

ROOT = Path(__file__).parent.parent
LOCKS = sorted([*ROOT.glob("requirements*.lock"), *ROOT.glob("tests/**/*.lock"), *ROOT.glob("bench/**/*.lock")])
FORBIDDEN = {"torch", "torchvision", "torchaudio", "tensorflow", "vllm", "ray", "transformers"}
COPYLEFT = re.compile(r"(?<![L])\bA?GPL|GNU (Affero )?General Public", re.IGNORECASE)
ADDRESS = re.compile(r"https?://|--(extra-)?index-url|--find-links|--trusted-host")


def pinned(lock: Path) -> list[Requirement]:
    """The requirements of a lock file that apply here."""
    lines = [line.split(" \\")[0].strip() for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line]
    found = [Requirement(line) for line in lines]
    return [one for one in found if one.marker is None or one.marker.evaluate()]


DEFAULT = pinned(ROOT / "requirements.lock")


def licence(name: str) -> str:
    """What a distribution says of its licence: the expression and the classifiers, the free text only without both."""
    about = metadata.metadata(name)
    said = [about.get("License-Expression") or ""]
    said += [line for line in about.get_all("Classifier") or [] if line.startswith("License ::")]
    return " | ".join(filter(None, said)) or (about.get("License") or "").partition("\n")[0]


def test_the_default_install_is_what_the_lock_says() -> None:
    assert len(DEFAULT) > 20
    for one in DEFAULT:
        assert metadata.version(one.name) in one.specifier, one


@pytest.mark.parametrize("name", [one.name for one in DEFAULT])
def test_no_default_dependency_is_forbidden_or_copyleft(name: str) -> None:
    assert name.lower() not in FORBIDDEN
    said = licence(name)
    assert said, f"{name} says nothing of its licence"
    assert not COPYLEFT.search(said), f"{name}: {said}"


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ("MIT", False),
        ("LGPL-2.1-or-later", False),
        ("License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)", False),
        ("GPL-3.0-only", True),
        ("MIT AND AGPL-3.0", True),
        ("License :: OSI Approved :: GNU General Public License v3 (GPLv3)", True),
        ("License :: OSI Approved :: GNU Affero General Public License v3", True),
    ],
)
def test_the_look_for_copyleft_finds_it(said: str, refused: bool) -> None:
    assert bool(COPYLEFT.search(said)) is refused


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_lock_files_hold_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert not ADDRESS.search(text)
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in block, block


def test_every_default_licence_is_listed() -> None:
    listed = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8").lower().replace("_", "-")
    missing = [one.name for one in DEFAULT if one.name.lower().replace("_", "-") not in listed]
    assert not missing


def test_what_the_tests_load_is_pulled_before_them() -> None:
    """A machine that has run the demo or tried a model out has more in its store than a new one."""
    (line,) = re.findall(r"omniwatt pull (.+)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    roles = Models()
    pulled = {getattr(roles, name, name) for name in line.split()}
    cards = {file.stem for file in (ROOT / "src/omniwatt/catalog/cards").glob("*.toml")}
    texts = [file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py")]
    named = {name for text in texts if "mark.model" in text for name in re.findall(r'"([a-z0-9.-]+)"', text)}
    engines_without_files = {"echo", "media", "live", "rtc"}
    assert (named & cards) - engines_without_files <= pulled
