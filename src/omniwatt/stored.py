"""Stored answers: responses for some days, chained by `previous_response_id`; words of spoken answers for an hour.

Both belong to a project and are erased with the key that made them.
"""

import asyncio
import sqlite3
import time
from typing import Any

import msgspec

from omniwatt.contract.error import BadInput, Internal, NotFound
from omniwatt.contract.job import Caller
from omniwatt.database import Database
from omniwatt.settings import Storage

DAY_S = 86_400
SPOKEN_S = 3_600
"""How long a conversation may refer to a spoken answer by its id."""
CHAIN_LIMIT = 1_000
"""How many turns a conversation may have before it must be sent whole."""

INSERT = """
INSERT INTO responses (id, project, key_id, previous_id, created_at, expires_at, response, items)
SELECT ?, ?, id, ?, ?, ?, ?, ? FROM keys WHERE id = ?
"""

INSERT_ITEMS = """
INSERT OR IGNORE INTO response_items (id, response_id)
SELECT value, responses.id FROM json_each(?) JOIN responses ON responses.id = ?
"""

BY_ITEM = """
SELECT items, response FROM responses r JOIN response_items i ON i.response_id = r.id
WHERE i.id = ? AND r.project = ? AND r.expires_at > ? LIMIT 1
"""

CHAIN = """
WITH RECURSIVE chain(id, previous_id, items, response, depth) AS (
    SELECT id, previous_id, items, response, 0 FROM responses
    WHERE id = ?1 AND project = ?2 AND expires_at > ?3
    UNION ALL
    SELECT r.id, r.previous_id, r.items, r.response, depth + 1 FROM responses r JOIN chain c ON r.id = c.previous_id
    WHERE r.project = ?2 AND r.expires_at > ?3 AND depth < ?4
)
SELECT previous_id, items, response FROM chain ORDER BY depth DESC
"""


INSERT_SPOKEN = """
INSERT INTO spoken (id, project, key_id, expires_at, transcript) SELECT ?, ?, id, ?, ? FROM keys WHERE id = ?
"""


