"""A request's joules, alone and amid others: is it charged with what it takes, whoever runs beside it?

    python -m bench.power_alone [--quick]

Each sort of request alone, then all sorts at once by one client each. Compared are the medians of the dynamic part
(the idle watts are split among those present, so that part depends on the company by design). An engine that waits for
other threads by spinning, or that has the caches to itself, takes other CPU time amid others than alone: beside what
was charged stands the CPU time its own processes used for a request, by the kernel's clocks, and both are judged.
"""

import asyncio
import os
import time
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple

from bench.common import arguments, report, say
from bench.power_judge import clock_s
from bench.power_node import CORE_W, NOTES, Answer, Node, again, node

SORTS = {
    "chat": "a chat answer of 100 tokens (0.5B)",
    "draw": "a picture of 1024² at low quality",
    "hear": "10 s of speech heard",
    "speak": "a sentence spoken",
}
TIMES, MIX_S, REST_S = 5, 60.0, 0.5
OFF_PCT = 15.0


class Taken(NamedTuple):
    """Requests of one sort, and the CPU seconds of their engine for each."""

    answers: list[Answer]
    cpu_s: float


def main() -> None:
    """Run and report."""
    quick = arguments(__doc__ or "").quick
    figures, sound_s = asyncio.run(run(2 if quick else TIMES, 15.0 if quick else MIX_S))
    report("power_alone", figures, quick, {**NOTES, "alone_times": TIMES, "mix_s": MIX_S, "heard_s": sound_s})


async def run(times: int, mix_s: float) -> tuple[list[dict[str, Any]], float]:
    """Two figures for each sort, and the seconds of the sound that was heard."""
    async with node() as ours:
        await ours.warm(SORTS)
        alone = {sort: await _alone(ours, sort, times) for sort in SORTS}
        say(f"all at once for {mix_s:.0f} s")
        before_s = {sort: _used_s(ours, sort) for sort in SORTS}
        end_s = time.monotonic() + mix_s
        mixed = await asyncio.gather(*(again(end_s, lambda sort=sort: ours.ask(sort)) for sort in SORTS))
        amid = {
            sort: Taken(answers, (_used_s(ours, sort) - before_s[sort]) / len(answers))
            for sort, answers in zip(SORTS, mixed, strict=True)
        }
        return [one for sort in SORTS for one in _figures(sort, alone[sort], amid[sort])], _heard_s(ours)


async def _alone(ours: Node, sort: str, times: int) -> Taken:
    found, before_s = [], _used_s(ours, sort)
    for _ in range(times):
        await asyncio.sleep(REST_S)
        found.append(await ours.ask(sort))
    taken = Taken(found, (_used_s(ours, sort) - before_s) / times)
    seconds = median(one.total_s for one in found)
    say(f"{sort} alone: {median(_joules(found)):.2f} J of work, {taken.cpu_s:.3f} CPU s, in {seconds:.2f} s")
    return taken


def _used_s(ours: Node, sort: str) -> float:
    """CPU seconds of the engine a sort of request is for, by the clocks of the processes that now make it up."""
    _, leader = ours.engine(sort)
    pids = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]
    return sum(clock_s(pid) or 0.0 for pid in pids if _group(pid) == leader)


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return 0


def _figures(sort: str, alone: Taken, amid: Taken) -> list[dict[str, Any]]:
    apart_j, amid_j = _joules(alone.answers), _joules(amid.answers)
    ratio, used = median(amid_j) / median(apart_j), amid.cpu_s / alone.cpu_s
    say(f"{sort} amid others: {median(amid_j):.2f} J, {ratio:.2f} of alone ({len(amid_j)} requests); "
        f"{amid.cpu_s:.3f} CPU s, {used:.2f} of alone")  # fmt: skip
    return [{
        "figure": "joules_amid_over_alone", "of": SORTS[sort], "value": ratio, "unit": "of alone",
        "alone_j": median(apart_j), "alone_range_j": [min(apart_j), max(apart_j)],
        "amid_j": median(amid_j), "amid_range_j": [min(amid_j), max(amid_j)], "amid_requests": len(amid_j),
        "alone_s": median(one.total_s for one in alone.answers), "amid_s": median(one.total_s for one in amid.answers),
        "charged_over_used_alone": mean(apart_j) / (CORE_W * alone.cpu_s),
        "charged_over_used_amid": mean(amid_j) / (CORE_W * amid.cpu_s),
        "readme": f"joules, {SORTS[sort]}: charged amid other work, as a share of what it is charged alone",
        "aim": f"{used:.2f} ± {OFF_PCT:g} %: what its CPU time became", "met": abs(ratio / used - 1) <= OFF_PCT / 100,
    }, {
        "figure": "cpu_amid_over_alone", "of": SORTS[sort], "value": used, "unit": "of alone",
        "alone_cpu_s": alone.cpu_s, "amid_cpu_s": amid.cpu_s,
    }]  # fmt: skip


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
