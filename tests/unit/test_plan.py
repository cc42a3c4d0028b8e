"""Planning as a table: what is accepted, at what demand and reservation, and what is refused before any byte."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from omniwatt.catalog.card import Card
from omniwatt.catalog.catalog import Resolution
from omniwatt.catalog.voices import Voices
from omniwatt.contract.error import BadInput, ContextTooLong, OmniwattError, TooLarge, UnsupportedField, VoiceNotFound
from omniwatt.contract.job import Caller, Demand, Plan
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
    SpeakBody,
    TextPart,
    Voice,
)
from omniwatt.plan import make_plan
from omniwatt.tokens import AUDIO_TOKENS_PER_TEXT_TOKEN, SAID_TOKENS_PER_S, UNSAID_ANSWER_TOKENS

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


SOUND = MediaPart("audio", data=b"x")
HEARD = [{"kind": "audio", "seconds": 60.0}]
ROLES = {"media": "media", "hear": "ears", "speak": "piper-joe", "speak_hd": "kokoro-82m"}
JOE = Voices().resolve("joe")


def aloud(*parts: Part, voice: str = "alloy", form: str = "mp3", **sampling: Any) -> ChatBody:
    body = chat(*parts, **sampling)
    return ChatBody(messages=body.messages, sampling=body.sampling, voice=Voice(voice), audio_format=form)


def converse(body: ChatBody, card: Card = CHAT, roles: Mapping[str, str] = ROLES, facts: Any = HEARD) -> Plan:
    found = Resolution(card=card, asked="m", alias=True)
    return make_plan(asked("chat", body), CALLER, found, facts, roles, Voices())


def test_a_minute_of_speech_is_heard_for_a_model_without_ears() -> None:
    plan = converse(chat(SOUND, max_tokens=10))
    assert (plan.recipe, plan.model, plan.speech) == ("converse", "talker", None)
    assert plan.helpers == {"hear": "ears", "media": "media"}
    assert set(plan.demand) == {Demand("talker"), Demand("ears"), Demand("media")}
    assert plan.reserve_tokens == 4 + 1500 + 10 + 60 * SAID_TOKENS_PER_S


def test_an_answer_is_spoken_and_encoded() -> None:
    plan = converse(aloud(max_tokens=10), facts=[])
    assert plan.helpers == {"speak": "piper-joe", "media": "media"}
    assert set(plan.demand) == {Demand("talker"), Demand("piper-joe"), Demand("media")}
    assert plan.speech == SpeakBody(voice=Voice(JOE.voice), delivery=JOE.delivery, audio_format="mp3")
    assert plan.reserve_tokens == 5 + 10 + 10 * AUDIO_TOKENS_PER_TEXT_TOKEN


def test_samples_need_no_encoder() -> None:
    plan = converse(aloud(form=""), facts=[])
    assert set(plan.demand) == {Demand("talker"), Demand("piper-joe")}


def test_everything_is_asked_for_at_once_and_nothing_twice() -> None:
    roles = {"media": "media", "hear": "talker", "speak": "talker"}
    plan = converse(aloud(SOUND, voice="any"), roles=roles)
    assert plan.recipe == "converse"
    assert set(plan.demand) == {Demand("talker", 2), Demand("media")}, "hearing is over before anything is written"


def test_a_voice_of_another_model_is_that_models() -> None:
    plan = converse(aloud(voice="af_heart"), facts=[])
    assert plan.helpers["speak"] == "kokoro-82m"
    assert Demand("kokoro-82m") in plan.demand


def test_several_choices_may_answer_a_sound() -> None:
    assert Demand("talker", 3) in converse(chat(SOUND, n=3)).demand


def test_ears_of_its_own_are_used() -> None:
    ears = Card(name="native", engine="upstream", capabilities=("chat",), slots=9, input_modalities=("text", "audio"))
    assert converse(chat(SOUND), ears).recipe == "direct"
    plan = converse(aloud(SOUND), ears)
    assert (plan.recipe, set(plan.helpers)) == ("converse", {"speak", "media"})


def test_chat_without_sound_is_as_it_was() -> None:
    plan = converse(chat(), facts=[])
    assert (plan.recipe, plan.helpers, plan.demand) == ("direct", {}, (Demand("talker"),))


BAD_SOUND = [
    (aloud(voice="nobody"), [], ROLES, VoiceNotFound, "no voice", "voice"),
    (aloud(), [], {"media": "media"}, UnsupportedField, "can speak", "audio"),
    (chat(SOUND), HEARD, {"media": "media"}, UnsupportedField, "omniwatt pull whisper-base", "messages"),
    (chat(SOUND), [{"kind": "image"}], ROLES, BadInput, "no sound", "messages"),
    (chat(SOUND), [{"kind": "audio", "seconds": 1801.0}], ROLES, TooLarge, "at most 1800", "messages"),
    (chat(PICTURE, SOUND), [], ROLES, UnsupportedField, "takes: text, audio", "messages"),
]


@pytest.mark.parametrize(("body", "facts", "roles", "error", "says", "param"), BAD_SOUND)
def test_refusals_of_sound(
    body: ChatBody, facts: Any, roles: Any, error: type[OmniwattError], says: str, param: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        converse(body, roles=roles, facts=facts)
    assert caught.value.param == param


def test_a_relayed_name_is_kept() -> None:
    found = Resolution(card=EYES, asked="gpt-9", alias=False, upstream_model="gpt-9-2030")
    assert make_plan(asked("chat", chat()), CALLER, found).upstream_model == "gpt-9-2030"


@pytest.mark.parametrize(
    ("key", "asked_for", "tier", "turn"),
    [
        ("default", "default", "default", "default"),
        ("priority", "default", "priority", "priority"),
        ("flex", "default", "flex", "flex"),
        ("golden", "default", "default", "default"),
        ("priority", "flex", "flex", "priority"),
    ],
)
def test_a_request_has_the_tier_of_its_key(key: str, asked_for: str, tier: str, turn: str) -> None:
    """A guess goes by the books as flex, and waits like the answer it may become."""
    caller = Caller(key_id="k", name="test", project="p", tier=key)
    plan = make_plan(asked("chat", chat(), tier=asked_for), caller, Resolution(CHAT, "m", alias=False))
    assert (plan.tier, plan.turn) == (tier, turn)


@pytest.mark.parametrize(
    ("key", "live", "gathers"), [("flex", False, True), ("flex", True, False), ("default", False, False)]
)
def test_text_of_the_last_tier_waits_for_company(key: str, live: bool, gathers: bool) -> None:
    caller = Caller(key_id="k", name="test", project="p", tier=key)
    plan = make_plan(asked("chat", chat(), live=live), caller, Resolution(CHAT, "m", alias=False))
    assert plan.gathers is gathers
