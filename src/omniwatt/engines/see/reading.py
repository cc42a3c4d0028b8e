"""From the picture of one line to its characters: a recognition network and CTC (Graves et al. 2006)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from omniwatt.contract.error import EngineFailed
from omniwatt.engines.speak.onnx import Network

Pixels = NDArray[np.uint8]
"""Height x width x 3, blue first, as the networks were trained."""

HEIGHT_PX = 48
LEAST_WIDTH_PX = 320
MOST_WIDTH_PX = 3200
BATCH = 6
COLUMN = 1.5
"""Higher than this many times its width, a picture of text is a column."""
PAPER = 12
"""Less than this brighter or darker than the ground is still ground."""


class Read(msgspec.Struct, frozen=True):
    """`confidence` is the mean probability of the characters, 0 for no text."""

    text: str
    confidence: float


class Reader:
    """Reads lines. Blocks; may be used from several threads."""

    def __init__(self, model: Path, threads: int) -> None:
        """Raises EngineFailed for a network that does not say which characters it knows."""
        self._network = Network(model, threads)
        characters = self._network.metadata.get("character", "")
        if not characters:
            raise EngineFailed(f"{model.name} does not say which characters it reads.")
        # The first class is CTC's blank, the last one, which the list leaves out, the space.
        self._characters = ["", *characters.splitlines(), " "]
        self._input = next(iter(self._network.inputs))

    @property
    def characters(self) -> frozenset[str]:
        """All it can read."""
        return frozenset(self._characters) - {""}

    def read(self, lines: Sequence[Pixels]) -> list[Read]:
        """One reading a line, in order. Lines of like length are read together."""
        level = [laid_down(line) for line in lines]
        found: list[Read] = [Read("", 0.0)] * len(lines)
        order = sorted(range(len(level)), key=lambda place: level[place].shape[1] / level[place].shape[0])
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            for place, reading in zip(places, self._batch([level[place] for place in places]), strict=True):
                found[place] = reading
        return found

    def _batch(self, lines: Sequence[Pixels]) -> list[Read]:
        widths = [_width(line) for line in lines]
        batch = np.zeros((len(lines), 3, HEIGHT_PX, max(LEAST_WIDTH_PX, *widths)), np.float32)
        for row, (line, width) in enumerate(zip(lines, widths, strict=True)):
            method = cv2.INTER_AREA if line.shape[0] > HEIGHT_PX else cv2.INTER_LINEAR
            small = cv2.resize(line, (width, HEIGHT_PX), interpolation=method)
            batch[row, :, :, :width] = small.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1.0
        (scores,) = self._network.run({self._input: batch})
        return [self._spelt(row) for row in scores]

    def _spelt(self, scores: NDArray[Any]) -> Read:
        """The likeliest class at each place; repeats and blanks fall away."""
        best = scores.argmax(axis=1)
        kept = (best != 0) & (best != np.concatenate(([-1], best[:-1])))
        text = "".join(self._characters[int(place)] for place in best[kept])
        confidence = float(scores.max(axis=1)[kept].mean()) if kept.any() else 0.0
        return Read(text, confidence)


def laid_down(line: Pixels) -> Pixels:
    """A column as a line: its characters cut apart where the ground shows through, and set side by side."""
    height, width = line.shape[:2]
    if height <= COLUMN * width:
        return line
    cells = [line[start:end] for start, end in _cells(line)]
    side = max([width, *(len(cell) for cell in cells)])
    return np.hstack([_raised(cell, side) for cell in cells]) if cells else line


def _cells(column: Pixels) -> list[tuple[int, int]]:
    """Where each character of a column begins and ends. Parts of one character (三, 言) are nearer than characters."""
    grey = cv2.cvtColor(column, cv2.COLOR_BGR2GRAY).astype(np.int16)
    ground = np.median(np.concatenate((grey[:, :2].ravel(), grey[:, -2:].ravel())))
    ink = (np.abs(grey - ground) > max(PAPER, 0.2 * float(np.abs(grey - ground).max()))).any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], ink.view(np.int8), [0]))))
    cells: list[tuple[int, int]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if cells and end - cells[-1][0] <= 1.05 * column.shape[1]:
            cells[-1] = (cells[-1][0], end)
        else:
            cells.append((start, end))
    return cells


def _raised(cell: Pixels, height: int) -> Pixels:
    """With ground above and below, so that all characters stand at one height."""
    missing = height - cell.shape[0]
    above = missing // 2
    return np.asarray(cv2.copyMakeBorder(cell, above, missing - above, 0, 0, cv2.BORDER_REPLICATE), np.uint8)


def _width(line: Pixels) -> int:
    height, width = line.shape[:2]
    return int(max(1, min(MOST_WIDTH_PX, round(width * HEIGHT_PX / height))))
