"""Planning as a table: what is accepted, at what demand and reservation, and what is refused before any byte."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from omniwatt.catalog.card import Card
from omniwatt.catalog.catalog import Resolution
from omniwatt.contract.error import BadInput, ContextTooLong, OmniwattError, UnsupportedField
from omniwatt.contract.job import Caller, Demand
from omniwatt.contract.request import (
    Body,
    Capability,
    ChatBody,
    CompleteBody,
    CountBody,
    EmbedBody,
    MediaPart,
    Message,
    Part,
    Request,
    Sampling,
    TextPart,
)
from omniwatt.plan import UNSAID_ANSWER_TOKENS, make_plan

CALLER = Caller(key_id="k", name="test", project="p")
CHAT = Card(
    name="talker", engine="echo", capabilities=("chat", "complete"), slots=4, context_window=1000, max_output_tokens=500
)
EYES = Card(name="eyes", engine="upstream", capabilities=("chat",), slots=64, input_modalities=("text", "image"))
VECTORS = Card(name="vectors", engine="echo", capabilities=("embed",), slots=2, context_window=256)


def chat(*parts: Part, **sampling: Any) -> ChatBody:
    return ChatBody(messages=(Message(role="user", content=parts or (TextPart("hi"),)),), sampling=Sampling(**sampling))


def asked(capability: Capability, body: Body, **fields: Any) -> Request:
    return Request(id="r", capability=capability, model="m", body=body, **fields)


@dataclass
class Good:
    name: str
    request: Request
    card: Card
    slots: int = 1
    reserve: int | None = None
    facts: list[dict[str, Any]] = field(default_factory=list)


PICTURE = MediaPart("image", data=b"x")

GOOD = [
    Good("chat", asked("chat", chat()), CHAT, reserve=5 + UNSAID_ANSWER_TOKENS),
    Good("chat with a limit", asked("chat", chat(max_tokens=10)), CHAT, reserve=15),
    Good("three choices take three slots", asked("chat", chat(n=3, max_tokens=10)), CHAT, slots=3, reserve=35),
    Good("never more slots than there are", asked("chat", chat(n=9, max_tokens=10)), CHAT, slots=4),
    Good("two prompts, best of two", asked("complete", CompleteBody(("a", (1, 2)), best_of=2)), CHAT, slots=4),
    Good("counting needs only chat", asked("count", CountBody((Message("user"),))), CHAT, reserve=4),
    Good("vectors", asked("embed", EmbedBody(("a" * 400, (1, 2, 3)))), VECTORS, reserve=103),
    Good(
        "a picture is counted by its probe",
        asked("chat", chat(PICTURE, max_tokens=1)),
        EYES,
        facts=[{"width": 512, "height": 512}],
        reserve=4 + 1024 + 1,
    ),
]


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_plans(case: Good) -> None:
    plan = make_plan(case.request, CALLER, Resolution(card=case.card, asked="m", alias=False), case.facts)
    assert plan.model == case.card.name
    assert plan.demand == (Demand(case.card.name, case.slots),)
    assert plan.recipe == "direct"
    if case.reserve is not None:
        assert plan.reserve_tokens == case.reserve


@dataclass
class Bad:
    name: str
    request: Request
    card: Card
    error: type[OmniwattError]
    says: str
    param: str


BAD = [
    Bad("no such capability", asked("embed", EmbedBody(("a",))), CHAT, BadInput, "cannot do 'embed'", "model"),
    Bad("no eyes", asked("chat", chat(PICTURE)), CHAT, UnsupportedField, "does not take images", "messages"),
    Bad("no ears", asked("chat", chat(MediaPart("audio"))), EYES, UnsupportedField, "does not take audio", "messages"),
    Bad("answer too long", asked("chat", chat(max_tokens=501)), CHAT, BadInput, "at most 500", "max_tokens"),
    Bad(
        "answer alone fills the window",
        asked("chat", chat(max_tokens=300)),
        Card(name="small", engine="echo", capabilities=("chat",), context_window=300),
        ContextTooLong,
        "300 tokens",
        "max_tokens",
    ),
    Bad("too late", asked("chat", chat(), deadline_s=0.0), CHAT, BadInput, "future", "deadline_s"),
]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_refusals(case: Bad) -> None:
    with pytest.raises(case.error, match=case.says) as caught:
        make_plan(case.request, CALLER, Resolution(card=case.card, asked="m", alias=False))
    assert caught.value.param == case.param


def test_a_relayed_name_is_kept() -> None:
    found = Resolution(card=EYES, asked="gpt-9", alias=False, upstream_model="gpt-9-2030")
    assert make_plan(asked("chat", chat()), CALLER, found).upstream_model == "gpt-9-2030"
