"""The steps with pictures: words become a file, and what is lettered in it is read back."""

import base64
import time
from typing import Any

from omniwatt.demo import judge
from omniwatt.demo.stage import Outcome, Stage, joules

MODEL = "gpt-image-1"
CALLIGRAPHY = "书法风格的‘禅’字，背景是水墨山水"
CITY = "未來都市夜景，霓虹燈與懸浮汽車交織"
TITLE = "中秋音乐会"
POSTER = f"海报，标题“{TITLE}”，明月、灯笼和兔子"
PNG = b"\x89PNG\r\n\x1a\n"
PATIENCE_S = 300.0


def calligraphy(stage: Stage) -> Outcome:
    """One character by brush before ink-wash mountains."""
    return _drawn(stage, CALLIGRAPHY, "demo-calligraphy.png", "禅")


def city(stage: Stage) -> Outcome:
    """A night city; it asks for no text, so there is none to check."""
    return _drawn(stage, CITY, "demo-city.png", "")


def poster(stage: Stage) -> Outcome:
    """A poster with a Chinese title."""
    return _drawn(stage, POSTER, "demo-poster.png", TITLE)


def _drawn(stage: Stage, prompt: str, name: str, text: str) -> Outcome:
    """Draw `prompt`, save it as `name`; right when `text`, and whatever else is lettered, was read back exactly."""
    stage.sent(prompt)
    began = time.monotonic()
    answer = stage.client.images.generate(model=MODEL, prompt=prompt, output_format="png", timeout=PATIENCE_S)
    seconds = time.monotonic() - began
    said: dict[str, Any] = answer.data[0].to_dict() if answer.data else {}
    picture = base64.b64decode(said.get("b64_json") or "")
    if not picture.startswith(PNG):
        return Outcome(right=False, note="no picture came back", failed=True, seconds=seconds)
    file = stage.folder / name
    file.write_bytes(picture)
    stage.got(f"{answer.size}, {len(picture) / 1e6:.1f} MB in {seconds:.2f} s, saved: {file}")
    for line in told(said):
        stage.got(line)
    right, note = judge.lettered(text, said.get("text_verification") or [])
    return Outcome(
        right=right,
        note=note,
        seconds=seconds,
        prompt_tokens=answer.usage.input_tokens if answer.usage else 0,
        tokens=answer.usage.output_tokens if answer.usage else 0,
        energy_j=joules(answer.usage),
    )


def told(said: dict[str, Any]) -> list[str]:
    """What the service says of a picture, in lines."""
    lines = [f"drawn: {said['revised_prompt']}"] if said.get("revised_prompt") else []
    if said.get("not_understood"):
        lines.append("not understood: " + ", ".join(map(str, said["not_understood"])))
    for one in said.get("text_verification") or ():
        rate = "not read back" if one["cer"] is None else f"CER {one['cer']:.2f}"
        read = one["recognised"] if one["recognised"] is not None else "-"
        tries = f"{one['attempts']} attempt" + ("s" if one["attempts"] != 1 else "")
        lines.append(f"text requested: {one['requested']}, recognised: {read}, {rate}, {tries}")
    return lines
