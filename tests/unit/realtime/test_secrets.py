"""Client secrets: bound to their key, for as long as they live."""

from pathlib import Path

import pytest

from omniwatt.auth import Keys
from omniwatt.contract.error import NotAuthenticated
from omniwatt.database import Database
from omniwatt.realtime.secrets import ClientSecrets
from omniwatt.realtime.values import SessionSettings


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_secret_stands_for_its_key_until_either_ends(tmp_path: Path) -> None:
    clock = Clock()
    with Database(tmp_path / "db") as database:
        keys = Keys(database, tmp_path, clock)
        _, info = keys.create("page", project="p")
        secrets = ClientSecrets(database, keys, clock)
        session = SessionSettings(model="fast", voice="nova")
        value, expires_at = secrets.create(keys.caller_of(info.id), session, 60)
        assert value.startswith("ek_")
        assert expires_at == 1060
        caller, opened = secrets.redeem(value)
        assert (caller.key_id, caller.project, opened) == (info.id, "p", session)
        stored = database.read("SELECT * FROM client_secrets")
        assert value.encode() not in b"".join(bytes(row["digest"]) + bytes(row["session"]) for row in stored)
        for wrong in (value[:-1], value + "x", "ek_", "ek_é"):
            with pytest.raises(NotAuthenticated):
                secrets.redeem(wrong)
        clock.now = 1060.0
        with pytest.raises(NotAuthenticated):
            secrets.redeem(value)
        value, _ = secrets.create(keys.caller_of(info.id), session, 600)
        assert len(database.read("SELECT * FROM client_secrets")) == 2
        keys.revoke(info.id)
        with pytest.raises(NotAuthenticated):
            secrets.redeem(value)
        keys.delete(info.id)
        assert database.read("SELECT * FROM client_secrets") == []
