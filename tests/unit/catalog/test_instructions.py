"""Instructions in words: what they come to, what is not asked for, and that nothing is followed in name only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.catalog.instructions import LIMITS, WORDS, combined, delivered, understood
from omniwatt.catalog.voices import deliveries
from omniwatt.contract.error import UnsupportedField
from omniwatt.contract.request import Delivery


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("Speak in a cheerful and positive tone.", {"cheerful"}),
        ("Whisper, slowly.", {"whisper", "slow"}),
        ("Like a news anchor", {"news"}),
        ("Tone: warm and empathetic. Pacing: unhurried, as in a bedtime story.", {"cheerful", "soft", "slow", "story"}),
        ("Don't whisper. Be calm.", {"calm"}),
        ("Calm, not sad", {"calm"}),
        ("WITHOUT ANY EXCITEMENT; STERN", {"stern"}),
        ("Talk like a robot", {"level"}),
        ("in a deep voice", {"deep"}),
        ("a childlike voice", {"child"}),
        ("with a French accent", set()),
        ("unsadly", set()),
        ("not calm", set()),
    ],
)
def test_words_and_deliveries(words: str, names: set[str]) -> None:
    assert set(understood(words)) == names


def test_every_delivery_has_words_and_every_word_a_delivery() -> None:
    assert WORDS.keys() == deliveries().keys()
    for name in WORDS:
        assert name in understood(name), name


def test_nothing_said_changes_nothing() -> None:
    base = Delivery(pace=1.1)
    assert delivered(base, " ") is base


def test_one_way_is_that_way() -> None:
    assert delivered(Delivery(), "Please whisper this") == deliveries()["whisper"]


def test_what_cannot_be_followed_is_refused_with_what_can() -> None:
    with pytest.raises(UnsupportedField, match="whisper") as caught:
        delivered(Delivery(), "with a French accent")
    assert caught.value.param == "instructions"


def test_a_styles_own_delivery_stays_in_it() -> None:
    news, slow = deliveries()["news"], deliveries()["slow"]
    both = delivered(news, "slowly")
    assert both.pace == pytest.approx(news.pace * slow.pace)
    assert both.energy_db == news.energy_db


@given(st.lists(st.sampled_from(sorted(WORDS)), max_size=8))
def test_however_many_they_stay_within_limits(names: list[str]) -> None:
    known = deliveries()
    whole = combined(known[name] for name in names)
    for field, (low, high) in LIMITS.items():
        assert low <= getattr(whole, field) <= high
