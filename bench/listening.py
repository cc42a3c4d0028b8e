"""A page for blind listening: clips in a drawn order, without names until each has its mark. One file, no network.

What was marked stays in the page; `Copy` gives it as lines of CSV. Real recordings are among the clips.
"""

import base64
import html
import io
import json
import random
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# A browser that fills in the marks of the last visit would show marks that the script knows nothing of.
HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Blind listening</title>
<meta name="viewport" content="width=device-width"><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
li{margin:1rem 0;padding:.5rem 0;border-top:1px solid #ccc}label{margin-right:1rem}audio{width:100%}
output{font-weight:600}button{font:inherit;padding:.3rem 1rem}textarea{width:100%;height:8rem}
</style><h1>Blind listening</h1>
<p>How much does each clip sound like a person talking? 1: not at all, 5: entirely. Some of them are people. A name
appears once its clip has a mark, which cannot be changed then.</p><form autocomplete="off"><ol>
"""
TAIL = """</ol></form><p><button id="copy" type="button">Copy the marks</button> <span id="left"></span></p>
<textarea id="csv" readonly aria-label="marks as CSV"></textarea><script>
const names = NAMES, marks = {};
function show() {
  const rows = Object.keys(marks).map(n => [n, JSON.stringify(names[n]), marks[n]].join(","));
  document.getElementById("csv").value = ["clip,name,mark", ...rows].join("\\n");
  document.getElementById("left").textContent = `${names.length - rows.length} left`;
}
for (const item of document.querySelectorAll("li")) item.addEventListener("change", event => {
  const n = item.dataset.n;
  marks[n] = event.target.value;
  item.querySelector("output").textContent = names[n];
  for (const input of item.querySelectorAll("input")) input.disabled = true;
  show();
});
document.getElementById("copy").addEventListener("click", () => {
  const csv = document.getElementById("csv");
  csv.select();
  navigator.clipboard ? navigator.clipboard.writeText(csv.value) : document.execCommand("copy");
});
show();
</script></html>
"""


class Clip(NamedTuple):
    """Mono sound in -1..1, and what it turns out to be."""

    name: str
    sound: NDArray[np.float32]
    rate_hz: int


def write(path: Path, clips: list[Clip], seed: int = 0) -> None:
    """Put the page at `path`. All clips are made equally loud, since the louder of two sounds the better."""
    drawn = random.Random(seed).sample(clips, len(clips))
    items = [_item(number, clip) for number, clip in enumerate(drawn)]
    names = json.dumps([clip.name for clip in drawn]).replace("</", "<\\/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + "\n".join(items) + TAIL.replace("NAMES", names), encoding="utf-8")


def _item(number: int, clip: Clip) -> str:
    data = base64.b64encode(_wav(clip)).decode()
    marks = "".join(
        f'<label><input type="radio" name="m{number}" value="{mark}"> {mark}</label>' for mark in range(1, 6)
    )
    source = html.escape(f"data:audio/wav;base64,{data}")
    return (
        f'<li data-n="{number}"><audio controls preload="none" src="{source}"></audio><br>'
        f'<span role="group" aria-label="mark of clip {number + 1}">{marks}</span><output></output></li>'
    )


def _wav(clip: Clip) -> bytes:
    level = float(np.sqrt(np.mean(np.square(clip.sound, dtype=np.float64)))) or 1.0
    gain = min(0.06 / level, 0.97 / max(float(np.abs(clip.sound).max()), 1e-9))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, clip.rate_hz, 0, "NONE", ""))
        file.writeframes((clip.sound * gain * 32767).astype("<i2").tobytes())
    return out.getvalue()
