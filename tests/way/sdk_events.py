"""Our realtime events as the official client sees them: each is one of its types, with nothing it does not know."""

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

from openai import BaseModel
from openai.types.realtime import RealtimeServerEvent

SHOWN = frozenset({"session.id", "session.object", "session.expires_at"})
"""What OpenAI's service says as well, and its client's types leave out."""
OURS = frozenset({"response.usage.energy"})
"""What we add: an additive field that its client passes over."""


@cache
def types() -> dict[str, type[BaseModel]]:
    """Event name -> the client's class."""
    union = get_args(RealtimeServerEvent)[0]
    return {name: one for one in get_args(union) for name in get_args(one.model_fields["type"].annotation)}


def check(event: dict[str, Any]) -> None:
    """Raises AssertionError, or pydantic's ValidationError, for an event that is none."""
    known = types().get(event["type"])
    assert known is not None, f"no event of OpenAI's: {event['type']}"
    unknown = set(_unknown(known.model_validate(event, strict=True), "")) - SHOWN - OURS
    assert not unknown, f"{event['type']}: not OpenAI's: {sorted(unknown)}"


def _unknown(value: object, place: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from (f"{place}{name}" for name in value.model_extra or {})
        for name in type(value).model_fields:
            yield from _unknown(getattr(value, name), f"{place}{name}.")
    elif isinstance(value, list):
        for one in value:
            yield from _unknown(one, place)
