"""Which words are sure while somebody speaks, as a table of hearings."""

import pytest

from omniwatt.realtime.partials import Partials


@pytest.mark.parametrize(
    ("heard", "deltas", "last", "rest"),
    [
        ([], [], "Hello there.", "Hello there."),
        (["Hello"], [""], "Hello there.", "Hello there."),
        (
            ["What is the cap?", "What is the capital of?", "What is the capital of France?"],
            ["", "What is the", " capital of"],
            "What is the capital of France?",
            " France?",
        ),
        (["Yes, I", "Yes I think", "Yes, I think so"], ["", "Yes I", " think"], "Yes, I think so!", " so!"),
        (["Was ist", "What is the", "What is the time"], ["", "", "What is the"], "What is the time?", " time?"),
        (["I say so", "I say so now", "You say so now then"], ["", "I say so", ""], "You say so now.", ""),
        (["今天天", "今天天气很", "今天天气很好"], ["", "今天天", "气很"], "今天天气很好。", "好。"),
        (["It's 3.14 and", "It's 3.14 and more"], ["", "It's 3.14 and"], "It's 3.14 and more.", " more."),
        (["one two three", ""], ["", ""], "", ""),
    ],
    ids=["nothing", "one hearing", "grows", "marks", "another language", "taken back", "no blanks", "signs", "gone"],
)
def test_what_is_sure(heard: list[str], deltas: list[str], last: str, rest: str) -> None:
    partials = Partials()
    assert [partials.hear(text) for text in heard] == deltas
    assert partials.rest(last) == rest
    assert partials.text == "".join(deltas) + rest
