"""How soon a spoken question is answered aloud, seen by a client that speaks in real time.

The clock of a turn starts when the turn could first have been known to be over: at `speech_stopped`, or at the last
voiced sample + the silence asked for + 50 ms, whichever is earlier. It ends at the first `response.output_audio.delta`.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import sqlite3
import statistics
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common import Service, model_store, report, say, service

RATE_HZ = 24_000
PIECE_S = 0.02
MARGIN_S = 0.05
"""What an endpoint may take beyond the silence."""
QUIET = 0.03
"""A stretch of 10 ms below this share of the loudest is not voiced."""
SILENCES_MS = (300, 500)
TURNS = 30
PATIENCE_S = 30.0
VOICES = ("alloy", "nova", "onyx", "joe")
QUESTIONS = (
    "What is the capital of France?",
    "How many days are there in a week?",
    "Can you recommend a good book for a long train ride?",
    "What is the difference between a frog and a toad?",
    "Why is the sky blue?",
    "How do I boil an egg?",
    "Tell me something about the moon.",
    "What should I cook for dinner tonight?",
    "Who wrote Romeo and Juliet?",
    "Is it better to learn the piano or the guitar?",
    "How far away is the sun?",
    "What can I do about a cold?",
    "Please give me a tip for sleeping better.",
    "What is two plus two?",
    "Where do penguins live?",
)

Samples = NDArray[np.int16]


@dataclass
class Turn:
    """One question. Times are the client's own (monotonic seconds)."""

    silence_ms: int
    voiced_until_s: float = 0.0
    stopped_s: float = 0.0
    first_sound_s: float = 0.0
    before_sound: list[str] = field(default_factory=list)
    transcript: str = ""
    heard: str = ""
    guessed: bool = False

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


