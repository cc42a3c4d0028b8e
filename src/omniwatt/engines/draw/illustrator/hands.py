"""Helper processes that paint tiles of large pictures: Skia holds Python's lock, so that threads would take turns.

    python -m omniwatt.engines.draw.illustrator.hands

reads what to load, then tasks, from its input, and answers each tile with its pixels; all behind their length. It ends
when its input does.
"""

import contextlib
import os
import selectors
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from omniwatt import settings
from omniwatt.contract.error import EngineFailed
from omniwatt.engines.draw.illustrator.layout import Layout

AHEAD = 2
"""Tiles for each helper that may be begun before the next one in order is there: those that are early are held."""
CHECK_S = 0.1
"""How often it is looked whether anybody still waits for the picture: a tile takes seconds."""
_LENGTH = struct.Struct("<Q")
Pixels = NDArray[np.uint8]


class Tile(msgspec.Struct, frozen=True):
    """A rectangle of the whole picture, in pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6


class Load(msgspec.Struct, frozen=True, tag="load"):
    """Which files to read."""

    artifacts: dict[str, str]


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """What the next tiles are of."""

    layout: Layout
    quality: str
    scale: float


class Paint(msgspec.Struct, frozen=True, tag="paint"):
    """Paint this one."""

    tile: Tile


Order = Load | Begin | Paint
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Order).decode


class Hands:
    """The helpers. As many as one picture has are kept at rest for the next. May be used from several threads."""

    def __init__(self, artifacts: Mapping[str, str], count: int) -> None:
        self._artifacts = dict(artifacts)
        self._count = count
        self._lock = threading.Lock()
        self._idle: list[subprocess.Popen[bytes]] = []
        self._closed = False

    def tiles(
        self,
        layout: Layout,
        quality: str,
        scale: float,
        tiles: list[Tile],
        before: Callable[[Tile], None],
        check: Callable[[], None] = lambda: None,
    ) -> Iterator[Pixels]:
        """Each tile's RGBA in their order, shape (height, width, 4). `before` is called ahead of each, `check` now and
        then while they are painted; both may raise.

        Raises EngineFailed when a helper dies. Helpers that are not at the end of their work are ended.
        """
        helpers = self._taken(min(self._count, len(tiles)))
        fit = False
        try:
            for helper in helpers:
                _send(_input(helper), Begin(layout, quality, scale))
            with Shift(helpers, tiles, before, check) as shift:
                for number in range(len(tiles)):
                    pixels = shift.tile(number)
                    # Whoever takes the last tile need not ask for another one: the helpers are done before.
                    fit = number + 1 == len(tiles)
                    yield pixels
        except (OSError, EOFError) as error:
            raise EngineFailed("A helper of the painter died over a tile.") from error
        finally:
            self._given_back(helpers, fit=fit)

    @property
    def resting(self) -> int:
        """How many are kept for the next picture, so that it need not start them."""
        return len(self._idle)

    def rest(self) -> None:
        """End those that are kept for the next picture, which starts others."""
        with self._lock:
            idle, self._idle = self._idle, []
        for helper in idle:
            _end(helper)

    def close(self) -> None:
        """End all that are at rest, and keep none from now on."""
        self._closed = True
        self.rest()

    def _taken(self, count: int) -> list[subprocess.Popen[bytes]]:
        with self._lock:
            found, self._idle = self._idle[:count], self._idle[count:]
        dead = [helper for helper in found if helper.poll() is not None]
        found = [helper for helper in found if helper not in dead]
        for helper in dead:
            _end(helper)
        try:
            while len(found) < count:
                found.append(self._started())
        except OSError as error:
            self._given_back(found, fit=False)
            raise EngineFailed(f"No helper of the painter could be started: {error}.") from error
        return found

    def _started(self) -> subprocess.Popen[bytes]:
        helper = subprocess.Popen(
            (sys.executable, "-m", __name__),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=settings.child_environ(),
        )
        _send(_input(helper), Load(self._artifacts))
        return helper

    def _given_back(self, helpers: list[subprocess.Popen[bytes]], *, fit: bool) -> None:
        with self._lock:
            kept = self._count - len(self._idle) if fit and not self._closed else 0
            self._idle += helpers[:kept]
        for helper in helpers[kept:]:
            _end(helper)


class Shift:
    """The helpers of one picture at work: whoever is done gets the next tile at once, some take longer than others."""

    def __init__(
        self,
        helpers: Sequence[subprocess.Popen[bytes]],
        tiles: Sequence[Tile],
        before: Callable[[Tile], None],
        check: Callable[[], None],
    ) -> None:
        self._tiles = tiles
        self._before = before
        self._check = check
        self._idle = list(helpers)
        self._most_ahead = len(helpers) * AHEAD
        self._next = 0
        self._early: dict[int, Pixels] = {}
        self._painting = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._painting.close()

    def tile(self, number: int) -> Pixels:
        """This one's pixels, each asked for once and in order. Raises OSError and EOFError when a helper dies."""
        self._hand_out(number)
        while number not in self._early:
            self._check()
            for key, _ in self._painting.select(CHECK_S):
                self._take(*key.data)
                self._hand_out(number)
        return self._early.pop(number)

    def _hand_out(self, number: int) -> None:
        """Give the idle ones work; tiles that are painted and wait for number `number` are held, so they are few."""
        while self._idle and self._next < min(len(self._tiles), number + self._most_ahead):
            tile = self._tiles[self._next]
            self._before(tile)
            helper = self._idle.pop(0)
            _send(_input(helper), Paint(tile))
            self._painting.register(_output(helper), selectors.EVENT_READ, (helper, self._next))
            self._next += 1

    def _take(self, helper: subprocess.Popen[bytes], number: int) -> None:
        self._painting.unregister(_output(helper))
        self._early[number] = _received(_output(helper), self._tiles[number])
        self._idle.append(helper)


