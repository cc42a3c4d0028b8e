"""Keys: what is made, what is shown, who is let in, and how fast other processes' changes are seen."""

import json
import logging
import re
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniwatt.auth import POLL_S, Keys
from omniwatt.contract.error import NotAuthenticated, NotFound
from omniwatt.contract.job import Limits
from omniwatt.database import Database


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(database: Database, tmp_path: Path, clock: Clock) -> Keys:
    return Keys(database, tmp_path, clock)


def refused(keys: Keys, key: str | None) -> str:
    with pytest.raises(NotAuthenticated) as caught:
        keys.caller(key)
    assert caught.value.code == "invalid_api_key"
    return caught.value.message


def test_a_key_names_its_caller(keys: Keys) -> None:
    limits = Limits(requests_per_min=3, models=("echo",))
    key, info = keys.create("ann", project="red", admin=True, tier="priority", limits=limits)
    caller = keys.caller(key)
    assert (caller.key_id, caller.name, caller.project) == (info.id, "ann", "red")
    assert caller.admin
    assert caller.tier == "priority"
    assert caller.limits == limits


def test_keys_are_long_random_and_url_safe(keys: Keys) -> None:
    made = {keys.create(f"k{number}")[0] for number in range(50)}
    assert len(made) == 50
    for key in made:
        assert re.fullmatch(r"sk-ow-[0-9A-Za-z]{53}", key)


def test_the_secret_part_is_nowhere_on_disk(keys: Keys, database: Database, tmp_path: Path) -> None:
    key, info = keys.create("ann")
    database.flush()
    for file in tmp_path.iterdir():
        assert key[len("sk-ow-") + 10 :].encode() not in file.read_bytes()
    assert key.startswith(info.prefix)
    assert len(info.prefix) <= len("sk-ow-") + 4
    assert key not in json.dumps([str(one) for one in keys.list()])


def test_no_key_and_wrong_keys(keys: Keys) -> None:
    key, _ = keys.create("ann")
    assert "You didn't provide an API key" in refused(keys, None)
    assert "You didn't provide an API key" in refused(keys, "")
    wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
    message = refused(keys, wrong)
    assert message.startswith(f"Incorrect API key provided: {key[:8]}***{wrong[-2:]}.")
    assert key[8:-2] not in message
    assert "sk-short" not in refused(keys, "sk-short")


@given(text=st.text(max_size=100))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_is_sent_is_refused_and_not_repeated(keys: Keys, text: str) -> None:
    message = refused(keys, text)
    if len(text) >= 20:
        assert text not in message
    assert message.isprintable()


def test_a_key_of_another_servers_secret_is_refused(keys: Keys, tmp_path: Path, clock: Clock) -> None:
    with Database(tmp_path / "other" / "omniwatt.db") as other:
        theirs, _ = Keys(other, tmp_path / "other", clock).create("eve")
    assert "Incorrect API key" in refused(keys, theirs)


def test_a_stolen_digest_does_not_open_with_another_secret(database: Database, keys: Keys, tmp_path: Path) -> None:
    key, _ = keys.create("ann")
    (tmp_path / "secret").unlink()
    assert "Incorrect API key" in refused(Keys(database, tmp_path), key)


def test_expired_and_revoked(keys: Keys, clock: Clock) -> None:
    key, info = keys.create("ann", expires_at=clock.now + 10)
    keys.caller(key)
    clock.now += 10
    assert "has expired" in refused(keys, key)
    other, info = keys.create("bob")
    keys.revoke(info.id)
    assert "has been revoked" in refused(keys, other)
    assert key[8:-2] not in refused(keys, key)
    assert [one.revoked_at for one in keys.list() if one.id == info.id] == [clock.now]
    with pytest.raises(NotFound):
        keys.revoke("nobody")


def test_a_second_revocation_keeps_the_first_time(keys: Keys, clock: Clock) -> None:
    _, info = keys.create("ann")
    keys.revoke(info.id)
    clock.now += 100
    keys.revoke(info.id)
    assert keys.list()[0].revoked_at == clock.now - 100


def test_other_processes_changes_are_seen_within_a_second(keys: Keys, tmp_path: Path, clock: Clock) -> None:
    with Database(tmp_path / "omniwatt.db") as other:
        elsewhere = Keys(other, tmp_path, clock)
        key, info = elsewhere.create("ann")
        clock.now += POLL_S
        assert keys.caller(key).name == "ann"
        elsewhere.revoke(info.id)
        clock.now += POLL_S
        refused(keys, key)


def test_the_database_is_not_asked_for_each_request(
    keys: Keys, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = keys.create("ann")
    asked: list[str] = []
    read = database.read

    def counted(sql: str, args: tuple[object, ...] = ()) -> list[sqlite3.Row]:
        asked.append(sql)
        return read(sql, args)

    monkeypatch.setattr(database, "read", counted)
    for _ in range(100):
        clock.now += POLL_S / 50
        keys.caller(key)
    assert len(asked) <= 3
    assert not any("FROM keys" in sql for sql in asked)


def test_use_is_noted_now_and_then_without_a_reload(keys: Keys, database: Database, clock: Clock) -> None:
    key, _ = keys.create("ann")
    version = database.read("SELECT value FROM counters WHERE name = 'keys'")[0][0]
    keys.caller(key)
    keys.caller(key)
    database.flush()
    assert keys.list()[0].last_used_at == clock.now
    assert database.read("SELECT value FROM counters WHERE name = 'keys'")[0][0] == version


def test_deleting_tells_everyone_once(keys: Keys, tmp_path: Path, clock: Clock) -> None:
    erased: list[str] = []
    keys.on_delete.append(erased.append)
    _, mine = keys.create("ann")
    key, theirs = keys.create("bob")
    keys.delete(mine.id)
    with Database(tmp_path / "omniwatt.db") as other:
        Keys(other, tmp_path, clock).delete(theirs.id)
    clock.now += POLL_S
    assert "Incorrect API key" in refused(keys, key)
    assert erased == [mine.id, theirs.id]
    with pytest.raises(NotFound):
        keys.delete(mine.id)


def test_the_demo_key_is_private_stable_and_replaced(keys: Keys, tmp_path: Path) -> None:
    key = keys.demo_key()
    file = tmp_path / "run" / "demo.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().strip() == key == keys.demo_key()
    caller = keys.caller(key)
    assert (caller.project, caller.admin) == ("demo", False)
    file.unlink()
    again = keys.demo_key()
    assert again != key
    assert "revoked" in refused(keys, key)
    keys.revoke(keys.caller(again).key_id)
    assert keys.demo_key() not in {key, again}
    file.write_text("nonsense")
    assert keys.caller(keys.demo_key()).name == "demo"


def test_the_secret_is_made_once_even_by_many_at_once(database: Database, tmp_path: Path) -> None:
    made: list[str] = []

    def start() -> None:
        made.append(Keys(database, tmp_path).create("k")[0])

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    late = Keys(database, tmp_path)
    assert len({late.caller(key).key_id for key in made}) == 6
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".secret")] == []


def test_a_secret_others_could_read_is_made_private_aloud(
    keys: Keys, database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "secret").chmod(0o644)
    with caplog.at_level(logging.WARNING):
        Keys(database, tmp_path)
    assert "could be read by other users" in caplog.text
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_a_damaged_secret_stops_the_start(keys: Keys, database: Database, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short")
    with pytest.raises(ValueError, match="damaged"):
        Keys(database, tmp_path)
