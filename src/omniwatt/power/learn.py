"""Recursive least squares for the machine's offset and gain, and how many slots that knowledge is good for.

The model is `watts = idle + offset + gain * x`, x the dynamic watts that calibration expects of the slots that ran.
Both wander as random walks, so old readings are forgotten at a set rate. The offset is the loop's integral action. The
covariance says how far a prediction can be trusted away from where the machine was last seen: a step up to an unseen
load is taken as far as two standard deviations allow and finished when the first readings confirm it.
Source: Åström, Wittenmark, Adaptive Control (2nd ed., 1995), chapters 2 (RLS, random-walk covariance) and 7 (caution).
"""

import math

from omniwatt.contract.request import Value

GAIN_LEAST, GAIN_MOST = 0.25, 4.0


class Learnt(Value, frozen=True):
    """Offset in watts, gain without unit, and their covariance."""

    offset_w: float = 0.0
    gain: float = 1.0
    p_oo: float = 0.0
    p_og: float = 0.0
    p_gg: float = 0.0


def prior(scale_w: float, offset_sd: float, gain_sd: float) -> Learnt:
    """Before the first reading: the calibration, trusted to these shares (of `scale_w`, of the gain)."""
    return Learnt(p_oo=(offset_sd * scale_w) ** 2, p_gg=gain_sd**2)


def wander(learnt: Learnt, dt_s: float, offset_w_rt_s: float, gain_rt_s: float, most: Learnt) -> Learnt:
    """Time passes: uncertainty grows by random walks (per root second), never beyond that of `most`, the prior."""
    p_oo = learnt.p_oo + offset_w_rt_s**2 * dt_s
    p_gg = learnt.p_gg + gain_rt_s**2 * dt_s
    shrink = min(1.0, math.sqrt(most.p_gg / p_gg)) if p_gg > 0 else 1.0
    return Learnt(learnt.offset_w, learnt.gain, p_oo, learnt.p_og * shrink, p_gg * shrink**2)


def update(learnt: Learnt, x_w: float, error_w: float, noise_w: float, hold: tuple[bool, bool]) -> Learnt:
    """One reading that lies `error_w` above the prediction at `x_w`.

    `hold` (down, up): do not let the knowledge move that way: conditional integration, see `policy`.
    """
    d_o = learnt.p_oo + learnt.p_og * x_w
    d_g = learnt.p_og + learnt.p_gg * x_w
    s = d_o + x_w * d_g + noise_w**2
    if s <= 0 or (error_w < 0 and hold[0]) or (error_w > 0 and hold[1]):
        return learnt
    k_o, k_g = d_o / s, d_g / s
    gain = min(GAIN_MOST, max(GAIN_LEAST, learnt.gain + k_g * error_w))
    return Learnt(
        learnt.offset_w + k_o * error_w,
        gain,
        learnt.p_oo - k_o * d_o,
        learnt.p_og - k_o * d_g,
        max(0.0, learnt.p_gg - k_g * d_g),
    )


def doubt_w(learnt: Learnt, x_w: float) -> float:
    """Standard deviation of a prediction at `x_w`."""
    return math.sqrt(max(0.0, learnt.p_oo + 2 * learnt.p_og * x_w + learnt.p_gg * x_w**2))


def reach_w(learnt: Learnt, room_w: float, deviations: float) -> float:
    """The largest x for which `offset + gain x + deviations * standard deviation` stays within `room_w`."""
    left_w = room_w - learnt.offset_w
    c2 = deviations**2
    a = learnt.gain**2 - c2 * learnt.p_gg
    b = learnt.gain * left_w + c2 * learnt.p_og
    c = left_w**2 - c2 * learnt.p_oo
    if left_w <= 0 or c <= 0:
        return 0.0
    root = math.sqrt(max(0.0, b * b - a * c))
    return max(0.0, c / (b + root)) if b + root > 0 else 0.0
