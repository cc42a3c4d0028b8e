"""Several readings of one line made one: what stands at the same place is weighed together (ROVER; Fiscus 1997)."""

from collections.abc import Mapping, Sequence

import msgspec

GAP = 0.7
"""What a mark that only one reading has costs, beside 1 for two marks that have nothing in common."""
APART = 3.0
"""What a difference in place of one whole line would cost."""


class Mark(msgspec.Struct, frozen=True):
    """One character as it was seen: its likeliest classes, and where it stands, 0 at the line's beginning, 1 at its
    end."""

    scores: Mapping[str, float]
    place: float

    @property
    def best(self) -> str:
        return max(self.scores, key=lambda one: self.scores[one])


def agreed(readings: Sequence[Sequence[Mark]]) -> list[tuple[str, float]]:
    """Characters with their mean probability. One is kept that half of the readings' weight stands for."""
    merged = list(readings[0])
    for count, reading in enumerate(readings[1:], 1):
        merged = _merged(merged, reading, count)
    found = [(mark.best, max(mark.scores.values()) / len(readings)) for mark in merged]
    weights = [sum(mark.scores.values()) / len(readings) for mark in merged]
    return [one for one, weight in zip(found, weights, strict=True) if weight >= 0.5]


def _merged(sums: Sequence[Mark], reading: Sequence[Mark], count: int) -> list[Mark]:
    """The readings so far, `count` of them, with another one: the cheapest alignment's marks added up."""
    costs = _costs(sums, reading, count)
    row, column = len(sums), len(reading)
    made: list[Mark] = []
    while row or column:
        here = costs[row][column]
        if (
            row
            and column
            and here == costs[row - 1][column - 1] + _difference(sums[row - 1], reading[column - 1], count)
        ):
            row, column = row - 1, column - 1
            made.append(_sum(sums[row], reading[column]))
        elif not column or (row and here == costs[row - 1][column] + GAP):
            row -= 1
            made.append(sums[row])
        else:
            column -= 1
            made.append(reading[column])
    return made[::-1]


def _costs(sums: Sequence[Mark], reading: Sequence[Mark], count: int) -> list[list[float]]:
    rows = [[GAP * column for column in range(len(reading) + 1)]]
    for row, known in enumerate(sums):
        line = [GAP * (row + 1)]
        for column, mark in enumerate(reading):
            both = rows[row][column] + _difference(known, mark, count)
            line.append(min(both, rows[row][column + 1] + GAP, line[column] + GAP))
        rows.append(line)
    return rows


def _difference(known: Mark, mark: Mark, count: int) -> float:
    apart = APART * abs(known.place - mark.place)
    if known.best == mark.best:
        return apart / 2
    common = sum(min(score, mark.scores.get(one, 0.0)) for one, score in known.scores.items())
    return 1.0 - 0.5 * min(1.0, common / count) + apart


def _sum(known: Mark, mark: Mark) -> Mark:
    scores = dict(known.scores)
    for one, score in mark.scores.items():
        scores[one] = scores.get(one, 0.0) + score
    return Mark(scores, known.place)
