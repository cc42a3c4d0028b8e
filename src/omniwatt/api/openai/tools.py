"""Tools, tool choices and answer formats as OpenAI writes them -> contract values."""

from typing import Any

from omniwatt.api.fields import Nested, boolean, name_text, text, wrong_type
from omniwatt.contract.error import BadInput, UnsupportedField
from omniwatt.contract.request import Format, Tool

TOOLS_LIMIT = 128
FUNCTION_KEYS = frozenset({"name", "description", "parameters", "strict"})
MODES = ("auto", "none", "required")
NAME, TEXT, BOOLEAN = name_text(), text(), boolean()


def parse_tools(value: Any, param: str, nested: Nested) -> tuple[Tool, ...]:
    """`[{"type": "function", "function": {...}}]`. Raises BadInput; UnsupportedField for custom tools."""
    tools = []
    for index, item in enumerate(_tool_list(value, param)):
        place = f"{param}[{index}]"
        if isinstance(item, dict) and item.get("type") not in (None, "function"):
            raise UnsupportedField("Only tools of type 'function' are supported.", param=f"{place}.type")
        tool = nested.check(item, place, frozenset({"type", "function"}))
        tools.append(parse_function(tool.get("function"), f"{place}.function", nested))
    return _distinct(tools, param)


def parse_functions(value: Any, param: str, nested: Nested) -> tuple[Tool, ...]:
    """The deprecated `functions`: the same without the wrapping."""
    items = _tool_list(value, param)
    return _distinct([parse_function(item, f"{param}[{i}]", nested) for i, item in enumerate(items)], param)


def parse_function(
    value: Any, param: str, nested: Nested, keys: frozenset[str] = FUNCTION_KEYS, *, strict: bool = False
) -> Tool:
    """One function: name, description, parameters (a JSON schema) and strict, whose absence means `strict`."""
    function = nested.check(value, param, keys)
    parameters = function.get("parameters")
    if parameters is None:
        parameters = {}
    if not isinstance(parameters, dict):
        raise wrong_type(f"{param}.parameters", "an object", parameters)
    said_strict = function.get("strict")
    return Tool(
        name=NAME.check(function.get("name"), f"{param}.name"),
        description=TEXT.check(function.get("description") or "", f"{param}.description"),
        parameters=parameters,
        strict=strict if said_strict is None else BOOLEAN.check(said_strict, f"{param}.strict"),
    )


def _tool_list(value: Any, param: str) -> list[Any]:
    if not isinstance(value, list):
        raise wrong_type(param, "an array of objects", value)
    if len(value) > TOOLS_LIMIT:
        raise BadInput(
            f"Invalid '{param}': at most {TOOLS_LIMIT} are taken, got {len(value)}.",
            param=param,
            code="array_above_max_length",
        )
    return value


def _distinct(tools: list[Tool], param: str) -> tuple[Tool, ...]:
    names = [tool.name for tool in tools]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"Invalid '{param}': two tools are named '{name}'.", param=param)
    return tuple(tools)


def parse_tool_choice(value: Any, param: str, tools: tuple[Tool, ...], nested: Nested) -> tuple[str, tuple[Tool, ...]]:
    """The choice as ChatBody has it, and the tools it leaves. Raises BadInput for a choice without its tool."""
    if value is None or value == "none" or (value == "auto" and not tools):
        return ("auto" if value is None else value), tools
    if not tools:
        raise BadInput(f"'{param}' is only allowed when 'tools' are specified.", param=param)
    if isinstance(value, str):
        if value not in MODES:
            raise BadInput(
                f"Invalid value: '{value[:100]}'. Supported values are: 'none', 'auto', 'required'.", param=param
            )
        return value, tools
    if not isinstance(value, dict):
        raise wrong_type(param, "a string or an object", value)
    if value.get("type") == "allowed_tools":
        return _allowed(value, param, tools, nested)
    return f"function:{_named(value, param, tools, nested)}", tools


