"""Quality of service under a budget: what each tier waits, and what a kWh brings, at 100, 80 and 60 % of full load.

    python -m bench.power_tiers [--quick]

The same requests at the same moments for each budget (open loop, Poisson arrivals from one seed): chats of all tiers,
pictures of flex. Full load is what backlogged work draws with no budget. Rates are such that all are answered in time
without a budget; with 60 % of the watts they cannot be. Before that, with no budget: a priority chat alone, and amid
three long ones of each lower tier on the same model.
"""

import asyncio
import random
import time
from functools import partial
from typing import Any

import numpy as np

from bench.common import arguments, report, say
from bench.power_node import CORE_W, IDLE_W, NOTES, TOLD_S, Answer, Node, Spent, again, arriving, node

BUDGETS = (1.0, 0.8, 0.6)
TIERS = {"priority": 0.2, "default": 0.5, "flex": 0.3}
"""Of the chats. Pictures are all flex."""
SECONDS, QUICK_S = 30.0, 10.0
CHATS_A_S, PICTURE_EVERY_S, TOKENS = 0.5, 9.0, 64
LIMIT_S = 20.0
"""An answer that came later is no good to anybody."""
AMID, AMID_TOKENS, AMID_TIMES = 3, 100, 1
SEED = 11


def main() -> None:
    """Run and report."""
    quick = arguments(__doc__ or "").quick
    figures, full_w = asyncio.run(run(QUICK_S if quick else SECONDS))
    notes = {**NOTES, "chats_a_s": CHATS_A_S, "picture_every_s": PICTURE_EVERY_S, "tokens": TOKENS,
             "good_within_s": LIMIT_S, "full_w": full_w, "tiers": TIERS, "seconds": SECONDS}  # fmt: skip
    report("power_tiers", figures, quick, notes)


async def run(seconds: float) -> tuple[list[dict[str, Any]], float]:
    """Figures for each budget and tier; what full load draws."""
    async with node() as ours:
        await ours.warm(("chat", "draw"))
        figures = await _amid(ours, 1 if seconds == QUICK_S else AMID_TIMES)
        full_w = await _full_w(ours)
        for share in BUDGETS:
            ours.parts.power.set_budget(share * full_w)
            say(f"{share:.0%}: {share * full_w:.1f} W")
            figures += await _phase(ours, share, seconds)
        return figures, full_w


async def _amid(ours: Node, times: int) -> list[dict[str, Any]]:
    """Time to the first word and words a second, alone and amid others; and what the others got meanwhile."""
    figures = []
    for tier in ("", "default", "flex"):
        answers, others = [], []
        for _ in range(times):
            tasks = [
                asyncio.create_task(ours.ask("chat", tier, tokens=AMID_TOKENS)) for _ in range(AMID if tier else 0)
            ]
            await asyncio.sleep(2.0 if tier else 0.2)
            answers.append(await ours.ask("chat", "priority", tokens=TOKENS))
            others += await asyncio.gather(*tasks)
        figures.append(_beside(f"amid {AMID} of {tier}" if tier else "alone", answers, others))
    return figures


def _beside(said: str, answers: list[Answer], others: list[Answer]) -> dict[str, Any]:
    speed = float(np.median([(one.tokens - 1) / (one.total_s - one.first_s) for one in answers]))
    first_s = float(np.median([one.first_s for one in answers]))
    total_s = float(np.median([one.total_s for one in answers]))
    others_s = float(np.median([one.total_s for one in others])) if others else None
    failed = sum(bool(one.error) or not one.tokens for one in [*answers, *others])
    beside = f", the {AMID} of {AMID_TOKENS} tokens in {others_s:.1f} s" if others_s else ""
    say(f"a priority chat {said}: first word after {first_s:.2f} s, then {speed:.1f} tokens/s, {total_s:.1f} s{beside}")
    return {
        "figure": "tokens_a_s", "of": f"priority {said}", "value": speed, "unit": "tokens/s", "first_s": first_s,
        "total_s": total_s, "others_total_s": others_s, "failed": failed, "times": len(answers),
        "readme": f"watts, no budget, a chat of tier priority {said}: tokens a second",
    }  # fmt: skip


