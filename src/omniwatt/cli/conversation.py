"""One connection of `omniwatt talk`: sound goes in as it is spoken, words and sound come out as they are made."""

import base64
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

import click

from omniwatt.cli.common import console, notes
from omniwatt.cli.playback import BYTES_PER_S, PIECE_BYTES, Playback

if TYPE_CHECKING:
    from openai.resources.realtime.realtime import RealtimeConnection

PIECE_S = PIECE_BYTES / BYTES_PER_S
NOTHING_S = 5.0
"""A recording in which nobody was heard by so long after its end holds no speech."""
PATIENCE_S = 120.0

Clip = tuple[str, bytes]
"""The name of a recording, and its samples."""


class Screen:
    """Who says what, as it is said: one line for each turn."""

    def __init__(self) -> None:
        self._item = ""
        self._shown = ""

    def more(self, who: str, item_id: str, text: str) -> None:
        """More of what somebody says."""
        if item_id != self._item:
            self.end()
            console.print(who, end=" ")
            self._item = item_id
        self._shown += text
        console.print(text, end="", markup=False)

    def whole(self, who: str, item_id: str, text: str) -> None:
        """All of it: said again where it is not what was shown."""
        if item_id == self._item and text.strip() == self._shown.strip():
            self.end()
        elif text.strip():
            self.end()
            console.print(who, end=" ")
            console.print(text, markup=False)

    def end(self) -> None:
        """The line is over."""
        if self._item:
            console.print()
        self._item = self._shown = ""

    def note(self, text: str) -> None:
        """Something beside the conversation."""
        self.end()
        notes.print(text)


class Conversation:
    """`keep` gets every answer's samples as they come, `playback` plays them; either may be missing."""

    def __init__(
        self, connection: "RealtimeConnection", keep: Callable[[bytes], None] | None, playback: Playback | None
    ) -> None:
        self._connection = connection
        self._keep = keep
        self._playback = playback
        self._screen = Screen()
        self._answered = threading.Event()
        self._over = threading.Event()
        self._heard = False
        self._writing = False
        """The last question is still being written down: what is answered is shown below it."""
        self._held: list[Any] = []
        self._stopped_s = 0.0
        self._waited_s: float | None = None
        self._fault = ""
        self.failed = 0
        """Turns that got no answer."""

    def begin(self, session: dict[str, Any]) -> None:
        """Say how it is to be. Raises click.ClickException when the server will not have it."""
        self._connection.session.update(session=session)  # type: ignore[arg-type]
        for event in self._connection:
            if event.type == "error":
                raise click.ClickException(event.error.message)
            if event.type == "session.updated":
                return

    def speak(self, clips: Sequence[Clip]) -> None:
        """Say each clip, and wait for its answer until it has been heard."""
        speaker = threading.Thread(target=self._say_all, args=(clips,), daemon=True)
        speaker.start()
        self._read()

    def listen(self, recorder: tuple[str, ...]) -> None:
        """Pass the microphone on until Ctrl-C."""
        notes.print("[dim]listening; Ctrl-C ends it[/dim]")
        process = subprocess.Popen(recorder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            threading.Thread(target=self._pass_on, args=(process,), daemon=True).start()
            self._read()
        finally:
            process.kill()
            process.wait()

    def _pass_on(self, process: "subprocess.Popen[bytes]") -> None:
        microphone, complaints = process.stdout, process.stderr
        if microphone is None or complaints is None:
            return
        with suppress(Exception):
            while data := _read_whole(microphone):
                self._send(data)
            said = complaints.read().decode("utf-8", "replace").strip().splitlines()
            self._fault = f"nothing more was recorded: {said[-1] if said else 'the recorder ended'}"
        self._connection.close()

    def _say_all(self, clips: Sequence[Clip]) -> None:
        # Whatever happens here, the reader must not wait for ever.
        with suppress(Exception):
            for name, clip in clips:
                self._say(name, clip)
            self._over.set()
        self._connection.close()

    def _say(self, name: str, clip: bytes) -> None:
        """One recording, then silence until it is answered."""
        self._answered.clear()
        self._heard = False
        start_s, sent_s = time.monotonic(), 0.0
        end_s = len(clip) / BYTES_PER_S
        while sent_s < end_s or not self._answered.is_set():
            place = round(sent_s / PIECE_S) * PIECE_BYTES
            self._send(clip[place : place + PIECE_BYTES].ljust(PIECE_BYTES, b"\0"))
            sent_s += PIECE_S
            time.sleep(max(0.0, start_s + sent_s - time.monotonic()))
            if not self._heard and sent_s > end_s + NOTHING_S:
                self._screen.note(f"[yellow]nobody was heard in {name}[/yellow]")
                self.failed += 1
                return
            if sent_s > end_s + PATIENCE_S:
                self._screen.note(f"[yellow]{name} was not answered[/yellow]")
                self.failed += 1
                return
        if self._playback is not None:
            time.sleep(self._playback.left_s())

    def _send(self, data: bytes) -> None:
        self._connection.input_audio_buffer.append(audio=base64.b64encode(data).decode())

    def _read(self) -> None:
        for event in self._connection:
            self._on(event)
        self._screen.end()
        if not self._over.is_set():
            raise OSError(self._fault or "the server hung up")

    def _on(self, event: Any) -> None:
        match event.type:
            case "error":
                self._screen.note(f"[yellow]{event.error.message}[/yellow]")
            case "input_audio_buffer.speech_started":
                self._heard = self._writing = True
                self._answered.clear()
                if self._playback is not None:
                    self._playback.stop()
            case "input_audio_buffer.speech_stopped":
                self._stopped_s = time.monotonic()
            case "response.output_audio.delta":
                self._sound(base64.b64decode(event.delta))
            case "response.done":
                self._done(event.response)
            case _:
                self._words(event)

    def _words(self, event: Any) -> None:
        match event.type:
            case "conversation.item.input_audio_transcription.delta":
                self._screen.more("[bold]you:[/bold]", event.item_id, event.delta or "")
            case "conversation.item.input_audio_transcription.completed":
                self._screen.whole("[bold]you:[/bold]", event.item_id, event.transcript)
                self._release()
            case "conversation.item.input_audio_transcription.failed":
                self._release()
            case "response.output_audio_transcript.delta" | "response.output_audio_transcript.done" if self._writing:
                self._held.append(event)
            case "response.output_audio_transcript.delta":
                self._screen.more("[bold cyan]answer:[/bold cyan]", event.item_id, event.delta)
            case "response.output_audio_transcript.done":
                self._screen.end()

    def _release(self) -> None:
        """Show what was answered meanwhile."""
        self._writing = False
        held, self._held = self._held, []
        for event in held:
            self._words(event)

    def _sound(self, data: bytes) -> None:
        if self._stopped_s:
            self._waited_s, self._stopped_s = time.monotonic() - self._stopped_s, 0.0
        if self._keep is not None:
            self._keep(data)
        if self._playback is not None:
            self._playback.say(data)

    def _done(self, response: Any) -> None:
        self._release()
        if response.status == "failed":
            error = response.status_details.error if response.status_details else None
            # The SDK's type names only some of what the server says.
            said = getattr(error, "message", None) or getattr(error, "code", None) or "the answer failed"
            self._screen.note(f"[yellow]{said}[/yellow]")
            self.failed += 1
        elif self._waited_s is not None:
            self._screen.note(f"[dim]first sound after {self._waited_s:.2f} s[/dim]")
        self._waited_s = None
        self._answered.set()


def _read_whole(microphone: IO[bytes]) -> bytes:
    """A piece; shorter at the end."""
    return microphone.read(PIECE_BYTES)
