"""Spoken turns over the realtime connection, as a microphone would bring them: sound in real time, and a stop watch."""

import base64
import threading
import time
from array import array
from typing import Any

from omniwatt.demo import judge
from omniwatt.demo.sound import QUESTION, RATE_HZ, speak
from omniwatt.demo.stage import Outcome, Stage, joules

TURNS = ((QUESTION, "Paris"), ("And what is the capital of Italy?", "Rome"))
"""What is asked, and a word of the right answer."""
MODEL = "gpt-realtime"
SILENCE_MS = 300
PIECE_S = 0.02
PATIENCE_S = 30.0
UNHEARD_S = 2.0
"""How long after the last word a turn is ended by hand, if the server takes what it got for no speech."""
QUIET = 300
"""Samples below this are silence."""
SESSION: dict[str, Any] = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": RATE_HZ},
            "transcription": {"model": "whisper-1"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": SILENCE_MS},
        },
        "output": {"format": {"type": "audio/pcm", "rate": RATE_HZ}, "voice": "alloy"},
    },
}


def spoken_turns(stage: Stage) -> Outcome:
    """Two questions aloud, the second only to be understood with the first; how soon after the last word each answer
    is heard. The first has to wait for the models."""
    turns = []
    began = time.monotonic()
    questions = [(text, speak(stage, text, "pcm")) for text, _ in TURNS]
    with stage.client.realtime.connect(model=MODEL) as connection:
        connection.session.update(session=SESSION)  # type: ignore[arg-type]
        microphone = _Microphone(connection)
        try:
            for text, samples in questions:
                stage.sent(f"{text}   (spoken, in real time)")
                turns.append(_listen(connection, microphone, samples))
                stage.got(turns[-1].told())
        finally:
            microphone.stop()
    faults = [turn.error or "nothing was spoken" for turn in turns if turn.error or turn.latency_s is None]
    if faults:
        return Outcome(right=False, note=faults[0], failed=True)
    verdicts = [judge.says(turn.text, word) for turn, (_, word) in zip(turns, TURNS, strict=True)]
    waits = ", then ".join(f"{turn.latency_s:.2f} s" for turn in turns)
    return Outcome(
        right=all(right for right, _ in verdicts),
        note=f"{' and '.join(note for _, note in verdicts)}; heard {waits} after the last word",
        seconds=time.monotonic() - began,
        first_s=turns[-1].latency_s,
        prompt_tokens=sum(turn.prompt_tokens for turn in turns),
        tokens=sum(turn.tokens for turn in turns),
        energy_j=joules(*(turn.usage for turn in turns)),
    )


def _listen(connection: Any, microphone: "_Microphone", samples: bytes) -> "_Turn":
    """Say `samples` and take what comes back, as long as it takes to hear it."""
    turn = _Turn(microphone.say(samples))
    unheard = threading.Timer(voiced_s(samples) + UNHEARD_S, _commit, (connection,))
    # Without a word from the server this ends the wait with an error of the connection.
    patience = threading.Timer(PATIENCE_S, connection.close)
    for timer in (unheard, patience):
        timer.start()
    try:
        while not turn.over:
            event = connection.recv()
            if event.type == "input_audio_buffer.speech_started":
                unheard.cancel()
            turn.take(event)
    finally:
        for timer in (unheard, patience):
            timer.cancel()
    time.sleep(max(0.0, turn.playing_until - time.monotonic()))
    return turn


def _commit(connection: Any) -> None:
    """End the turn by hand: the server has heard no speech in what was said."""
    connection.input_audio_buffer.commit()
    connection.response.create()


class _Turn:
    """What the server says of one turn, whose last word is said at `silent_at` (monotonic seconds)."""

    def __init__(self, silent_at: float) -> None:
        self._silent_at = silent_at
        self.latency_s: float | None = None
        """From the last word to the first sound of the answer."""
        self.playing_until = 0.0
        self.text = ""
        self.error = ""
        self.over = False
        self.prompt_tokens = 0
        self.tokens = 0
        self.usage: Any = None

    def take(self, event: Any) -> None:
        """One event of the server."""
        match event.type:
            case "response.output_audio.delta":
                now = time.monotonic()
                if self.latency_s is None:
                    self.latency_s = now - self._silent_at
                played_s = len(base64.b64decode(event.delta)) / 2 / RATE_HZ
                self.playing_until = max(now, self.playing_until) + played_s
            case "response.output_audio_transcript.delta":
                self.text += event.delta
            case "response.done":
                self._done(event.response)
            case "error":
                self.over, self.error = True, event.error.message

    def told(self) -> str:
        """The answer and its latency."""
        after = f"   (heard {self.latency_s:.2f} s after the last word)" if self.latency_s is not None else ""
        return self.text + after

    def _done(self, response: Any) -> None:
        if response.status == "cancelled":
            # The speaker went on: another response answers the whole of it.
            self.latency_s, self.text = None, ""
            return
        self.over = True
        self.usage = response.usage
        if response.usage is not None:
            self.prompt_tokens = response.usage.input_tokens or 0
            self.tokens = response.usage.output_tokens or 0
        if response.status == "failed":
            self.error = "the response failed"


class _Microphone:
    """Sends what is said as fast as it would be recorded, and silence in between, from a thread of its own."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._samples = b""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._send, name="microphone", daemon=True)
        self._thread.start()

    def say(self, samples: bytes) -> float:
        """Begin to say `samples`; gives when their last voiced one will have been said (monotonic seconds)."""
        with self._lock:
            self._samples = samples
        return time.monotonic() + voiced_s(samples)

    def stop(self) -> None:
        """Say no more."""
        self._stopped.set()
        self._thread.join()

    def _send(self) -> None:
        size = int(RATE_HZ * PIECE_S) * 2
        began, count = time.monotonic(), 0
        while not self._stopped.wait(max(0.0, began + count * PIECE_S - time.monotonic())):
            count += 1
            with self._lock:
                piece, self._samples = self._samples[:size].ljust(size, b"\0"), self._samples[size:]
            self._connection.input_audio_buffer.append(audio=base64.b64encode(piece).decode())


def voiced_s(samples: bytes) -> float:
    """Seconds up to the last sample that is not silence."""
    values = array("h", samples)
    last = next((place for place in range(len(values) - 1, -1, -1) if abs(values[place]) >= QUIET), 0)
    return (last + 1) / RATE_HZ