async def _full_w(ours: Node) -> float:
    """Mean watts of seven seconds with work waiting all the time."""
    end_s = time.monotonic() + 10.0
    work = [asyncio.create_task(again(end_s, lambda: ours.ask("chat"))) for _ in range(3)]
    await asyncio.sleep(2.0)
    async with ours.metered() as spent:
        await asyncio.sleep(7.0 - TOLD_S)
    await asyncio.gather(*work)
    return spent.watts


def arrivals(seconds: float) -> list[tuple[float, str, str]]:
    """When, sort and tier; the same for every budget."""
    chance = random.Random(SEED)
    found, at_s = [], 0.0
    while (at_s := at_s + chance.expovariate(CHATS_A_S)) < seconds:
        found.append((at_s, "chat", chance.choices(list(TIERS), list(TIERS.values()))[0]))
    pictures = np.arange(1.0, seconds, PICTURE_EVERY_S)
    return sorted([*found, *((float(when), "draw", "flex") for when in pictures)])


async def _phase(ours: Node, share: float, seconds: float) -> list[dict[str, Any]]:
    calls = [(at_s, partial(ours.ask, sort, tier, tokens=TOKENS)) for at_s, sort, tier in arrivals(seconds)]
    async with ours.metered() as spent:
        answers = await arriving(calls)
    said = f"{share:.0%} of full load"
    return [
        _goodput(said, answers, spent),
        *(_tier(said, answers, tier) for tier in TIERS),
    ]


def _goodput(said: str, answers: list[Answer], spent: Spent) -> dict[str, Any]:
    good = [one for one in answers if not one.error and one.total_s <= LIMIT_S]
    a_kwh = len(good) / spent.joules * 3.6e6
    say(f"  {len(good)} of {len(answers)} good, {a_kwh:.0f} a kWh, {spent.watts:.1f} W for {spent.seconds:.0f} s")
    return {
        "figure": "good_a_kwh", "of": said, "value": a_kwh, "unit": "answers a kWh", "good": len(good),
        "asked": len(answers), "failed": sum(bool(one.error) for one in answers), "length_s": spent.seconds,
        "mean_w": spent.watts, "joules": spent.joules, "dynamic_j": spent.joules - IDLE_W * spent.seconds,
        "good_tokens_a_kwh": sum(one.tokens for one in good) / spent.joules * 3.6e6,
        "readme": f"joules, {said}: answers within {LIMIT_S:.0f} s, a kWh "
        f"({IDLE_W:.0f} W idle and {CORE_W:.0f} W a core assumed)",
    }  # fmt: skip


def _tier(said: str, answers: list[Answer], tier: str) -> dict[str, Any]:
    """The longest of flex is the bound of its waiting: everything was answered in the end, or is counted as failed."""
    chats = [one for one in answers if one.tier == tier and one.sort == "chat"]
    others = [one.total_s for one in answers if one.tier == tier and one.sort != "chat" and not one.error]
    times_s = [one.total_s for one in chats if not one.error]
    firsts_s = [one.first_s for one in chats if not one.error]
    p50, p95, p99 = (_percentile(times_s, at) for at in (50, 95, 99))
    first_p50, first_p95 = (_percentile(firsts_s, at) for at in (50, 95))
    longest_s = max([*times_s, *others], default=0.0)
    say(
        f"  {tier:8}  first word p50 {first_p50:5.1f} s, p95 {first_p95:5.1f} s"
        f"   whole p50 {p50:5.1f} s, p95 {p95:5.1f} s   ({len(chats)} chats)"
    )
    return {
        "figure": "latency_p99_s", "of": f"{said}: {tier}", "value": p99, "unit": "s", "p50_s": p50,
        "p95_s": p95, "chats": len(chats), "first_p50_s": first_p50, "first_p95_s": first_p95,
        "failed": sum(bool(one.error) for one in answers if one.tier == tier),
        "pictures": len(others), "pictures_median_s": float(np.median(others)) if others else None,
        "longest_s": longest_s,
        "readme": f"watts, budget {said}, chats of tier {tier}: answered within, p99 of {len(chats)}",
    }  # fmt: skip


def _percentile(values: list[float], at: float) -> float:
    return float(np.percentile(values, at)) if values else 0.0


if __name__ == "__main__":
    main()
