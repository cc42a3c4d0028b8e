"""Where text is cut, in tables; and that nothing is lost however it arrives."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.engines.speak.clauses import COMMA_CHARS, FIRST_MOST, MOST_CHARS, Clauses, speakable, weight


def cut(text: str, *, eager: bool = False) -> list[str]:
    clauses = Clauses(eager=eager)
    return clauses.feed(text) + clauses.end()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("你好。今天天气好吗？很好！", ["你好。", "今天天气好吗？", "很好！"]),
        ("Dr. Smith met Mr. J. Jones at 5 p.m. in the U.S. embassy.", None),
        ("We left at 5 p.m. The rest stayed.", ["We left at 5 p.m.", "The rest stayed."]),
        ("It is 3.14, or 1,000.5 at 12:30.", None),
        ("Wait... what? No!!", ["Wait...", "what?", "No!!"]),
        ("He said “Stop!” She did.", ["He said “Stop!”", "She did."]),
        ('He said "no." Then left.', ['He said "no."', "Then left."]),
        ("他说：“停！”她停了。", ["他说：“停！”", "她停了。"]),
        ("see www.example.com/a.b?c=d now", None),
        ("first line\nsecond line", ["first line\n", "second line"]),
        ("Hi 😀. Bye 👋!", ["Hi 😀.", "Bye 👋!"]),
        ("... !!! 😀", []),
        ("  \n \t", []),
    ],
)
def test_sentences(text: str, wanted: list[str] | None) -> None:
    assert cut(text) == ([text] if wanted is None else wanted)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Well of course, I said so before, did I not?", "Well of course,"),
        ("Yes, of course I did.", "Yes, of course I did."),
        ("当然可以，我们现在就开始吧。", "当然可以，"),
        ("Hello. How are you?", "Hello."),
    ],
)
def test_the_first_clause_may_end_at_a_comma(text: str, first: str) -> None:
    assert cut(text, eager=True)[0] == first


def test_a_first_clause_without_marks_is_cut_at_a_blank() -> None:
    first, *_ = cut(
        "the keeper climbed the stairs and looked out at the cold grey sea for a very long time", eager=True
    )
    assert len(first) <= FIRST_MOST
    assert first == "the keeper climbed the stairs and looked out at"


def test_long_sentences_are_cut_at_commas_and_running_text_anywhere() -> None:
    sentence = "a list of many words that goes on, " * 12 + "and ends."
    assert all(weight(clause) <= MOST_CHARS for clause in cut(sentence))
    assert all(clause.endswith((",", ".")) for clause in cut(sentence))
    assert len(cut(sentence)[0]) >= COMMA_CHARS
    assert all(0 < weight(clause) <= MOST_CHARS for clause in cut("x" * 5000))
    assert all(0 < weight(clause) <= MOST_CHARS for clause in cut("字" * 2000))


def test_a_stream_is_not_cut_before_it_is_known_what_follows() -> None:
    clauses = Clauses(eager=False)
    assert clauses.feed("It costs 3.") == []
    assert clauses.feed("50 now. Y") == ["It costs 3.50 now."]
    assert clauses.feed("es。N") == ["Yes。"]
    assert clauses.end() == ["N"]


@given(st.text(alphabet="ab 。，.,!?“”'\"3\n…-，😀字", max_size=200), st.integers(1, 7))
def test_nothing_that_can_be_said_is_lost(text: str, step: int) -> None:
    clauses = Clauses()
    said = [clause for start in range(0, len(text), step) for clause in clauses.feed(text[start : start + step])]
    said += clauses.end()
    assert [c for c in "".join(said) if c.isalnum()] == [c for c in text if c.isalnum()]
    assert all(speakable(clause) for clause in said)


@pytest.mark.parametrize(
    "text", ["字" * 20_000, "word " * 20_000, "。" * 20_000, "☆" * 20_000, "3" + "." * 20_000, ",x" * 20_000]
)
def test_a_clause_is_short_whatever_the_text(text: str) -> None:
    for clause in cut(text, eager=True):
        assert weight(clause) <= MOST_CHARS + 32


def test_a_long_text_is_cut_in_about_the_time_of_its_parts() -> None:
    """Each clause used to be looked for in all the rest of the text, which kept others waiting for seconds."""

    def cpu_s(text: str) -> float:
        began = time.process_time()
        cut(text)
        return time.process_time() - began

    text = "字" * 10_000
    assert cpu_s(text * 16) < 6 * 16 * max(cpu_s(text) for _ in range(3))
