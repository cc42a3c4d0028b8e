"""The cases of the simulated server: rows of budget, sensor, actuator and disturbance."""

import math
import random
from collections.abc import Callable
from functools import partial

from bench.power_run import Case
from omniwatt.power.meters.plant import Plant
from omniwatt.power.meters.simulated import AVERAGE, BOARD, QUARTER, SMOOTHED, Ill, Trouble
from omniwatt.power.meters.tasks import Spread

COARSE = "a slot is a tenth of full power and runs or does not: credit holds the mean, nothing holds a second"
UNTIL = "until a reading shows it, nothing knows that a step draws more: a sensor's delay and one step pass"
KEPT_BACK = "the budget falls by a fifth while the model is alone: it is up to 2 % low there, and keeps some back"
LATE = "readings are taken for 0.1 s younger than they are, so those of the first step teach too high a room"
MEAN = "what changed is known when the sensor's second has passed: drift and a first step show late"
LARGE = "a slot is half as large again, 5 % of the budget at 60 %, and so is the noise of its steps"
UNSEEN = "what a meter does not show cannot be held: calibrate it against a better one"
SLOW = "a reading is 3.5 s old at its best and the next one comes 5 s later: what changes meanwhile is not seen"
QUICK = "power follows 40 ms late and by whole steps, the budget moves up to 19 % (0.2 Hz), 47 % (0.5 Hz) a second"
NO_PAUSE = "the budget jumps every 2 s and no time is left out after a jump"

FLUX = {"flux": 1.0}
VIDEO = {"video": 1.0}
STEPS_S = (0.0, 25.0, 45.0, 65.0)


def stepped(now_s: float) -> float:
    """100 -> 60 -> 80 -> 100 %."""
    return 1.0 if now_s < 25 else 0.6 if now_s < 45 else 0.8 if now_s < 65 else 1.0


def stepped_lower(now_s: float) -> float:
    """90 -> 60 -> 80 -> 90 %: what mixed work could draw at most moves by itself."""
    return min(0.9, stepped(now_s))


def ramped(now_s: float) -> float:
    """100 -> 60 -> 100 % at 10 % a second, with rests."""
    at_s = now_s % 40
    down = min(1.0, max(0.0, (at_s - 10) / 4))
    up = min(1.0, max(0.0, (at_s - 30) / 4))
    return 1.0 - 0.4 * (down - up)


def sine(hertz: float, now_s: float) -> float:
    """75 % +- 15 %."""
    return 0.75 + 0.15 * math.sin(2 * math.pi * hertz * now_s)


def regulation(now_s: float) -> float:
    """Like a grid's regulation signal: a new value each 2 s, a bounded random walk about 75 %; always the same one."""
    return _WALK[min(len(_WALK) - 1, int(now_s / 2))]


def _walk() -> list[float]:
    chance = random.Random(20260101)
    out, at = [], 0.0
    for _ in range(200):
        at = max(-1.0, min(1.0, 0.85 * at + chance.gauss(0.0, 0.35)))
        out.append(0.75 + 0.2 * at)
    return out


_WALK = _walk()


def steady(now_s: float) -> float:
    """75 %, throughout."""
    return 0.75


def dropping(now_s: float) -> float:
    """75 %, and 60 % from 32 s on: while the sensor is ill."""
    return 0.75 if now_s < 32 else 0.6


def _switch(mode: str, plant: Plant) -> None:
    """All work to come is of another sort, and so is what runs, from its next step."""
    workers = plant.workers
    workers.backlog = {mode: 1.0}
    for slot in workers.slots:
        if slot.task is not None:
            slot.task = type(slot.task)(slot.task.name, mode, slot.task.steps, slot.task.tier)


def _lose(plant: Plant) -> None:
    plant.workers.lose(0.125)


def _ill(name: str, trouble: Trouble, by: float = 1.0, budget: Callable[[float], float] = dropping) -> Case:
    whole = trouble == "bias"
    bout = Ill(trouble, 0.0 if whole else 30.0, math.inf if whole else 40.0, by)
    return Case(
        name,
        budget,
        seconds=60.0,
        steps_s=(0.0, 32.0),
        ill=(bout,),
        why=UNSEEN if whole else "" if trouble == "jump" else KEPT_BACK,
    )


def _drifting(name: str, **more: object) -> Case:
    return Case(name, steady, seconds=120.0, spread=Spread(drift=0.04), **more)  # type: ignore[arg-type]


