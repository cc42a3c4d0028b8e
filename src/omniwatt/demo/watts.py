"""The step with watts: real work, a budget of 60 % set while it runs, and what the machine takes, live."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from rich.live import Live

from omniwatt.cli.power_view import STATES, folded, sparkline, stretches, view
from omniwatt.cli.units import watts
from omniwatt.demo import pictures
from omniwatt.demo.stage import Outcome, Stage

BUDGET = "60%"
STORY = "Tell me a long story about a lighthouse keeper and the sea."
TALKERS = 2
FREE_S, HELD_S = 5.0, 8.0
SETTLED_S = {FREE_S: 2.0, HELD_S: 2.0}
"""What is judged begins so long after the work began, and after the budget was set."""
IDLE_S = 3.0
"""Work that does not reach the budget for so long never will: an engine that only pretends, a machine too large."""
LEASE_S = 60.0
"""Whatever becomes of the demo, the budget ends by itself."""
LOOK_S = 0.25
MEAN_S = 1.0
"""What is shown is the mean of so long: a single look sees one step or none."""
WITHIN = 1.02
OTHERS = 0.1
"""Of the budget: where other programs take more than that, it is not ours alone to hold."""
LINE_S, LINE_COLUMNS = 12.5, 25
"""What a line shows where nobody sees the view."""
PAUSE_S = 0.02
PATIENCE_S = 30.0


class Seen(msgspec.Struct, frozen=True):
    """Mean watts, tokens a second and pictures a minute of a stretch."""

    watts: float
    tokens_per_s: float
    pictures_per_min: float = 0.0
    state: str = ""
    why: str = ""
    """What stands in the way, in words."""
    others_w: float = 0.0
    """Watts that no answer was charged: while some are in the work, what other programs take."""


def budget(stage: Stage) -> Outcome:
    """60 % of the full load while two stories are written and pictures drawn: what it takes then, and how fast."""
    if stage.admin is None:
        return Outcome(right=None, note="only with the server's admin socket")
    status = stage.admin("GET", "/admin/power", None)
    if status.get("watts") is None:
        return Outcome(right=None, note="no meter here: without one there are no watts to hold")
    began = time.monotonic()
    stage.sent(f'PUT /admin/power {{"budget": "{BUDGET}"}} while two stories are written and pictures drawn')
    with _work(stage) as work:
        free = _watch(stage, work, FREE_S)
        work.check()
        held_w, held = _held(stage, work)
    stage.got(f"without a budget: {told(free)}")
    stage.got(f"{BUDGET}, {watts(held_w)}: {told(held)}")
    stage.got("and the budget is as it was")
    right, note = verdict(held_w, free, held)
    return Outcome(right=right, note=note, whose="server", seconds=time.monotonic() - began, tokens=work.tokens)


def told(seen: Seen) -> str:
    """A stretch in words."""
    return (
        f"{watts(seen.watts)}, {seen.tokens_per_s:.1f} tokens a second, {seen.pictures_per_min:.0f} pictures a minute"
    )


def verdict(budget_w: float, free: Seen, held: Seen) -> tuple[bool | None, str]:
    """Whether the mean watts stayed within the budget; nothing to judge where the work never asked for more. Pure."""
    if held.why:
        return None, f"not held: {held.why}"
    if held.state == "demand-limited" and free.watts <= budget_w:
        return None, f"the work took {watts(held.watts)}, less than the budget of {watts(budget_w)}"
    note = f"{watts(held.watts)} on a budget of {watts(budget_w)} ({held.watts / budget_w:.1%})"
    if held.watts <= WITHIN * budget_w:
        return True, note
    if held.others_w > OTHERS * budget_w:
        return None, f"{note}; {watts(held.others_w)} of it by other programs, which nothing here holds"
    return False, f"{note}: {STATES.get(held.state, held.state)}"


def _held(stage: Stage, work: "_Work") -> tuple[float, Seen]:
    """Set the budget, look, and end it, whatever happens."""
    admin = stage.admin
    if admin is None:
        raise RuntimeError("no admin")
    try:
        status = admin("PUT", "/admin/power", {"budget": BUDGET, "for_s": LEASE_S})
        return status["budget_w"], _watch(stage, work, HELD_S)
    finally:
        # A server that is gone holds no budget, and one that does not answer ends it by itself.
        with contextlib.suppress(Exception):
            admin("PUT", "/admin/power", {"budget": "default", "for_s": 0.0})


def _watch(stage: Stage, work: "_Work", length_s: float) -> Seen:
    """Show the watts as they are; their mean once they have settled, by the meter's own counter."""
    with _screen(stage) as show:
        began_s = time.monotonic()
        first: Mapping[str, Any] | None = None
        done, asked_s, status = (0, 0), began_s, _status(stage)
        lately = deque([status], maxlen=1 + round(MEAN_S / LOOK_S))
        while (now_s := time.monotonic()) - began_s < length_s and now_s - asked_s < IDLE_S:
            time.sleep(LOOK_S)
            status = _status(stage)
            lately.append(status)
            show(status | {"watts": _mean_w(lately[0], status)})
            if first is None and now_s - began_s >= SETTLED_S[length_s]:
                first, done = status, (work.tokens, work.pictures)
            if status.get("state") != "demand-limited":
                asked_s = time.monotonic()
    first = first or status
    span_s = max(LOOK_S, status["at_s"] - first["at_s"])
    tokens, drawn = work.tokens - done[0], work.pictures - done[1]
    mean_w, state, why = _mean_w(first, status), status.get("state", ""), status.get("why", "")
    others_w = (status["unattributed_j"] - first["unattributed_j"]) / span_s
    return Seen(mean_w, tokens / span_s, 60.0 * drawn / span_s, state, why, others_w)