class StoredResponses:
    """The store. Everything is visible to the project of the key that made it, and to nobody else."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._days = storage.responses_days
        self.allowed = storage.responses

    async def save(self, caller: Caller, response: dict[str, Any], items: list[dict[str, Any]]) -> None:
        """Keep a finished response and its own input items, durably. Nothing is kept for a key that is gone.

        Raises Internal when the disk takes nothing.
        """
        await asyncio.to_thread(self._save, caller, response, items)

    async def get(self, caller: Caller, response_id: str) -> dict[str, Any]:
        """The response as it was answered. Raises NotFound."""
        response: dict[str, Any] = await asyncio.to_thread(self._column, "response", caller.project, response_id)
        return response

    async def input_items(self, caller: Caller, response_id: str) -> list[dict[str, Any]]:
        """The items this response was asked with, oldest first, without those of earlier turns. Raises NotFound."""
        items: list[dict[str, Any]] = await asyncio.to_thread(self._column, "items", caller.project, response_id)
        return items

    async def delete(self, caller: Caller, response_id: str) -> None:
        """Raises NotFound."""
        sql = "DELETE FROM responses WHERE id = ? AND project = ? AND expires_at > ?"
        if not await asyncio.to_thread(self._database.write, sql, (response_id, caller.project, time.time())):
            raise _missing(response_id)

    async def history(self, caller: Caller, response_id: str) -> list[dict[str, Any]]:
        """Every item of the conversation up to and with this response, oldest first.

        Raises BadInput (`previous_response_not_found`) when it or an earlier turn is gone, and for an endless chain.
        """
        return await asyncio.to_thread(self._history, caller.project, response_id)

    async def item(self, caller: Caller, item_id: str) -> dict[str, Any]:
        """One input or output item by its own id. Raises NotFound."""
        return await asyncio.to_thread(self._item, caller.project, item_id)

    async def save_spoken(self, caller: Caller, spoken_id: str, expires_at: int, transcript: str) -> None:
        """Keep what a spoken answer says, so that its id can stand for it. Raises Internal when the disk takes nothing.

        Nothing is kept where the operator allows no storing, or for a key that is gone.
        """
        if self.allowed:
            await asyncio.to_thread(self._save_spoken, caller, spoken_id, expires_at, transcript)

    async def spoken(self, caller: Caller, spoken_id: str) -> str | None:
        """What a spoken answer of the caller's project says; None when it is gone, or was never there."""
        sql = "SELECT transcript FROM spoken WHERE id = ? AND project = ? AND expires_at > ?"
        rows = await asyncio.to_thread(self._database.read, sql, (spoken_id, caller.project, time.time()))
        return str(rows[0][0]) if rows else None

    def expire(self, now: float | None = None) -> int:
        """Erase what is past its time; gives how many went. Blocks on the disk: call it in a thread."""
        args = (time.time() if now is None else now,)
        spoken = self._database.write("DELETE FROM spoken WHERE expires_at <= ?", args)
        return spoken + self._database.write("DELETE FROM responses WHERE expires_at <= ?", args)

    def erase_key(self, key_id: str) -> None:
        """Erase what a key made, while its row lives; deleting the row erases it too. Blocks on the disk."""
        self._database.write("DELETE FROM responses WHERE key_id = ?", (key_id,))
        self._database.write("DELETE FROM spoken WHERE key_id = ?", (key_id,))

    def _save_spoken(self, caller: Caller, spoken_id: str, expires_at: int, transcript: str) -> None:
        row = (spoken_id, caller.project, expires_at, transcript, caller.key_id)
        try:
            self._database.write(INSERT_SPOKEN, row)
        except sqlite3.Error as error:
            raise Internal("The answer is complete but its words could not be kept.", code="storage_failed") from error

    def _save(self, caller: Caller, response: dict[str, Any], items: list[dict[str, Any]]) -> None:
        created_at = int(response["created_at"])
        row = (
            response["id"],
            caller.project,
            response.get("previous_response_id"),
            created_at,
            created_at + self._days * DAY_S,
            _dump(response),
            _dump(items),
            caller.key_id,
        )
        ids = _dump([item["id"] for item in [*items, *response["output"]]])
        try:
            self._database.write_all([(INSERT, row), (INSERT_ITEMS, (ids, response["id"]))])
        except sqlite3.Error as error:
            raise Internal(
                "The answer is complete but could not be stored. Send 'store' as false to go without.",
                code="storage_failed",
            ) from error

    def _column(self, column: str, project: str, response_id: str) -> Any:
        sql = f"SELECT {column} FROM responses WHERE id = ? AND project = ? AND expires_at > ?"  # noqa: S608 - ours
        rows = self._database.read(sql, (response_id, project, time.time()))
        if not rows:
            raise _missing(response_id)
        return _load(rows[0][0])

    def _history(self, project: str, response_id: str) -> list[dict[str, Any]]:
        rows = self._database.read(CHAIN, (response_id, project, time.time(), CHAIN_LIMIT))
        if not rows or rows[0]["previous_id"]:
            raise _broken_chain(response_id, len(rows))
        return [item for row in rows for item in _items(row)]

    def _item(self, project: str, item_id: str) -> dict[str, Any]:
        for row in self._database.read(BY_ITEM, (item_id, project, time.time())):
            for item in _items(row):
                if item["id"] == item_id:
                    return item
        raise NotFound(f"Item with id '{item_id}' not found.", param="input")


def _items(row: Any) -> list[dict[str, Any]]:
    return [*_load(row["items"]), *_load(row["response"])["output"]]


def _missing(response_id: str) -> NotFound:
    return NotFound(f"Response with id '{response_id}' not found.", param="response_id")


def _broken_chain(response_id: str, turns: int) -> BadInput:
    message = f"Previous response with id '{response_id}' not found."
    if turns > CHAIN_LIMIT:
        message = f"The conversation before '{response_id}' is longer than {CHAIN_LIMIT} turns: send it as input."
    elif turns:
        message = f"An earlier turn of the conversation of '{response_id}' was deleted or has expired."
    return BadInput(message, param="previous_response_id", code="previous_response_not_found")


def _dump(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _load(text: str) -> Any:
    return msgspec.json.decode(text)
