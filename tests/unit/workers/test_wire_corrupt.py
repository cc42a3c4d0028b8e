"""Broken peers: any bytes at all end in a typed error, never in a hang or a defect."""

import asyncio

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from omniwatt.workers.call import (
    CANCEL,
    CREDIT,
    DATA,
    END,
    ERROR,
    FINISH,
    FRAME_LIMIT,
    MESSAGE_LIMIT,
    MORE,
    OPEN,
    PING,
    PONG,
    WINDOW,
    Call,
    WireError,
)
from tests.unit.workers.wires import frame, raw, settled

stopped: list[int] = []


async def hang(call: Call) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        stopped.append(1)


async def send_all(sock: object, data: bytes) -> None:
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(sock, data)  # type: ignore[arg-type]
    except (BrokenPipeError, ConnectionResetError):
        return


BROKEN = {
    "no magic": b"GET / HTTP/1.1\r\n\r\n",
    "oversized frame": frame(DATA, 1, length=FRAME_LIMIT + 1),
    "unknown kind": frame(77, 1),
    "kind zero": frame(0, 1),
    "number of ours": frame(OPEN, 2),
    "opened twice": frame(OPEN, 1),
    "data before the call is open": frame(OPEN, 3, b"x", MORE) + frame(DATA, 3, b"y"),
    "data of no call": frame(DATA, 9),
    "credit of no call of ours": frame(CREDIT, 4, b"\1\0\0\0"),
    "an end from the caller": frame(END, 1),
    "an error from the caller": frame(ERROR, 1, b"\x93"),
    "more data than credit": frame(DATA, 1, bytes(FRAME_LIMIT)) * (WINDOW // FRAME_LIMIT + 2),
    "a message over the limit": frame(OPEN, 3, bytes(FRAME_LIMIT), MORE) * (MESSAGE_LIMIT // FRAME_LIMIT + 1),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_peer_is_hung_up_on(name: str) -> None:
    stopped.clear()
    async with asyncio.timeout(5), raw(hang) as (sock, server):
        await send_all(sock, frame(OPEN, 1))
        await settled()
        await send_all(sock, BROKEN[name])
        await asyncio.shield(server.closed)
        await settled()
        assert isinstance(server.reason, WireError)
        assert server.open_calls == 0
        assert stopped == [1]


async def test_late_words_on_an_ended_call_are_no_fault() -> None:
    async def short(call: Call) -> None:
        call.trailer = b"done"

    async with asyncio.timeout(5), raw(short) as (sock, server):
        await send_all(sock, frame(OPEN, 1))
        await settled()
        late = frame(DATA, 1, b"late") + frame(FINISH, 1) + frame(CANCEL, 1) + frame(CREDIT, 1, b"\1\0\0\0")
        await send_all(sock, late + frame(PONG, 0) + frame(PING, 0, b"still there?"))
        await settled()
        got = await asyncio.get_running_loop().sock_recv(sock, 1000)
        assert got == frame(END, 1, b"done") + frame(PONG, 0, b"still there?")
        assert not server.closed.done()


FRAMES = st.lists(
    st.builds(
        frame,
        st.sampled_from([OPEN, DATA, FINISH, END, ERROR, CANCEL, CREDIT, PING, PONG]),
        st.integers(0, 7),
        st.binary(max_size=40),
        st.sampled_from([0, MORE]),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(FRAMES, st.binary(max_size=30), st.lists(st.integers(1, 30), max_size=10))
@example([frame(OPEN, 1), frame(CANCEL, 1), frame(OPEN, 1)], b"", [])
def test_any_bytes_in_any_pieces_do_no_harm(frames: list[bytes], noise: bytes, cuts: list[int]) -> None:
    defects: list[object] = []

    async def echo(call: Call) -> None:
        async for data in call:
            await call.send(data)

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: defects.append(context))
        async with asyncio.timeout(5), raw(echo) as (sock, server):
            data = b"".join(frames) + noise
            for cut in [*cuts, len(data)]:
                await send_all(sock, data[:cut])
                data = data[cut:]
                await settled()
            if server.closed.done():
                assert isinstance(server.reason, WireError | OSError | None)
        assert server.open_calls == 0

    asyncio.run(scenario())
    assert defects == []
