"""HOW: recipes. Each is an ordinary async generator over `place.call`; a plan names one of them."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from functools import partial

from omniwatt.contract.event import Chunk, Event
from omniwatt.contract.job import Caller, Plan
from omniwatt.contract.protocol import Place
from omniwatt.contract.request import Request
from omniwatt.flows import converse, count, direct, draw, hear, illustrate, speak
from omniwatt.flows.remembered import Remembered

Recipe = Callable[[Plan, Request, Caller, Place, AsyncIterator[Chunk]], AsyncGenerator[Event]]

RECIPES: dict[str, Recipe] = {
    "direct": direct.run,
    "hear": hear.run,
    "speak": speak.run,
    "converse": converse.run,
    "count": count.run,
    "draw": draw.run,
    "illustrate": illustrate.run,
}


def recipes() -> dict[str, Recipe]:
    """All of them, with a memory of its own for the one that has any."""
    return RECIPES | {"converse": partial(converse.run, remembered=Remembered())}
