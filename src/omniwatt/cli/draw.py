"""`omniwatt draw`: words to a picture file, any size, through the official client; what is painted goes to the disk."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import click
import httpx2
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from omniwatt.cli import remote
from omniwatt.cli.common import config_option, notes, settings_from, size
from omniwatt.cli.taken import taken

if TYPE_CHECKING:
    from openai import OpenAI

FORMS = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".svg": "svg",
    ".pdf": "pdf",
}
QUALITIES = ("low", "medium", "high", "auto")
TIMEOUT_S = 3600.0
PROMPT_SHOWN = 300
WAITING = "waiting for the painter"


@click.command(
    epilog="""
\b
Examples:
  omniwatt draw "a red cat on a blue sofa" -o cat.png
  omniwatt draw "书法风格的‘禅’字，背景是水墨山水" -o chan.png --size 1024x1536
  omniwatt draw "neon city at night, a sign that says “OPEN”" -o city.jpg --style neon -n 3
  omniwatt draw "autumn forest" -o wall.png --size 16384x16384 --quality high
  omniwatt draw "poster with the title “Jazz Night”" -o jazz.pdf --preset print-a3 --cmyk
  omniwatt draw "add a moon" --edit cat.png --mask where.png -o night.png
  omniwatt draw "a lighthouse in a storm" --explain
\b
The file's ending says its form: png, jpg, webp (to 16383 a side), tiff, svg, pdf. Sides are divisible by
16, up to 32768. Words in quotes are lettered as they stand, and read back to be sure.
"""
)
@click.argument("prompt", nargs=-1)
@click.option("--output", "-o", type=click.Path(path_type=Path, allow_dash=True), help="File to write; - for a pipe.")
@click.option("--size", "size_px", default="auto", show_default=True, help="WIDTHxHEIGHT in pixels.")
@click.option("--quality", "-q", type=click.Choice(QUALITIES), help="low is fast, high is precise. Default: auto.")
@click.option("--style", "-s", help="cartoon, flat, 3d, watercolour, oil, ink, pencil, pixel, neon, papercut, poster.")
@click.option("--seed", type=click.IntRange(0), help="The same seed and words give the same picture.")
@click.option("--preset", help="social, print-a4, print-a3 or print-a2: sets size, quality and form.")
@click.option("--cmyk", is_flag=True, help="Four inks for print, by the server's ICC profile (jpg, tiff, pdf).")
@click.option("--count", "-n", type=click.IntRange(1, 10), default=1, show_default=True, help="Pictures to draw.")
@click.option("--transparent", is_flag=True, help="Leave the background out (png, webp, tiff, svg, pdf).")
@click.option("--edit", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A picture to change.")
@click.option(
    "--mask",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A PNG, transparent where to change it.",
)
@click.option("--model", "-m", default="draw", show_default=True, help="Model or alias that draws.")
@click.option("--explain", is_flag=True, help="Draw nothing: say what would be drawn, and what each style would take.")
@config_option
def draw(
    *,
    prompt: tuple[str, ...],
    output: Path | None,
    size_px: str,
    quality: str | None,
    style: str | None,
    seed: int | None,
    preset: str | None,
    cmyk: bool,
    count: int,
    transparent: bool,
    edit: Path | None,
    mask: Path | None,
    model: str,
    explain: bool,
    config: Path | None,
) -> None:
    """Draw a picture and save it.

    The words come from the command line or from standard input, in any language. A large picture is painted tile by
    tile and written as it comes: neither this program nor the server holds it whole.
    """
    words = " ".join(prompt) or ("" if sys.stdin.isatty() else sys.stdin.read())
    if not words.strip():
        raise click.UsageError('nothing to draw: say what, as in `omniwatt draw "a red cat" -o cat.png`')
    if output is None and not explain:
        raise click.UsageError("name a file to write with -o FILE (or --explain to draw nothing)")
    if mask and not edit:
        raise click.UsageError("--mask needs --edit")
    more = {"style": style, "seed": seed, "preset": preset, "quality": quality}
    fields: dict[str, Any] = {name: value for name, value in more.items() if value is not None}
    fields |= {"model": model, "prompt": words, "size": size_px, "n": count}
    fields |= {"background": "transparent"} if transparent else {}
    fields |= {"color_space": "cmyk"} if cmyk else {}
    if output is not None and output.suffix:
        fields["output_format"] = _form(output)
    where = remote.target(settings_from(config))
    client = remote.openai_client(where, timeout_s=TIMEOUT_S)
    drawing = _Drawing(client, where, edit, mask)
    with remote.asking(client, "picture"):
        if explain:
            _explained(client.post("/images/estimate", body=fields, cast_to=dict[str, Any]))
        elif output == Path("-"):
            drawing.to_pipe(fields)
        elif output is not None:
            drawing.to_files(fields, output)


def _form(output: Path) -> str:
    form = FORMS.get(output.suffix.lower())
    if form is None:
        raise click.UsageError(f"the ending {output.suffix} is none of {', '.join(FORMS)}")
    return form


class _Drawing:
    """One request: new words, or a picture to change."""

    def __init__(self, client: "OpenAI", where: remote.Target, edit: Path | None, mask: Path | None) -> None:
        self._client = client
        self._where = where
        self._edit = edit
        self._mask = mask

    def to_pipe(self, fields: dict[str, Any]) -> None:
        """The picture's bytes to standard output, as they come."""
        images = self._client.images.with_streaming_response
        with ExitStack() as stack:
            given = self._given(fields | {"response_format": "bytes"}, stack)
            answer = stack.enter_context(images.edit(**given) if self._edit else images.generate(**given))
            for piece in answer.iter_bytes():
                sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()

    def to_files(self, fields: dict[str, Any], output: Path) -> None:
        """Each picture to a file of its own, with a bar while it is painted, and what there is to say of it."""
        _check_place(output)
        began = time.monotonic()
        count = 0
        with ExitStack() as stack:
            given = self._given(fields | {"response_format": "url", "stream": True, "progress": True}, stack)
            images = self._client.images
            bar = stack.enter_context(_Bar(fields["n"]))
            events = stack.enter_context(images.edit(**given) if self._edit else images.generate(**given))
            for event in bar.completed(events):
                said = event.to_dict()
                path = output if fields["n"] == 1 else output.with_name(f"{output.stem}-{count + 1}{output.suffix}")
                written = self._fetch(said["url"], path, bar)
                count += 1
                _report(path, written, said, time.monotonic() - began)
                began = time.monotonic()
        if not count:
            raise click.ClickException("the server sent no picture")
        if bar.took:
            notes.print(f"[dim]{bar.took}[/dim]")

    def _given(self, fields: dict[str, Any], stack: ExitStack) -> dict[str, Any]:
        """The client's own arguments; ours ride in `extra_body`."""
        ours = ("seed", "preset", "progress", "color_space") + (("style",) if self._edit else ())
        given = {name: value for name, value in fields.items() if name not in ours}
        extra = {name: fields[name] for name in ours if name in fields}
        if given["response_format"] == "bytes" or self._edit:
            extra["response_format"] = given.pop("response_format")
        if self._edit:
            given["image"] = stack.enter_context(self._edit.open("rb"))
        if self._mask:
            given["mask"] = stack.enter_context(self._mask.open("rb"))
        return given | ({"extra_body": extra} if extra else {})

    def _fetch(self, url: str, path: Path, bar: "_Bar") -> int:
        """Stream a picture to the disk; how many bytes it has. A file that is not whole is not left behind."""
        parts = urlsplit(url)
        transport = httpx2.HTTPTransport(uds=self._where.socket) if self._where.socket else None
        base = "http://localhost" if self._where.socket else self._where.url
        partial = path.with_name(f".{path.name}.part")
        written = 0
        try:
            with (
                _opened(partial, path) as file,
                httpx2.Client(transport=transport, timeout=60.0) as http,
                http.stream("GET", f"{base}{parts.path}?{parts.query}") as answer,
            ):
                answer.raise_for_status()
                total = int(answer.headers.get("content-length", 0)) or None
                for piece in answer.iter_bytes():
                    written += file.write(piece)
                    bar.fetch(total, written)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return written


