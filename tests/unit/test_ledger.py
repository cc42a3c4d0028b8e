"""The ledger: one row and one end state per request, whatever happens; tokens billed once, and all of them."""

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniwatt import ledger as module
from omniwatt import ledger_rows
from omniwatt.contract import error as errors
from omniwatt.contract.event import (
    ChoiceEnd,
    Data,
    Event,
    Fact,
    Finished,
    Progress,
    Started,
    TextDelta,
    ToolCallDelta,
    Usage,
    Vector,
)
from omniwatt.contract.job import Caller, Demand, Plan
from omniwatt.contract.record import Record
from omniwatt.contract.request import DataBody, Request
from omniwatt.database import Database
from omniwatt.ledger import Entry, Ledger

ANN = Caller(key_id="key_ann", name="ann", project="red")
PLAN = Plan("direct", "echo", (Demand("echo"),), tier="priority", reserve_tokens=50)
SECRET = "the prompt that nobody may keep"


class Witness:
    def __init__(self) -> None:
        self.came = 0
        self.records: list[Record] = []

    def opened(self) -> None:
        self.came += 1

    def ended(self, record: Record) -> None:
        self.records.append(record)


def request(name: str = "req_1", model: str = "gpt-4") -> Request:
    return Request(id=name, capability="chat", model=model, body=DataBody(text=SECRET))


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
def ledger(database: Database, witness: Witness) -> Ledger:
    return Ledger(database, [witness], lambda error: 429 if isinstance(error, errors.RateLimited) else 500)


def rows(database: Database) -> list[dict[str, Any]]:
    database.flush()
    return [dict(row) for row in database.read("SELECT * FROM ledger ORDER BY number")]


def live(ledger: Ledger, events: list[Event], fault: BaseException | None = None, *, granted: bool = True) -> None:
    with ledger.open(request(), ANN) as entry:
        entry.plan = PLAN
        if granted:
            entry.granted()
        for event in events:
            entry.see(event)
        if fault is not None:
            raise fault


USAGE = Usage(prompt_tokens=7, completion_tokens=3, cached_tokens=2, audio_tokens=1, image_tokens=4)


def test_a_request_that_is_answered(ledger: Ledger, database: Database, witness: Witness) -> None:
    live(ledger, [Started("echo"), TextDelta("a", tokens=1), TextDelta("b", tokens=2), Finished(USAGE, "echo-1")])
    [row] = rows(database)
    assert row["state"] == "done"
    assert (row["id"], row["key_id"], row["project"], row["capability"]) == ("req_1", "key_ann", "red", "chat")
    assert (row["asked"], row["card"], row["model"], row["tier"]) == ("gpt-4", "echo", "echo-1", "priority")
    assert [row[f"{kind}_tokens"] for kind in ("prompt", "completion", "cached", "audio", "image")] == [7, 3, 2, 1, 4]
    assert (row["status"], row["code"], row["energy_j"], row["method"], row["details"]) == (
        200,
        None,
    ) + (None,) * 3
    assert 0 <= row["queue_s"] <= row["first_token_s"] <= row["total_s"] < 5
    assert abs(row["time"] - time.time()) < 5
    [record] = witness.records
    assert sum(record.gaps) == 1
    assert record.key_name == "ann"
    assert ledger.in_flight == 0


def test_nothing_the_caller_said_is_kept(ledger: Ledger, database: Database, tmp_path: Path) -> None:
    live(ledger, [TextDelta(SECRET, tokens=1), Finished(USAGE)])
    database.flush()
    assert SECRET not in json.dumps(rows(database))
    assert all(SECRET.encode() not in file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("fault", "granted", "state", "code", "status"),
    [
        (errors.RateLimited("x"), False, "refused", "rate_limit_exceeded", 429),
        (errors.BadInput("x"), False, "refused", "invalid_value", 500),
        (errors.EngineDied("x"), True, "failed", "engine_died", 500),
        (errors.BadInput("x"), True, "failed", "invalid_value", 500),
        (errors.Internal("x"), False, "failed", "internal_error", 500),
        (ZeroDivisionError(), False, "failed", "internal_error", 500),
        (errors.Cancelled("x"), True, "cancelled", "cancelled", 500),
        (errors.Cancelled("x"), False, "cancelled", "cancelled", 500),
        (GeneratorExit(), True, "cancelled", "cancelled", 500),
        (asyncio.CancelledError(), False, "cancelled", "cancelled", 500),
        (KeyboardInterrupt(), True, "cancelled", "cancelled", 500),
    ],
)
def test_how_it_ends(
    ledger: Ledger, database: Database, fault: BaseException, granted: bool, state: str, code: str, status: int
) -> None:
    with pytest.raises(type(fault)):
        live(ledger, [TextDelta("a", tokens=5)] if granted else [], fault, granted=granted)
    [row] = rows(database)
    assert (row["state"], row["code"], row["status"]) == (state, code, status)
    assert row["completion_tokens"] == (5 if granted else 0)


