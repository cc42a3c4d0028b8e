"""Joules an answer, against the same engines with nobody who governs, first come, first served.

    python -m bench.power_saved [--quick]

The same chats at the same moments (open loop) go three ways: one after another in order of arrival; all at once, as
the engine batches them; and as tier flex under a budget of 80 % of full load, where they wait for company as long as
the settings say unless it is. Counted are answers within the target, the same for all. Idle watts flow whoever is
served (each way is charged with them for the same length of time), so where all are answered in time, what can be saved
is CPU time: large batches save it (weights are read once for several answers), order does not.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bench.common import arguments, report, say
from bench.power_node import CORE_W, IDLE_W, NOTES, Answer, Node, Spent, again, arriving, node

SECONDS, QUICK_S, CALM_S = 120.0, 10.0, 8.0
TOKENS, TARGET_S = 64, 20.0
LOAD = 0.8
"""Arrivals, as a share of what one after another gets done: so that this way, too, answers come in time."""
BUDGET, SEED, AIM_PCT = 0.8, 5, -15.0
ONE, ALL = "one after another, first come, first served", "all at once, ungoverned"
OURS = "omniwatt, tier flex, budget 80 %"


def main() -> None:
    """Run and report."""
    quick = arguments(__doc__ or "").quick
    figures = asyncio.run(run(QUICK_S if quick else SECONDS))
    notes = {**NOTES, "seconds": SECONDS, "tokens": TOKENS, "good_within_s": TARGET_S, "load": LOAD, "budget": BUDGET}
    report("power_saved", figures, quick, notes)


async def run(seconds: float) -> list[dict[str, Any]]:
    """What each way took, then ours against both others."""
    async with node() as ours:
        await ours.warm(("chat",))
        alone_s, full_w = await _calm(ours)
        say(f"a chat alone: {alone_s:.2f} s; full load {full_w:.1f} W")
        found: dict[str, dict[str, Any]] = {}
        for way in (ONE, ALL, OURS):
            ours.parts.power.set_budget(BUDGET * full_w if way == OURS else "none")
            found[way] = await _way(ours, way, seconds, LOAD / alone_s)
    return [*found.values(), *(_against(found[OURS], found[other]) for other in (ONE, ALL))]


async def _calm(ours: Node) -> tuple[float, float]:
    """Seconds of a chat with nobody else there, and the watts of backlogged clients."""
    times_s = sorted([(await ours.ask("chat", tokens=TOKENS)).total_s for _ in range(3)])
    end_s = time.monotonic() + CALM_S
    work = asyncio.gather(*(again(end_s, lambda: ours.ask("chat", tokens=TOKENS)) for _ in range(3)))
    async with ours.metered() as spent:
        await asyncio.sleep(CALM_S - 2.0)
    await work
    return times_s[1], spent.watts


async def _way(ours: Node, way: str, seconds: float, a_s: float) -> dict[str, Any]:
    lock, tier = asyncio.Lock() if way == ONE else None, "flex" if way == OURS else "default"
    begun_s = time.monotonic()
    async with ours.metered() as spent:
        answers = await arriving([(at_s, lambda: _sent(ours, lock, tier)) for at_s in arrivals(seconds, a_s)])
        # Every way is charged with the same length of idling: as long as the longest could take.
        await asyncio.sleep(max(0.0, begun_s + seconds + TARGET_S - time.monotonic()))
    return _figure(way, answers, spent)


def arrivals(seconds: float, a_s: float) -> list[float]:
    """When a chat comes; the same for every way."""
    chance = random.Random(SEED)
    found, at_s = list[float](), 0.0
    while (at_s := at_s + chance.expovariate(a_s)) < seconds:
        found.append(at_s)
    return found


async def _sent(ours: Node, lock: asyncio.Lock | None, tier: str) -> Answer:
    """Waiting for one's turn counts."""
    asked_s = time.monotonic()
    async with _turn(lock):
        answer = await ours.ask("chat", tier, tokens=TOKENS)
    return answer._replace(total_s=time.monotonic() - asked_s)


@asynccontextmanager
async def _turn(lock: asyncio.Lock | None) -> AsyncIterator[None]:
    if lock is None:
        yield
        return
    async with lock:
        yield


def _figure(way: str, answers: list[Answer], spent: Spent) -> dict[str, Any]:
    times_s = sorted(one.total_s for one in answers if not one.error)
    good = sum(each <= TARGET_S for each in times_s)
    each_j, work_j = (joules / max(1, good) for joules in (spent.joules, spent.joules - IDLE_W * spent.seconds))
    say(f"{way}: {each_j:.1f} J a good answer ({work_j:.1f} of work), {good} of {len(answers)}")
    return {
        "figure": "joules_a_good_answer", "of": way, "value": each_j, "unit": "J", "good": good,
        "asked": len(answers), "work_j_a_good_answer": work_j, "length_s": spent.seconds, "joules": spent.joules,
        "p50_s": times_s[len(times_s) // 2], "p99_s": times_s[int(0.99 * (len(times_s) - 1))],
    }  # fmt: skip


def _against(ours: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    change_pct = (ours["value"] / other["value"] - 1) * 100
    work_pct = (ours["work_j_a_good_answer"] / other["work_j_a_good_answer"] - 1) * 100
    say(f"against {other['of']}: {change_pct:+.1f} % in all, {work_pct:+.1f} % of work")
    return {
        "figure": "joules_against_pct", "of": other["of"], "value": change_pct, "unit": "%", "work_pct": work_pct,
        "readme": f"joules, a chat answer within {TARGET_S:.0f} s, budget 80 %, against {other['of']} "
        f"({IDLE_W:.0f} W idle and {CORE_W:.0f} W a core assumed)",
        "aim": f"<= {AIM_PCT:g} %", "met": change_pct <= AIM_PCT,
    }  # fmt: skip


if __name__ == "__main__":
    main()
