"""`omniwatt talk`: a spoken conversation, by microphone where there is one, by files otherwise."""

import array
import json
import shutil
import sys
import wave
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import click

from omniwatt.cli import play, remote
from omniwatt.cli.common import config_option, console, notes, settings_from
from omniwatt.cli.conversation import Conversation
from omniwatt.cli.playback import RATE_HZ, Playback

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
    clips = [(str(path), read_wav(path)) for path in files]
    client = remote.openai_client(remote.target(settings_from(config)))
    # A recording does not wait for an answer to be heard: it must not stop one.
    detection = {"type": "server_vad", "silence_duration_ms": int(silence * 1000), "interrupt_response": not files}
    audio: dict[str, Any] = {"input": {"turn_detection": detection, "transcription": {}}}
    session: dict[str, Any] = {"type": "realtime", "audio": audio}
    if voice:
        audio["output"] = {"voice": voice}
    if instructions:
        session["instructions"] = instructions
    from openai import OpenAIError
    from websockets.exceptions import InvalidStatus, WebSocketException

    try:
        with client.realtime.connect(model=model) as connection, ExitStack() as stack:
            conversation = Conversation(connection, _kept(stack, output), _played(stack, told=output is None))
            conversation.begin(session)
            if clips:
                conversation.speak(clips)
            else:
                conversation.listen(recorder or ())
    except InvalidStatus as error:
        raise click.ClickException(_said(error.response.body) or str(error)) from error
    except (OpenAIError, WebSocketException, OSError) as error:
        raise click.ClickException(f"the conversation ended: {error}") from error
    except KeyboardInterrupt:
        console.print("\n[dim]bye[/dim]")
    else:
        if conversation.failed:
            raise SystemExit(1)


def _said(body: bytes | bytearray | None) -> str:
    """The server's words for why it lets nobody in; "" when it has none."""
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(body or b"")["error"]["message"])
    return ""


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


def _kept(stack: ExitStack, output: Path | None) -> Callable[[bytes], None] | None:
    """What writes answers to a WAV file."""
    if output is None:
        return None
    file = stack.enter_context(wave.open(str(output), "wb"))  # noqa: SIM115 - the stack closes it
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(RATE_HZ)
    return file.writeframesraw


def _played(stack: ExitStack, *, told: bool) -> Playback | None:
    """What plays answers, where there is a player; its absence is `told`."""
    command = play.player()
    if command is None:
        if told:
            notes.print("[dim]no player was found: answers are only shown; -o FILE keeps them[/dim]")
        return None
    stdin = stack.enter_context(play.playing(command))

    def write(data: bytes) -> None:
        stdin.write(data)
        stdin.flush()

    playback = Playback(write)
    stack.callback(playback.close)
    return playback
