"""`omniwatt talk`: a spoken conversation, by microphone where there is one, by files otherwise."""

import array
import base64
import shutil
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from omniwatt.cli import play, remote
from omniwatt.cli.common import config_option, console, notes, settings_from

if TYPE_CHECKING:
    from openai.resources.realtime.realtime import RealtimeConnection

RATE_HZ = 24_000
PIECE_S = 0.04
PIECE_BYTES = int(RATE_HZ * PIECE_S) * 2
RECORDERS: tuple[tuple[str, ...], ...] = (
    ("parec", "--raw", "--rate=24000", "--channels=1", "--format=s16le", "--latency-msec=20"),
    ("pw-record", "--rate=24000", "--channels=1", "--format=s16", "-"),
    ("arecord", "-q", "-t", "raw", "-f", "S16_LE", "-r", "24000", "-c", "1"),
    ("rec", "-q", "-t", "raw", "-e", "signed", "-b", "16", "-r", "24000", "-c", "1", "-"),
)
"""What writes raw samples to its standard output; the first that is installed is taken."""


@click.command(
    epilog="""
\b
Examples:
  omniwatt talk                                       by microphone; Ctrl-C ends it, headphones help
  omniwatt talk question.wav another.wav -o answers.wav
  omniwatt say "What is the moon?" -o q.wav && omniwatt talk q.wav
"""
)
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Keep what is answered in this WAV file.")
@click.option("--model", "-m", default="gpt-realtime", show_default=True, help="Model or alias to talk to.")
@click.option("--voice", "-v", help="A voice, a style or a blend. Default: the server's.")
@click.option("--instructions", "-i", help="What the model is told first. Default: the server's.")
@click.option(
    "--silence", type=click.FloatRange(0.1, 10.0), default=0.5, show_default=True, help="Seconds that end a turn."
)
@config_option
def talk(
    *,
    files: tuple[Path, ...],
    output: Path | None,
    model: str,
    voice: str | None,
    instructions: str | None,
    silence: float,
    config: Path | None,
) -> None:
    """Talk with a model, aloud.

    Speak, stop, and hear the answer; speak up to stop it. WAV files (16 bits) are spoken one after another, each after
    the answer to the one before it.
    """
    recorder = next((command for command in RECORDERS if shutil.which(command[0])), None)
    if not files and recorder is None:
        raise click.UsageError("no recorder was found (parec, pw-record, arecord, rec): name WAV files to speak")
    clips = [read_wav(path) for path in files]
    client = remote.openai_client(remote.target(settings_from(config)))
    detection = {"type": "server_vad", "silence_duration_ms": int(silence * 1000)}
    audio: dict[str, Any] = {"input": {"turn_detection": detection, "transcription": {}}}
    session: dict[str, Any] = {"type": "realtime", "audio": audio}
    if voice:
        audio["output"] = {"voice": voice}
    if instructions:
        session["instructions"] = instructions
    from openai import OpenAIError
    from websockets.exceptions import WebSocketException

    try:
        with client.realtime.connect(model=model) as connection, ExitStack() as stack:
            connection.session.update(session=session)  # type: ignore[arg-type]
            conversation = Conversation(connection, _sinks(stack, output))
            if clips:
                conversation.speak(clips)
            else:
                conversation.listen(recorder or ())
    except (OpenAIError, WebSocketException, OSError) as error:
        raise click.ClickException(f"the conversation ended: {error}") from error
    except KeyboardInterrupt:
        console.print("\n[dim]bye[/dim]")


