"""The parameters of /v1/responses: their table, and the readers of those with a shape of their own."""

from typing import Any

from omniwatt.api.fields import Field, Kind, Nested, Table, anything, boolean, integer, number, one_of, text, wrong_type
from omniwatt.api.openai.common import MODEL, STREAM, USER, metadata_kind
from omniwatt.api.openai.tools import FUNCTION_KEYS, MODES, known_tool, parse_function, parse_schema
from omniwatt.contract.error import BadInput, UnsupportedField
from omniwatt.contract.request import Format, Tool

TIERS = ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")
NO_REASONING = "The models here answer without a separate reasoning phase."
LOGPROBS = "message.output_text.logprobs"
INCLUDES = (
    LOGPROBS,
    "message.input_image.image_url",
    "reasoning.encrypted_content",
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
)
TOOLS_LIMIT = 128
TOOL_KEYS = FUNCTION_KEYS | {"type", "allowed_callers", "defer_loading"}
TEXT_KEYS = frozenset({"format", "verbosity"})
SCHEMA_KEYS = frozenset({"type", "name", "description", "schema", "strict"})

LATER = anything({}, "anything")
OBJECT: dict[str, Any] = {"type": "object"}


def include_kind() -> Kind:
    """A list of names. Those of hosted tools are taken: there are no calls of them to include anything of."""

    def check(value: Any, param: str) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise wrong_type(param, "an array of strings", value)
        word = one_of(*INCLUDES)
        return tuple(word.check(item, f"{param}[{index}]") for index, item in enumerate(value))

    schema = {"type": "array", "items": {"type": "string", "enum": list(INCLUDES)}}
    return Kind(check, schema, "list of " + " / ".join(INCLUDES))


