"""Messages, tools and formats: what is taken becomes contract values, the rest is refused at its place."""

import base64

import pytest

from omniwatt.api.fields import Nested
from omniwatt.api.openai import messages, tools
from omniwatt.contract.error import BadInput, TooLarge, UnsupportedField
from omniwatt.contract.request import Format, MediaPart, Message, TextPart, Tool, ToolCall

STRICT = Nested([], warn=False)
PIXEL = base64.b64encode(b"not really a picture").decode()


def parse(*given):
    return messages.parse_messages(list(given), "messages", STRICT)


def test_a_conversation():
    assert parse(
        {"role": "system", "content": "Be short."},
        {"role": "developer", "content": [{"type": "text", "text": "In English."}]},
        {"role": "user", "content": "Hi", "name": "ann"},
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "annotations": [],
            "audio": None,
            "function_call": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    ) == (
        Message(role="system", content=(TextPart("Be short."),)),
        Message(role="developer", content=(TextPart("In English."),)),
        Message(role="user", content=(TextPart("Hi"),), name="ann"),
        Message(role="assistant", tool_calls=(ToolCall(id="c1", name="f", arguments="{}"),)),
        Message(role="tool", content=(TextPart("42"),), tool_call_id="c1"),
        Message(role="assistant", content=(TextPart("No."),)),
    )


def test_deprecated_functions_become_tools():
    call, result = parse(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "42"},
    )
    assert call.tool_calls[0].id == result.tool_call_id == "call_f"
    assert result.role == "tool"


def test_media_parts():
    (message,) = parse(
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?", "prompt_cache_breakpoint": {}},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}},
                {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PIXEL}", "filename": "a.pdf"}},
                {"type": "file", "file": {"file_id": "file-1"}},
            ],
        }
    )
    data = base64.b64decode(PIXEL)
    assert message.content[1:] == (
        MediaPart(kind="image", data=data, media_type="image/png", detail="low"),
        MediaPart(kind="audio", data=data, media_type="audio/wav"),
        MediaPart(kind="file", data=data, media_type="application/pdf", name="a.pdf"),
        MediaPart(kind="file", blob="file-1"),
    )


def user(*parts):
    return {"role": "user", "content": list(parts)}


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ("Hi", "messages[0]"),
        ({"content": "Hi"}, "messages[0].role"),
        ({"role": "robot", "content": "Hi"}, "messages[0].role"),
        ({"role": ["user"], "content": "Hi"}, "messages[0].role"),
        ({"role": "user"}, "messages[0].content"),
        ({"role": "user", "content": 1}, "messages[0].content"),
        ({"role": "user", "content": []}, "messages[0].content"),
        ({"role": "user", "content": "Hi", "mood": "good"}, "messages[0].mood"),
        ({"role": "user", "content": "Hi", "name": 7}, "messages[0].name"),
        ({"role": "tool", "content": "42"}, "messages[0].tool_call_id"),
        ({"role": "assistant"}, "messages[0].content"),
        ({"role": "assistant", "tool_calls": {}}, "messages[0].tool_calls"),
        ({"role": "assistant", "tool_calls": [{"type": "function"}]}, "messages[0].tool_calls[0].function"),
        ({"role": "assistant", "audio": {"id": "a"}}, "messages[0].audio.id"),
        ({"role": "assistant", "audio": {}}, "messages[0].audio.id"),
        ({"role": "assistant", "audio": "a"}, "messages[0].audio"),
        ({"role": "assistant", "audio": {"id": "audio_1", "voice": "x"}}, "messages[0].audio.voice"),
        ({"role": "assistant", "audio": {"id": "audio_1", "transcript": 7}}, "messages[0].audio.transcript"),
        (user({"type": "input_audio"}), "messages[0].content[0].input_audio"),
        (user({"type": "input_audio", "input_audio": {"data": PIXEL}}), "messages[0].content[0].input_audio.format"),
        (
            user({"type": "input_audio", "input_audio": {"data": "%%%", "format": "wav"}}),
            "messages[0].content[0].input_audio.data",
        ),
        (
            user({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}),
            "messages[0].content[0].input_audio.data",
        ),
        (user("Hi"), "messages[0].content[0]"),
        (user({"type": "video"}), "messages[0].content[0].type"),
        (user({"type": {}}), "messages[0].content[0].type"),
        (user({"type": "text"}), "messages[0].content[0].text"),
        (user({"type": "text", "text": None}), "messages[0].content[0].text"),
        (user({"type": "image_url", "image_url": "x"}), "messages[0].content[0].image_url"),
        (user({"type": "image_url", "image_url": {"url": "data:,x"}}), "messages[0].content[0].image_url.url"),
        (
            user({"type": "image_url", "image_url": {"url": "data:image/png;base64,%%"}}),
            "messages[0].content[0].image_url.url",
        ),
        (
            user({"type": "input_audio", "input_audio": {"data": PIXEL, "format": "midi"}}),
            "messages[0].content[0].input_audio.format",
        ),
        ({"role": "system", "content": [{"type": "file", "file": {"file_id": "f"}}]}, "messages[0].content"),
    ],
)
def test_wrong_messages_are_refused_at_their_place(given, param):
    with pytest.raises(BadInput) as caught:
        parse(given)
    assert caught.value.param == param


