"""A client that speaks in real time, and notes when what was answered: what bench.realtime measures with."""

import asyncio
import base64
import contextlib
import json
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common import Service

RATE_HZ = 24_000
PIECE_S = 0.02
MARGIN_S = 0.05
"""What an endpoint may take beyond the silence."""
QUIET = 0.03
"""A stretch of 10 ms below this share of the loudest is not voiced."""
PATIENCE_S = 30.0

Samples = NDArray[np.int16]
Clip = tuple[Samples, str]
"""What is spoken, and its words as far as they are known."""


@dataclass
class Turn:
    """One question. Times are the client's own (monotonic seconds)."""

    silence_ms: int
    asked: str = ""
    """The words of the question, where they are known."""
    voiced_until_s: float = 0.0
    stopped_s: float = 0.0
    first_sound_s: float = 0.0
    before_sound: list[str] = field(default_factory=list)
    transcript: str = ""
    heard: str = ""
    guessed: bool = False
    starts: int = 0
    """How often speech was taken to begin; more than once when the turn was cut in two."""

    @property
    def wait_s(self) -> float:
        """From the moment the turn could be over to the first sound."""
        return self.first_sound_s - min(self.stopped_s, self.voiced_until_s + self.silence_ms / 1000 + MARGIN_S)

    @property
    def since_voice_s(self) -> float:
        """From the last voiced sample: what a person would feel."""
        return self.first_sound_s - self.voiced_until_s

    @property
    def honest(self) -> bool:
        """What was being said when the sound began stands at the head of what was said in the end."""
        begun = "".join(self.before_sound)
        return bool(begun.strip()) and self.transcript.startswith(begun)


def _voiced(samples: Samples) -> NDArray[np.int64]:
    """The stretches of 10 ms that are not quiet, by number."""
    step = RATE_HZ // 100
    frames = samples[: len(samples) // step * step].reshape(-1, step).astype(np.float64)
    loudness = np.sqrt((frames**2).mean(axis=1))
    return np.nonzero(loudness > QUIET * loudness.max())[0]


def first_voiced(samples: Samples) -> int:
    """Where the voice begins."""
    return int(_voiced(samples)[0]) * (RATE_HZ // 100)


def last_voiced(samples: Samples) -> int:
    """The end of the last stretch of 10 ms that is not quiet."""
    return int(_voiced(samples)[-1] + 1) * (RATE_HZ // 100)


def spoken(server: Service, text: str, voice: str) -> Samples:
    """A question in one of our own voices."""
    body = {"model": "tts-1", "voice": voice, "input": text, "response_format": "pcm"}
    request = urllib.request.Request(
        server.url + "/v1/audio/speech",
        json.dumps(body).encode(),
        {"authorization": f"Bearer {server.key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return np.frombuffer(answer.read(), "<i2")


def with_pause(lead: Samples, question: Samples, pause_ms: int) -> Samples:
    """Both, the silence between their voices as long as told."""
    quiet = np.zeros(RATE_HZ * pause_ms // 1000, np.int16)
    return np.concatenate([lead[: last_voiced(lead)], quiet, question[first_voiced(question) :]])


def recorded(folder: Path) -> Iterator[Samples]:
    """Every recording in a folder, at the rate sessions take."""
    import soundfile
    import soxr

    for path in sorted(folder.iterdir()):
        with contextlib.suppress(soundfile.SoundFileError):
            data, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
            yield (soxr.resample(data.mean(axis=1), rate_hz, RATE_HZ) * 32767).astype(np.int16)


class Client:
    """Speaks without pause, as a microphone does, and notes when what came."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._queue: list[tuple[Samples, Turn]] = []
        self._turn: Turn | None = None
        self._done = asyncio.Event()

    async def run(self, clips: list[Clip], silence_ms: int) -> list[Turn]:
        """One turn for each clip."""
        speaker = asyncio.create_task(self._speak())
        listener = asyncio.create_task(self._listen())
        turns = []
        try:
            for clip, asked in clips:
                turn = Turn(silence_ms, asked)
                self._done.clear()
                self._turn = turn
                self._queue.append((clip, turn))
                async with asyncio.timeout(PATIENCE_S + len(clip) / RATE_HZ):
                    await self._done.wait()
                turns.append(turn)
        finally:
            for task in (speaker, listener):
                task.cancel()
            await asyncio.wait([speaker, listener])
        return turns

    async def _speak(self) -> None:
        piece = int(RATE_HZ * PIECE_S)
        start_s, count = time.monotonic(), 0
        clip, place, turn = np.zeros(0, np.int16), 0, None
        while True:
            if place >= len(clip) and self._queue:
                clip, turn = self._queue.pop(0)
                place, last = 0, last_voiced(clip)
            data = clip[place : place + piece]
            count += 1
            # A microphone gives a piece when it has been spoken, not before.
            await asyncio.sleep(max(0.0, start_s + count * PIECE_S - time.monotonic()))
            if turn is not None and place < last <= place + piece:
                turn.voiced_until_s = time.monotonic()
            place += piece
            samples = np.concatenate([data, np.zeros(piece - len(data), np.int16)])
            audio = base64.b64encode(samples.astype("<i2").tobytes()).decode()
            await self._connection.input_audio_buffer.append(audio=audio)

    async def _listen(self) -> None:
        sound_bytes = 0
        async for event in self._connection:
            now_s, turn = time.monotonic(), self._turn
            if event.type == "error":
                raise RuntimeError(event.error.message)
            if turn is None:
                continue
            match event.type:
                case "input_audio_buffer.speech_started":
                    turn.starts += 1
                case "input_audio_buffer.speech_stopped":
                    turn.stopped_s = now_s
                case "conversation.item.input_audio_transcription.completed":
                    turn.heard = event.transcript
                case "response.output_audio_transcript.delta" if not turn.first_sound_s:
                    turn.before_sound.append(event.delta)
                case "response.output_audio.delta":
                    turn.first_sound_s = turn.first_sound_s or now_s
                    sound_bytes += len(base64.b64decode(event.delta))
                case "response.output_audio_transcript.done":
                    turn.transcript = event.transcript
                case "response.done" if turn.first_sound_s and event.response.status != "cancelled":
                    # The answer is listened to before the next question, as people do.
                    played_s = turn.first_sound_s + sound_bytes / RATE_HZ / 2
                    asyncio.get_running_loop().call_later(max(0.0, played_s - now_s) + 0.3, self._done.set)
                    sound_bytes = 0
