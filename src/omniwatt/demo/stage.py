"""Where the steps speak: the official client on one side, the terminal on the other."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
from openai import OpenAI
from rich.console import Console

from omniwatt.demo.flow import Flow
from omniwatt.demo.judge import Verdict


class Outcome(msgspec.Struct, frozen=True):
    """How one step went; `right` None means there is nothing to be right or wrong about."""

    right: bool | None
    note: str
    title: str = ""
    failed: bool = False
    """The service did not do its part, whatever the model would have said."""
    whose: Literal["model", "server"] = "model"
    """Who it was that was wrong, if it was."""
    model: str = ""
    prompt_tokens: int = 0
    tokens: int = 0
    seconds: float = 0.0
    first_s: float | None = None
    energy_j: float | None = None
    """What the answers of the step were charged; None where the server does not say."""


Admin = Callable[[str, str, dict[str, Any] | None], Any]
"""A method, a path and a body to one of the operator's routes, and the answer."""


def joules(*usages: Any) -> float | None:
    """What answers took by their usages (the client's objects or plain JSON), in all."""
    found = [one.get("energy") if isinstance(one, dict) else getattr(one, "energy", None) for one in usages if one]
    known = [float(energy["energy_joules"]) for energy in found if energy]
    return sum(known) if known else None


class Stage:
    """Where a step speaks: the client, the raw address for old clients, and the terminal."""

    def __init__(
        self,
        url: str,
        key: str,
        console: Console,
        folder: Path,
        recording: Path | None = None,
        admin: Admin | None = None,
    ) -> None:
        self.url = url
        self.key = key
        self.console = console
        self.folder = folder
        """Where what is made is left."""
        self.recording = recording
        """Real speech, where there is some."""
        self.admin = admin
        """The operator's routes, where they may be used."""
        self.client: OpenAI = OpenAI(base_url=url + "/v1", api_key=key, timeout=300.0, max_retries=3)

    def sent(self, text: str) -> None:
        """What goes out."""
        self.console.print("  [cyan]→[/cyan] ", end="")
        self.console.print(self._flow().whole(text), markup=False, style="cyan")

    def got(self, text: str) -> None:
        """What comes back, whole."""
        self.console.print("  [green]←[/green] ", end="")
        self.console.print(self._flow().whole(text.strip()), markup=False)

    def arriving(self, pieces: Iterable[str]) -> None:
        """What comes back, as it comes."""
        self.console.print("  [green]←[/green] ", end="")
        flow = self._flow()
        for piece in pieces:
            self.console.print(flow.take(piece), end="", markup=False)
        self.console.print(flow.end(), markup=False)

    def judged(self, sign: str, note: str, figures: str) -> None:
        """How it went, after a sign in markup."""
        flow = self._flow()
        self.console.print(f"  {sign} ", end="")
        self.console.print(flow.take(note), end="", markup=False)
        self.console.print(flow.whole(f"; {figures}"), markup=False, style="dim")

    def _flow(self) -> Flow:
        """Of lines as wide as the terminal; where nobody sees them, as long as they are."""
        return Flow(self.console.width if self.console.is_terminal else None)

    def streamed(self, model: str, messages: list[Any], judge: Callable[[str], Verdict], **extra: Any) -> Outcome:
        """One streamed chat, printed as it comes."""
        began, first, text, usage, answered = time.monotonic(), None, "", None, model
        chunks = self.client.chat.completions.create(
            model=model,
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
            **extra,
        )

        def pieces() -> Iterator[str]:
            nonlocal first, text, usage, answered
            for chunk in chunks:
                answered, usage = chunk.model, chunk.usage or usage
                piece = (chunk.choices[0].delta.content or "") if chunk.choices else ""
                if piece and first is None:
                    first = time.monotonic() - began
                text += piece
                yield piece

        with chunks:
            self.arriving(pieces())
        right, note = judge(text)
        return Outcome(
            right=right,
            note=note,
            model=answered,
            seconds=time.monotonic() - began,
            first_s=first,
            prompt_tokens=usage.prompt_tokens if usage else 0,
            tokens=usage.completion_tokens if usage else 0,
            energy_j=joules(usage),
        )
