"""The host's end of the gate, against a governor made of one socket."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from omniwatt import packets
from omniwatt.contract.governor import FromHost, Hello, Hold, Told, decode_from_host, encode
from omniwatt.workers.host import CallContext
from omniwatt.workers.permits import Permit, Permits

HELLO = Hello(1, "echo", 2, True)
PATIENCE_S = 5.0


class Governor:
    """Takes one host's connection and says what the test wants."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server.bind(str(path))
        self._server.listen()
        self._server.settimeout(PATIENCE_S)
        self.stream: socket.socket | None = None

    def accept(self) -> None:
        self.gone()
        self.stream, _ = self._server.accept()
        self.stream.settimeout(PATIENCE_S)

    def say(self, *calls: int, lease_s: float = 60.0, new: bool = False) -> None:
        assert self.stream is not None
        assert packets.post(self.stream, encode(Hold(calls, lease_s, new)))

    def heard(self) -> FromHost:
        assert self.stream is not None
        heard: FromHost = decode_from_host(self.stream.recv(packets.PACKET_BYTES))
        return heard

    def until(self, field: str) -> Told:
        """The next message that says something of `field`."""
        while True:
            told = self.heard()
            if isinstance(told, Told) and getattr(told, field):
                return told

    def gone(self) -> None:
        if self.stream is not None:
            self.stream.close()

    def close(self) -> None:
        self.gone()
        self._server.close()


@contextmanager
def gate(folder: Path) -> Iterator[tuple[Governor, Permits]]:
    governor = Governor(folder / "g")
    permits = Permits(str(folder / "g"), HELLO)
    try:
        governor.accept()
        assert governor.heard() == HELLO
        yield governor, permits
    finally:
        permits.close()
        governor.close()


def held(permit: Permit) -> None:
    """Wait until it is held."""
    limit_s = time.monotonic() + PATIENCE_S
    while not permit.held_until_s:
        assert time.monotonic() < limit_s
        time.sleep(0.001)


def stepping(permit: Permit) -> threading.Thread:
    thread = threading.Thread(target=permit.step, args=("tile", 1.0), daemon=True)
    thread.start()
    return thread


def test_without_a_governor_nothing_waits_and_nothing_is_kept() -> None:
    permits = Permits("", HELLO)
    permit = permits.enter("job")
    for _ in range(1000):
        permit.step("decode", 1)
    assert not permit.held_until_s
    assert permit.work == {}
    permit.leave()
    assert permits._calls == {}
    permits.close()


def test_a_governor_that_never_comes_holds_nobody(tmp_path: Path) -> None:
    permits = Permits(str(tmp_path / "nobody"), HELLO)
    permit = permits.enter("job")
    begun_s = time.monotonic()
    permit.step("decode", 1)
    assert time.monotonic() - begun_s < PATIENCE_S
    assert not permit.held_until_s
    permits.close()


def test_what_calls_do_is_told_in_batches_and_all_of_it_at_the_end(tmp_path: Path) -> None:
    with gate(tmp_path) as (governor, permits):
        permit = permits.enter("job")
        for _ in range(100):
            permit.step("decode", 1)
        permit.step("prefill", 7)
        permit.leave()
        told = [governor.heard()]
        while not told[-1].left:  # type: ignore[union-attr]
            told.append(governor.heard())
    assert all(isinstance(one, Told) for one in told)
    assert [job for one in told for _, job, _, _ in one.entered] == ["job"]  # type: ignore[union-attr]
    work = [(kind, units) for one in told for _, kind, units in one.work]  # type: ignore[union-attr]
    assert sum(units for kind, units in work if kind == "decode") == 100
    assert sum(units for kind, units in work if kind == "prefill") == 7
    assert len(told) < 20


