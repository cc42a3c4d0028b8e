"""From the picture of one line to its characters: recognition networks and CTC (Graves et al. 2006)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from omniwatt.contract.error import EngineFailed
from omniwatt.engines.see.agreeing import Mark, agreed
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


TRIMMED = 0.8
"""The second look leaves this share of a line's height: dense characters are seen larger."""
CANDIDATES = 16
"""How many classes of each character are weighed."""
_BLANK, _BLANK_NAME = "", "blank"


class Read(msgspec.Struct, frozen=True):
    """`confidence` is the mean probability of the characters, 0 for no text."""

    text: str
    confidence: float


class Eye:
    """One recognition network. Blocks; may be used from several threads."""

    def __init__(self, model: Path, characters: Path | None, threads: int) -> None:
        """`characters` lists the classes, one a line, where the network does not say them itself. Raises
        EngineFailed where neither does."""
        self._network = Network(model, threads)
        listed = characters.read_text(encoding="utf-8") if characters else self._network.metadata.get("character", "")
        if not listed:
            raise EngineFailed(f"{model.name} does not say which characters it reads.")
        named = listed.rstrip("\n").split("\n")
        # The first class is CTC's blank, which some lists name; the last one, which most leave out, is the space.
        self.classes = [_BLANK, *(named[1:] if named[0] == _BLANK_NAME else [*named, " "])]
        self._input = next(iter(self._network.inputs))

    def look(self, lines: Sequence[Pixels]) -> list[list[Mark]]:
        """Each line's marks from left to right, in order. Lines of like length are looked at together."""
        found: list[list[Mark]] = [[] for _ in lines]
        order = sorted(range(len(lines)), key=lambda place: lines[place].shape[1] / lines[place].shape[0])
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            for place, marks in zip(places, self._batch([lines[place] for place in places]), strict=True):
                found[place] = marks
        return found

    def _batch(self, lines: Sequence[Pixels]) -> list[list[Mark]]:
        widths = [_width(line) for line in lines]
        batch = np.zeros((len(lines), 3, HEIGHT_PX, max(LEAST_WIDTH_PX, *widths)), np.float32)
        for row, (line, width) in enumerate(zip(lines, widths, strict=True)):
            method = cv2.INTER_AREA if line.shape[0] > HEIGHT_PX else cv2.INTER_LINEAR
            small = cv2.resize(line, (width, HEIGHT_PX), interpolation=method)
            batch[row, :, :, :width] = small.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1.0
        (scores,) = self._network.run({self._input: batch})
        return [self._spelt(row, batch.shape[3] / width) for row, width in zip(scores, widths, strict=True)]

    def _spelt(self, scores: NDArray[Any], stretch: float) -> list[Mark]:
        """The likeliest class at each place; repeats and blanks fall away."""
        best = scores.argmax(axis=1)
        starts = np.flatnonzero((best != 0) & (best != np.concatenate(([-1], best[:-1]))))
        marks = []
        for start in starts.tolist():
            end = start + 1
            while end < len(best) and best[end] == best[start]:
                end += 1
            peak = start + int(scores[start:end, best[start]].argmax())
            likely = np.argpartition(scores[peak], -CANDIDATES)[-CANDIDATES:].tolist()
            seen = {self.classes[one]: float(scores[peak, one]) for one in likely if 0 < one < len(self.classes)}
            marks.append(Mark(seen, (peak + 0.5) / len(best) * stretch))
        return marks


class Reader:
    """Reads lines. Blocks; may be used from several threads."""

    def __init__(self, eyes: Sequence[Eye]) -> None:
        self._eyes = eyes

    @property
    def characters(self) -> frozenset[str]:
        """All it can read."""
        return frozenset(one for eye in self._eyes for one in eye.classes if one)

    def read(self, lines: Sequence[Pixels], *, careful: bool = False) -> list[Read]:
        """One reading a line, in order: the first eye's; `careful` asks all of them, twice where they differ."""
        level = [laid_down(line) for line in lines]
        looks = [[marks] for marks in self._eyes[0].look(level)]
        if careful:
            for eye in self._eyes[1:]:
                for own, marks in zip(looks, eye.look(level), strict=True):
                    own.append(marks)
            self._again(level, looks)
        return [_read(own) for own in looks]

    def _again(self, lines: Sequence[Pixels], looks: list[list[list[Mark]]]) -> None:
        unsure = [place for place, own in enumerate(looks) if len({_text(marks) for marks in own}) > 1]
        nearer = [trimmed(lines[place]) for place in unsure]
        for eye in self._eyes:
            for place, marks in zip(unsure, eye.look(nearer), strict=True):
                looks[place].append(marks)


def _text(marks: Sequence[Mark]) -> str:
    return "".join(mark.best for mark in marks)


def _read(looks: Sequence[Sequence[Mark]]) -> Read:
    found = agreed(looks)
    confidence = sum(sure for _, sure in found) / len(found) if found else 0.0
    return Read("".join(one for one, _ in found), confidence)


def trimmed(line: Pixels) -> Pixels:
    """The line without the ground above and below it."""
    away = round(line.shape[0] * (1 - TRIMMED) / 2)
    return line[away : line.shape[0] - away]


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