def test_a_prompt_the_engine_finds_too_long_is_a_refusal(ledger: Ledger, database: Database) -> None:
    with pytest.raises(errors.ContextTooLong):
        live(ledger, [Progress(3, 9, "tokens")], errors.ContextTooLong.of(9, 0, 8))
    assert [(row["state"], row["code"]) for row in rows(database)] == [("refused", "context_length_exceeded")]


def test_an_end_without_an_end_is_a_failure(ledger: Ledger, database: Database) -> None:
    live(ledger, [TextDelta("a", tokens=1)])
    assert [(row["state"], row["code"]) for row in rows(database)] == [("failed", "internal_error")]


def test_a_client_that_leaves_after_the_end_was_answered(ledger: Ledger, database: Database) -> None:
    with pytest.raises(GeneratorExit):
        live(ledger, [Finished(USAGE)], GeneratorExit())
    assert [(row["state"], row["code"], row["status"]) for row in rows(database)] == [("done", None, 200)]


def test_a_disconnect_is_billed_for_what_was_read_and_written(ledger: Ledger, database: Database) -> None:
    with pytest.raises(GeneratorExit):
        live(
            ledger, [Progress(30, 80, "tokens"), Progress(64, 80, "tokens"), TextDelta("a", tokens=2)], GeneratorExit()
        )
    [row] = rows(database)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (64, 2)


def test_energy_and_details(ledger: Ledger, database: Database) -> None:
    with ledger.open(request(), ANN) as entry:
        entry.details["recipe"] = "direct"
        entry.see(Finished(Usage(energy={"energy_joules": 1.5, "method": "estimated"})))
    [row] = rows(database)
    assert (row["energy_j"], row["method"], json.loads(row["details"])) == (1.5, "estimated", {"recipe": "direct"})


def test_the_callers_words_are_cut_and_made_storable(ledger: Ledger, database: Database) -> None:
    with pytest.raises(errors.NotFound), ledger.open(request(model="\ud800" + "x" * 10_000), ANN):
        raise errors.ModelNotFound("no")
    [row] = rows(database)
    assert row["asked"] == "?" + "x" * (module.NAME_CHARACTERS - 1)


def test_two_requests_of_one_id_are_two_rows(ledger: Ledger, database: Database) -> None:
    for _ in range(2):
        live(ledger, [Finished(USAGE)])
    assert [row["id"] for row in rows(database)] == ["req_1", "req_1"]


def test_the_door_can_record_a_refusal(ledger: Ledger, database: Database) -> None:
    ledger.refused("req_9", "embed", "gpt-4", ANN, errors.BadInput("no"))
    found = [(row["id"], row["capability"], row["state"], row["code"]) for row in rows(database)]
    assert found == [("req_9", "embed", "refused", "invalid_value")]