def read_wav(path: Path) -> bytes:
    """A WAV file as mono samples at 24 kHz. Raises click.ClickException for one that is none."""
    try:
        with wave.open(str(path)) as file:
            rate_hz, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise click.ClickException(f"{path} is no WAV file: {error}") from error
    if width != 2:
        raise click.ClickException(f"{path} has {width * 8}-bit samples; 16-bit ones are spoken")
    samples = array.array("h", data)
    if sys.byteorder == "big":
        samples.byteswap()
    mono = [sum(samples[i : i + channels]) // channels for i in range(0, len(samples) - channels + 1, channels)]
    return resampled(mono, rate_hz).tobytes()


def resampled(samples: list[int], rate_hz: int) -> "array.array[int]":
    """At 24 kHz, by straight lines between samples: good enough for speech."""
    if rate_hz == RATE_HZ or not samples:
        return array.array("h", samples)
    step, last = rate_hz / RATE_HZ, len(samples) - 1
    found = array.array("h")
    for index in range(int(len(samples) / step)):
        place = index * step
        left = int(place)
        right = min(left + 1, last)
        found.append(int(samples[left] + (samples[right] - samples[left]) * (place - left)))
    return found


def _sinks(stack: ExitStack, output: Path | None) -> list[Any]:
    """Where answers go: a file, a player, both, or nowhere but the terminal."""
    sinks: list[Any] = []
    if output is not None:
        file = stack.enter_context(wave.open(str(output), "wb"))  # noqa: SIM115 - the stack closes it
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        sinks.append(file.writeframesraw)
    command = play.player()
    if command is not None:
        sinks.append(stack.enter_context(play.playing(command)).write)
    elif output is None:
        notes.print("[dim]no player was found: answers are only shown; -o FILE keeps them[/dim]")
    return sinks


class Conversation:
    """One connection, and what comes of it."""

    def __init__(self, connection: "RealtimeConnection", sinks: list[Any]) -> None:
        self._connection = connection
        self._sinks = sinks
        self._answered = threading.Event()
        self._over = threading.Event()
        self._stopped_s = 0.0

    def speak(self, clips: list[bytes]) -> None:
        """Say each clip and wait for its answer."""
        speaker = threading.Thread(target=self._say_all, args=(clips,), daemon=True)
        speaker.start()
        self._read()

    def listen(self, recorder: tuple[str, ...]) -> None:
        """Pass the microphone on until Ctrl-C."""
        console.print("[dim]listening; Ctrl-C ends it[/dim]")
        process = subprocess.Popen(recorder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            threading.Thread(target=self._pass_on, args=(process.stdout,), daemon=True).start()
            self._read()
        finally:
            process.kill()
            process.wait()

    def _pass_on(self, microphone: IO[bytes]) -> None:
        with suppress(Exception):
            while data := microphone.read(PIECE_BYTES):
                self._send(data)
        self._connection.close()

    def _say_all(self, clips: list[bytes]) -> None:
        # Whatever happens here, the reader must not wait for ever.
        with suppress(Exception):
            for clip in clips:
                self._answered.clear()
                for piece in _pieces(clip):
                    self._send(piece)
                    time.sleep(PIECE_S)
                while not self._answered.is_set():
                    self._send(bytes(PIECE_BYTES))
                    time.sleep(PIECE_S)
        self._over.set()
        self._connection.close()

    def _send(self, data: bytes) -> None:
        self._connection.input_audio_buffer.append(audio=base64.b64encode(data).decode())

    def _read(self) -> None:
        for event in self._connection:
            self._on(event)
        if not self._over.is_set():
            raise OSError("the server hung up")

    def _on(self, event: Any) -> None:
        match event.type:
            case "error":
                notes.print(f"[yellow]{event.error.message}[/yellow]")
            case "input_audio_buffer.speech_stopped":
                self._stopped_s = time.monotonic()
            case "conversation.item.input_audio_transcription.completed":
                console.print(f"[bold]you:[/bold] {event.transcript}", highlight=False)
            case "response.output_audio.delta":
                if self._stopped_s:
                    notes.print(f"[dim]first sound after {time.monotonic() - self._stopped_s:.2f} s[/dim]")
                    self._stopped_s = 0.0
                data = base64.b64decode(event.delta)
                for write in self._sinks:
                    write(data)
            case "response.output_audio_transcript.done":
                console.print(f"[bold cyan]answer:[/bold cyan] {event.transcript}", highlight=False)
            case "response.done":
                self._answered.set()


def _pieces(clip: bytes) -> Iterator[bytes]:
    return (clip[place : place + PIECE_BYTES] for place in range(0, len(clip), PIECE_BYTES))
