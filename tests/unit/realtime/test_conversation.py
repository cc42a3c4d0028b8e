"""Items in their order, what was heard of an answer, and what the model reads."""

import pytest

from omniwatt.contract.error import BadInput, Conflict, ContextTooLong, NotFound
from omniwatt.contract.request import Message, TextPart
from omniwatt.realtime.conversation import INAUDIBLE, Clause, Conversation, Entry, fitting, heard_text, messages
from omniwatt.realtime.values import Item, ItemPart, Retention

CLAUSES = [Clause("Hello there.", 0, 1000), Clause("How are you today?", 1000, 3000)]


def user(name: str, text: str = "x") -> Item:
    return Item(name, content=(ItemPart("input_text", text),))


def spoken(name: str = "a") -> Entry:
    item = Item(name, "message", "assistant", (ItemPart("output_audio", "Hello there. How are you today?"),))
    return Entry(item, clauses=list(CLAUSES), audio_ms=3000, sound=bytes(3000 * 48))


@pytest.mark.parametrize(
    ("end_ms", "text"),
    [
        (0, ""),
        (499, ""),
        (500, "Hello"),
        (1000, "Hello there."),
        (2000, "Hello there. How are"),
        (3000, "Hello there. How are you today?"),
        (9000, "Hello there. How are you today?"),
    ],
)
def test_what_was_heard(end_ms: int, text: str) -> None:
    assert heard_text(CLAUSES, end_ms, "whole") == text


def test_without_times_all_of_it_was_heard_or_nothing() -> None:
    assert heard_text([], 1, "whole") == "whole"
    assert heard_text([], 0, "whole") == ""


def test_an_answer_is_cut_and_never_grows_again() -> None:
    talk = Conversation(10, 10**9)
    entry = spoken()
    talk.insert(entry)
    version = talk.version
    talk.truncate(entry, 1000)
    assert entry.item.content[0].text == "Hello there."
    assert len(entry.sound) == 1000 * 48
    assert talk.version > version
    talk.truncate(entry, 2500)
    assert entry.item.content[0].text == "Hello there."
    talk.truncate(entry, 500)
    assert entry.item.content[0].text == "Hello"
    with pytest.raises(BadInput, match="already shorter"):
        talk.truncate(entry, 3500)
    with pytest.raises(BadInput, match="Only spoken answers"):
        talk.truncate(Entry(user("u")), 1)


def test_items_have_their_places() -> None:
    talk = Conversation(3, 10**9)
    assert talk.insert(Entry(user("b"))) is None
    assert talk.insert(Entry(user("a")), "root") is None
    assert talk.insert(Entry(user("ab")), "a") == "a"
    assert [entry.item.id for entry in talk.entries] == ["a", "ab", "b"]
    with pytest.raises(Conflict):
        talk.insert(Entry(user("a")))
    with pytest.raises(BadInput, match="at most 3"):
        talk.insert(Entry(user("c")))
    talk.delete("ab")
    with pytest.raises(NotFound):
        talk.find("ab")
    with pytest.raises(NotFound):
        talk.insert(Entry(user("c")), "gone")


def test_old_sound_is_forgotten_first() -> None:
    talk = Conversation(10, 250)
    for name in "abc":
        talk.insert(Entry(user(name), sound=bytes(100)))
    assert [len(entry.sound) for entry in talk.entries] == [0, 100, 100]


def test_what_the_model_reads() -> None:
    call = Item("3", "function_call", "assistant", name="clock", call_id="c1", arguments="{}")
    lost = Item("4", "function_call", "assistant", name="clock", call_id="c2", arguments="{}")
    result = Item("5", "function_call_output", call_id="c1", output="noon")
    silent = Item("6", content=(ItemPart("input_audio"),))
    unsaid = Item("7", "message", "assistant", (ItemPart("output_audio"),))
    found = messages("Be brief.", [user("1", "time?"), call, lost, result, silent, unsaid])
    assert [message.role for message in found] == ["system", "user", "assistant", "tool", "user"]
    assert [one.id for one in found[2].tool_calls] == ["c1"]
    assert found[3].tool_call_id == "c1"
    assert found[4].text == INAUDIBLE
    assert messages("", [user("1", "x")])[0].role == "user"


def said(role: str, words: int) -> Message:
    return Message(role, (TextPart("word " * words),))  # type: ignore[arg-type]


def test_a_conversation_that_fits_stays_whole() -> None:
    given = (said("system", 10), said("user", 10))
    assert fitting(given, 1000, Retention()) == given
    assert fitting(given, 0, Retention()) == given


def test_the_oldest_go_first_and_the_system_message_stays() -> None:
    given = (said("system", 10), *(said("user", 100) for _ in range(8)))
    kept = fitting(given, 1000, Retention())
    assert kept[0] == given[0]
    assert 1 < len(kept) < len(given)
    less = fitting(given, 1000, Retention("retention_ratio", 0.5))
    assert len(less) < len(kept)
    with pytest.raises(ContextTooLong):
        fitting(given, 1000, Retention("disabled"))
