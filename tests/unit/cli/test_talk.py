"""`omniwatt talk`: what of it needs no server."""

import array
import wave
from pathlib import Path

import click
import pytest

from omniwatt.cli.talk import RATE_HZ, read_wav, resampled


def write(path: Path, rate_hz: int, channels: int, width: int, data: bytes) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(data)
    return path


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000, 44100])
def test_any_rate_keeps_its_length_and_shape(rate_hz: int) -> None:
    ramp = list(range(rate_hz // 10))
    found = resampled(ramp, rate_hz)
    assert len(found) == pytest.approx(RATE_HZ / 10, abs=1)
    assert found[0] == 0
    assert found[len(found) // 2] == pytest.approx(rate_hz / 20, abs=2)


def test_channels_are_mixed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", RATE_HZ, 2, 2, array.array("h", [100, 300, -100, -300]).tobytes())
    assert array.array("h", read_wav(path)).tolist() == [200, -200]


def test_what_cannot_be_spoken_is_said(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="8-bit"):
        read_wav(write(tmp_path / "a.wav", RATE_HZ, 1, 1, b"\0\1"))
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    with pytest.raises(click.ClickException, match="no WAV file"):
        read_wav(tmp_path / "b.wav")
