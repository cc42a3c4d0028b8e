"""How natural speech sounds, as a network guesses it: DNSMOS P.835, 1 (bad) to 5 (as good as clean speech).

C. Reddy, V. Gopal, R. Cutler, "DNSMOS P.835: A non-intrusive perceptual objective speech quality metric to evaluate
noise suppressors", ICASSP 2022. It was taught what people say of recordings with noise and of what noise suppressors do
to them: it hears distortion, hum and hiss; it does not hear a wrong stress. So real recordings are scored beside.
"""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import soxr
from numpy.typing import NDArray

from bench.common import ROOT, say

LOCK = ROOT / "bench" / "peers" / "voices.lock"
FOLDER = ROOT / ".venv" / "peers" / "voices"
MEMBER = "speechmos/dnsmos_models/sig_bak_ovr.onnx"
RATE_HZ = 16_000
WINDOW_S = 9.01
SCALES = {"signal": (-0.08397278, 1.22083953, 0.0052439), "overall": (-0.06766283, 1.11546468, 0.04602535)}
"""The authors' parabolas from what the network says to the listeners' scale."""

Sound = NDArray[np.float32]


class Judge:
    """The network, fetched once as the package speechmos (MIT) holds it, hash-checked."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(_model(), options, providers=["CPUExecutionProvider"])

    def score(self, sound: Sound, rate_hz: int) -> dict[str, float]:
        """`signal` (the voice alone) and `overall` of mono sound in -1..1; a short sound is repeated to the window."""
        heard = sound if rate_hz == RATE_HZ else soxr.resample(sound, rate_hz, RATE_HZ)
        heard = np.clip(heard, -1, 1).astype(np.float32)
        width = int(WINDOW_S * RATE_HZ)
        if not len(heard):
            raise ValueError("there is nothing to hear")
        heard = np.tile(heard, -(-width // len(heard))) if len(heard) < width else heard
        starts = range(0, len(heard) - width + 1, RATE_HZ)
        found = [self._session.run(None, {"input_1": heard[None, start : start + width]})[0][0] for start in starts]
        signal, _, overall = np.mean(found, axis=0)
        return {"signal": _scaled("signal", float(signal)), "overall": _scaled("overall", float(overall))}


def _scaled(name: str, raw: float) -> float:
    return round(float(np.polyval(SCALES[name], raw)), 3)


def _model() -> bytes:
    found = list(FOLDER.glob("speechmos-*.whl"))
    if not found:
        say("fetching speechmos into .venv/peers/voices (once)")
        pip: list[Any] = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes", "-d", FOLDER]
        subprocess.run([*pip, "-r", LOCK], check=True)
        found = list(FOLDER.glob("speechmos-*.whl"))
    with zipfile.ZipFile(Path(found[0])) as wheel:
        return wheel.read(MEMBER)
