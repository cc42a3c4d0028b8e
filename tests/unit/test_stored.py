"""Stored responses: seen by their project only, chained, erased by time, by hand and with their key."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from omniwatt import stored as module
from omniwatt.contract.error import BadInput, Internal, NotFound
from omniwatt.contract.job import Caller
from omniwatt.database import Database
from omniwatt.settings import Storage
from omniwatt.stored import DAY_S, StoredResponses

ANN = Caller(key_id="key_ann", name="ann", project="red")
AL = Caller(key_id="key_al", name="al", project="red")
BOB = Caller(key_id="key_bob", name="bob", project="blue")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "omniwatt.db") as database:
        for caller in (ANN, AL, BOB):
            database.write(
                "INSERT INTO keys (id, name, project, prefix, digest, admin, tier, limits, created_at)"
                " VALUES (?, ?, ?, '', ?, 0, 'default', '{}', 0)",
                (caller.key_id, caller.name, caller.project, caller.key_id.encode()),
            )
        yield database


@pytest.fixture
def stored(database: Database) -> StoredResponses:
    return StoredResponses(database, Storage())


def response(name: str, previous: str | None = None, created_at: float | None = None) -> dict[str, Any]:
    return {
        "id": f"resp_{name}",
        "created_at": int(time.time() if created_at is None else created_at),
        "previous_response_id": previous,
        "output": [{"id": f"msg_out_{name}", "text": f"answer {name}\x00"}],
    }


def items(name: str) -> list[dict[str, Any]]:
    return [{"id": f"msg_in_{name}", "text": f"question {name}"}]


async def chain(stored: StoredResponses, *names: str) -> None:
    previous = None
    for name in names:
        await stored.save(ANN, response(name, previous), items(name))
        previous = f"resp_{name}"


async def test_round_trip(stored: StoredResponses) -> None:
    made = response("a")
    await stored.save(ANN, made, items("a"))
    assert await stored.get(ANN, "resp_a") == made
    assert await stored.input_items(ANN, "resp_a") == items("a")


async def test_the_project_sees_it_and_nobody_else(stored: StoredResponses) -> None:
    await stored.save(ANN, response("a"), items("a"))
    assert (await stored.get(AL, "resp_a"))["id"] == "resp_a"
    for attempt in (
        stored.get(BOB, "resp_a"),
        stored.input_items(BOB, "resp_a"),
        stored.delete(BOB, "resp_a"),
        stored.item(BOB, "msg_in_a"),
    ):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(BadInput):
        await stored.history(BOB, "resp_a")
    assert await stored.get(ANN, "resp_a")


async def test_delete(stored: StoredResponses, database: Database) -> None:
    await stored.save(ANN, response("a"), items("a"))
    await stored.delete(AL, "resp_a")
    with pytest.raises(NotFound):
        await stored.get(ANN, "resp_a")
    with pytest.raises(NotFound):
        await stored.delete(ANN, "resp_a")
    assert database.read("SELECT * FROM response_items") == []


async def test_history_is_oldest_first(stored: StoredResponses) -> None:
    await chain(stored, "a", "b", "c")
    ids = [item["id"] for item in await stored.history(ANN, "resp_c")]
    assert ids == ["msg_in_a", "msg_out_a", "msg_in_b", "msg_out_b", "msg_in_c", "msg_out_c"]


async def test_history_may_branch(stored: StoredResponses) -> None:
    await chain(stored, "a", "b")
    await stored.save(ANN, response("b2", "resp_a"), items("b2"))
    ids = [item["id"] for item in await stored.history(ANN, "resp_b2")]
    assert ids == ["msg_in_a", "msg_out_a", "msg_in_b2", "msg_out_b2"]


async def test_unknown_previous(stored: StoredResponses) -> None:
    with pytest.raises(BadInput) as caught:
        await stored.history(ANN, "resp_none")
    assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")


async def test_a_gap_in_the_chain_is_said(stored: StoredResponses) -> None:
    await chain(stored, "a", "b", "c")
    await stored.delete(ANN, "resp_a")
    with pytest.raises(BadInput, match="earlier turn"):
        await stored.history(ANN, "resp_c")


async def test_an_endless_chain_is_refused(stored: StoredResponses, monkeypatch: pytest.MonkeyPatch) -> None:
    await stored.save(ANN, response("a", "resp_b"), items("a"))
    await stored.save(ANN, response("b", "resp_a"), items("b"))
    monkeypatch.setattr(module, "CHAIN_LIMIT", 20)
    with pytest.raises(BadInput, match="longer than 20 turns"):
        await stored.history(ANN, "resp_a")


async def test_items_by_their_own_id(stored: StoredResponses) -> None:
    await chain(stored, "a", "b")
    assert (await stored.item(AL, "msg_in_a"))["text"] == "question a"
    assert (await stored.item(AL, "msg_out_b"))["text"] == "answer b\x00"
    with pytest.raises(NotFound):
        await stored.item(AL, "msg_none")


async def test_kept_for_the_days_of_the_setting(database: Database) -> None:
    stored = StoredResponses(database, Storage(responses_days=2))
    await stored.save(ANN, response("old", created_at=time.time() - 2 * DAY_S - 5), items("old"))
    await stored.save(ANN, response("young", created_at=time.time() - 2 * DAY_S + 60), items("young"))
    with pytest.raises(NotFound):
        await stored.get(ANN, "resp_old")
    assert await stored.get(ANN, "resp_young")
    assert stored.expire() == 1
    assert stored.expire(time.time() + 61) == 1
    assert database.read("SELECT * FROM response_items") == []


async def test_erased_with_its_key(stored: StoredResponses, database: Database) -> None:
    await stored.save(ANN, response("a"), items("a"))
    await stored.save(AL, response("b"), items("b"))
    database.write("DELETE FROM keys WHERE id = ?", (ANN.key_id,))
    with pytest.raises(NotFound):
        await stored.get(AL, "resp_a")
    assert await stored.get(AL, "resp_b")
    assert [row["id"] for row in database.read("SELECT id FROM response_items ORDER BY id")] == [
        "msg_in_b",
        "msg_out_b",
    ]


async def test_a_keys_responses_can_be_erased_alone(stored: StoredResponses) -> None:
    await stored.save(ANN, response("a"), items("a"))
    await stored.save(AL, response("b"), items("b"))
    stored.erase_key(ANN.key_id)
    with pytest.raises(NotFound):
        await stored.get(ANN, "resp_a")
    assert await stored.get(ANN, "resp_b")


async def test_nothing_is_kept_for_a_key_that_is_gone(stored: StoredResponses, database: Database) -> None:
    database.write("DELETE FROM keys WHERE id = ?", (ANN.key_id,))
    await stored.save(ANN, response("a"), items("a"))
    with pytest.raises(NotFound):
        await stored.get(AL, "resp_a")
    assert database.read("SELECT * FROM response_items") == []


def test_the_setting_is_told(database: Database) -> None:
    assert StoredResponses(database, Storage()).allowed
    assert not StoredResponses(database, Storage(responses=False)).allowed


async def test_a_disk_that_takes_nothing_is_said_so(stored: StoredResponses, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Any) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Database, "write_all", lambda self, statements: full(statements))
    with pytest.raises(Internal, match="could not be stored") as caught:
        await stored.save(ANN, response("a"), items("a"))
    assert caught.value.code == "storage_failed"


async def test_spoken_answers_are_the_projects_for_a_while(stored: StoredResponses, database: Database) -> None:
    soon = int(time.time()) + module.SPOKEN_S
    await stored.save_spoken(ANN, "audio_1", soon, "Words.")
    await stored.save_spoken(ANN, "audio_2", int(time.time()) - 1, "Late words.")
    assert await stored.spoken(AL, "audio_1") == "Words."
    assert await stored.spoken(BOB, "audio_1") is None
    assert await stored.spoken(ANN, "audio_2") is None
    assert stored.expire() == 1
    assert stored.expire(soon + 1) == 1
    assert database.read("SELECT count(*) FROM spoken")[0][0] == 0


async def test_spoken_answers_go_with_their_key(stored: StoredResponses, database: Database) -> None:
    soon = int(time.time()) + 60
    await stored.save_spoken(ANN, "audio_1", soon, "Words.")
    await stored.save_spoken(BOB, "audio_2", soon, "Words.")
    stored.erase_key(ANN.key_id)
    assert await stored.spoken(ANN, "audio_1") is None
    database.write("DELETE FROM keys WHERE id = ?", (BOB.key_id,))
    assert await stored.spoken(BOB, "audio_2") is None
    await stored.save_spoken(BOB, "audio_3", soon, "Words.")
    assert await stored.spoken(BOB, "audio_3") is None


async def test_no_spoken_answer_is_kept_where_storing_is_forbidden(database: Database) -> None:
    stored = StoredResponses(database, Storage(responses=False))
    await stored.save_spoken(ANN, "audio_1", int(time.time()) + 60, "Words.")
    assert await stored.spoken(ANN, "audio_1") is None


async def test_a_disk_that_takes_no_words_is_an_error(stored: StoredResponses, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Database, "write", full)
    with pytest.raises(Internal) as caught:
        await stored.save_spoken(ANN, "audio_1", int(time.time()) + 60, "Words.")
    assert caught.value.code == "storage_failed"
