"""Writes of one turn leave as one, in order, and none is lost when the connection closes."""

import asyncio
from typing import Any

import pytest

from omniwatt.api.coalesce import CoalescingProtocol, _Coalescing


class Wire:
    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> str:
        return f"the {name}"


@pytest.fixture
async def wire() -> tuple[Wire, Any]:
    below = Wire()
    return below, _Coalescing(below, asyncio.get_running_loop())  # type: ignore[arg-type]


async def test_one_turn_is_one_write(wire: tuple[Wire, Any]) -> None:
    below, above = wire
    above.write(b"head ")
    above.write(b"body")
    assert below.sent == []
    await asyncio.sleep(0)
    assert below.sent == [b"head body"]
    above.write(b"next")
    await asyncio.sleep(0)
    assert below.sent == [b"head body", b"next"]


async def test_closing_sends_what_waits(wire: tuple[Wire, Any]) -> None:
    below, above = wire
    above.write(b"last words")
    above.close()
    await asyncio.sleep(0)
    assert below.sent == [b"last words"]
    assert below.closed


async def test_aborting_does_not(wire: tuple[Wire, Any]) -> None:
    below, above = wire
    above.write(b"late")
    above.abort()
    await asyncio.sleep(0)
    assert below.sent == []


async def test_everything_else_passes_through(wire: tuple[Wire, Any]) -> None:
    _, above = wire
    assert above.get_extra_info("peername") == "the peername"
    assert issubclass(CoalescingProtocol, asyncio.Protocol)
