"""The steps with sound: a recording written down, answered aloud, and a spoken turn with its latency."""

import base64
import time
import wave
from pathlib import Path
from typing import Any

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk

from omniwatt.demo import judge, recording
from omniwatt.demo.stage import Outcome, Stage, joules

RATE_HZ = 24_000
QUESTION = "What is the capital of France?"
"""Spoken by our own voice where there is no recording, and in the realtime turn."""
ASKED = "Which people is this speaker talking to? Answer in one short sentence."


def transcription(stage: Stage) -> Outcome:
    """Speech becomes text: a real recording, or without one a question that our own voice speaks."""
    name, data, truth = _speech(stage)
    stage.sent(f"{name}, {len(data):,} bytes")
    began = time.monotonic()
    answer = stage.client.audio.transcriptions.create(
        model="whisper-1", file=(name, data), response_format="verbose_json"
    )
    seconds = time.monotonic() - began
    stage.got(answer.text)
    right, note = judge.heard(answer.text, truth)
    return Outcome(
        right=right,
        note=f"{note}, {answer.duration:.1f} s of speech",
        prompt_tokens=round(float(answer.duration) * 25),
        energy_j=joules(answer.usage),
        seconds=seconds,
    )


def spoken_answer(stage: Stage) -> Outcome:
    """A chat message with sound in it, answered aloud while the answer is written; saved to a file."""
    name, data, truth = _speech(stage)
    known = truth == recording.SAID
    sound = {"type": "input_audio", "input_audio": {"data": base64.b64encode(data).decode(), "format": name[-3:]}}
    message: Any = {"role": "user", "content": [{"type": "text", "text": ASKED}, sound] if known else [sound]}
    stage.sent(f"{ASKED} + {name}" if known else name)
    answer = _Answer(time.monotonic())
    chunks = stage.client.chat.completions.create(
        model="gpt-4o",
        messages=[message],
        modalities=["text", "audio"],
        audio={"voice": "alloy", "format": "pcm16"},
        max_completion_tokens=60,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    with chunks:
        stage.arriving(answer.take(chunk) for chunk in chunks)
    seconds = time.monotonic() - answer.began
    file = save(stage.folder / "demo-answer.wav", bytes(answer.samples))
    stage.got(f"{len(answer.samples) / 2 / RATE_HZ:.1f} s of speech, saved: {file}")
    right, note = judge.says(answer.text, recording.ABOUT if known else "Paris")
    return Outcome(
        right=right,
        note=note if answer.samples else "nothing was spoken",
        failed=not answer.samples,
        model=answer.model,
        seconds=seconds,
        first_s=answer.first_s,
        prompt_tokens=answer.usage.prompt_tokens if answer.usage else 0,
        tokens=answer.usage.completion_tokens if answer.usage else 0,
        energy_j=joules(answer.usage),
    )


class _Answer:
    """A spoken answer while it comes in."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.first_s: float | None = None
        """Until the first sound."""
        self.samples = bytearray()
        self.text = ""
        self.model = ""
        self.usage: CompletionUsage | None = None

    def take(self, chunk: ChatCompletionChunk) -> str:
        """Keep what a chunk brings; gives its words."""
        self.model, self.usage = chunk.model, chunk.usage or self.usage
        audio = chunk.choices[0].delta.audio if chunk.choices else None
        if audio is None:
            return ""
        if audio.data:
            self.first_s = self.first_s or time.monotonic() - self.began
            self.samples += base64.b64decode(audio.data)
        self.text += audio.transcript or ""
        return audio.transcript or ""


def save(file: Path, samples: bytes) -> Path:
    """Write mono samples of 16 bits and RATE_HZ as a WAV."""
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(samples)
    return file


def _speech(stage: Stage) -> tuple[str, bytes, str]:
    """A file's name, its bytes, and what is said in it."""
    if stage.recording is not None:
        return stage.recording.name, stage.recording.read_bytes(), recording.SAID
    return "question.wav", speak(stage, QUESTION, "wav"), QUESTION


def speak(stage: Stage, text: str, form: Any) -> bytes:
    """`text` in the fast voice."""
    return stage.client.audio.speech.create(model="tts-1", voice="alloy", input=text, response_format=form).content
