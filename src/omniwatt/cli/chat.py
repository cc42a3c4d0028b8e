"""`omniwatt chat`: talk in the terminal through the official client; one-shot with a prompt or a pipe."""

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from omniwatt.cli import remote
from omniwatt.cli.common import config_option, console, notes, settings_from, short
from omniwatt.cli.taken import taken

if TYPE_CHECKING:
    from openai import OpenAI

HELP = """[bold]/help[/bold]          this list
[bold]/new[/bold]           forget the conversation
[bold]/model NAME[/bold]    another model; without a name, what there is
[bold]/system TEXT[/bold]   what the model is told first; without a text, none
[bold]/undo[/bold]          take the last question and answer back
[bold]/quit[/bold]          leave, as Ctrl-D does; Ctrl-C stops an answer
A line that ends in \\ goes on in the next one."""


@click.command(
    epilog="""
\b
Examples:
  omniwatt chat
  omniwatt chat "Write a limerick about watts"
  git diff | omniwatt chat "Explain this change in two sentences"
"""
)
@click.argument("prompt", nargs=-1)
@click.option("--model", "-m", default="gpt-4", show_default=True, help="Model or alias to talk to.")
@click.option("--system", "-s", default="", help="System prompt.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer, in tokens.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="0 is the likeliest answer; default: the model's.")
@config_option
def chat(
    prompt: tuple[str, ...],
    model: str,
    system: str,
    max_tokens: int | None,
    temperature: float | None,
    config: Path | None,
) -> None:
    """Talk to a model in the terminal."""
    settings = settings_from(config)
    piped = "" if sys.stdin.isatty() else sys.stdin.read()
    text = "\n\n".join(part for part in (" ".join(prompt), piped.strip()) if part)
    client = remote.openai_client(remote.target(settings))
    extra = {"max_completion_tokens": max_tokens, "temperature": temperature}
    talk = Conversation(client, model, system, {k: v for k, v in extra.items() if v is not None})
    if text:
        talk.ask(text)
        return
    if not sys.stdin.isatty():
        raise click.UsageError("nothing to ask: the input is empty")
    console.print(f"[dim]talking to {model}; /help lists what you can type, Ctrl-D leaves[/dim]")
    _loop(talk, settings.home / "run" / "chat_history")


class Conversation:
    """What was said so far, and how to ask on."""

    def __init__(self, client: "OpenAI", model: str, system: str, extra: dict[str, Any]) -> None:
        self.client = client
        self.model = model
        self.system = system
        self.extra = extra
        self.turns: list[dict[str, str]] = []

    def ask(self, text: str) -> None:
        """Send, print the answer as it comes, remember both. Raises click.ClickException when it is refused."""
        from openai import APIConnectionError, APIError

        question = {"role": "user", "content": text}
        try:
            answer = self._stream([*self.turns, question])
        except KeyboardInterrupt:
            answer = ""
            console.print("\n[dim]stopped[/dim]")
        except APIConnectionError as error:
            raise click.ClickException(f"the server at {self.client.base_url} does not answer: {error}") from error
        except APIError as error:
            raise click.ClickException(error.message) from error
        if answer:
            self.turns += [question, {"role": "assistant", "content": answer}]

    def _stream(self, turns: list[dict[str, str]]) -> str:
        system = [{"role": "system", "content": self.system}] if self.system else []
        began, first, pieces, usage, model = time.monotonic(), 0.0, [], None, self.model
        messages: Any = system + turns
        with self.client.chat.completions.create(
            model=self.model, messages=messages, stream=True, stream_options={"include_usage": True}, **self.extra
        ) as stream:
            for chunk in stream:
                model, usage = chunk.model, chunk.usage or usage
                piece = (chunk.choices[0].delta.content or "") if chunk.choices else ""
                if piece and not first:
                    first = time.monotonic() - began
                pieces.append(piece)
                click.echo(piece, nl=False)
        click.echo()
        if usage and sys.stdout.isatty():
            took = time.monotonic() - began
            parts = [f"{usage.completion_tokens} tokens", f"{took:.1f} s", f"first after {first:.2f} s"]
            parts += [text] if (text := taken(getattr(usage, "energy", None))) else []
            notes.print(f"[dim]{model}: {', '.join(parts)}[/dim]")
        return "".join(pieces)


def _loop(talk: Conversation, history: Path) -> None:
    with _line_editing(history):
        while True:
            try:
                line = _read()
            except EOFError:
                click.echo()
                return
            except KeyboardInterrupt:
                console.print("[dim](Ctrl-D leaves)[/dim]")
                continue
            if line in ("/quit", "/exit"):
                return
            try:
                if line.startswith("/"):
                    command(talk, line)
                elif line.strip():
                    talk.ask(line)
            except click.ClickException as error:
                error.show()


def _read() -> str:
    line = input("> ")
    while line.endswith("\\"):
        line = line[:-1] + "\n" + input(". ")
    return line


def command(talk: Conversation, line: str) -> None:
    """One slash command of the terminal."""
    name, _, rest = line.partition(" ")
    rest = rest.strip()
    if name == "/new":
        talk.turns.clear()
        console.print("[dim]a new conversation[/dim]")
    elif name == "/undo":
        del talk.turns[-2:]
        console.print(f"[dim]{len(talk.turns) // 2} questions remembered[/dim]")
    elif name == "/system":
        talk.system = rest
        console.print("[dim]system prompt set[/dim]" if rest else "[dim]no system prompt[/dim]")
    elif name == "/model" and rest:
        talk.model = rest
        console.print(f"[dim]talking to {rest}[/dim]", markup=True)
    elif name == "/model":
        console.print(", ".join(model.id for model in talk.client.models.list()), markup=False)
    else:
        console.print(HELP if name == "/help" else f"no such command: {name}; /help lists them")


@contextlib.contextmanager
def _line_editing(history: Path) -> Iterator[None]:
    """Arrow keys and a history, where Python was built with readline."""
    try:
        import readline
    except ImportError:
        yield
        return
    with contextlib.suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(500)
    try:
        yield
    finally:
        try:
            readline.write_history_file(history)
            history.chmod(0o600)
        except OSError as error:
            notes.print(f"[dim]history not kept in {short(history)}: {error.strerror}[/dim]")
