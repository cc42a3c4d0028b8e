"""Loaded into the run of the SDK's own tests: our key in place of their placeholder, and the things they name.

Their tests speak to a mock that answers for any id. A real server knows only what was stored, so each test that
retrieves, reads or deletes by a placeholder's name finds a fresh file or response under it.
"""

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

KEY = os.environ["SDK_SUITE_KEY"]
DATABASE = Path(os.environ["SDK_SUITE_DATABASE"])
FILE_ID = "file_id"
RESPONSE_IDS = ("resp_677efb5139a88190b512bc3fef8e535d", "response_id", "resp_123", "previous_response_id")


LEFT_OUT = {
    r"\[aiohttp\]": "the SDK's optional aiohttp transport is not among our dependencies",
    r"/chat/test_completions.py::.*(retrieve|update|list|delete)": "stored chat completions do not exist here",
    r"/chat/test_completions.py::.*with_all_params": (
        "sends what no server could honour (limits of 0, both at once, functions beside tools, a bias on a word), "
        "and what is refused here: predictions, moderation, web search"
    ),
    r"/test_completions.py::(Test|TestAsync)Completions::test_method_create_with_all_params": "sends best_of 0",
    r"/test_embeddings.py::.*test_(method|raw_response|streaming_response)_create\[strict\]": (
        "asks for base64 and then has its strict mode refuse base64"
    ),
    r"/test_models.py::.*_delete": "models are deleted by the operator, not by a route",
    r"/test_files.py::.*list_with_all_params": "sends limit 0",
    r"/test_input_items.py::.*list_with_all_params": "sends limit 0",
    r"/test_input_tokens.py": "counts without naming a model",
    r"/test_responses.py::.*_create": "asks without naming a model, or with hosted tools",
    r"/test_responses.py::.*_retrieve_.*overload_2": "streams a stored response anew, which needs background mode",
    r"/test_responses.py::.*_cancel": "cancels a response that is no background one: OpenAI refuses that too",
    r"/test_responses.py::.*_compact": "compaction is a hosted feature",
}
"""What is not run: a regular expression over the test's id -> why. One that fits nothing is an error."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    out: dict[str, set[str]] = {}
    for pattern in LEFT_OUT:
        out[pattern] = {item.nodeid for item in items if re.search(pattern, item.nodeid) and not _local(item)}
        if not out[pattern]:
            raise pytest.UsageError(f"{pattern} leaves nothing out: remove it")
    gone = set().union(*out.values())
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in gone])
    items[:] = [item for item in items if item.nodeid not in gone]


def _local(item: pytest.Item) -> bool:
    """Checks of the client's own arguments stay, whatever the route."""
    return "path_params" in item.name and "aiohttp" not in item.name


def pytest_collection_finish(session: pytest.Session) -> None:
    for plugin in session.config.pluginmanager.get_plugins():
        if getattr(plugin, "api_key", None) == "My API Key":
            plugin.api_key = KEY


def pytest_runtest_setup(item: pytest.Item) -> None:
    path = item.path.name
    if path == "test_files.py" and any(word in item.name for word in ("retrieve", "delete", "content")):
        _make_file()
    if path in ("test_responses.py", "test_input_items.py"):
        _make_responses()


def _client() -> OpenAI:
    return OpenAI(base_url=os.environ["TEST_API_BASE_URL"], api_key=KEY, max_retries=0)


def _make_file() -> None:
    if _count("SELECT count(*) FROM blobs WHERE id = ?", FILE_ID):
        return
    with _client() as client:
        made = client.files.create(file=("example.txt", b"some words"), purpose="assistants")
    _change([("UPDATE blobs SET id = ? WHERE id = ?", (FILE_ID, made.id))])


def _make_responses() -> None:
    for wanted in RESPONSE_IDS:
        if _count("SELECT count(*) FROM responses WHERE id = ?", wanted):
            continue
        with _client() as client:
            made = client.responses.create(model="echo", input="some words")
        moved: list[tuple[str, tuple[Any, ...]]] = [
            (
                "UPDATE responses SET id = ?, response = replace(response, ?, ?) WHERE id = ?",
                (wanted, made.id, wanted, made.id),
            ),
            ("UPDATE response_items SET response_id = ? WHERE response_id = ?", (wanted, made.id)),
        ]
        _change(moved)


def _count(sql: str, wanted: str) -> int:
    with closing(sqlite3.connect(DATABASE, timeout=10)) as database:
        return int(database.execute(sql, (wanted,)).fetchone()[0])


def _change(statements: list[tuple[str, tuple[Any, ...]]]) -> None:
    with closing(sqlite3.connect(DATABASE, timeout=10)) as database, database:
        for sql, arguments in statements:
            database.execute(sql, arguments)
