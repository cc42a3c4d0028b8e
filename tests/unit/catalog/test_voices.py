"""Which style a name means: every model's voices, deliveries, blends, OpenAI's names; and what is refused."""

import pytest

from omniwatt.catalog.card import Card
from omniwatt.catalog.voices import OPENAI_NAMES, Voices, sentence
from omniwatt.contract.error import BadInput, VoiceNotFound
from omniwatt.contract.request import Delivery

VOICES = Voices()
CARDS = ("kokoro-82m", "piper-joe", "espeak-ng")


def test_there_are_enough_and_no_two_alike():
    styles = VOICES.list()
    assert len(styles) >= 200
    assert sum(style.neural for style in styles) >= 60
    assert len({style.id for style in styles}) == len(styles)
    assert len({(style.engine, style.voice, style.delivery) for style in styles}) == len(styles)
    assert len({style.description for style in styles}) == len(styles)


def test_what_is_listed_is_found_by_its_id():
    for style in VOICES.list():
        assert VOICES.resolve(style.id) == style
        assert VOICES.resolve(style.id, style.engine) == style


@pytest.mark.parametrize("card", CARDS)
def test_every_model_has_all_of_openais_names_each_another_style(card):
    styles = [VOICES.resolve(name, card) for name in OPENAI_NAMES]
    assert {style.engine for style in styles} == {card}
    assert len({(style.voice, style.delivery) for style in styles}) == len(OPENAI_NAMES)
    listed = VOICES.list()
    assert card == "espeak-ng" or all(style in listed for style in styles)


def test_openais_names_belong_to_the_styles_that_stand_in_for_them():
    names = VOICES.openai_names()
    assert names["af_nova"] == ("nova",)
    assert names["joe"] == ("alloy",)
    assert sorted(name for group in names.values() for name in group) == sorted(OPENAI_NAMES * len(CARDS))


@pytest.mark.parametrize(
    ("name", "card", "engine", "voice", "language", "gender"),
    [
        ("af_heart", None, "kokoro-82m", "af_heart", "en-US", "female"),
        ("zm_yunxi", "kokoro-82m", "kokoro-82m", "zm_yunxi", "zh-CN", "male"),
        ("joe", None, "piper-joe", "joe", "en-US", "male"),
        ("joe-nova", None, "piper-joe", "joe", "en-US", "female"),
        ("espeak-de", None, "espeak-ng", "de", "de", "male"),
        ("de", "espeak-ng", "espeak-ng", "de", "de", "male"),
        ("espeak-pt-br+f3", None, "espeak-ng", "pt-br+f3", "pt-BR", "female"),
        ("de+whisper", "espeak-ng", "espeak-ng", "de+whisper", "de", "male"),
        ("", "piper-joe", "piper-joe", "joe", "en-US", "male"),
        ("default", "kokoro-82m", "kokoro-82m", "af_heart", "en-US", "female"),
        ("", "espeak-ng", "espeak-ng", "en-us", "en-US", "male"),
    ],
)
def test_names(name, card, engine, voice, language, gender):
    style = VOICES.resolve(name, card)
    assert (style.engine, style.voice, style.language, style.gender) == (engine, voice, language, gender)


def test_any_voice_takes_any_delivery():
    whisper = VOICES.resolve("am_puck-whisper")
    assert whisper.id == "am_puck-whisper"
    assert whisper.delivery_name == "whisper"
    assert whisper.delivery.breath == 1.0
    assert whisper.delivery == VOICES.resolve("espeak-en-us-whisper").delivery == VOICES.resolve("joe-whisper").delivery
    assert VOICES.resolve("espeak-es-419-news").voice == "es-419"
    assert VOICES.resolve("af_heart").delivery == Delivery()