def _mean_w(first: Mapping[str, Any], last: Mapping[str, Any]) -> float:
    """Between two looks, by the meter's own counter."""
    length_s = last["at_s"] - first["at_s"]
    return (last["metered_j"] - first["metered_j"]) / length_s if length_s > 0.0 else last.get("watts") or 0.0


def _status(stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = stage.admin("GET", "/admin/power", None) if stage.admin else {}
    return found


class _Work:
    """Stories and pictures, one after the other, until it is stopped."""

    def __init__(self, stage: Stage) -> None:
        self.tokens = self.pictures = 0
        self._stage = stage
        self._stopped = threading.Event()
        self._fault: Exception | None = None
        jobs = [self._write] * TALKERS + [self._draw]
        self._threads = [threading.Thread(target=self._again, args=(job,), daemon=True) for job in jobs]
        for thread in self._threads:
            thread.start()

    def check(self) -> None:
        """Raises what went wrong with it, if something did."""
        if self._fault is not None:
            raise self._fault

    def stop(self) -> None:
        """No more of it; a picture that is being painted is finished."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _again(self, job: Callable[[], None]) -> None:
        try:
            while not self._stopped.wait(PAUSE_S):
                job()
        except Exception as error:  # noqa: BLE001  it is raised where the demo can tell it
            self._fault = error

    def _write(self) -> None:
        messages: Any = [{"role": "user", "content": STORY}]
        with self._stage.client.chat.completions.create(
            model="gpt-4o", messages=messages, stream=True, max_completion_tokens=600
        ) as chunks:
            for chunk in chunks:
                self.tokens += bool(chunk.choices and chunk.choices[0].delta.content)
                if self._stopped.is_set():
                    return

    def _draw(self) -> None:
        ask: Any = {"size": "512x512", "quality": "low"}
        self._stage.client.images.generate(model=pictures.MODEL, prompt=pictures.CITY, **ask)
        self.pictures += 1


@contextlib.contextmanager
def _work(stage: Stage) -> Iterator[_Work]:
    work = _Work(stage)
    try:
        yield work
    finally:
        work.stop()
    work.check()


@contextlib.contextmanager
def _screen(stage: Stage) -> Iterator[Any]:
    """In a terminal one view in its place; elsewhere a line a second."""
    if stage.console.is_terminal:
        with Live(console=stage.console, auto_refresh=False) as live:
            yield lambda status: live.update(folded(view(status, stage.console.width)), refresh=True)
        return
    shown_s = 0.0

    def line(status: Mapping[str, Any]) -> None:
        nonlocal shown_s
        if time.monotonic() - shown_s >= 1.0:
            shown_s = time.monotonic()
            stage.got(_line(status))

    yield line


def _line(status: Mapping[str, Any]) -> str:
    of = f" of {watts(status['budget_w'])}" if status.get("budget_w") is not None else ""
    low, high = status.get("idle_w") or 0.0, max(status.get("max_w") or 0.0, status.get("watts") or 0.0, 1.0)
    means = stretches(status.get("history", ()), LINE_S / LINE_COLUMNS, LINE_COLUMNS)
    curve = sparkline([one.watts for one in means], low, high)
    return f"{watts(status.get('watts'))}{of}  {curve}  {STATES.get(status.get('state', ''), '')}"