@pytest.mark.parametrize("form", sorted(messages.AUDIO_TYPES))
def test_sound_in_every_form(form):
    (message,) = parse(user({"type": "input_audio", "input_audio": {"data": PIXEL, "format": form}}))
    assert message.content == (
        MediaPart(kind="audio", data=base64.b64decode(PIXEL), media_type=messages.AUDIO_TYPES[form]),
    )


def test_a_file_that_is_a_recording_is_sound():
    url = f"data:audio/mpeg;base64,{PIXEL}"
    (message,) = parse(user({"type": "file", "file": {"file_data": url, "filename": "a.mp3"}}))
    assert message.content == (
        MediaPart(kind="audio", data=base64.b64decode(PIXEL), media_type="audio/mpeg", name="a.mp3"),
    )


def test_earlier_spoken_answers():
    named, whole, both = parse(
        {"role": "assistant", "audio": {"id": "audio_1"}},
        {
            "role": "assistant",
            "content": None,
            "audio": {"id": "audio_2", "transcript": "Hi.", "data": "", "expires_at": 1},
        },
        {"role": "assistant", "content": "Ho.", "audio": {"id": "audio_3"}},
    )
    assert named.content == (MediaPart(kind="audio", blob="audio_1", name="messages[0].audio"),)
    assert (whole.text, both.text) == ("Hi.", "Ho.")


def test_no_messages_at_all():
    for value in ([], {}, "Hi"):
        with pytest.raises(BadInput) as caught:
            messages.parse_messages(value, "messages", STRICT)
        assert caught.value.param == "messages"


def test_nothing_is_fetched():
    with pytest.raises(BadInput) as caught:
        parse(user({"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}))
    assert caught.value.code == "remote_url_not_supported"


def test_inline_bytes_are_bounded():
    with pytest.raises(TooLarge):
        messages.decode_base64("A" * (messages.INLINE_LIMIT_BYTES // 3 * 4 + 12), "x")


WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}, "strict": True}}
CLOCK = {"type": "function", "function": {"name": "clock", "description": "The time."}}
BOTH = tools.parse_tools([WEATHER, CLOCK], "tools", STRICT)


def test_tools():
    assert (
        Tool(name="weather", parameters={"type": "object"}, strict=True),
        Tool(name="clock", description="The time."),
    ) == BOTH


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({}, "tools"),
        ([{}], "tools[0].function"),
        ([{"type": "custom", "custom": {"name": "x"}}], "tools[0].type"),
        ([{"type": "function", "function": {}}], "tools[0].function.name"),
        ([{"type": "function", "function": {"name": "a b"}}], "tools[0].function.name"),
        ([{"type": "function", "function": {"name": "a", "parameters": []}}], "tools[0].function.parameters"),
        ([{"type": "function", "function": {"name": "a", "strict": "yes"}}], "tools[0].function.strict"),
        ([WEATHER, WEATHER], "tools"),
        ([WEATHER] * 129, "tools"),
    ],
)
def test_wrong_tools(given, param):
    with pytest.raises(BadInput) as caught:
        tools.parse_tools(given, "tools", STRICT)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("choice", "wanted", "left"),
    [
        (None, "auto", BOTH),
        ("auto", "auto", BOTH),
        ("none", "none", BOTH),
        ("required", "required", BOTH),
        ({"type": "function", "function": {"name": "clock"}}, "function:clock", BOTH),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [CLOCK]}},
            "required",
            BOTH[1:],
        ),
    ],
)
def test_tool_choices(choice, wanted, left):
    assert tools.parse_tool_choice(choice, "tool_choice", BOTH, STRICT) == (wanted, left)


@pytest.mark.parametrize(
    "choice",
    ["sometimes", 1, {}, {"type": "custom"}, {"type": "function", "function": {"name": "other"}}, ["auto"]],
)
def test_wrong_tool_choices(choice):
    with pytest.raises(BadInput):
        tools.parse_tool_choice(choice, "tool_choice", BOTH, STRICT)


def test_a_required_tool_needs_tools():
    with pytest.raises(BadInput, match="only allowed when 'tools' are specified"):
        tools.parse_tool_choice("required", "tool_choice", (), STRICT)
    assert tools.parse_tool_choice("auto", "tool_choice", (), STRICT) == ("auto", ())


def test_formats():
    assert tools.parse_format({"type": "text"}, "f", STRICT) == Format()
    assert tools.parse_format({"type": "json_object"}, "f", STRICT) == Format(kind="json_object")
    schema = {"type": "object"}
    given = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    assert tools.parse_format(given, "f", STRICT) == Format(kind="json_schema", name="n", schema=schema, strict=True)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ("json", "f"),
        ({"type": "xml"}, "f.type"),
        ({"type": "json_schema"}, "f.json_schema"),
        ({"type": "json_schema", "json_schema": {"schema": {}}}, "f.json_schema.name"),
        ({"type": "json_schema", "json_schema": {"name": "a.b"}}, "f.json_schema.name"),
        ({"type": "json_schema", "json_schema": {"name": "n", "schema": []}}, "f.json_schema.schema"),
        ({"type": "json_object", "extra": 1}, "f.extra"),
    ],
)
def test_wrong_formats(given, param):
    with pytest.raises(BadInput) as caught:
        tools.parse_format(given, "f", STRICT)
    assert caught.value.param == param


def test_custom_tools_are_unsupported_not_wrong():
    with pytest.raises(UnsupportedField):
        tools.parse_tools([{"type": "custom", "custom": {}}], "tools", STRICT)
