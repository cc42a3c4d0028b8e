"""WHAT IT COST: one row per request, refused ones too, with exactly one end state; never a prompt or an answer.

Rows are written off the hot path. A request that lives longer than OPEN_AFTER_S has its row written as `open`, and
again at least every REFRESH_S with the tokens produced so far; its end replaces that row. What a `kill -9` can take
away is therefore the rows of requests that began, or ended, within its last second; a longer one is found `open` at
the next start, becomes `lost`, and is billed for what was last written. A SIGTERM takes nothing away: closing the
database writes what is queued. While the disk takes no rows, new requests are refused: nothing runs unrecorded.
"""

import asyncio
import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from omniwatt.contract.error import BadInput, Cancelled, Internal, OmniwattError, Overloaded
from omniwatt.contract.event import Data, Event, Finished, Progress, TextDelta, ToolCallDelta, Usage, Vector
from omniwatt.contract.guess import Guess
from omniwatt.contract.job import Caller, Plan
from omniwatt.contract.record import GAP_BOUNDS_S, Observer, Record, State
from omniwatt.contract.request import Capability, DataBody, Request
from omniwatt.database import Database, DatabaseError
from omniwatt.ledger_rows import GROUPS, SUMS, UPSERT, row
from omniwatt.tokens import AUDIO_TOKENS_PER_S

log = logging.getLogger("omniwatt.ledger")

OPEN_AFTER_S = 0.25
REFRESH_S = 5.0
SCAN_S = 0.25
NAME_CHARACTERS = 256
"""A model's name as asked is the caller's text: more of it than this is not kept."""

NO_FAULT = frozenset({"done", "discarded"})