@pytest.mark.parametrize(
    ("blend", "voice", "language", "gender"),
    [
        ("af_heart:0.6+zf_xiaoxiao:0.4", "af_heart:0.6+zf_xiaoxiao:0.4", "en-US", "female"),
        ("af_heart:3+am_adam:1", "af_heart:0.75+am_adam:0.25", "en-US", "neutral"),
        ("zf_xiaoni+zf_xiaoyi", "zf_xiaoni:0.5+zf_xiaoyi:0.5", "zh-CN", "female"),
        ("af_sky:.2+bm_lewis:.8", "af_sky:0.2+bm_lewis:0.8", "en-GB", "neutral"),
    ],
)
def test_blends(blend, voice, language, gender):
    style = VOICES.resolve(blend)
    assert (style.voice, style.language, style.gender, style.id) == (voice, language, gender, blend)
    told = VOICES.resolve(f"{blend}-story")
    assert (told.voice, told.delivery_name) == (voice, "story")


@pytest.mark.parametrize(
    "name",
    [
        "af_heart:0.6+zf_nobody:0.4",
        "af_heart:0.6+af_heart:0.4",
        "af_heart:0+af_sky:1",
        "af_heart:-1+af_sky:1",
        "af_heart:nan+af_sky:1",
        "af_heart:1e3+af_sky:1",
        "af_heart:1",
        "af_heart+",
        "+af_heart",
        "af_heart:0.5+joe:0.5",
        "af_alloy+af_aoede+af_bella+af_jessica+af_kore+af_nicole+af_nova+af_river+af_sarah",
        "af_heart-",
        "-news",
        "af_heart-news-calm",
        "af_heart-nonsense",
        "espeak-xx",
        "espeak-de+nobody",
        "joe+f3",
        "Alloy",
        "af_heart\n",
        "x" * 5000,
    ],
)
def test_what_is_no_voice_is_refused(name):
    with pytest.raises(VoiceNotFound) as caught:
        VOICES.resolve(name)
    assert isinstance(caught.value, BadInput)
    assert caught.value.param == "voice"
    assert len(caught.value.message) < 500


def test_the_refusal_names_near_misses_and_the_model_that_has_it():
    with pytest.raises(VoiceNotFound, match=r"Near it: .*\baf_heart\b"):
        VOICES.resolve("af_hart", "kokoro-82m")
    with pytest.raises(VoiceNotFound, match=r"Near it: shimmer"):
        VOICES.resolve("shimer")
    with pytest.raises(VoiceNotFound, match="ask for model `kokoro-82m`"):
        VOICES.resolve("zf_xiaoxiao", "piper-joe")


def test_a_card_of_unknown_voices_gets_the_name_as_it_is():
    style = VOICES.resolve("nova", "upstream")
    assert (style.engine, style.voice, style.delivery) == ("upstream", "nova", Delivery())


def test_an_operators_own_speaker_takes_the_place_of_the_shipped_one():
    own = Card(name="piper-amy", engine="speak/piper", capabilities=("speak",), languages=("en-GB",))
    voices = Voices([own])
    plain = voices.resolve("piper-amy")
    assert (plain.engine, plain.voice, plain.language) == ("piper-amy", "piper-amy", "en-GB")
    named = [voices.resolve(name, "piper-amy") for name in OPENAI_NAMES]
    assert {style.engine for style in named} == {"piper-amy"}
    assert len({style.delivery for style in named}) == len(OPENAI_NAMES)
    assert voices.resolve("joe").engine == "piper-joe"


def test_an_operators_own_kokoro_has_the_same_voices():
    own = Card(name="kokoro-full", engine="speak/kokoro", capabilities=("speak",))
    voices = Voices([own])
    assert voices.resolve("af_heart", "kokoro-full").engine == "kokoro-full"
    assert voices.resolve("af_heart").engine == "kokoro-82m"
    assert len({style.id for style in voices.list()}) == len(voices.list()) == len(VOICES.list())


@pytest.mark.parametrize(
    ("language", "begins"),
    [
        ("en-GB", "The morning"),
        ("en-GB-x-rp", "The morning"),
        ("zh-CN", "清晨"),
        ("de", "Das Morgenlicht"),
        ("xx", "1, 2"),
    ],
)
def test_sentences(language, begins):
    assert sentence(language).startswith(begins)


def test_what_sounds_like_another_is_there_and_not_listed():
    belgian = VOICES.resolve("espeak-fr-be")
    assert (belgian.voice, belgian.language) == ("fr-be", "fr-BE")
    assert belgian not in VOICES.list()


def test_every_listed_style_has_something_to_say():
    assert all(sentence(style.language) for style in VOICES.list())