def test_brief_calls_are_told_in_sums_and_the_one_that_lasts_by_itself(tmp_path: Path) -> None:
    with gate(tmp_path) as (governor, permits):
        lasting = permits.enter("lasting", "flex", brief=True)
        lasting.step("tile", 1)
        for number in range(50):
            permit = permits.enter(f"short {number}", brief=True)
            permit.step("decode", 2)
            assert permit.leave()
        told = []
        while not told or not told[-1].left:
            told.append(governor.heard())
            if told[-1].entered:
                lasting.step("tile", 1)
                assert not lasting.leave()
        assert len(told) <= 5
        assert [one.entered for one in told if one.entered] == [((1, "lasting", "flex", lasting.at_s),)]
        assert sum(units for one in told for _, units in one.brief) == 100
        assert sum(units for one in told for _, kind, units in one.work if kind == "tile") == 2
        assert told[-1].left == ((1, lasting.ended_s),)


def test_a_brief_call_that_is_held_is_told_at_once(tmp_path: Path) -> None:
    with gate(tmp_path) as (governor, permits):
        governor.say(lease_s=60.0, new=True)
        first = permits.enter("first", brief=True)
        if not first.held_until_s:
            held(first)
        thread = stepping(first)
        told = governor.until("parked")
        assert (told.parked, [one[:2] for one in told.entered]) == ((1,), [(1, "first")])
        governor.say()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_a_held_call_waits_at_its_next_step_and_is_let_go_on_by_word(tmp_path: Path) -> None:
    with gate(tmp_path) as (governor, permits):
        first, second = permits.enter("a"), permits.enter("b")
        governor.say(first.number)
        held(first)
        thread = stepping(first)
        assert governor.until("parked").parked == (first.number,)
        second.step("tile", 1)
        assert thread.is_alive()
        governor.say()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        first.leave()
        assert (first.number, "tile", 1.0) in governor.until("left").work


async def test_a_held_coroutine_lets_the_loop_run(tmp_path: Path) -> None:
    with gate(tmp_path) as (governor, permits):
        permit = permits.enter("a")
        governor.say(permit.number)
        await asyncio.to_thread(held, permit)
        step = asyncio.create_task(permit.astep("decode", 1))
        await asyncio.sleep(0.05)
        assert not step.done()
        governor.say()
        await asyncio.wait_for(step, PATIENCE_S)


@pytest.mark.parametrize("how", ["cancel", "governor gone", "lease"])
async def test_what_ends_a_wait_at_once(tmp_path: Path, how: str) -> None:
    with gate(tmp_path) as (governor, permits):
        permit = permits.enter("a")
        context = CallContext(lambda *_: None, permit)
        governor.say(permit.number, lease_s=0.3 if how == "lease" else 60.0)
        await asyncio.to_thread(held, permit)
        begun_s = time.monotonic()
        blocked = asyncio.create_task(asyncio.to_thread(context.step, "tile", 1.0))
        waiting = asyncio.create_task(context.astep("tile", 1.0))
        await asyncio.sleep(0.05)
        assert not blocked.done()
        assert not waiting.done()
        if how == "cancel":
            context.cancel()
        elif how == "governor gone":
            governor.gone()
        await asyncio.wait_for(asyncio.gather(blocked, waiting), PATIENCE_S)
        took_s = time.monotonic() - begun_s
        assert took_s < 1.0
        assert how != "lease" or took_s > 0.2


def test_a_cancelled_call_is_not_held_again(tmp_path: Path) -> None:
    with gate(tmp_path) as (governor, permits):
        permit = permits.enter("a")
        permit.give_up()
        governor.say(permit.number)
        held(permit)
        begun_s = time.monotonic()
        permit.step("tile", 1)
        assert time.monotonic() - begun_s < 1.0


def test_a_governor_that_comes_back_is_told_who_is_there(tmp_path: Path) -> None:
    with gate(tmp_path) as (governor, permits):
        permit = permits.enter("still here")
        permits.enter("left meanwhile").leave()
        governor.until("left")
        governor.gone()
        governor.accept()
        assert governor.heard() == HELLO
        assert governor.until("entered").entered == ((permit.number, "still here", "", permit.at_s),)


def test_nonsense_from_a_governor_hangs_up_on_it(tmp_path: Path) -> None:
    with gate(tmp_path) as (governor, permits):
        permit = permits.enter("a")
        assert governor.stream is not None
        governor.stream.send(msgspec.msgpack.encode({"type": "nonsense"}))
        governor.accept()
        assert governor.heard() == HELLO
        permit.step("decode", 1)