def _opened(path: Path, meant: Path) -> Any:
    try:
        return path.open("wb")
    except OSError as error:
        raise click.ClickException(f"cannot write {meant}: {error.strerror}") from error


def _check_place(output: Path) -> None:
    """Before anything is painted. Raises click.ClickException."""
    folder = output.parent
    if not folder.is_dir():
        raise click.ClickException(f"cannot write {output}: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise click.ClickException(f"cannot write {output}: the folder {folder} does not let you")
    if output.is_dir():
        raise click.ClickException(f"cannot write {output}: it is a folder")


class _Bar:
    """What is being done, how much of it, and how long it will take; on a terminal only."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("[dim]{task.fields[done]}[/dim]"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[left]}[/dim]"),
            console=notes,
            transient=True,
            disable=not notes.is_terminal,
        )
        self._task = self._bar.add_task(WAITING, total=None, done="", left="")
        self._began_s = time.monotonic()
        self.took = ""
        """What all pictures together took, once it is known."""

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.stop()

    def completed(self, events: Any) -> Iterator[Any]:
        """The completed pictures; what comes between them moves the bar. Raises click.ClickException."""
        number = 1
        for event in events:
            kind = event.type.partition(".")[2]
            if kind == "progress":
                self._paint(event.to_dict(), number)
            elif kind == "completed":
                yield event
                number += 1
                self._bar.reset(self._task, total=None, description=WAITING, done="", left="")
                self._began_s = time.monotonic()
            elif kind == "usage":
                self.took = taken(event.to_dict().get("energy"))
            elif event.type == "error":
                raise click.ClickException(str(event.to_dict().get("error", {}).get("message", "the server failed")))

    def fetch(self, total: int | None, done: int) -> None:
        """The finished picture is on its way."""
        shown = f"{size(done)} of {size(total)}" if total else size(done)
        self._bar.update(self._task, total=total, completed=done, description="fetching", done=shown, left="")

    def _paint(self, said: dict[str, Any], number: int) -> None:
        which = f"painting {number} of {self._count}" if self._count > 1 else "painting"
        done, total = float(said["done"]), float(said["total"] or 0)
        shown = f"{done:g} of {total:g} {said['unit']}" if total else f"{done:g} {said['unit']}"
        left = left_text(time.monotonic() - self._began_s, done, total)
        self._bar.update(self._task, total=total or None, completed=done, description=which, done=shown, left=left)


def left_text(passed_s: float, done: float, total: float) -> str:
    """How long the rest takes if it goes on as it went so far; nothing before a twentieth is done."""
    if not total or done * 20 < total:
        return ""
    left_s = round(passed_s * (total - done) / done)
    return f"{left_s // 60}:{left_s % 60:02} left"


def _report(path: Path, written: int, said: dict[str, Any], seconds: float) -> None:
    about = ", ".join(str(part) for part in (said.get("style"), said.get("quality"), _seed(said)) if part)
    notes.print(f"{path}: {said['size']}, {size(written)}, {seconds:.1f} s" + (f" ({about})" if about else ""))
    if said.get("revised_prompt"):
        notes.print(f"[dim]drawn: {_short(said['revised_prompt'])}[/dim]", highlight=False)
    if said.get("not_understood"):
        notes.print(f"[dim]not understood: {', '.join(map(str, said['not_understood']))}[/dim]", highlight=False)
    for one in said.get("text_verification") or ():
        notes.print(_verified(one), highlight=False)
    if said.get("enlarged"):
        notes.print("[dim]enlarged: its pixels were made smaller than this[/dim]")
    faster = said.get("faster")
    if faster:
        notes.print(f"[dim]{_simpler(faster)}[/dim]", highlight=False)


def _seed(said: dict[str, Any]) -> str:
    return f"seed {said['seed']}" if said.get("seed") is not None else ""


def _short(text: str) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= PROMPT_SHOWN else line[:PROMPT_SHOWN] + "…"


def _verified(one: dict[str, Any]) -> str:
    requested = _short(one.get("requested", ""))
    if one.get("recognised") is None:
        return f"[dim]text “{requested}”: not read back, there is no model that sees[/dim]"
    if one.get("verified"):
        tries = one.get("attempts", 1)
        return f"[dim]text “{requested}”: read back exactly" + (f", at try {tries}" if tries > 1 else "") + "[/dim]"
    said = f"text “{requested}”: read back as “{_short(one['recognised'])}” after {one.get('attempts')} tries"
    if one.get("unreadable"):
        said += f"; the reader does not know {' '.join(map(str, one['unreadable']))}"
    return said if one.get("exact", True) else f"{said}; not every character of it could be drawn"


def _explained(found: dict[str, Any]) -> None:
    """What would be drawn, and a line for each style and quality; those that need too much memory say so."""
    if found.get("revised_prompt"):
        click.echo(f"would draw: {_short(found['revised_prompt'])}")
    if found.get("not_understood"):
        click.echo(f"not understood: {', '.join(map(str, found['not_understood']))}")
    click.echo(f"{found.get('size', '')}, {found.get('style', '')}, {found.get('quality', '')}")
    rows = found.get("estimates") or []
    joules = any("energy_joules" in row for row in rows)
    table = Table("style", "quality", "seconds", "memory", "file", *(["joules"] if joules else []), box=None)
    limit = found.get("memory_limit_bytes") or float("inf")
    for row in rows:
        memory = int(row.get("memory_bytes", 0))
        cells = [str(row["style"]), str(row["quality"]), f"{row['seconds']:.2f}", size(memory) if memory else ""]
        cells[-1] += " (too much here)" if memory > limit else ""
        chosen = (row["style"], row["quality"]) == (found.get("style"), found.get("quality"))
        energy = [f"{row.get('energy_joules', 0):.0f}"] if joules else []
        table.add_row(*cells, size(int(row["bytes"])), *energy, style="bold" if chosen else "")
    Console().print(table)
    if found.get("faster"):
        click.echo(_simpler(found["faster"]))


def _simpler(faster: dict[str, Any]) -> str:
    return (
        f"the style {faster.get('style')} would take {faster.get('seconds'):.1f} s ({faster.get('times')} times faster)"
    )
