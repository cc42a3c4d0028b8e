"""The wire: duplex, half-close, interleaving, cancel at any point, slow readers, lost peers."""

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniwatt.contract.error import BadInput, Cancelled, EngineDied, EngineFailed, TooLarge
from omniwatt.workers.call import FRAME_LIMIT, MESSAGE_LIMIT, WINDOW, Call
from omniwatt.workers.wire import dial, listen
from tests.unit.workers.wires import pair, settled

quick = settings(max_examples=25, deadline=None)
SIZES = st.one_of(
    st.integers(0, 300), st.sampled_from([FRAME_LIMIT - 1, FRAME_LIMIT, FRAME_LIMIT + 1, WINDOW, 3 * FRAME_LIMIT + 7])
)


def message(size: int, seed: int) -> bytes:
    return bytes([seed % 251]) * size


async def echo(call: Call) -> None:
    """Send back the opening message, then every message, then a trailer."""
    await call.send(call.request)
    async for data in call:
        await call.send(data)
    call.trailer = b"bye"


async def gather(call: Call) -> list[bytes]:
    return [data async for data in call]


async def feed(call: Call, messages: list[bytes]) -> None:
    for data in messages:
        await call.send(data)
    call.finish()


@quick
@given(st.lists(st.tuples(SIZES, st.lists(SIZES, max_size=6)), min_size=1, max_size=5))
def test_interleaved_duplex_calls_each_keep_their_order(plan: list[tuple[int, list[int]]]) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(10), pair(echo) as (caller, server):
            calls = []
            for number, (size, sizes) in enumerate(plan):
                first = message(size, number)
                rest = [message(one, number + place) for place, one in enumerate(sizes)]
                calls.append((caller.open(first), [first, *rest]))
            feeders = [asyncio.create_task(feed(call, sent[1:])) for call, sent in calls]
            got = await asyncio.gather(*(gather(call) for call, _ in calls))
            await asyncio.gather(*feeders)
            assert got == [sent for _, sent in calls]
            assert [await call.result() for call, _ in calls] == [b"bye"] * len(calls)
            await settled()
            assert caller.open_calls == server.open_calls == 0

    asyncio.run(scenario())


@quick
@given(st.integers(0, 12), st.integers(0, 12), st.sampled_from([10, FRAME_LIMIT * 2]), st.booleans())
def test_cancel_at_any_point_ends_both_sides_once(reads: int, turns: int, size: int, feeding: bool) -> None:
    ends: list[str] = []

    async def endless(call: Call) -> None:
        call.on_cancel(lambda: ends.append("told"))
        try:
            while True:
                await call.send(bytes(size))
        finally:
            ends.append("over")

    async def scenario() -> None:
        ends.clear()
        async with asyncio.timeout(10), pair(endless) as (caller, server):
            call = caller.open(bytes(size))
            ended: list[None] = []
            call.on_end(lambda: ended.append(None))
            feeder = asyncio.create_task(feed(call, [bytes(size)] * 50)) if feeding else None
            for _ in range(turns):
                await asyncio.sleep(0)
            for _ in range(reads):
                await call.__anext__()
            call.cancel()
            call.cancel()
            with pytest.raises(Cancelled):
                await call.__anext__()
            await call.wait_ended()
            if feeder:
                await feeder
            assert len(ended) == 1
            assert ends in ([], ["told"], ["told", "over"])
            await settled()
            assert caller.open_calls == server.open_calls == 0
            other = caller.open(b"again")
            assert await other.__anext__() == bytes(size)
            other.cancel()
            await other.wait_ended()

    asyncio.run(scenario())


@pytest.mark.parametrize("size", [0, 100, 64 * 1024, FRAME_LIMIT, 2 * 1024 * 1024])
async def test_a_slow_reader_holds_the_sender_up(size: int) -> None:
    sent = 0

    async def flood(call: Call) -> None:
        nonlocal sent
        for _ in range(100_000 if size < 1000 else 40):
            await call.send(bytes(size))
            sent += size + 12

    async with asyncio.timeout(20), pair(flood) as (caller, _):
        slow, quick_one = caller.open(b""), None
        for _ in range(300):
            await asyncio.sleep(0)
        assert sent <= 2 * WINDOW + FRAME_LIMIT + size
        quick_one = caller.open(b"")
        assert await quick_one.__anext__() == bytes(size)
        quick_one.cancel()
        got = await gather(slow)
        assert len(got) == (100_000 if size < 1000 else 40)


async def test_a_slow_handler_holds_the_caller_up() -> None:
    read = asyncio.Event()
    sent = 0

    async def slow(call: Call) -> None:
        await read.wait()
        async for _ in call:
            pass

    async with asyncio.timeout(10), pair(slow) as (caller, _):
        call = caller.open(b"")

        async def push() -> None:
            nonlocal sent
            for _ in range(200):
                await call.send(bytes(50_000))
                sent += 50_000
            call.finish()

        pushing = asyncio.create_task(push())
        for _ in range(300):
            await asyncio.sleep(0)
        assert sent <= WINDOW + FRAME_LIMIT
        read.set()
        await pushing
        assert await call.result() == b""
        assert sent == 200 * 50_000