def reasoning_kind() -> Kind:
    """How hard to think, and what to tell of it. The models here do not think apart: only what needs none is taken."""
    neutral = {
        "effort": ("none",),
        "summary": ("auto", "concise", "detailed"),
        "generate_summary": ("auto", "concise", "detailed"),
        "context": ("auto", "current_turn"),
        "mode": ("standard",),
    }

    def check(value: Any, param: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise wrong_type(param, "an object", value)
        for key, item in value.items():
            if key not in neutral:
                raise BadInput(f"Unknown parameter: '{param}.{key[:100]}'.", param=param, code="unknown_parameter")
            if item is not None and text().check(item, f"{param}.{key}") not in neutral[key]:
                said = " or ".join(repr(one) for one in neutral[key])
                raise UnsupportedField(
                    f"'{param}.{key}' is only taken as {said}. {NO_REASONING}",
                    param=f"{param}.{key}",
                    code="unsupported_value",
                )
        return {"effort": value.get("effort"), "summary": value.get("summary")}

    schema = {"type": "object", "properties": {key: {"enum": [*words, None]} for key, words in neutral.items()}}
    return Kind(check, schema, "`effort`: none; a `summary` of nothing is nothing")


def stream_options_kind() -> Kind:
    """`include_obfuscation`."""

    def check(value: Any, param: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise wrong_type(param, "an object", value)
        for key, item in value.items():
            if key != "include_obfuscation":
                raise BadInput(f"Unknown parameter: '{param}.{key[:100]}'.", param=param, code="unknown_parameter")
            if item is not None:
                boolean().check(item, f"{param}.{key}")
        return value

    properties = {"include_obfuscation": {"type": "boolean"}}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return Kind(check, schema, "`include_obfuscation`")


INPUT = Field(
    "input", "honoured", anything({}, "text, or a list of items"), "Needed unless `previous_response_id` is given."
)
INSTRUCTIONS = Field("instructions", "honoured", text(), "The system message; not carried over to the next response.")
PREVIOUS = Field(
    "previous_response_id", "honoured", text(128, 1), "The conversation is rebuilt from what was stored of it."
)
TOOLS = Field(
    "tools",
    "honoured",
    anything({"type": "array"}, "list of functions"),
    "Functions, and image_generation; no other hosted tools.",
)
TOOL_CHOICE = Field("tool_choice", "honoured", anything({}, "none / auto / required, a function, or allowed tools"))
TEXT = Field("text", "honoured", anything(OBJECT, "`format`, `verbosity`"), "`verbosity` is only taken as `medium`.")
PARALLEL = Field("parallel_tool_calls", "honoured", boolean())
REASONING = Field("reasoning", "honoured", reasoning_kind(), NO_REASONING)
TRUNCATION = Field(
    "truncation",
    "neutral",
    one_of("auto", "disabled"),
    "A conversation over the window is refused.",
    False,
    ("disabled",),
)
CONVERSATION = Field("conversation", "refused", LATER, "Use `previous_response_id`.")

CREATE = Table(
    "Responses",
    (
        MODEL,
        INPUT,
        INSTRUCTIONS,
        PREVIOUS,
        TOOLS,
        TOOL_CHOICE,
        TEXT,
        PARALLEL,
        STREAM,
        Field("stream_options", "honoured", stream_options_kind(), "Only together with `stream: true`."),
        Field("max_output_tokens", "honoured", integer(1)),
        Field("temperature", "honoured", number(0, 2)),
        Field("top_p", "honoured", number(0, 1)),
        Field("top_logprobs", "honoured", integer(0, 20), f"Log-probabilities come with it or with `{LOGPROBS}`."),
        Field("include", "honoured", include_kind(), "Names of hosted tools include nothing: there are no such calls."),
        Field("store", "honoured", boolean(), "Default true, where the operator allows it at all."),
        Field("service_tier", "recorded", one_of(*TIERS), "The answer says which tier was really used."),
        Field("metadata", "recorded", metadata_kind()),
        USER,
        Field("safety_identifier", "recorded", text(128)),
        Field("prompt_cache_key", "recorded", text(1024), "Prefixes are reused within a project, whatever the key."),
        Field("prompt_cache_retention", "neutral", text(), neutral=("in_memory",)),
        Field(
            "prompt_cache_options", "neutral", anything(OBJECT, ""), neutral=({"mode": "implicit"}, {"ttl": "30m"}, {})
        ),
        Field("max_tool_calls", "recorded", integer(1), "Counts calls of hosted tools, of which there are none."),
        REASONING,
        TRUNCATION,
        Field("background", "neutral", boolean(), "Answers are given while the client waits.", False, (False,)),
        CONVERSATION,
        Field("access_programs", "refused", LATER),
        Field("background_options", "refused", LATER),
        Field("context_management", "refused", LATER, "A conversation over the window is refused."),
        Field("image", "refused", LATER),
        Field("moderation", "refused", LATER),
        Field("prompt", "refused", LATER, "There are no stored prompts."),
    ),
)

COUNT = Table(
    "Token count of a response's input",
    (
        MODEL,
        INPUT,
        INSTRUCTIONS,
        PREVIOUS,
        TOOLS,
        Field("tool_choice", "recorded", LATER, "Adds no tokens."),
        Field("text", "recorded", LATER, "Adds no tokens."),
        Field("parallel_tool_calls", "recorded", boolean(), "Adds no tokens."),
        REASONING,
        TRUNCATION,
        CONVERSATION,
        Field("personality", "refused", LATER),
    ),
)


def parse_tools(value: Any, param: str, nested: Nested) -> tuple[Tool, ...]:
    """Functions, flat as the Responses API has them. Raises BadInput; UnsupportedField for every other tool."""
    if not isinstance(value, list):
        raise wrong_type(param, "an array of objects", value)
    if len(value) > TOOLS_LIMIT:
        raise BadInput(
            f"Invalid '{param}': at most {TOOLS_LIMIT} are taken.", param=param, code="array_above_max_length"
        )
    tools = [_function(item, f"{param}[{index}]", nested) for index, item in enumerate(value)]
    seen: set[str] = set()
    for tool in tools:
        if tool.name in seen:
            raise BadInput(f"Invalid '{param}': two tools are named '{tool.name}'.", param=param)
        seen.add(tool.name)
    return tuple(tools)


def _function(value: Any, param: str, nested: Nested) -> Tool:
    if isinstance(value, dict):
        kind = value.get("type")
        if kind != "function":
            raise UnsupportedField(
                f"Hosted and custom tools are not supported: '{str(kind)[:100]}'. Only tools of type 'function' are.",
                param=f"{param}.type",
            )
        if value.get("allowed_callers") not in (None, ["direct"]):
            raise UnsupportedField("Functions are only called directly.", param=f"{param}.allowed_callers")
        if value.get("defer_loading"):
            raise UnsupportedField("Every function is shown to the model.", param=f"{param}.defer_loading")
    return parse_function(value, param, nested, TOOL_KEYS)


def parse_choice(value: Any, param: str, tools: tuple[Tool, ...], nested: Nested) -> tuple[str, tuple[Tool, ...]]:
    """The choice as ChatBody has it, and the tools it leaves. Raises BadInput for a choice without its tool."""
    if value is None or value == "none" or (value == "auto" and not tools):
        return (value or "auto"), tools
    if not tools:
        raise BadInput(f"'{param}' is only allowed when 'tools' are specified.", param=param)
    if not isinstance(value, dict):
        return one_of(*MODES).check(value, param), tools
    if value.get("type") == "allowed_tools":
        nested.check(value, param, frozenset({"type", "mode", "tools"}))
        mode = one_of("auto", "required").check(value.get("mode"), f"{param}.mode")
        listed = value.get("tools")
        if not isinstance(listed, list) or not listed:
            raise wrong_type(f"{param}.tools", "a non-empty array of objects", listed)
        names = {_named(item, f"{param}.tools[{index}]", tools, nested) for index, item in enumerate(listed)}
        return mode, tuple(tool for tool in tools if tool.name in names)
    return f"function:{_named(value, param, tools, nested)}", tools


def _named(value: Any, param: str, tools: tuple[Tool, ...], nested: Nested) -> str:
    if isinstance(value, dict) and value.get("type") != "function":
        raise UnsupportedField("Only tools of type 'function' can be chosen.", param=f"{param}.type")
    choice = nested.check(value, param, frozenset({"type", "name"}))
    return known_tool(choice.get("name"), f"{param}.name", tools)


def parse_text(value: Any, param: str, nested: Nested) -> Format:
    """`text.format`; `text.verbosity` must ask for nothing special. Raises BadInput."""
    holder = nested.check(value, param, TEXT_KEYS)
    if holder.get("verbosity") not in (None, "medium"):
        one_of("low", "medium", "high").check(holder["verbosity"], f"{param}.verbosity")
        raise UnsupportedField(
            "'text.verbosity' is only taken as 'medium': say in the instructions how long the answer should be.",
            param=f"{param}.verbosity",
            code="unsupported_value",
        )
    wanted = holder.get("format")
    if wanted is None:
        return Format()
    if not isinstance(wanted, dict):
        raise wrong_type(f"{param}.format", "an object", wanted)
    kind = one_of("text", "json_object", "json_schema").check(wanted.get("type"), f"{param}.format.type")
    if kind == "json_schema":
        return parse_schema(wanted, f"{param}.format", nested, SCHEMA_KEYS)
    nested.check(wanted, f"{param}.format", frozenset({"type"}))
    return Format(kind=kind)
