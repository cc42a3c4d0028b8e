"""Helper processes: kept when their work is done, ended when it is not."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from omniwatt.contract.error import Cancelled, EngineFailed
from omniwatt.engines.draw.illustrator.hands import AHEAD, Hands, Tile
from omniwatt.engines.draw.illustrator.layout import Layout
from omniwatt.engines.draw.illustrator.scene import Scene
from omniwatt.engines.draw.illustrator.tiles import put_together

HELPER = """
import struct, sys
orders, tiles = sys.stdin.buffer, sys.stdout.buffer
while head := orders.read(8):
    if b"paint" in orders.read(*struct.unpack("<Q", head)):
        tiles.write(struct.pack("<Q", 64 * 16 * 4) + bytes(64 * 16 * 4))
        tiles.flush()
"""
"""Answers each tile with nothing but black."""
SLOW_FIRST = """
import os, struct, sys, time
orders, tiles = sys.stdin.buffer, sys.stdout.buffer
while head := orders.read(8):
    order = orders.read(*struct.unpack("<Q", head))
    if b"paint" in order:
        top = order[order.index(b"\\xa1y") + 2]
        while top == 0 and not os.path.exists(sys.argv[1]):
            time.sleep(0.005)
        tiles.write(struct.pack("<Q", 64 * 16 * 4) + bytes([top]) * (64 * 16 * 4))
        tiles.flush()
"""
"""Answers each tile with its own top row; the first one once a file is there."""
LAYOUT = Layout(scene=Scene(backdrop="meadow"), width=1000, height=1000, horizon=600, seed=7)
ROWS = [[Tile(0, top, 64, 16)] for top in range(0, 64, 16)]
TILES = [tile for row in ROWS for tile in row]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The helpers that were started."""
    made: list[subprocess.Popen[bytes]] = []

    def start(hands: Hands) -> subprocess.Popen[bytes]:
        made.append(
            subprocess.Popen((sys.executable, "-S", "-c", HELPER), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        )
        return made[-1]

    monkeypatch.setattr(Hands, "_started", start)
    return made


@pytest.fixture
def hands(started: list[subprocess.Popen[bytes]]) -> Iterator[Hands]:
    made = Hands({}, 2)
    yield made
    made.close()
    assert all(helper.poll() is not None for helper in started)


def painted(hands: Hands) -> Iterator[np.ndarray]:
    return hands.tiles(LAYOUT, "low", 0.064, TILES, lambda tile: None)


def test_helpers_rest_after_a_picture_and_paint_the_next(hands: Hands, started: list[subprocess.Popen[bytes]]) -> None:
    for _ in range(2):
        assert len(list(put_together(ROWS, painted(hands), lambda count: None))) == len(ROWS)
        assert hands.resting == 2
    assert len(started) == 2


def test_one_slow_tile_holds_up_neither_the_other_helper_nor_the_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    go, begun = tmp_path / "go", list[int]()

    def start(_: Hands) -> subprocess.Popen[bytes]:
        argv = (sys.executable, "-S", "-c", SLOW_FIRST, str(go))
        return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def before(tile: Tile) -> None:
        begun.append(tile.y)
        if len(begun) == 2 * AHEAD:
            # The first is still being painted: the other helper did all that may be ahead of it.
            go.touch()

    monkeypatch.setattr(Hands, "_started", start)
    hands = Hands({}, 2)
    tiles = [Tile(0, top, 64, 16) for top in range(0, 8 * 16, 16)]
    painting = hands.tiles(LAYOUT, "low", 0.064, tiles, before)
    found = [int(next(painting)[0, 0, 0])]
    assert len(begun) == 2 * AHEAD
    found += [int(pixels[0, 0, 0]) for pixels in painting]
    hands.close()
    assert found == begun == [tile.y for tile in tiles]


def test_who_leaves_amid_a_tile_does_not_wait_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    argv = (sys.executable, "-S", "-c", SLOW_FIRST, str(tmp_path / "never"))
    made: list[subprocess.Popen[bytes]] = []

    def start(_: Hands) -> subprocess.Popen[bytes]:
        made.append(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        return made[-1]

    def check() -> None:
        raise Cancelled("Nobody waits.")

    monkeypatch.setattr(Hands, "_started", start)
    with pytest.raises(Cancelled):
        list(Hands({}, 2).tiles(LAYOUT, "low", 0.064, TILES, lambda tile: None, check))
    assert [helper.poll() for helper in made] == [-signal.SIGKILL] * 2


def test_no_more_rest_than_one_picture_has(hands: Hands) -> None:
    for _ in zip(painted(hands), painted(hands), strict=True):
        assert hands.resting <= 2
    assert hands.resting == 2


def test_a_picture_that_is_left_or_whose_helper_dies_leaves_none(
    hands: Hands, started: list[subprocess.Popen[bytes]]
) -> None:
    left = painted(hands)
    next(left)
    left.close()  # type: ignore[attr-defined]
    assert hands.resting == 0
    # More than may be begun ahead of the first one.
    tiles = [Tile(0, top, 64, 16) for top in range(0, 16 * 16, 16)]
    dying = hands.tiles(LAYOUT, "low", 0.064, tiles, lambda tile: None)
    next(dying)
    for helper in started:
        helper.kill()
    with pytest.raises(EngineFailed, match="died"):
        list(dying)
    assert hands.resting == 0


def test_one_that_died_at_rest_is_replaced(hands: Hands) -> None:
    list(painted(hands))
    victim = hands._idle[0]
    victim.kill()
    os.waitid(os.P_PID, victim.pid, os.WEXITED | os.WNOWAIT)
    assert len(list(painted(hands))) == len(TILES)
    assert victim not in hands._idle
    assert hands.resting == 2
