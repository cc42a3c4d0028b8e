"""`omniwatt say`: text to a file, a pipe or the loudspeakers, through the official client."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from omniwatt.cli import play, remote
from omniwatt.cli.common import config_option, notes, settings_from, size
from omniwatt.cli.taken import by_headers

if TYPE_CHECKING:
    from openai import OpenAI

FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
SUFFIXES = {
    ".mp3": "mp3",
    ".opus": "opus",
    ".ogg": "opus",
    ".aac": "aac",
    ".flac": "flac",
    ".wav": "wav",
    ".pcm": "pcm",
}


@click.command(
    epilog="""
\b
Examples:
  omniwatt say "Good evening."                       aloud, where there is a player
  omniwatt say "Good evening." -o evening.mp3        the ending says the format
  omniwatt say -v af_heart-story -o tale.opus < tale.txt
  omniwatt say "Now quietly." -v nova -i "whisper" -o - -f wav | other-program
\b
All voices, with samples: GET /v1/audio/voices. A blend: af_heart:0.6+zf_xiaoxiao:0.4
"""
)
@click.argument("text", nargs=-1)
@click.option("--output", "-o", type=click.Path(path_type=Path, allow_dash=True), help="File to write; - for a pipe.")
@click.option("--voice", "-v", default="alloy", show_default=True, help="A voice, a style or a blend.")
@click.option("--model", "-m", default="tts-1", show_default=True, help="tts-1 is fast, tts-1-hd finer.")
@click.option(
    "--format", "-f", "form", type=click.Choice(FORMATS), help="Default: as the file's ending says, else wav."
)
@click.option("--speed", "-s", type=click.FloatRange(0.25, 4.0), help="1 is the voice's own pace.")
@click.option("--instructions", "-i", help="How to say it: calm, cheerful, whispered, as news, as a story, ...")
@config_option
def say(
    *,
    text: tuple[str, ...],
    output: Path | None,
    voice: str,
    model: str,
    form: str | None,
    speed: float | None,
    instructions: str | None,
    config: Path | None,
) -> None:
    """Speak a text: to a file, a pipe, or aloud.

    The text comes from the command line or from standard input. What the server has spoken is written, or heard, at
    once: a long text begins to sound long before it is ready.
    """
    said = " ".join(text) or ("" if sys.stdin.isatty() else sys.stdin.read())
    if not said.strip():
        raise click.UsageError('nothing to say: give a text, as in `omniwatt say "Good evening."`, or pipe one in')
    command = None if output else play.player()
    if output is None and command is None:
        raise click.UsageError("no player was found (paplay, aplay, ffplay, mpv, play): name a file with -o FILE")
    client = remote.openai_client(remote.target(settings_from(config)))
    fields = {"speed": speed, "instructions": instructions}
    wanted = "pcm" if output is None else form or SUFFIXES.get(output.suffix.lower(), "wav")
    asked = {"model": model, "voice": voice, "input": said, "response_format": wanted}
    began = time.monotonic()
    with _sink(output, command) as (sink, where):
        given = {name: value for name, value in fields.items() if value}
        first_s, written, took = _spoken(client, asked | given, sink)
    if output != Path("-") and sys.stderr.isatty():
        parts = [size(written), f"first sound after {first_s - began:.2f} s", *([took] if took else [])]
        notes.print(f"[dim]{where}: {', '.join(parts)}[/dim]")


def _spoken(client: "OpenAI", fields: dict[str, Any], sink: IO[bytes]) -> tuple[float, int, str]:
    """Write the sound as it comes; when the first of it came (monotonic), how many bytes it was, what it took."""
    first_s, written = 0.0, 0
    with remote.asking(client, "sound"), client.audio.speech.with_streaming_response.create(**fields) as answer:
        for piece in answer.iter_bytes():
            first_s = first_s or time.monotonic()
            written += len(piece)
            sink.write(piece)
        took = by_headers(answer.headers)
    return first_s, written, took


@contextmanager
def _sink(output: Path | None, command: tuple[str, ...] | None) -> Iterator[tuple[IO[bytes], str]]:
    """Where the sound goes, and how to call it. A file that got no sound is not left behind."""
    if command is not None:
        with play.playing(command) as pipe:
            yield pipe, command[0]
    elif output == Path("-"):
        with nullcontext(sys.stdout.buffer) as pipe:
            yield pipe, "stdout"
    elif output is not None:
        partial = output.with_name(f".{output.name}.part")
        try:
            with _opened(partial, output) as file:
                yield file, str(output)
            partial.replace(output)
        finally:
            partial.unlink(missing_ok=True)


def _opened(path: Path, meant: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as error:
        raise click.ClickException(f"cannot write {meant}: {error.strerror}") from error
