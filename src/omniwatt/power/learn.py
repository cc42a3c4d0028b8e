"""Recursive least squares for the machine's offset and gains, and how many slots that knowledge is good for.

The model is `watts = idle + offset + sum over kinds of (gain + apart) * x`, x the dynamic watts that calibration
expects of the slots of a kind of work that ran, `apart` what the kind differs by. All wander as random walks, so old
readings are forgotten at a set rate. The offset is the loop's integral action. The covariance says how far a prediction
can be trusted away from where the machine was last seen: a step up to an unseen load is taken as far as two standard
deviations allow and finished when the first readings confirm it.
Source: Åström, Wittenmark, Adaptive Control (2nd ed., 1995), chapters 2 (RLS, random-walk covariance) and 7 (caution).
"""

import math
from collections.abc import Mapping

from omniwatt.contract.request import Value

GAIN_LEAST, GAIN_MOST = 0.25, 4.0
ALL = ""
"""The kind of work where kinds are not told apart: the gain alone is learnt of it."""


class Learnt(Value, frozen=True):
    """Offset in watts, gain and what kinds are apart from it without unit, and their covariance, in this order."""

    mean: tuple[float, ...] = (0.0, 1.0)
    cov: tuple[tuple[float, ...], ...] = ((0.0, 0.0), (0.0, 0.0))
    kinds: tuple[str, ...] = ()

    @property
    def offset_w(self) -> float:
        return self.mean[0]

    @property
    def gain(self) -> float:
        """Common to all kinds."""
        return self.mean[1]

    def gain_of(self, kind: str) -> float:
        """Real watts over calibrated ones of this kind of work."""
        apart = self.mean[2 + self.kinds.index(kind)] if kind in self.kinds else 0.0
        return min(GAIN_MOST, max(GAIN_LEAST, self.gain + apart))


def prior(scale_w: float, offset_sd: float, gain_sd: float) -> Learnt:
    """Before the first reading: the calibration, trusted to these shares (of `scale_w`, of the gain)."""
    return Learnt(cov=(((offset_sd * scale_w) ** 2, 0.0), (0.0, gain_sd**2)))


def knowing(learnt: Learnt, kinds: Mapping[str, float], apart_sd: float) -> Learnt:
    """With kinds of work that were not seen before: as all others, to this standard deviation."""
    for kind in kinds:
        if kind != ALL and kind not in learnt.kinds:
            rows = tuple((*row, 0.0) for row in learnt.cov)
            last = (*(0.0 for _ in learnt.mean), apart_sd**2)
            learnt = Learnt((*learnt.mean, 0.0), (*rows, last), (*learnt.kinds, kind))
    return learnt


def wander(learnt: Learnt, walks: tuple[float, float, float], most: tuple[float, float]) -> Learnt:
    """Time passes: variances of offset, gain and what is apart grow by `walks`; those of gains up to `most` at most."""
    rows = [list(row) for row in learnt.cov]
    for place in range(len(rows)):
        rows[place][place] += walks[min(place, 2)]
        if place and (over := rows[place][place] / max(1e-12, most[min(place, 2) - 1])) > 1.0:
            shrink = 1 / math.sqrt(over)
            for other in range(len(rows)):
                rows[place][other] *= shrink
                rows[other][place] *= shrink
    return Learnt(learnt.mean, tuple(tuple(row) for row in rows), learnt.kinds)


def expected_w(learnt: Learnt, x_w: Mapping[str, float]) -> float:
    """Above idle, for so many calibrated watts of each kind."""
    return learnt.offset_w + sum(learnt.gain_of(kind) * watts for kind, watts in x_w.items())


def update(learnt: Learnt, x_w: Mapping[str, float], error_w: float, noise_w: float, *, waits: bool) -> Learnt:
    """One reading that lies `error_w` above what is expected of `x_w`.

    With `waits` what is less than expected teaches nothing: conditional integration, see `policy`.
    """
    h = _features(learnt, x_w)
    d = [sum(a * b for a, b in zip(row, h, strict=True)) for row in learnt.cov]
    s = sum(a * b for a, b in zip(h, d, strict=True)) + noise_w**2
    if s <= 0 or (error_w < 0 and waits):
        return learnt
    mean = [m + each / s * error_w for m, each in zip(learnt.mean, d, strict=True)]
    mean[1] = min(GAIN_MOST, max(GAIN_LEAST, mean[1]))
    cov = [[p - a * b / s for p, b in zip(row, d, strict=True)] for row, a in zip(learnt.cov, d, strict=True)]
    for place, row in enumerate(cov):
        row[place] = max(0.0, row[place])
    return Learnt(tuple(mean), tuple(tuple(row) for row in cov), learnt.kinds)


def doubt_w(learnt: Learnt, x_w: Mapping[str, float]) -> float:
    """Standard deviation of what is expected of `x_w`."""
    h = _features(learnt, x_w)
    return math.sqrt(max(0.0, _along(learnt, h, h)))


def reach_w(learnt: Learnt, room_w: float, deviations: float, mix: Mapping[str, float]) -> float:
    """The largest x for which `offset + gain x + deviations * standard deviation` stays within `room_w`.

    x is of the kinds in `mix` in their proportion, each weighted by its own gain over the common one.
    """
    total = sum(watts * learnt.gain_of(kind) for kind, watts in mix.items()) / learnt.gain
    h = _features(learnt, {kind: watts / total for kind, watts in mix.items()} if total > 0 else {ALL: 1.0})
    one, h = [1.0, *(0.0 for _ in h[1:])], [0.0, *h[1:]]
    p_oo, p_og, p_gg = _along(learnt, one, one), _along(learnt, one, h), _along(learnt, h, h)
    left_w = room_w - learnt.offset_w
    c2 = deviations**2
    a = learnt.gain**2 - c2 * p_gg
    b = learnt.gain * left_w + c2 * p_og
    c = left_w**2 - c2 * p_oo
    if left_w <= 0 or c <= 0:
        return 0.0
    root = math.sqrt(max(0.0, b * b - a * c))
    return max(0.0, c / (b + root)) if b + root > 0 else 0.0


def _features(learnt: Learnt, x_w: Mapping[str, float]) -> list[float]:
    return [1.0, sum(x_w.values()), *(x_w.get(kind, 0.0) for kind in learnt.kinds)]


def _along(learnt: Learnt, one: list[float], other: list[float]) -> float:
    return sum(a * p * b for a, row in zip(one, learnt.cov, strict=True) for p, b in zip(row, other, strict=True))
