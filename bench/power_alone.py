"""A request's joules, alone and amid others: is it charged with what it takes, whoever runs beside it?

    python -m bench.power_alone [--quick]

Each sort of request alone, then all sorts at once by one client each. Compared are the medians of the dynamic part
(the idle watts are split among those present, so that part depends on the company by design).
"""

import asyncio
import time
from statistics import median
from typing import Any

from bench.common import arguments, report, say
from bench.power_node import NOTES, Answer, Node, again, node

SORTS = {
    "chat": "a chat answer of 100 tokens (0.5B)",
    "draw": "a picture of 1024² at low quality",
    "hear": "10 s of speech heard",
    "speak": "a sentence spoken",
}
TIMES, MIX_S, REST_S = 5, 60.0, 0.5
OFF_PCT = 15.0


def main() -> None:
    """Run and report."""
    quick = arguments(__doc__ or "").quick
    figures, sound_s = asyncio.run(run(2 if quick else TIMES, 15.0 if quick else MIX_S))
    report("power_alone", figures, quick, {**NOTES, "alone_times": TIMES, "mix_s": MIX_S, "heard_s": sound_s})


async def run(times: int, mix_s: float) -> tuple[list[dict[str, Any]], float]:
    """A figure for each sort, and the seconds of the sound that was heard."""
    async with node() as ours:
        await ours.warm(SORTS)
        alone = {sort: await _alone(ours, sort, times) for sort in SORTS}
        say(f"all at once for {mix_s:.0f} s")
        end_s = time.monotonic() + mix_s
        mixed = await asyncio.gather(*(again(end_s, lambda sort=sort: ours.ask(sort)) for sort in SORTS))
        return [_figure(sort, alone[sort], found) for sort, found in zip(SORTS, mixed, strict=True)], _heard_s(ours)


async def _alone(ours: Node, sort: str, times: int) -> list[Answer]:
    found = []
    for _ in range(times):
        await asyncio.sleep(REST_S)
        found.append(await ours.ask(sort))
    say(f"{sort} alone: {median(_joules(found)):.1f} J of work in {median(one.total_s for one in found):.2f} s")
    return found


def _figure(sort: str, alone: list[Answer], mixed: list[Answer]) -> dict[str, Any]:
    by_itself, amid = _joules(alone), _joules(mixed)
    ratio = median(amid) / median(by_itself)
    say(f"{sort} amid others: {median(amid):.1f} J, {ratio:.2f} of alone ({len(amid)} requests)")
    return {
        "figure": "joules_amid_over_alone", "of": SORTS[sort], "value": ratio, "unit": "of alone",
        "alone_j": median(by_itself), "alone_range_j": [min(by_itself), max(by_itself)],
        "amid_j": median(amid), "amid_range_j": [min(amid), max(amid)], "amid_requests": len(amid),
        "alone_s": median(one.total_s for one in alone), "amid_s": median(one.total_s for one in mixed),
        "readme": f"joules, {SORTS[sort]}: charged amid other work, as a share of what it is charged alone",
        "aim": f"1 ± {OFF_PCT / 100:g}", "met": abs(ratio - 1) <= OFF_PCT / 100,
    }  # fmt: skip


def _joules(answers: list[Answer]) -> list[float]:
    """Of those that were finished. Raises RuntimeError for one that failed, or that nobody metered."""
    for one in answers:
        if one.error or one.dynamic_j is None:
            raise RuntimeError(f"{one.sort}: {one.error or 'no joules'}")
    return [one.dynamic_j for one in answers if one.dynamic_j is not None]


def _heard_s(ours: Node) -> float:
    """A WAV of 16-bit samples, mono: its header says the rate."""
    return round(len(ours.sound) / 2 / int.from_bytes(ours.sound[24:28], "little"), 2)


if __name__ == "__main__":
    main()