def _end(helper: subprocess.Popen[bytes]) -> None:
    helper.kill()
    for pipe in (helper.stdin, helper.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    helper.wait()


def _input(helper: subprocess.Popen[bytes]) -> IO[bytes]:
    if helper.stdin is None:
        raise EOFError
    return helper.stdin


def _output(helper: subprocess.Popen[bytes]) -> IO[bytes]:
    if helper.stdout is None:
        raise EOFError
    return helper.stdout


def _send(pipe: IO[bytes], order: Order) -> None:
    raw = _encode(order)
    pipe.write(_LENGTH.pack(len(raw)) + raw)
    pipe.flush()


def _received(pipe: IO[bytes], tile: Tile) -> Pixels:
    """A tile's pixels. Raises EOFError when they do not come."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size or _LENGTH.unpack(head)[0] != tile.width * tile.height * 4:
        raise EOFError
    pixels = np.empty((tile.height, tile.width, 4), np.uint8)
    view = pixels.data.cast("B")
    done = 0
    while done < len(view):
        count = pipe.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        done += count
    return pixels


def _orders(pipe: IO[bytes]) -> Iterator[Order]:
    while len(head := pipe.read(_LENGTH.size)) == _LENGTH.size:
        raw = pipe.read(_LENGTH.unpack(head)[0])
        yield _decode(raw)


def written(descriptor: int, data: bytes | memoryview) -> None:
    """All of it: a process that is held and continued in the middle of a write has written a part."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def main() -> None:
    """Paint tiles until the input ends."""
    from omniwatt.engines.draw.illustrator.studio import Studio

    studio: Studio | None = None
    painter: Any = None
    scale = 1.0
    out = sys.stdout.fileno()
    for order in _orders(sys.stdin.buffer):
        match order:
            case Load():
                studio = Studio.load(order.artifacts, words=False)
            case Begin() if studio is not None:
                painter, scale = studio.painter(order.layout, order.quality), order.scale
            case Paint(tile=tile):
                pixels = np.ascontiguousarray(painter.tile(tile.x, tile.y, tile.width, tile.height, scale))
                written(out, _LENGTH.pack(pixels.nbytes))
                written(out, pixels.data.cast("B"))


if __name__ == "__main__":
    main()