def _named(value: Any, param: str, tools: tuple[Tool, ...], nested: Nested) -> str:
    """The name in `{"type": "function", "function": {"name": ...}}`."""
    if isinstance(value, dict) and value.get("type") not in (None, "function"):
        raise UnsupportedField("Only tools of type 'function' can be chosen.", param=f"{param}.type")
    choice = nested.check(value, param, frozenset({"type", "function"}))
    function = nested.check(choice.get("function"), f"{param}.function", FUNCTION_KEYS)
    return known_tool(function.get("name"), f"{param}.function.name", tools)


def known_tool(name: Any, param: str, tools: tuple[Tool, ...]) -> str:
    """`name` if it is one of `tools`. Raises BadInput."""
    checked: str = NAME.check(name, param)
    if all(tool.name != checked for tool in tools):
        raise BadInput(f"Tool choice '{checked}' not found among the tools.", param=param)
    return checked


def _allowed(value: Any, param: str, tools: tuple[Tool, ...], nested: Nested) -> tuple[str, tuple[Tool, ...]]:
    choice = nested.check(value, param, frozenset({"type", "allowed_tools"}))
    allowed = nested.check(choice.get("allowed_tools"), f"{param}.allowed_tools", frozenset({"mode", "tools"}))
    mode, listed = allowed.get("mode"), allowed.get("tools")
    if mode not in ("auto", "required"):
        raise BadInput("Supported values are: 'auto', 'required'.", param=f"{param}.allowed_tools.mode")
    if not isinstance(listed, list) or not listed:
        raise wrong_type(f"{param}.allowed_tools.tools", "a non-empty array of objects", listed)
    place = f"{param}.allowed_tools.tools"
    names = {_named(item, f"{place}[{index}]", tools, nested) for index, item in enumerate(listed)}
    return mode, tuple(tool for tool in tools if tool.name in names)


def parse_function_call(
    value: Any, param: str, tools: tuple[Tool, ...], nested: Nested
) -> tuple[str, tuple[Tool, ...]]:
    """The deprecated `function_call`: none, auto or `{"name": ...}`."""
    if isinstance(value, dict):
        choice = nested.check(value, param, frozenset({"name"}))
        return f"function:{known_tool(choice.get('name'), f'{param}.name', tools)}", tools
    if value not in (None, "none", "auto"):
        raise BadInput("Supported values are: 'none', 'auto' and an object with a name.", param=param)
    return parse_tool_choice(value, param, tools, nested)


def parse_format(value: Any, param: str, nested: Nested) -> Format:
    """Chat's `response_format`: text, json_object or json_schema. Raises BadInput."""
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    kind = value.get("type")
    if kind in ("text", "json_object"):
        nested.check(value, param, frozenset({"type"}))
        return Format(kind=kind)
    if kind != "json_schema":
        raise BadInput(
            "Invalid value. Supported values are: 'text', 'json_object', 'json_schema'.", param=f"{param}.type"
        )
    nested.check(value, param, frozenset({"type", "json_schema"}))
    return parse_schema(value.get("json_schema"), f"{param}.json_schema", nested)


def parse_schema(
    value: Any,
    param: str,
    nested: Nested,
    keys: frozenset[str] = frozenset({"name", "description", "schema", "strict"}),
) -> Format:
    """`{name, schema, strict, description}`; `keys` lists what else may stand beside them. Raises BadInput."""
    holder = nested.check(value, param, keys)
    schema = holder.get("schema")
    if schema is None:
        schema = {}
    if not isinstance(schema, dict):
        raise wrong_type(f"{param}.schema", "an object", schema)
    TEXT.check(holder.get("description") or "", f"{param}.description")
    strict = holder.get("strict")
    return Format(
        kind="json_schema",
        name=NAME.check(holder.get("name"), f"{param}.name"),
        schema=schema,
        strict=False if strict is None else BOOLEAN.check(strict, f"{param}.strict"),
    )
