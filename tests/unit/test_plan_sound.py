"""Planning to hear and to speak: recipe, helpers, demand over all groups, reservation, voices, and what is refused."""

from typing import Any

import pytest

from omniwatt import settings
from omniwatt.catalog.card import Card
from omniwatt.catalog.catalog import Resolution
from omniwatt.catalog.voices import Voices, deliveries
from omniwatt.contract.error import BadInput, OmniwattError, TooLarge, UnsupportedField, VoiceNotFound
from omniwatt.contract.job import Caller, Demand, Plan
from omniwatt.contract.request import (
    Capability,
    CountBody,
    HearBody,
    MediaPart,
    Message,
    Part,
    Request,
    SpeakBody,
    TextPart,
    Voice,
)
from omniwatt.plan import make_plan
from omniwatt.tokens import AUDIO_TOKENS_PER_TEXT_TOKEN, SAID_TOKENS_PER_S, UNSAID_ANSWER_TOKENS, estimate, media_parts

CALLER = Caller(key_id="k", name="test", project="p")
EARS = Card(name="ears", engine="hear/whisper", capabilities=("hear",), slots=4, input_modalities=("audio",))
JOE = Card(name="piper-joe", engine="speak/piper", capabilities=("speak",), slots=2, output_modalities=("audio",))
FINE = Card(name="kokoro-82m", engine="speak/kokoro", capabilities=("speak",), slots=2)
OTHER = Card(name="elsewhere", engine="echo", capabilities=("speak", "hear"), slots=9, input_modalities=("audio",))
FILE = MediaPart(kind="audio", data=b"RIFF")
MINUTE = [{"kind": "audio", "seconds": 60.0}]
TEXT = "Twelve characters make three tokens."


def planned(body: HearBody | SpeakBody, card: Card, facts: Any = (), *, alias: bool = False, audio: Any = None) -> Plan:
    capability: Capability = "hear" if isinstance(body, HearBody) else "speak"
    request = Request(id="r", capability=capability, model="m", body=body, deadline_s=5.0)
    found = Resolution(card=card, asked="m", alias=alias)
    return make_plan(request, CALLER, found, facts, {"media": "media"}, Voices(), audio)


def speech(voice: str = "alloy", text: str = TEXT, audio_format: str = "mp3", **more: Any) -> SpeakBody:
    return SpeakBody(voice=Voice(voice, **more), text=text, audio_format=audio_format)


def test_a_minute_of_speech() -> None:
    plan = planned(HearBody(part=FILE, prompt="abcd"), EARS, MINUTE)
    assert (plan.recipe, plan.model, plan.helpers, plan.deadline_s) == ("hear", "ears", {"media": "media"}, 5.0)
    assert plan.demand == (Demand("ears"), Demand("media"))
    assert plan.reserve_tokens == 1500 + 1 + 60 * SAID_TOKENS_PER_S
    assert plan.sound_s == 60.0


def test_sound_that_streams_in_needs_no_decoder() -> None:
    plan = planned(HearBody(), EARS)
    assert (plan.recipe, plan.helpers, plan.demand) == ("hear", {}, (Demand("ears"),))
    assert plan.reserve_tokens == UNSAID_ANSWER_TOKENS


def counted(*parts: Part, card: Card, roles: Any) -> Plan:
    body = CountBody(messages=(Message("user", parts),))
    request = Request(id="r", capability="count", model="m", body=body)
    facts = [{"kind": "audio", "seconds": 60.0} for _ in media_parts(body)]
    return make_plan(request, CALLER, Resolution(card=card, asked="m", alias=False), facts, roles)


def test_sounds_count_by_their_length_where_another_card_would_hear_them() -> None:
    roles = {"media": "media", "hear": "ears"}
    deaf = Card(name="deaf", engine="echo", capabilities=("chat",))
    plan = counted(TextPart("hi"), FILE, FILE, card=deaf, roles=roles)
    assert (plan.recipe, plan.sound_s, plan.demand, plan.helpers) == ("count", 120.0, (Demand("deaf"),), {})
    assert counted(TextPart("hi"), card=deaf, roles=roles).recipe == "direct"
    hearing = Card(name="all", engine="echo", capabilities=("chat",), input_modalities=("text", "audio"))
    assert counted(FILE, card=hearing, roles=roles).recipe == "direct", "it counts its own way"
    with pytest.raises(UnsupportedField, match="omniwatt pull"):
        counted(FILE, card=deaf, roles={"media": "media"})


