"""Logs: one line per event on stderr, as text or JSON; never a key, and never a prompt.

Every logger of the process, uvicorn's too, ends in one handler. What looks like a key is blotted out there,
whoever wrote it.
"""

import logging
import re
import sys
import time
from functools import lru_cache
from typing import Any, TextIO

import msgspec

from omniwatt import settings
from omniwatt.contract.record import Record

KEY = re.compile(r"\b(sk-[A-Za-z0-9]{2,4}-?[A-Za-z0-9]{0,2})[A-Za-z0-9_-]{8,}|(?i:bearer)\s+[A-Za-z0-9._~+/=-]{8,}")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
NOISY = ("httpx", "httpx2", "httpcore", "httpcore2", "huggingface_hub", "filelock", "asyncio")
PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
request_log = logging.getLogger("omniwatt.request")


def get_logger(name: str) -> logging.Logger:
    """The logger of a module."""
    return logging.getLogger(name)


def set_up(log: settings.Log, stream: TextIO | None = None) -> logging.Handler:
    """Send all logs of this process to `stream` (default: stderr) in the chosen form; replaces an earlier set-up."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLine() if log.format == "json" else TextLine())
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old.formatter, TextLine | JsonLine)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel("WARNING")
    set_level(log.level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.error").addFilter(_of_note)
    # Their chatter names addresses and paths; a request's own line says what an operator needs.
    for name in NOISY:
        logging.getLogger(name).setLevel("WARNING")
    logging.captureWarnings(capture=True)
    return handler


def set_level(level: str) -> None:
    """Change how much is logged, while running."""
    logging.getLogger("omniwatt").setLevel(level.upper())
    logging.getLogger("uvicorn").setLevel("INFO" if level == "debug" else "WARNING")


def redacted(text: str) -> str:
    """`text` with what looks like a key blotted out."""
    low = text.lower()
    if "sk-" not in low and "bearer" not in low:
        return text
    return KEY.sub(lambda found: f"{found[1] or 'Bearer '}***", text)


class TextLine(logging.Formatter):
    """`12:34:56.789 INFO  request: text key=value ...`; control characters are blotted out, so a line is a line."""

    def format(self, record: logging.LogRecord) -> str:
        name = record.name.removeprefix("omniwatt.")
        fields = "".join([f" {key}={_word(value)}" for key, value in _extra(record).items()])
        at = f"{_local_time(int(record.created))}.{int(record.msecs):03d}"
        line = f"{at} {record.levelname:<7} {name}: {_message(record)}{fields}"
        return redacted(line if line.isprintable() else CONTROLS.sub("?", line))


class JsonLine(logging.Formatter):
    """One JSON object: time (RFC 3339, UTC), level, logger, message, and the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        at = f"{_utc(int(record.created))}.{int(record.msecs):03d}Z"
        line = {"time": at, "level": record.levelname.lower(), "logger": record.name}
        packed = msgspec.json.encode(line | {"message": _message(record)} | _extra(record), enc_hook=str)
        return redacted(packed.decode("utf-8", "replace"))


class RequestLog:
    """An Observer that writes one line per request: who, what, how much, how long, how it ended."""

    def opened(self) -> None:
        """Nothing to say yet."""

    def ended(self, record: Record) -> None:
        """The line. Refusals and client departures are the callers' affair: only failures are warnings."""
        level = logging.WARNING if record.state == "failed" else logging.INFO
        if request_log.isEnabledFor(level):
            # Made by hand: `log` would walk the stack for a caller that is always this one.
            line = logging.LogRecord(request_log.name, level, __file__, 0, record.state, None, None)
            line.__dict__["fields"] = _fields(record)
            request_log.handle(line)


def _of_note(record: logging.LogRecord) -> bool:
    """uvicorn takes a web socket that was refused with an answer for one that was forgotten."""
    return record.msg != "ASGI callable returned without completing handshake."


def _fields(record: Record) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "request": record.id,
        "key": record.key_name,
        "key_id": record.key_id,
        "capability": record.capability,
        "model": record.model or record.asked,
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "queue_s": _short(record.queue_s),
        "first_token_s": _short(record.first_token_s),
        "total_s": _short(record.total_s),
    }
    if record.code is not None:
        fields |= {"code": record.code, "status": record.status}
    if record.energy_j is not None:
        fields |= {"energy_j": _short(record.energy_j), "method": record.method}
    return {key: value for key, value in fields.items() if value is not None}


def _short(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    known = vars(record)
    if "fields" in known:
        return dict(known["fields"])
    return {key: value for key, value in known.items() if key not in PLAIN}


@lru_cache(maxsize=4)
def _local_time(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))


@lru_cache(maxsize=4)
def _utc(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _message(record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.exc_info and record.exc_info[0] is not None:
        text += "\n" + logging.Formatter().formatException(record.exc_info)
    return text


def _word(value: object) -> str:
    text = str(value)
    return text if text and " " not in text and text.isprintable() else repr(text)