async def test_small_calls_pass_between_the_frames_of_a_large_one() -> None:
    order: list[int] = []

    async def length(call: Call) -> None:
        order.append(len(call.request))

    async with asyncio.timeout(10), pair(length) as (caller, _):
        large = caller.open(bytes(8 * 1024 * 1024))
        small = [caller.open(bytes(size)) for size in range(3)]
        await asyncio.gather(large.result(), *(call.result() for call in small))
    assert order == [0, 1, 2, 8 * 1024 * 1024]


async def test_the_server_may_finish_its_half_and_go_on_reading() -> None:
    async def early(call: Call) -> None:
        await call.send(b"all I have")
        call.finish()
        call.trailer = b"".join([data async for data in call])

    async with asyncio.timeout(5), pair(early) as (caller, _):
        call = caller.open(b"")
        assert await gather(call) == [b"all I have"]
        assert not call.ended
        await call.send(b"and ")
        await call.send(b"mine")
        call.finish()
        assert await call.result() == b"and mine"


async def test_errors_arrive_as_they_were_raised() -> None:
    async def fail(call: Call) -> None:
        await call.send(b"some")
        call.trailer = b"so far"
        raise BadInput("no good", param="prompt", details={"n": 3})

    async with asyncio.timeout(5), pair(fail) as (caller, _):
        call = caller.open(b"")
        assert await call.__anext__() == b"some"
        with pytest.raises(BadInput, match="no good") as caught:
            await call.__anext__()
        assert (caught.value.param, caught.value.details, call.trailer) == ("prompt", {"n": 3}, b"so far")


async def test_an_endless_error_message_is_cut() -> None:
    async def fail(call: Call) -> None:
        raise BadInput("x" * (2 * FRAME_LIMIT))

    async with asyncio.timeout(5), pair(fail) as (caller, _):
        with pytest.raises(BadInput) as caught:
            await caller.open(b"").result()
        assert len(caught.value.message) == 1000


async def test_a_call_nobody_serves_is_refused() -> None:
    async def serve_back(call: Call) -> None:
        pass

    async with asyncio.timeout(5), pair(serve_back) as (_, server):
        with pytest.raises(EngineFailed):
            await server.open(b"").result()


async def test_too_large_a_message_is_refused_before_anything_is_sent() -> None:
    async with asyncio.timeout(5), pair(echo) as (caller, _):
        with pytest.raises(TooLarge):
            caller.open(bytes(MESSAGE_LIMIT + 1))
        call = caller.open(b"")
        with pytest.raises(TooLarge):
            await call.send(bytes(MESSAGE_LIMIT + 1))
        call.finish()
        assert await gather(call) == [b""]


async def test_when_the_peer_goes_every_call_ends() -> None:
    told: list[str] = []

    async def hang(call: Call) -> None:
        await call.send(b"one")
        try:
            await asyncio.Event().wait()
        finally:
            told.append("stopped")

    async with asyncio.timeout(5), pair(hang) as (caller, server):
        calls = [caller.open(b"") for _ in range(3)]
        for call in calls:
            assert await call.__anext__() == b"one"
        server.close()
        for call in calls:
            with pytest.raises(EngineDied, match="ended while it was answering"):
                await call.__anext__()
            await call.send(b"nobody hears this")
        with pytest.raises(EngineDied):
            caller.open(b"")
    assert told == ["stopped"] * 3


async def test_pings_are_answered() -> None:
    async with asyncio.timeout(5), pair(echo) as (caller, _):
        before_s = caller.heard_at_s
        await asyncio.sleep(0.002)
        caller.ping()
        await asyncio.sleep(0.01)
        assert caller.heard_at_s > before_s


def certificates(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext, ssl.SSLContext]:
    """A server's context, that of a client it knows, and that of a stranger."""
    for name in ("known", "stranger"):
        request = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name}"
        files = f"-keyout {name}.key -out {name}.pem -addext subjectAltName=DNS:localhost"
        subprocess.run(["openssl", *request.split(), *files.split()], cwd=folder, check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.verify_mode = ssl.CERT_REQUIRED
    contexts = [server]
    for name in ("known", "stranger"):
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
        contexts.append(client)
    server.load_cert_chain(folder / "known.pem", folder / "known.key")
    for context in contexts:
        context.load_verify_locations(folder / "known.pem")
    return contexts[0], contexts[1], contexts[2]


async def test_other_machines_are_reached_over_mutual_tls(tmp_path: Path) -> None:
    serving, known, stranger = certificates(tmp_path)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with asyncio.timeout(10):
        server = await listen(echo, "localhost", 0, serving)
        port = server.sockets[0].getsockname()[1]
        caller = await dial("localhost", port, known)
        call = caller.open(b"over the net")
        call.finish()
        assert await gather(call) == [b"over the net"]
        caller.close()
        with pytest.raises((EngineDied, OSError)):  # noqa: PT012 - refused on connecting or on first use
            refused = await dial("localhost", port, stranger)
            await refused.open(b"let me in").result()
        server.close()
    with pytest.raises(ValueError, match="certificate"):
        await listen(echo, "localhost", 0, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
