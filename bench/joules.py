"""What answers take: joules an output token, a picture, a minute of sound heard and spoken.

    python -m bench.joules [--quick]

Through the HTTP server, one request at a time, nothing else at work. Each figure is the mean over the requests of what
`usage.energy` says of them, over their size: what the meter counted while the answer was made, its share of the idle
watts included (alone on the machine: all of them). The part that the work itself added is kept beside it. The meter is
whatever the machine has; its method, source, scope and uncertainty stand with each figure, and the uncertainty is the
meter's, not that of the mean. The first answer of each kind loads the model and is not counted.
"""

import base64
import io
import json
import statistics
import time
import urllib.request
import uuid
import wave
from collections.abc import Callable
from typing import Any, NamedTuple

from bench.common import Service, arguments, model_store, report, say, service

TOKENS = 96
PROMPTS = (
    "Tell me a story about a lighthouse keeper and the sea.",
    "Explain in detail how a bicycle stays upright.",
    "Describe a walk through an old town in the rain.",
    "Write down what a beginner should know about bread.",
    "How do bees find their way home? Take your time.",
    "Write about a train journey over high mountains.",
)
PICTURES = (
    "a lighthouse in a storm",
    "a red cat on a blue sofa",
    "autumn forest with a river",
    "neon city at night with hovering cars",
    "three sailing boats on a lake at sunset",
)
TEXT = (
    "The keeper climbed the stairs and watched the grey sea. He had done so every evening for thirty years, and he "
    "knew each ship by her lights. Tonight there was one he had never seen before. It was small, it was slow, and it "
    "was coming straight for the rocks. He rang the bell, and for a long time nothing answered but the wind. "
)
PCM_HZ = 24_000
HEARD_S = 60.0


class Taken(NamedTuple):
    """One answer: its size in units of the figure, and its `usage.energy`."""

    size: float
    energy: dict[str, Any]


def main() -> None:
    """Measure every kind; --quick asks once of each."""
    quick = arguments(__doc__ or "").quick
    figures = []
    with service("--models", "default,fast,hear,speak,speak_hd,draw,see", store=model_store()) as ours:
        minute = _recording(ours)
        for name, unit, readme, count, ask in _kinds(ours, minute):
            ask(0)
            _rest()
            taken = [ask(number) for number in range(1, 1 + (1 if quick else count))]
            figures.append(figure(name, unit, readme, taken))
            say(f"{readme}: {figures[-1]['value']:.3g} {unit}")
    report("joules", figures, quick, {"tokens": TOKENS, "heard_s": HEARD_S})


def figure(name: str, unit: str, readme: str, taken: list[Taken]) -> dict[str, Any]:
    """One figure of several answers. Pure."""
    each = [one.energy["energy_joules"] / one.size for one in taken]
    own = [(one.energy["energy_joules"] - one.energy["idle_joules"]) / one.size for one in taken]
    said = taken[0].energy
    how = {key: said[key] for key in ("method", "source", "scope", "uncertainty_pct")}
    return {
        "figure": name, "value": statistics.mean(each), "unit": unit, "answers": len(taken),
        "without_idle": statistics.mean(own), "deviation": statistics.stdev(each) if len(each) > 1 else None,
        "watts": statistics.mean(one.energy["avg_power_watts"] for one in taken), **how,
        "readme": f"{readme} ({how['method']} by {how['source']}, scope {how['scope']}, "
        f"±{how['uncertainty_pct']:.0f} %; idle watts included)",
    }  # fmt: skip


Kind = tuple[str, str, str, int, Callable[[int], Taken]]


def _kinds(ours: Service, minute: bytes) -> list[Kind]:
    """Name, unit, words, how many answers, and how to ask for the nth."""
    found: list[Kind] = []
    for model, size in (("fast", "0.5B"), ("default", "1.5B")):
        words = f"a token written by the {size} chat model"
        found.append((f"token_{model}", "J", words, 6, lambda n, model=model: _written(ours, model, n)))
    for quality, count in (("low", 5), ("high", 3)):
        words = f"a picture of 1024 x 1024, quality {quality}"
        found.append((f"picture_{quality}", "J", words, count, lambda n, quality=quality: _drawn(ours, quality, n)))
    found.append(("minute_heard", "J", "a minute of speech heard", 3, lambda _: _heard(ours, minute)))
    for model, kind in (("tts-1", "fast"), ("tts-1-hd", "finer")):
        words = f"a minute of speech spoken, {kind} voice"
        found.append((f"minute_{model}", "J", words, 3, lambda _, model=model: _spoken(ours, model)[0]))
    return found


def _written(ours: Service, model: str, number: int) -> Taken:
    messages = [{"role": "user", "content": PROMPTS[number % len(PROMPTS)]}]
    body = {"model": model, "messages": messages, "max_completion_tokens": TOKENS, "temperature": 0}
    usage = json.loads(_post(ours, "/v1/chat/completions", body))["usage"]
    return Taken(usage["completion_tokens"], usage["energy"])


def _drawn(ours: Service, quality: str, number: int) -> Taken:
    prompt = PICTURES[number % len(PICTURES)]
    body = {"model": "draw", "prompt": prompt, "size": "1024x1024", "quality": quality, "output_format": "png"}
    return Taken(1.0, json.loads(_post(ours, "/v1/images/generations", body))["usage"]["energy"])


def _heard(ours: Service, recording: bytes) -> Taken:
    answer = _form(ours, "/v1/audio/transcriptions", {"model": "whisper-1", "response_format": "json"}, recording)
    usage = json.loads(answer)["usage"]
    return Taken(usage["seconds"] / 60.0, usage["energy"])


def _spoken(ours: Service, model: str) -> tuple[Taken, bytes]:
    body = {"model": model, "voice": "alloy", "input": TEXT, "response_format": "pcm", "stream_format": "sse"}
    events = _events(_post(ours, "/v1/audio/speech", body))
    samples = b"".join(base64.b64decode(one["audio"]) for one in events if one["type"] == "speech.audio.delta")
    return Taken(len(samples) / 2 / PCM_HZ / 60.0, events[-1]["usage"]["energy"]), samples


def _recording(ours: Service) -> bytes:
    """A minute of speech, in our own voice."""
    samples = _spoken(ours, "tts-1")[1]
    whole = (samples * (1 + int(HEARD_S * PCM_HZ * 2) // len(samples)))[: int(HEARD_S * PCM_HZ) * 2]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(PCM_HZ)
        file.writeframes(whole)
    return out.getvalue()


def _rest() -> None:
    """Whatever an answer left behind is done."""
    time.sleep(1.0)


def _events(body: bytes) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in body.decode().splitlines() if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


def _post(ours: Service, path: str, body: dict[str, Any]) -> bytes:
    return _send(ours, path, json.dumps(body).encode(), "application/json")


def _form(ours: Service, path: str, fields: dict[str, str], recording: bytes) -> bytes:
    edge = uuid.uuid4().hex
    head = "".join(
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    data = head.encode() + recording + f"\r\n--{edge}--\r\n".encode()
    return _send(ours, path, data, f"multipart/form-data; boundary={edge}")


def _send(ours: Service, path: str, data: bytes, kind: str) -> bytes:
    headers = {"Authorization": f"Bearer {ours.key}", "Content-Type": kind}
    request = urllib.request.Request(ours.url + path, data, headers)
    with urllib.request.urlopen(request, timeout=300) as answer:
        return bytes(answer.read())


if __name__ == "__main__":
    main()
