"""Chance that is the same for the same seed: each part of a picture draws from its own named stream."""

import hashlib
import random


def chance(seed: int, *names: object) -> random.Random:
    """A generator of its own for this seed and these names; no other stream disturbs it."""
    text = "\x1f".join(str(name) for name in (seed, *names))
    return random.Random(hashlib.blake2b(text.encode(), digest_size=8).digest())  # noqa: S311 - a picture, no secret


def number(seed: int, *names: object) -> int:
    """A number of 16 bits, for shaders that take a seed."""
    return chance(seed, *names).randrange(1, 65536)