def test_long_ones_are_seen_while_they_run(ledger: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFRESH_S", 0.3)
    with ledger.open(request(), ANN) as entry:
        entry.plan = PLAN
        for produced in (3, 7):
            entry.see(TextDelta("a", tokens=produced - entry.usage.completion_tokens))
            deadline = time.monotonic() + 5
            while [(row["state"], row["completion_tokens"]) for row in rows(database)] != [("open", produced)]:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        entry.see(Finished(USAGE))
    assert [(row["state"], row["completion_tokens"]) for row in rows(database)] == [("done", 3)]


def test_an_end_is_final(ledger: Ledger, database: Database) -> None:
    with ledger.open(request(), ANN) as entry:
        entry.see(Finished(USAGE))
    late = entry.record("open")
    database.later(ledger_rows.UPSERT, ledger_rows.row(entry.number, late))
    assert [row["state"] for row in rows(database)] == ["done"]


def test_what_an_earlier_process_left_open_is_lost_and_billed(database: Database) -> None:
    with Ledger(database).open(request(), ANN) as entry:
        entry.see(TextDelta("a", tokens=9))
        left = ledger_rows.row(entry.number + 1, entry.record("open"))
        entry.see(Finished(USAGE))
    database.later(ledger_rows.UPSERT, left)
    database.flush()
    assert Ledger(database).lost == 1
    assert [(row["state"], row["completion_tokens"]) for row in rows(database)] == [("done", 3), ("lost", 9)]
    assert Ledger(database).lost == 0


def test_nothing_runs_unrecorded(ledger: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "congested", True)
    with pytest.raises(errors.Overloaded) as caught, ledger.open(request(), ANN):
        pass
    assert caught.value.retry_after_s == 10.0
    assert ledger.in_flight == 0


def test_a_request_that_outlives_the_database_still_ends(
    tmp_path: Path, witness: Witness, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(tmp_path / "other.db")
    with Ledger(database, [witness]).open(request(), ANN):
        database.close()
    assert [record.state for record in witness.records] == ["failed"]
    assert "could not be queued" in caplog.text


def test_a_ledger_closes_at_whatever_moment(ledger: Ledger) -> None:
    """Closing while the scanner is about to sleep must not leave it asleep."""

    class Unlucky(threading.Event):
        def clear(self) -> None:
            ledger._closing.set()
            self.set()
            super().clear()

    ledger._busy = Unlucky()
    with ledger.open(request(), ANN) as entry:
        entry.see(Finished(USAGE))
    ledger._scanner.join(5)
    assert not ledger._scanner.is_alive()


def test_an_observer_that_fails_changes_nothing(
    database: Database, witness: Witness, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Witness):
        def ended(self, record: Record) -> None:
            raise ZeroDivisionError

    with pytest.raises(errors.EngineDied):
        live(Ledger(database, [Broken(), witness]), [], errors.EngineDied("x"))
    assert [row["state"] for row in rows(database)] == ["failed"]
    assert [record.state for record in witness.records] == ["failed"]
    assert "Broken failed on the record" in caplog.text


def test_usage_sums(ledger: Ledger, database: Database) -> None:
    for _ in range(3):
        live(ledger, [Finished(USAGE)])
    with pytest.raises(errors.NotFound), ledger.open(request(), ANN):
        raise errors.ModelNotFound("no")
    database.flush()
    by_model = ledger.usage(0, time.time() + 1, ["model", "state"])
    assert [(row["model"], row["state"], row["requests"]) for row in by_model] == [
        ("", "refused", 1),
        ("echo", "done", 3),
    ]
    assert by_model[1]["prompt_tokens"] == 21
    [by_key] = ledger.usage(0, time.time() + 1, ["key_id"])
    assert (by_key["key_id"], by_key["requests"], by_key["completion_tokens"]) == ("key_ann", 4, 9)
    assert ledger.usage(0, 1000.0) == []
    [by_day] = ledger.usage(0, time.time() + 1, ["day"])
    assert by_day["day"] == time.strftime("%Y-%m-%d", time.gmtime())


events = st.lists(
    st.one_of(
        st.builds(TextDelta, st.just("x"), tokens=st.integers(0, 9)),
        st.builds(ToolCallDelta, st.just(0), tokens=st.integers(0, 9)),
        st.just(Progress(3, 9, "tokens")),
        st.just(Progress(0.5, 1, "")),
        st.sampled_from([Started("m"), Data(b"", "audio/wav"), Vector(b""), Fact({}), ChoiceEnd("stop")]),
    ),
    max_size=20,
)
faults = st.sampled_from(
    [None, GeneratorExit(), asyncio.CancelledError(), ValueError(), *(kind("x") for kind in errors.ERRORS.values())]
)
lives = st.lists(st.tuples(events, st.booleans(), st.booleans(), st.booleans(), faults, st.integers(0, 99)), max_size=8)


@given(lives=lives)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_exactly_one_end_and_every_token_once(database: Database, lives: list[Any]) -> None:
    """Interleaved lives of any shape: as many final rows as requests, and their tokens add up."""
    database.write("DELETE FROM ledger")
    witness = Witness()
    ledger = Ledger(database, [witness])
    produced = 0
    stacks: list[tuple[Any, BaseException | None]] = []
    for seen, planned, granted, finished, fault, exact in lives:
        context = ledger.open(request(), ANN)
        entry: Entry = context.__enter__()
        if planned:
            entry.plan = PLAN
        if granted:
            entry.granted()
        for event in seen:
            entry.see(event)
        ledger._write_if_due(entry)
        entry.written_at = 0.0
        if finished:
            entry.see(Finished(Usage(completion_tokens=exact)))
            produced += exact
        else:
            produced += sum(event.tokens for event in seen if isinstance(event, TextDelta | ToolCallDelta))
        stacks.append((context, fault))
    for context, fault in reversed(stacks):
        if fault is None:
            context.__exit__(None, None, None)
        else:
            assert not context.__exit__(type(fault), fault, None)
    ledger.close()
    database.on_close.clear()
    found = rows(database)
    assert len(found) == len(lives) == witness.came == len(witness.records)
    assert {row["state"] for row in found} <= {"done", "refused", "cancelled", "failed"}
    assert sum(row["completion_tokens"] for row in found) == produced
    assert ledger.in_flight == 0
