"""Tool calls: grammar for writing them, reader for finding them, whatever the pieces."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.contract.error import BadInput
from omniwatt.contract.event import TextDelta, ToolCallDelta
from omniwatt.contract.request import Format, Tool
from omniwatt.engines.chat.tools import ToolReader, chosen, constraint, format_constraint
from tests.unit.engines.chat.gbnf import Gbnf

WEATHER = Tool(
    "get_weather",
    "Weather of a city",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
)
SEARCH = Tool("search", "", {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]})
TOOLS = (WEATHER, SEARCH)


def call(name: str, **arguments: Any) -> str:
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


def tagged(name: str, **arguments: Any) -> str:
    return f"<tool_call>\n{call(name, **arguments)}\n</tool_call>"


def read(pieces: list[str], *, bare: bool = True, parallel: bool = True) -> tuple[str, list[tuple[str, str]]]:
    reader = ToolReader(TOOLS, bare=bare, parallel=parallel)
    deltas = [delta for piece in pieces for delta in reader.feed(piece)] + reader.end()
    calls: dict[int, list[str]] = {}
    for delta in deltas:
        if isinstance(delta, ToolCallDelta):
            if delta.call not in calls:
                assert delta.id.startswith("call_")
                assert delta.name
                calls[delta.call] = [delta.name, ""]
            else:
                assert not delta.id
                assert not delta.name
            calls[delta.call][1] += delta.arguments
    assert reader.called == bool(calls)
    assert list(calls) == list(range(len(calls)))
    text = "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
    return text, [(name, arguments) for name, arguments in calls.values()]


PARIS, ROME = '{"city": "Paris"}', '{"city": "Rome"}'


@pytest.mark.parametrize(
    ("answer", "text", "calls"),
    [
        ("Hello there", "Hello there", []),
        ("", "", []),
        (tagged("get_weather", city="Paris"), "", [("get_weather", PARIS)]),
        ("Let me see. " + tagged("get_weather", city="Paris"), "Let me see. ", [("get_weather", PARIS)]),
        (
            tagged("get_weather", city="Paris") + "\n" + tagged("get_weather", city="Rome"),
            "",
            [("get_weather", PARIS), ("get_weather", ROME)],
        ),
        (call("get_weather", city="Paris"), "", [("get_weather", PARIS)]),
        (f"```json\n{call('get_weather', city='Paris')}\n```", "", [("get_weather", PARIS)]),
        (
            f"[{call('get_weather', city='Paris')}, {call('get_weather', city='Rome')}]",
            "",
            [("get_weather", PARIS), ("get_weather", ROME)],
        ),
        (
            f"{call('get_weather', city='Paris')}\n{call('get_weather', city='Rome')}",
            "",
            [("get_weather", PARIS), ("get_weather", ROME)],
        ),
        # Not calls: an unknown name, arguments that do not fit, other JSON, a tag that is only talked about.
        (call("rm", path="/"), call("rm", path="/"), []),
        (call("get_weather", town="Paris"), call("get_weather", town="Paris"), []),
        ('{"answer": 42}', '{"answer": 42}', []),
        ('{"name": "get_weather"', '{"name": "get_weather"', []),
        ("A <tool_call> is a tag", "A <tool_call> is a tag", []),
        ("I <tool_", "I <tool_", []),
        ("<tool_call>\n{}\n</tool_call> ok", "<tool_call>\n{}\n</tool_call> ok", []),
        (
            "<tool_call>" + call("rm", path="/") + "</tool_call>",
            "<tool_call>" + call("rm", path="/") + "</tool_call>",
            [],
        ),
    ],
)
def test_reading(answer: str, text: str, calls: list[tuple[str, str]]) -> None:
    assert read([answer]) == (text, calls)
    assert read(list(answer)) == (text, calls)


@given(st.data())
def test_pieces_do_not_matter(data: st.DataObject) -> None:
    city = data.draw(st.text(max_size=6))
    answer = data.draw(st.sampled_from(["", "ok "])) + tagged("get_weather", city=city, note='</tool_call> "{')
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=8)))
    pieces = [answer[start:end] for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    text, calls = read(pieces, bare=False)
    assert text == answer[: answer.index("<tool_call>")]
    assert [(name, json.loads(arguments)) for name, arguments in calls] == [
        ("get_weather", {"city": city, "note": '</tool_call> "{'})
    ]


def test_arguments_come_as_they_are_written() -> None:
    reader = ToolReader(TOOLS, bare=False, parallel=True)
    seen = [
        reader.feed(piece)
        for piece in ("<tool_call>\n", '{"name": "search", "arguments": ', '{"query": "a', ' b"', "}}")
    ]
    assert [len(deltas) for deltas in seen] == [0, 0, 2, 1, 1]


def test_text_is_not_held_back_longer_than_needed() -> None:
    reader = ToolReader(TOOLS, bare=True, parallel=True)
    assert reader.feed('{"na') == []
    assert reader.feed('tion": "France"') == [TextDelta('{"nation": "France"')]
    assert reader.feed(", ") == [TextDelta(", ")]


def test_without_parallel_calls_the_first_counts() -> None:
    two = f"{call('get_weather', city='Paris')}\n{call('get_weather', city='Rome')}"
    assert read([two], parallel=False)[1] == [("get_weather", PARIS)]


@pytest.mark.parametrize("parallel", [True, False])
def test_the_grammar_forces_calls(parallel: bool) -> None:
    grammar = Gbnf(constraint(TOOLS, forced=True, parallel=parallel)["grammar"])
    one = tagged("get_weather", city="Paris")
    assert grammar.accepts(one)
    assert grammar.accepts(tagged("search", query="x"))
    assert grammar.accepts(f"{one}\n{one}") == parallel
    for wrong in ("Hello", tagged("get_weather"), tagged("rm", path="/"), tagged("get_weather", query="x")):
        assert not grammar.accepts(wrong)


def test_under_auto_the_grammar_waits_for_the_tag() -> None:
    bound = constraint(TOOLS, forced=False, parallel=True)
    assert bound["grammar_lazy"] is True
    assert bound["grammar_triggers"][0]["value"] == "<tool_call>"


def test_a_format_is_for_answers_that_are_no_calls() -> None:
    bound = constraint(TOOLS, forced=False, parallel=True, answer=Format("json_object"))
    grammar = Gbnf(bound["grammar"])
    assert grammar.accepts('{"a": 1}')
    assert grammar.accepts(tagged("search", query="x"))
    assert not grammar.accepts("text")
    assert "grammar_lazy" not in bound


def test_two_tools_with_definitions_of_the_same_name() -> None:
    def tool(name: str, kind: str) -> Tool:
        return Tool(
            name,
            "",
            {"properties": {"x": {"$ref": "#/$defs/X"}}, "required": ["x"], "$defs": {"X": {"type": kind}}},
        )

    grammar = Gbnf(constraint((tool("a", "integer"), tool("b", "null")), forced=True, parallel=False)["grammar"])
    assert grammar.accepts(tagged("a", x=1))
    assert grammar.accepts(tagged("b", x=None))
    assert not grammar.accepts(tagged("b", x=1))


def test_choosing() -> None:
    assert chosen(TOOLS, "auto") == chosen(TOOLS, "required") == list(TOOLS)
    assert chosen(TOOLS, "none") == chosen((), "auto") == []
    assert chosen(TOOLS, "function:search") == [SEARCH]
    for tools, choice in ((TOOLS, "function:rm"), ((), "required"), ((), "function:search")):
        with pytest.raises(BadInput, match="tool_choice"):
            chosen(tools, choice)


def test_formats() -> None:
    assert format_constraint(Format()) == {}
    assert Gbnf(format_constraint(Format("json_object"))["grammar"]).accepts("{}")
    schema = {"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"], "additionalProperties": False}
    assert Gbnf(format_constraint(Format("json_schema", "x", schema, True))["grammar"]).accepts('{"a": null}')