ROWS: tuple[Case, ...] = (
    Case("32 slots, 126 ms steps", stepped, steps_s=STEPS_S),
    Case("32 slots, 40 ms steps", stepped, steps_s=STEPS_S, mix={"sana": 1.0}),
    Case(
        "32 slots, mixed work",
        stepped_lower,
        steps_s=STEPS_S,
        mix={"sd35m": 2, "flux": 1, "decode": 2, "prefill": 0.3},
        told=True,
    ),
    Case("8 slots, 233 ms steps", stepped, steps_s=STEPS_S, gang=4, mix=FLUX, why=COARSE),
    Case("8 slots, 1 s steps", stepped, steps_s=STEPS_S, gang=4, mix=VIDEO, why=COARSE),
    Case("8 slots, 233 ms steps, trim", stepped, steps_s=STEPS_S, gang=4, mix=FLUX, trim=True),
    Case("8 slots, 1 s steps, trim", stepped, steps_s=STEPS_S, gang=4, mix=VIDEO, trim=True),
)
SIGNALS: tuple[Case, ...] = (
    Case("ramp 10 %/s", ramped, seconds=80.0, moving=True),
    Case("sine 0.01 Hz", partial(sine, 0.01), seconds=110.0, moving=True),
    Case("sine 0.05 Hz", partial(sine, 0.05), seconds=60.0, moving=True),
    Case("sine 0.2 Hz", partial(sine, 0.2), seconds=40.0, moving=True, why=QUICK),
    Case("sine 0.5 Hz", partial(sine, 0.5), seconds=40.0, moving=True, why=QUICK),
    Case("regulation", regulation, seconds=120.0, moving=True, why=NO_PAUSE),
    Case(
        "regulation, 8 slots, trim", regulation, seconds=120.0, moving=True, gang=4, mix=FLUX, trim=True, why=NO_PAUSE
    ),
)
DISTURBANCES: tuple[Case, ...] = (
    Case(
        "mode switch", steady, seconds=70.0, steps_s=(0.0, 25.0, 45.0), mix=FLUX, hidden=True,
        events=((25.0, partial(_switch, "decode")), (45.0, partial(_switch, "flux"))),
        note="all work changes its kind at once, unseen: 683 W to 486 W a GPU and back", why=UNTIL,
    ),
    Case(
        "mode switch, told", steady, seconds=70.0, steps_s=(0.0, 25.0, 45.0), mix=FLUX, told=True,
        events=((25.0, partial(_switch, "decode")), (45.0, partial(_switch, "flux"))),
        note="the same, and calibration knows both kinds", why=UNTIL,
    ),
    Case("lost GPUs", steady, seconds=50.0, steps_s=(0.0, 25.0), events=((25.0, _lose),), note="4 of 32 at once"),
    _ill("sensor dropout 10 s", "dropout"),
    _ill("sensor stuck 10 s", "stuck"),
    _ill("sensor repeats 10 s", "repeated"),
    _ill("sensor negative 10 s", "negative"),
    _ill("sensor jumps 10 s", "jump"),
    _ill("sensor in mW 10 s", "milliwatts"),
    _ill("sensor in kW 10 s", "kilowatts"),
    _ill("sensor clock +1 h 10 s", "clock"),
    _ill("sensor reads 3 % low", "bias", 0.97),
    _ill("sensor reads 3 % high", "bias", 1.03),
    _drifting("drift 4 %, 32 slots"),
    _drifting("drift 4 %, 8 slots, trim", gang=4, mix=FLUX, trim=True),
    _drifting("drift 4 %, 1 s mean", sensor=AVERAGE, why=MEAN),
    _drifting("drift 4 %, 5 s meter", sensor=BOARD, after_s=15.0, why=SLOW),
    Case("1 s mean sensor", stepped, steps_s=STEPS_S, sensor=AVERAGE, why=MEAN),
    Case("quarter-sampled sensor", stepped, steps_s=STEPS_S, sensor=QUARTER),
    Case("smoothed sensor", stepped, steps_s=STEPS_S, sensor=SMOOTHED),
    Case("5 s meter", stepped, steps_s=STEPS_S, sensor=BOARD, after_s=15.0, why=SLOW),
    Case("gain +20 %", stepped, steps_s=STEPS_S, spread=Spread(gain=0.2)),
    Case("gain +50 %", stepped, steps_s=STEPS_S, spread=Spread(gain=0.5), why=LARGE),
    Case("gain -50 %", stepped, steps_s=STEPS_S, spread=Spread(gain=-0.5)),
    Case("double delay", stepped, steps_s=STEPS_S, late_s=0.1, why=LATE, note="0.1 s later than it says"),
    Case("gain +50 %, double delay", stepped, steps_s=STEPS_S, spread=Spread(gain=0.5), late_s=0.1, why=LATE),
)  # fmt: skip
COMPARED: tuple[str, ...] = ("32 slots, 126 ms steps", "regulation", "drift 4 %, 32 slots")
"""The cases each baseline goes through too."""
