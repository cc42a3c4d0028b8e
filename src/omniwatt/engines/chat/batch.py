"""How many tokens one batch may hold: everybody waits for a batch, so it must be short on this machine."""

import random
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping

from omniwatt.engines.llama_server import LlamaServer

TARGET_S = 0.150
SMALLEST, LARGEST = 8, 512
ROWS = (2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Numbers of answers side by side for which the cost of a token each is measured."""
HARDLY = 0.2
"""A token that costs so much less is worth no waiting."""
BYTES_TOKENS_PER_S = 3.3e10
"""Weight bytes times prompt tokens one CPU thread of today gets through in a second: only the first guess."""


def first_guess(weight_bytes: int, threads: int, gpu_layers: int, slots: int) -> int:
    """A batch size to load with, before anything is measured."""
    if gpu_layers:
        return LARGEST
    return clamp(TARGET_S * threads * BYTES_TOKENS_PER_S / weight_bytes, slots)


def fitted(size: int, batch_s: float, token_s: float, slots: int) -> int:
    """The size that takes the target, from the time of a batch of `size` and of one token. Pure."""
    per_token_s = max((batch_s - token_s) / max(1, size - 1), 1e-6)
    return clamp(1 + (TARGET_S - token_s) / per_token_s, slots)


def worth_reloading(size: int, better: int) -> bool:
    """Loading again costs seconds: only for a batch that is far off."""
    return better < 0.7 * size or better > 2 * size


def clamp(size: float, slots: int) -> int:
    """A multiple of four that leaves room for a prompt beside one token of each running answer."""
    return max(SMALLEST, min(LARGEST, int(size) // 4 * 4), (slots + 7) // 4 * 4)


async def measure(server: LlamaServer, size: int, vocabulary: int) -> tuple[float, float]:
    """Seconds of a batch of `size` and of one token, the best of three each."""
    return min([await _once(server, size, vocabulary) for _ in range(3)]), min(
        [await _once(server, 1, vocabulary) for _ in range(3)]
    )


async def measure_rows(server: LlamaServer, most: int, vocabulary: int, *, by_cpu: bool) -> dict[int, float]:
    """Seconds one token each of so many answers takes, up to `most`: of the CPU's time, which others do not disturb."""
    clock = time.process_time if by_cpu else time.monotonic
    return {rows: await _once(server, rows, vocabulary, clock) for rows in (1, *ROWS) if rows <= most}


def between(costs: Mapping[int, float], rows: int) -> float:
    """The cost of so many rows, from those that were measured. Pure."""
    known = sorted(costs)
    place = bisect_left(known, rows)
    if place == len(known) or known[place] == rows:
        return costs[known[min(place, len(known) - 1)]]
    low, high = known[max(0, place - 1)], known[place]
    share = (rows - low) / (high - low) if high > low else 1.0
    return costs[low] + share * (costs[high] - costs[low])


def company(costs: Mapping[int, float], most: int) -> int:
    """So many answers side by side, and `most` would make a token hardly cheaper. Pure."""
    each = {rows: between(costs, rows) / rows for rows in range(1, most + 1)}
    return min(rows for rows in each if each[rows] <= (1.0 + HARDLY) * min(each.values()))


async def _once(server: LlamaServer, size: int, vocabulary: int, clock: Callable[[], float] = time.monotonic) -> float:
    ids = random.sample(range(vocabulary // 2), size)
    start_s = clock()
    generation = server.generate({"prompt": ids, "n_predict": 0, "id_slot": 0, "cache_prompt": False, "stream": True})
    try:
        async for _ in generation:
            pass
    finally:
        await generation.aclose()
    return clock() - start_s
