"""How many tokens one batch may hold: everybody waits for a batch, so it must be short on this machine."""

import random
import time

from omniwatt.engines.llama_server import LlamaServer

TARGET_S = 0.150
SMALLEST, LARGEST = 8, 512
CROWDED = 0.2
"""Slower by this much is worth holding others for."""
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


def crowds(size: int, batch_s: float, token_s: float, slots: int) -> bool:
    """Whether answers beside one another in full slots slow each other down by much. Pure.

    On processors they do: each token costs nearly what it costs alone. On a graphics card they hardly do.
    """
    per_token_s = (batch_s - token_s) / max(1, size - 1)
    return (max(2, slots) - 1) * per_token_s > CROWDED * token_s


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


async def _once(server: LlamaServer, size: int, vocabulary: int) -> float:
    ids = random.sample(range(vocabulary // 2), size)
    start_s = time.monotonic()
    generation = server.generate({"prompt": ids, "n_predict": 0, "id_slot": 0, "cache_prompt": False, "stream": True})
    try:
        async for _ in generation:
            pass
    finally:
        await generation.aclose()
    return time.monotonic() - start_s
