"""The page for blind listening: every clip once, names only in the script, nothing that breaks out of it."""

import base64
import json
import re
from pathlib import Path

import numpy as np

from bench import listening

CLIPS = [
    listening.Clip(name, level * np.sin(np.arange(2400) / 9).astype(np.float32), 24_000)
    for name, level in (("af_heart", 0.9), ("</script><b>", 0.02), ("silence", 0.0))
]


def test_the_page_holds_each_clip_once_and_names_none_before_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "build" / "page.html"
    listening.write(path, CLIPS)
    text = path.read_text(encoding="utf-8")
    sounds = [base64.b64decode(data) for data in re.findall(r"data:audio/wav;base64,([A-Za-z0-9+/=]+)", text)]
    before, _, script = text.partition("<script>")
    assert len(sounds) == 3
    assert all(sound[:4] == b"RIFF" and len(sound) == 4844 for sound in sounds)
    assert "af_heart" not in before
    assert text.count("</script>") == 1
    assert json.loads(re.search(r"names = (\[.*\]), marks", script)[1].replace("<\\/", "</")) != []  # type: ignore[index]


def test_clips_are_equally_loud(tmp_path: Path) -> None:
    loud, soft = (np.frombuffer(listening._wav(clip)[44:], "<i2").astype(float) for clip in CLIPS[:2])
    assert abs(np.sqrt(np.mean(loud**2)) / np.sqrt(np.mean(soft**2)) - 1) < 0.01