def test_a_text_to_say() -> None:
    plan = planned(speech(), JOE)
    style = Voices().resolve("alloy", "piper-joe")
    assert (plan.recipe, plan.model, plan.helpers) == ("speak", "piper-joe", {"media": "media"})
    assert plan.demand == (Demand("piper-joe"), Demand("media"))
    assert plan.speech == SpeakBody(voice=Voice(style.voice), delivery=style.delivery, audio_format="mp3")
    assert plan.reserve_tokens == 9 + 9 * AUDIO_TOKENS_PER_TEXT_TOKEN


def test_samples_need_no_encoder_and_speed_shortens() -> None:
    plan = planned(speech(audio_format="", speed=2.0), JOE)
    assert (plan.demand, plan.helpers) == ((Demand("piper-joe"),), {})
    assert plan.reserve_tokens == 9 + 32


def test_a_style_becomes_its_voice_and_its_delivery() -> None:
    found = planned(speech("af_heart-whisper"), FINE).speech
    assert found is not None
    assert (found.voice.name, found.delivery) == ("af_heart", deliveries()["whisper"])


def test_instructions_are_a_delivery_by_the_time_an_engine_sees_them() -> None:
    found = planned(speech("af_heart", instructions="Whisper it."), FINE).speech
    assert found is not None
    assert (found.voice.instructions, found.delivery) == ("", deliveries()["whisper"])


def test_under_an_alias_a_voice_brings_its_model() -> None:
    plan = planned(speech("af_heart"), JOE, alias=True)
    assert (plan.model, plan.demand[0]) == ("kokoro-82m", Demand("kokoro-82m"))


def test_a_model_of_no_known_family_gets_the_name_as_it_is() -> None:
    plan = planned(speech("whatever they call it"), OTHER)
    assert plan.speech is not None
    assert (plan.model, plan.speech.voice.name) == ("elsewhere", "whatever they call it")


@pytest.mark.parametrize(
    ("body", "card", "facts", "error", "says", "param"),
    [
        (HearBody(part=FILE), JOE, MINUTE, BadInput, "cannot do 'hear'", "model"),
        (speech(), EARS, [], BadInput, "cannot do 'speak'", "model"),
        (HearBody(part=FILE), EARS, [{"kind": "image", "media_type": "image/png"}], BadInput, "image/png", "file"),
        (HearBody(part=FILE), EARS, [{"kind": "text"}], BadInput, "no sound", "file"),
        (HearBody(part=FILE), EARS, [{"kind": "audio", "seconds": 1800.5}], TooLarge, "at most 1800", "file"),
        (HearBody(part=FILE), EARS, [{"kind": "audio", "seconds": 3 * 3600.0}], TooLarge, "10800 seconds", "file"),
        (speech("nobody"), JOE, [], VoiceNotFound, "no voice `nobody`", "voice"),
        (speech("af_heart"), JOE, [], VoiceNotFound, "kokoro-82m", "voice"),
        (speech(instructions="with an accent"), JOE, [], UnsupportedField, "whisper", "instructions"),
    ],
)
def test_refusals(
    body: HearBody | SpeakBody, card: Card, facts: Any, error: type[OmniwattError], says: str, param: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        planned(body, card, facts)
    assert caught.value.param == param


def test_the_operator_decides_how_long_a_sound_may_be() -> None:
    longer = settings.Audio(max_seconds=4000)
    facts = [{"kind": "audio", "seconds": 3600.0}]
    assert planned(HearBody(part=FILE), EARS, facts, audio=longer).reserve_tokens > 90_000


def test_tokens_of_sound() -> None:
    assert media_parts(HearBody(part=FILE)) == [FILE]
    assert media_parts(HearBody()) == []
    assert estimate(HearBody(part=FILE, keywords=("abcd", "efgh")), MINUTE) == 1502
    assert estimate(speech(text="abcdefgh")) == 2
