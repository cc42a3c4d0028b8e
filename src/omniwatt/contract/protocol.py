"""The protocols that make parts exchangeable. A new model family is one Engine and one registry line."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Protocol

from omniwatt.contract.event import Chunk, Event
from omniwatt.contract.job import Demand, EngineSpec, Job, Loaded


class Context(Protocol):
    """What an engine may use of its host during one call. Every method is safe to call from any thread."""

    @property
    def cancelled(self) -> bool:
        """True once nobody waits for the answer; worker threads poll it at each step."""
        ...

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Run `callback` when the call is cancelled, at once if it already is; from any thread."""
        ...

    def step(self, kind: str, units: float) -> None:
        """Say that `units` of work of `kind` are about to be done, and wait until there are watts for it.

        Kinds: `prefill` and `decode` (tokens), `embed` (tokens), `encode` (seconds of sound), `diffusion` (steps),
        `tile` (megapixels), `relay` (requests), `probe` (bytes). Units are the only input of energy attribution.
        May block the calling thread for as long as the node is over its budget: coroutines use `astep`.
        """
        ...

    async def astep(self, kind: str, units: float) -> None:
        """`step` for coroutines: waits without blocking the loop."""
        ...


class Engine(Protocol):
    """One model family behind one duplex call. Lives alone in a child process."""

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Make ready; `progress` takes 0..1 and may be called from any thread. Raises OmniwattError."""
        ...

    def run(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        """Do one job. Yields events, the last one a Finished; or raises one OmniwattError.

        An async generator: closing it cancels the work, and the slot is free when `aclose` returns.
        """
        ...

    async def close(self) -> None:
        """Let go of everything; called once, after the last run."""
        ...


class Engines(Protocol):
    """All engine groups as the way sees them: name a group, get its events."""

    async def ensure(self, group: str, wait_s: float | None = None) -> None:
        """Return once the group can serve. Raises ModelLoading when that takes longer than `wait_s`."""
        ...

    def call(self, group: str, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        """Run one job on one worker of the group. Raises OmniwattError."""
        ...


class Place(Protocol):
    """What admission grants and a recipe runs in: the right to call the engine groups of a plan."""

    def call(self, group: str, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        """Run one step on a group the plan holds."""
        ...

    def release(self, group: str) -> None:
        """Give back what is held of a group: its steps are over, while others still run. Nothing if nothing is."""
        ...

    async def exchange(self, demand: tuple[Demand, ...]) -> None:
        """Give back what is held and wait for other groups, ahead of newcomers: for steps only found on the way."""
        ...