class Entry:
    """One request while it lives. Set `plan` when it is known, call `granted` when its slots are, `see` each event."""

    __slots__ = (
        "_caller",
        "_finished",
        "_first",
        "_gaps",
        "_gaps_s",
        "_granted",
        "_guess",
        "_heard",
        "_last",
        "_request",
        "_spoken",
        "_start",
        "_tokens",
        "_tokens_read",
        "details",
        "energy",
        "number",
        "plan",
        "written_at",
    )

    def __init__(self, number: int, request: Request, caller: Caller, guess: Guess | None = None) -> None:
        self.number = number
        """Nanoseconds since 1970 at its start, made unique."""
        self._request = request
        self._caller = caller
        self._guess = guess
        self._start = time.perf_counter()
        self.plan: Plan | None = None
        self._granted = 0.0
        self._first = 0.0
        self._last = 0.0
        self._tokens = 0
        self._tokens_read = 0
        self._spoken = 0
        self._heard = 0
        self._gaps: list[int] | None = None
        self._gaps_s = 0.0
        self._finished: Finished | None = None
        self.details: dict[str, Any] = {}
        """What else is worth keeping of this request; plain values, no text of the caller's."""
        self.energy: dict[str, Any] | None = None
        """What it had cost when it was broken off; an answer that came to its end says so itself."""
        self.written_at = 0.0

    def granted(self) -> None:
        """Its wait is over: a fault from here on is a failure, not a refusal."""
        self._granted = time.perf_counter()

    def see(self, event: Event) -> None:
        """Count what an event brings. On the hot path: about a microsecond."""
        kind = type(event)
        if kind is TextDelta or kind is ToolCallDelta:
            self._tokens += event.tokens  # type: ignore[union-attr, operator]
        elif kind is Finished:
            self._finished = event  # type: ignore[assignment]
            return
        elif kind is Progress:
            self._read(event)  # type: ignore[arg-type]
            return
        elif kind is Data:
            self._make(event)  # type: ignore[arg-type]
        elif kind is not Vector:
            return
        now = time.perf_counter()
        if self._first:
            gap_s = now - self._last
            if self._gaps is None:
                self._gaps = [0] * (len(GAP_BOUNDS_S) + 1)
            self._gaps[bisect_left(GAP_BOUNDS_S, gap_s)] += 1
            self._gaps_s += gap_s
        else:
            self._first = now
        self._last = now

    def _make(self, data: Data) -> None:
        self._tokens += data.tokens
        if data.media_type.startswith("audio/"):
            self._spoken += data.tokens

    def _read(self, progress: Progress) -> None:
        """Of a prompt whose reading is broken off, what was read is billed: the most that the engine spoke of."""
        if progress.unit == "tokens":
            self._tokens_read = max(self._tokens_read, int(progress.done))
        elif progress.unit == "s":
            self._heard = max(self._heard, int(progress.done * AUDIO_TOKENS_PER_S))

    @property
    def age_s(self) -> float:
        """Seconds since it came in."""
        return time.perf_counter() - self._start

    @property
    def unwanted(self) -> bool:
        """Done ahead of being asked for, and not asked for."""
        return self._guess is not None and not self._guess.confirmed

    @property
    def usage(self) -> Usage:
        """What is to be billed: nothing for what nobody asked for."""
        return Usage() if self.unwanted else self.used

    @property
    def used(self) -> Usage:
        """Exact once the engine has finished; before that, what it has produced and read."""
        if self._finished is not None:
            return self._finished.usage
        return Usage(
            prompt_tokens=self._tokens_read + self._heard,
            completion_tokens=self._tokens,
            audio_tokens=self._heard,
            audio_output_tokens=self._spoken,
            energy=self.energy,
        )

    def record(self, state: State, error: BaseException | None = None, status: int | None = None) -> Record:
        """All that is known now."""
        request, caller, usage = self._request, self._caller, self.usage
        ended = time.perf_counter()
        tier = self.plan.tier if self.plan else _kept(request.tier)
        details = self.details
        if self._guess is not None:
            details = details | {"guess": {"confirmed": self._guess.confirmed} | self._spent()}
            tier = caller.tier if self._guess.confirmed else tier
        return Record(
            id=request.id,
            time=self.number / 1e9,
            key_id=caller.key_id,
            key_name=caller.name,
            project=caller.project,
            capability=request.capability,
            asked=_kept(request.model),
            card=self.plan.model if self.plan else "",
            model=self._model(),
            tier=tier,
            state=state,
            code=_code(error),
            status=status,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            audio_tokens=usage.audio_tokens,
            image_tokens=usage.image_tokens,
            audio_output_tokens=usage.audio_output_tokens,
            queue_s=self._granted - self._start if self._granted else ended - self._start,
            first_token_s=self._first - self._start if self._first else None,
            total_s=ended - self._start,
            energy_j=(usage.energy or {}).get("energy_joules"),
            method=(usage.energy or {}).get("method"),
            details=details,
            gaps=tuple(self._gaps or ()),
            gaps_s=self._gaps_s,
        )

    def _spent(self) -> dict[str, Any]:
        """What a guess took, wanted or not; `seconds` from its grant to the last that came of it."""
        used = self.used
        return {
            "prompt_tokens": used.prompt_tokens,
            "cached_tokens": used.cached_tokens,
            "completion_tokens": used.completion_tokens,
            "audio_tokens": used.audio_tokens,
            "seconds": round(max(0.0, self._last - self._granted), 4) if self._granted else 0.0,
        }

    def state(self, error: BaseException | None) -> State:
        """Which end an exception (or none) makes of what was seen."""
        if self.unwanted and not (self._granted and isinstance(error, Exception)):
            return "discarded"
        if self._finished is not None and not isinstance(error, Exception):
            return "done"
        if isinstance(error, GeneratorExit | asyncio.CancelledError | KeyboardInterrupt | SystemExit | Cancelled):
            return "cancelled"
        if isinstance(error, BadInput) and not self._first:
            return "refused"
        if isinstance(error, OmniwattError) and not isinstance(error, Internal) and not self._granted:
            return "refused"
        return "failed"

    def _model(self) -> str:
        if self._finished is not None and self._finished.model:
            return _kept(self._finished.model)
        return (self.plan.upstream_model or self.plan.model) if self.plan else ""


