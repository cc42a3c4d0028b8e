"""Power over offered load, real engines without a budget: what flows at rest, and how straight the line is.

    python -m bench.power_load [--quick]

Short spoken sentences and chat answers at even intervals (open loop), 0 to 100 % of what backlogged clients get done.
The meter is an estimate that is a straight line of CPU time by its making: what the fit tells is how CPU time follows
load. Batches bend it: two chats at once take less than two after one another.
"""

import asyncio
import itertools
import time
from typing import Any

import numpy as np

from bench.common import arguments, report, say
from bench.power_metrics import fitted
from bench.power_node import CORE_W, IDLE_W, NOTES, TOLD_S, Node, again, arriving, node

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
SECONDS, QUICK_S, FULL_S = 16.0, 6.0, 15.0
TOKENS = 32
SORTS = ("chat", "speak")


def main() -> None:
    """Run and report."""
    quick = arguments(__doc__ or "").quick
    figures = asyncio.run(run(QUICK_S if quick else SECONDS))
    report("power_load", figures, quick, {**NOTES, "seconds_each": SECONDS, "tokens": TOKENS, "sorts": SORTS})


async def run(seconds: float) -> list[dict[str, Any]]:
    """The fit, and the points it was made of."""
    async with node() as ours:
        await ours.warm(SORTS)
        full = await _full_a_s(ours)
        say(f"backlogged: {full:.2f} pairs of requests a second")
        points = [await _point(ours, share, full, seconds) for share in SHARES]
    load, watts = (np.array([point[name] for point in points]) for name in ("share", "watts"))
    fit = fitted(load, watts)
    idle = float(watts[0] / watts[-1])
    say(f"idle {idle:.0%} of full, R² {fit.r2:.4f}")
    common = {"of": "+".join(SORTS), "points": points, "pairs_a_s_at_full": full}
    assumed = f"{IDLE_W:.0f} W idle and {CORE_W:.0f} W a core assumed"
    return [
        {"figure": "r2", "value": fit.r2, "unit": "", "slope_w": fit.slope_w, "rest_w": fit.rest_w, **common,
         "readme": f"watts, real engines, 0 to 100 % load: R² of power against offered load ({assumed})"},
        {"figure": "idle_fraction", "value": idle, "unit": "of full power", **common,
         "readme": f"watts, real engines: flowing with no load ({assumed})"},
    ]  # fmt: skip


async def _full_a_s(ours: Node) -> float:
    """Requests of each sort that backlogged clients get answered in a second, together."""
    begun_s = time.monotonic()
    turn = itertools.cycle(SORTS)
    work = [again(begun_s + FULL_S, lambda: ours.ask(next(turn), tokens=TOKENS)) for _ in range(4)]
    answers = [one for each in await asyncio.gather(*work) for one in each]
    return len(answers) / (time.monotonic() - begun_s) / len(SORTS)


async def _point(ours: Node, share: float, full_a_s: float, seconds: float) -> dict[str, float]:
    """Mean watts from the first request to the last one's arrival; what is left is answered before the next point."""
    turn = itertools.cycle(SORTS)
    rate_hz = share * full_a_s * len(SORTS)
    calls = [
        ((number + 1) / rate_hz, lambda: ours.ask(next(turn), tokens=TOKENS))
        for number in range(int(seconds * rate_hz))
    ]
    async with ours.metered() as spent:
        work = asyncio.create_task(arriving(calls))
        await asyncio.sleep(seconds - TOLD_S)
    ended_s = time.monotonic()
    answers = await work
    failed, drain_s = sum(bool(one.error) for one in answers), time.monotonic() - ended_s
    say(f"{share:.0%}: {spent.watts:.2f} W, {len(answers)} requests, drained in {drain_s:.1f} s")
    return {"share": share, "watts": spent.watts, "requests": len(answers), "failed": failed, "drain_s": drain_s}


if __name__ == "__main__":
    main()
