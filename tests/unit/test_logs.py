"""Logs: one line per event, in either form, for every logger; no keys, no line breaks from outside."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from omniwatt import logs
from omniwatt.contract.record import Record
from omniwatt.settings import Log

KEY = "sk-ow-aB3dE6gH9jK2mN5pQ8sT1vW4yZ7aB3dE6gH9jK2mN5pQ8sT1vW4yZ7"


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Logging is one for the process: put back what these tests change."""
    names = [None, "omniwatt", "uvicorn", "uvicorn.error", "uvicorn.access", *logs.NOISY]
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    handlers = logging.getLogger().handlers[:]
    yield
    logging.captureWarnings(capture=False)
    logging.getLogger().handlers[:] = handlers
    for logger, level in before:
        logger.setLevel(level)


def lines(form: str, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    logs.set_up(Log(format=form, level=level), stream)  # type: ignore[arg-type]
    return stream


def record(**fields: Any) -> Record:
    base = {"id": "req_1", "time": 0.0, "key_id": "k1", "project": "p", "capability": "chat", "asked": "gpt-4"}
    return Record(**{**base, "key_name": "ann", "state": "done", **fields})


def test_a_request_is_one_json_line() -> None:
    stream = lines("json")
    logs.RequestLog().ended(
        record(model="echo-1", prompt_tokens=3, completion_tokens=4, total_s=0.123456, queue_s=0.0, first_token_s=0.1)
    )
    [line] = stream.getvalue().splitlines()
    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "info",
        "logger": "omniwatt.request",
        "message": "done",
        "request": "req_1",
        "key": "ann",
        "key_id": "k1",
        "capability": "chat",
        "model": "echo-1",
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "queue_s": 0.0,
        "first_token_s": 0.1,
        "total_s": 0.1235,
    }


def test_a_request_is_one_text_line_whatever_the_caller_named_it() -> None:
    stream = lines("text")
    logs.RequestLog().ended(
        record(asked="x\n12:00:00.000 INFO  request: forged", state="refused", code="model_not_found", status=404)
    )
    [line] = stream.getvalue().splitlines()
    assert " INFO    request: refused request=req_1 key=ann key_id=k1 capability=chat" in line
    assert line.endswith("code=model_not_found status=404")


def test_failures_are_warnings_and_a_level_holds() -> None:
    stream = lines("json", level="warning")
    logs.RequestLog().ended(record())
    logs.RequestLog().ended(record(state="failed", code="engine_died", status=503, energy_j=2.0, method="measured"))
    [line] = stream.getvalue().splitlines()
    found = json.loads(line)
    assert (found["level"], found["message"], found["code"]) == ("warning", "failed", "engine_died")
    assert (found["energy_j"], found["method"]) == (2.0, "measured")
    logs.set_level("info")
    logs.RequestLog().ended(record())
    assert len(stream.getvalue().splitlines()) == 2


@pytest.mark.parametrize("form", ["text", "json"])
def test_keys_are_blotted_out_wherever_they_stand(form: str) -> None:
    stream = lines(form)
    log = logs.get_logger("omniwatt.anything")
    log.warning("key %s", KEY)
    log.warning("extra", extra={"header": f"Authorization: Bearer {KEY[6:]}"})
    try:
        raise ValueError(f"in {KEY}")
    except ValueError:
        log.exception("fault")
    text = stream.getvalue()
    assert KEY[10:] not in text
    assert "sk-ow-aB***" in text
    assert "Bearer ***" in text
    assert "ValueError" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sk-proj-abcdefghijklmnop", "sk-proj-ab***"),
        ("authorization: bearer abc.def.ghi-jkl", "authorization: Bearer ***"),
        ("no secret here: risk-free task", "no secret here: risk-free task"),
        ("sk-ow-ab***yz", "sk-ow-ab***yz"),
    ],
)
def test_redaction(text: str, expected: str) -> None:
    assert logs.redacted(text) == expected


def test_all_loggers_end_in_one_form() -> None:
    stream = lines("json", level="debug")
    logging.getLogger("uvicorn.error").info("Application startup complete.")
    logging.getLogger("httpx").info("HTTP Request: GET http://somewhere")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", UserWarning, stacklevel=1)
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [one["logger"] for one in found] == ["uvicorn.error", "py.warnings"]


def test_setting_up_twice_says_things_once() -> None:
    lines("text")
    stream = lines("json")
    logs.get_logger("omniwatt.x").info("once")
    assert len(stream.getvalue().splitlines()) == 1


def test_a_refused_web_socket_is_no_fault_of_ours() -> None:
    stream = lines("text")
    logging.getLogger("uvicorn.error").error("ASGI callable returned without completing handshake.")
    logging.getLogger("uvicorn.error").error("Something else.")
    assert stream.getvalue().count("\n") == 1
    assert "Something else." in stream.getvalue()


def test_a_line_is_a_line_and_cannot_paint_a_terminal() -> None:
    stream = lines("text")
    logs.get_logger("omniwatt.x").warning("red \x1b[31m and \r back")
    assert "red ?[31m and ? back" in stream.getvalue()