class Ledger:
    """Opens entries and sees them to their end. `status_of` says which HTTP status an error is answered with."""

    def __init__(
        self,
        database: Database,
        observers: Sequence[Observer] = (),
        status_of: Callable[[OmniwattError], int] | None = None,
    ) -> None:
        """Rows that an earlier process left open become `lost`: only the process that serves may build a ledger."""
        self._database = database
        self._observers = tuple(observers)
        self._status_of = status_of
        self._open: dict[int, Entry] = {}
        self._last_number = 0
        self._busy = threading.Event()
        self._closing = threading.Event()
        self._scanner = threading.Thread(target=self._scan, name="omniwatt-ledger", daemon=True)
        self.lost = database.write("UPDATE ledger SET state = 'lost', code = 'lost' WHERE state = 'open'")
        """How many requests the last process did not see to their end."""
        self._scanner.start()
        database.on_close.append(self.close)

    def close(self) -> None:
        """Stop looking after long requests; their ends are still written."""
        self._closing.set()
        self._busy.set()
        self._scanner.join()

    @property
    def in_flight(self) -> int:
        """Requests that have come in and not ended."""
        return len(self._open)

    @contextmanager
    def open(self, request: Request, caller: Caller, guess: Guess | None = None) -> Generator[Entry]:
        """One request's life: whatever happens inside, it gets exactly one row with exactly one end state.

        With a `guess` that was not confirmed by its end, that state is `discarded`, and nothing is billed.
        Raises Overloaded while the database takes no rows.
        """
        if self._database.congested:
            raise Overloaded("The server cannot write its records at the moment.", retry_after_s=10.0)
        self._last_number = max(time.time_ns(), self._last_number + 1)
        entry = Entry(self._last_number, request, caller, guess)
        self._open[entry.number] = entry
        if not self._busy.is_set():
            self._busy.set()
        error: BaseException | None = None
        try:
            for observer in self._observers:
                observer.opened()
            yield entry
        except BaseException as caught:
            error = caught
            raise
        finally:
            del self._open[entry.number]
            self._end(entry, error)

    def refused(
        self, request_id: str, capability: Capability, model: str, caller: Caller, error: OmniwattError
    ) -> None:
        """Record what a known caller asked for and the door refused, before it could become a Request."""
        try:
            with self.open(Request(request_id, capability, model, DataBody()), caller):
                raise error
        except OmniwattError:
            return

    def usage(self, since: float, until: float, by: Sequence[str] = ("key_id",)) -> list[dict[str, Any]]:
        """Sums of what came in between two Unix times, grouped by any of `GROUPS`. Queued rows are not in it yet."""
        groups = ", ".join(f"{GROUPS[name]} AS {name}" for name in by)
        numbers = ", ".join(str(place + 1) for place in range(len(by)))
        where = "number >= ? AND number < ?"
        sql = f"SELECT {groups}, {SUMS} FROM ledger WHERE {where} GROUP BY {numbers} ORDER BY {numbers}"  # noqa: S608 - GROUPS
        return [dict(row) for row in self._database.read(sql, (int(since * 1e9), int(until * 1e9)))]

    def _end(self, entry: Entry, error: BaseException | None) -> None:
        state = entry.state(error)
        if state == "failed" and error is None:
            error = Internal("the request ended without an end")
        record = entry.record(state, None if state in NO_FAULT else error, self._status(state, error))
        try:
            self._database.later(UPSERT, row(entry.number, record))
        except Exception:
            log.exception("the row of request %s could not be queued: %s", record.id, record)
        for observer in self._observers:
            try:
                observer.ended(record)
            except Exception:
                # The request's own outcome must reach its caller, whatever those who watch make of it.
                log.exception("%s failed on the record of request %s", type(observer).__name__, record.id)

    def _status(self, state: State, error: BaseException | None) -> int | None:
        if state in NO_FAULT:
            return 200
        if self._status_of is None:
            return None
        if state == "cancelled":
            return self._status_of(Cancelled(""))
        return self._status_of(error if isinstance(error, OmniwattError) else Internal(""))

    def _scan(self) -> None:
        """Write the rows of requests that live long, while there are any."""
        while not self._closing.wait(SCAN_S):
            if not self._open:
                self._busy.clear()
                # Both are looked at after the flag is down: whoever raises it later is heard.
                if not self._open and not self._closing.is_set():
                    self._busy.wait()
                continue
            try:
                for entry in tuple(self._open.values()):
                    self._write_if_due(entry)
            except DatabaseError as error:
                log.error("rows of running requests are not written: %s", error)

    def _write_if_due(self, entry: Entry) -> None:
        age_s = entry.age_s
        due_s = entry.written_at + REFRESH_S - SCAN_S if entry.written_at else OPEN_AFTER_S
        if age_s >= due_s:
            entry.written_at = age_s
            self._database.later(UPSERT, row(entry.number, entry.record("open")))


def _kept(text: str) -> str:
    """The caller's text, short and storable."""
    text = text[:NAME_CHARACTERS]
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _code(error: BaseException | None) -> str | None:
    if error is None:
        return None
    if isinstance(error, OmniwattError):
        return error.code
    if isinstance(error, Exception):
        return Internal.default_code
    return Cancelled.default_code