def last_voiced(samples: Samples) -> int:
    """The end of the last stretch of 10 ms that is not quiet."""
    step = RATE_HZ // 100
    frames = samples[: len(samples) // step * step].reshape(-1, step).astype(np.float64)
    loudness = np.sqrt((frames**2).mean(axis=1))
    return int(np.nonzero(loudness > QUIET * loudness.max())[0][-1] + 1) * step


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

    async def run(self, clips: list[Samples], silence_ms: int) -> list[Turn]:
        """One turn for each clip."""
        speaker = asyncio.create_task(self._speak())
        listener = asyncio.create_task(self._listen())
        turns = []
        try:
            for clip in clips:
                turn = Turn(silence_ms)
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
                case "response.done" if turn.first_sound_s:
                    # The answer is listened to before the next question, as people do.
                    played_s = turn.first_sound_s + sound_bytes / RATE_HZ / 2
                    asyncio.get_running_loop().call_later(max(0.0, played_s - now_s) + 0.3, self._done.set)
                    sound_bytes = 0


async def talk(server: Service, clips: list[Samples], silence_ms: int) -> list[Turn]:
    """A session of its own for these clips."""
    from openai import AsyncOpenAI

    detection = {"type": "server_vad", "silence_duration_ms": silence_ms}
    audio = {"input": {"turn_detection": detection, "transcription": {"model": "whisper-1"}}}
    session: Any = {"type": "realtime", "audio": audio, "max_output_tokens": 40}
    async with (
        AsyncOpenAI(base_url=server.url + "/v1", api_key=server.key) as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        await connection.session.update(session=session)
        # The models come into memory while nobody speaks yet.
        await asyncio.sleep(5.0)
        return await Client(connection).run(clips, silence_ms)


def guesses(server: Service) -> list[bool]:
    """For each answered turn so far, in order: was its answer guessed?"""
    time.sleep(1.5)
    sql = "SELECT details FROM ledger WHERE capability = 'chat' AND state = 'done' ORDER BY number"
    with contextlib.closing(sqlite3.connect(f"file:{server.home / 'omniwatt.db'}?mode=ro", uri=True)) as database:
        return ["guess" in json.loads(row[0] or "{}") for row in database.execute(sql)]


def discarded(server: Service) -> tuple[int, int, int]:
    """Requests thrown away, with the tokens they read and wrote."""
    sql = "SELECT details FROM ledger WHERE state = 'discarded'"
    with contextlib.closing(sqlite3.connect(f"file:{server.home / 'omniwatt.db'}?mode=ro", uri=True)) as database:
        found = [json.loads(row[0])["guess"] for row in database.execute(sql)]
    return len(found), sum(one["prompt_tokens"] for one in found), sum(one["completion_tokens"] for one in found)


def percentile(values: list[float], share: float) -> float:
    """The smallest value that so large a share does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def figures_of(turns: list[Turn], silence_ms: int) -> list[dict[str, Any]]:
    """What one silence setting came to."""
    waits = [turn.wait_s * 1000 for turn in turns]
    missed = [turn.wait_s * 1000 for turn in turns if not turn.guessed]
    felt = [turn.since_voice_s * 1000 for turn in turns]
    name = f"silence {silence_ms} ms"
    p50, p95 = percentile(waits, 0.5), percentile(waits, 0.95)
    readme = f"spoken answer begins, {name}: p50"
    found: list[dict[str, Any]] = [
        {"what": f"{name}: wait p50", "value": p50, "unit": "ms", "readme": readme, "aim": "<= 232", "met": p50 <= 232},
        {
            "what": f"{name}: wait p95",
            "value": p95,
            "unit": "ms",
            "readme": readme.replace("p50", "p95"),
            "aim": "<= 500",
            "met": p95 <= 500,
        },
        {"what": f"{name}: from the last voiced sample, p50", "value": statistics.median(felt), "unit": "ms"},
        {
            "what": f"{name}: guessed ahead",
            "value": 100 * sum(turn.guessed for turn in turns) / len(turns),
            "unit": "%",
            "readme": f"spoken turns guessed ahead, {name}",
        },
        {"what": f"{name}: turns", "value": len(turns), "unit": "turns"},
        {
            "what": f"{name}: first words stand in the transcript",
            "value": sum(t.honest for t in turns),
            "unit": "turns",
        },
    ]
    if missed:
        found.append({"what": f"{name}: wait p50 of turns not guessed", "value": percentile(missed, 0.5), "unit": "ms"})
    return found


def options() -> argparse.Namespace:
    """--quick as everywhere, and other sound to speak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work; the result says so and is not kept")
    parser.add_argument("--data", type=Path, help="recordings to speak instead of questions in our own voices")
    parser.add_argument("--turns", type=int, default=TURNS, help="spoken turns for each silence")
    return parser.parse_args()


def main() -> None:
    """Measure."""
    given = options()
    count = 6 if given.quick else given.turns
    with service("--models", "fast,hear,speak", store=model_store()) as server:
        if given.data:
            pool = list(recorded(given.data))
        else:
            pool = [spoken(server, text, VOICES[place % 4]) for place, text in enumerate(QUESTIONS)]
        clips = [pool[place % len(pool)] for place in range(count)]
        figures: list[dict[str, Any]] = []
        before = 0
        for silence_ms in SILENCES_MS:
            say(f"{count} turns, silence {silence_ms} ms")
            turns = asyncio.run(talk(server, clips, silence_ms))
            for turn, guessed in zip(turns, guesses(server)[before:], strict=False):
                turn.guessed = guessed
                say(
                    f"  {turn.wait_s * 1000:6.0f} ms  {'guessed' if guessed else 'missed '}  {turn.heard[:40]!r} -> "
                    f"{turn.transcript[:60]!r}"
                )
            before += len(turns)
            figures += figures_of(turns, silence_ms)
        thrown, read, wrote = discarded(server)
        figures.append({"what": "requests thrown away", "value": thrown, "unit": "requests"})
        figures.append({"what": "tokens read for nothing", "value": read, "unit": "tokens"})
        figures.append({"what": "tokens written for nothing", "value": wrote, "unit": "tokens"})
        report("realtime", figures, given.quick, {"questions": len(pool), "model": "fast"})


if __name__ == "__main__":
    main()
