"""HOW: recipes. Each is an ordinary async generator over `place.call`; a plan names one of them."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable

from omniwatt.contract.event import Chunk, Event
from omniwatt.contract.job import Caller, Plan
from omniwatt.contract.protocol import Place
from omniwatt.contract.request import Request
from omniwatt.flows import converse, direct, hear, speak

Recipe = Callable[[Plan, Request, Caller, Place, AsyncIterator[Chunk]], AsyncGenerator[Event]]

RECIPES: dict[str, Recipe] = {
    "direct": direct.run,
    "hear": hear.run,
    "speak": speak.run,
    "converse": converse.run,
}
