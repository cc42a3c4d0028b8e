"""`omniwatt hear`: a recording to text or subtitles, through the official client; words appear as they are heard."""

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from omniwatt.cli import remote
from omniwatt.cli.common import config_option, notes, settings_from
from omniwatt.cli.taken import by_headers, taken

if TYPE_CHECKING:
    from openai import OpenAI

FORMATS = ("text", "srt", "vtt", "json", "verbose_json")
SUFFIXES = {".srt": "srt", ".vtt": "vtt", ".json": "verbose_json", ".txt": "text"}


@click.command(
    epilog="""
\b
Examples:
  omniwatt hear talk.mp3                        the words, as they are heard
  omniwatt hear talk.mp3 -o talk.srt            subtitles: the ending says the format
  omniwatt hear vortrag.m4a --translate         in English
  arecord -f S16_LE -r 16000 -d 5 -t wav | omniwatt hear -
  omniwatt hear call.wav -k Omniwatt -k Kokoro --accurate
"""
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path, allow_dash=True))
@click.option("--output", "-o", type=click.Path(path_type=Path), help="File to write instead of the terminal.")
@click.option("--format", "-f", "form", type=click.Choice(FORMATS), help="Default: by the output's ending, else text.")
@click.option("--language", "-l", help="Such as en, de or zh. Left out, it is found out.")
@click.option("--translate", is_flag=True, help="Write it down in English.")
@click.option("--model", "-m", default="whisper-1", show_default=True, help="Model or alias that listens.")
@click.option("--prompt", "-p", help="Words that came before, or the style of writing to follow.")
@click.option("--keyword", "-k", "keywords", multiple=True, help="A name or term to expect; may be given again.")
@click.option("--words", is_flag=True, help="Say when each word was said (verbose_json).")
@click.option("--accurate", is_flag=True, help="Take the time for the whole window and for beams.")
@config_option
def hear(
    *,
    file: Path,
    output: Path | None,
    form: str | None,
    language: str | None,
    translate: bool,
    model: str,
    prompt: str | None,
    keywords: tuple[str, ...],
    words: bool,
    accurate: bool,
    config: Path | None,
) -> None:
    """Write down what a recording says.

    FILE is a recording of any usual kind (mp3, wav, m4a, flac, ogg, webm, ...), or - for standard input.
    """
    if translate and (language or keywords or words):
        raise click.UsageError("--translate takes neither --language nor --keyword nor --words")
    form = form or (SUFFIXES.get(output.suffix.lower(), "text") if output else "verbose_json" if words else "text")
    if words and form != "verbose_json":
        raise click.UsageError("--words needs --format verbose_json")
    name, data = _recording(file)
    fields: dict[str, Any] = {"model": model, "file": (name, data), "response_format": form}
    fields |= {key: value for key, value in (("prompt", prompt), ("language", language)) if value}
    fields |= {"keywords": list(keywords)} if keywords else {}
    fields |= {"timestamp_granularities": ["word", "segment"]} if words else {}
    fields |= {"extra_body": {"accurate": True}} if accurate else {}
    client = remote.openai_client(remote.target(settings_from(config)), timeout_s=3600.0)
    heard, took = _heard(client, fields, translate=translate, live=form == "text" and output is None)
    if output is not None:
        try:
            output.write_text(heard, encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"cannot write {output}: {error.strerror}") from error
    elif heard:
        click.echo(heard, nl=not heard.endswith("\n"))
    if took and sys.stderr.isatty():
        notes.print(f"[dim]{took}[/dim]")


def _recording(file: Path) -> tuple[str, Any]:
    """A name and the bytes: a file is read while it is sent."""
    if file == Path("-"):
        data = sys.stdin.buffer.read()
        if not data:
            raise click.UsageError("nothing to hear: the input is empty")
        return "stdin", data
    try:
        return file.name, file.open("rb")
    except OSError as error:
        raise click.ClickException(f"cannot read {file}: {error.strerror}") from error


def _heard(client: "OpenAI", fields: dict[str, Any], *, translate: bool, live: bool) -> tuple[str, str]:
    """The answer's text, "" where it was printed as it came; and what it took."""
    with remote.asking(client, "text"):
        if translate:
            with warnings.catch_warnings():
                # The client is told that its maker's own service will end; ours does not.
                warnings.simplefilter("ignore", DeprecationWarning)
                answer = client.audio.translations.with_raw_response.create(**fields)
        elif live:
            return "", _print_live(client, fields)
        else:
            answer = client.audio.transcriptions.with_raw_response.create(**fields)
        return _text(answer.parse()), by_headers(answer.headers)


def _print_live(client: "OpenAI", fields: dict[str, Any]) -> str:
    """Print words as they come; what they took."""
    took = ""
    with client.audio.transcriptions.create(**fields, stream=True) as events:
        for event in events:
            if event.type == "transcript.text.delta":
                click.echo(event.delta, nl=False)
            elif event.type == "transcript.text.done":
                took = taken(getattr(event.usage, "energy", None))
    click.echo()
    return took


def _text(answer: Any) -> str:
    return answer if isinstance(answer, str) else str(answer.to_json(indent=2))
