"""The parameter tables: what each field of a request may be, and what becomes of it. No field is dropped in silence.

A field is *honoured*, *recorded* (kept with the request, changes nothing), *neutral* (taken only at the value that
changes nothing) or *refused*. A route reads its body through its table alone; the documents are made from it too.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from omniwatt.contract.error import BadInput, UnsupportedField

Policy = Literal["honoured", "recorded", "neutral", "refused"]

UNKNOWN = "unknown_parameter"
POLICY_WORDS = {"refused": "refused (400)", "neutral": "neutral value only"}


class Kind(NamedTuple):
    """A type of value: `check(value, param)` returns the value to use or raises BadInput; `schema` is JSON schema."""

    check: Callable[[Any, str], Any]
    schema: dict[str, Any]
    words: str


class Field(NamedTuple):
    """One parameter. `note` says to a user what is done with it. `neutral` lists the values that change nothing."""

    name: str
    policy: Policy
    kind: Kind
    note: str = ""
    required: bool = False
    neutral: tuple[Any, ...] = ()


class Read(NamedTuple):
    """A body read through a table: honoured `values`, `recorded` ones, and the names of unknown fields left out."""

    values: dict[str, Any]
    recorded: dict[str, Any]
    ignored: list[str]


class Table:
    """The fields of one route's body."""

    def __init__(self, title: str, fields: Iterable[Field]) -> None:
        self.title = title
        self.fields = {field.name: field for field in fields}

    def read(self, body: dict[str, Any], *, warn_unknown: bool = False) -> Read:
        """Check every field. null means absent. Raises BadInput and UnsupportedField, with `param`."""
        read = Read({}, {}, [])
        for name, value in body.items():
            field = self.fields.get(name)
            if field is None:
                _unknown(name, read.ignored, warn_unknown)
            elif value is not None:
                _take(field, value, read)
        for field in self.fields.values():
            if field.required and field.name not in read.values:
                raise BadInput(
                    f"Missing required parameter: '{field.name}'.", param=field.name, code="missing_required_parameter"
                )
        return read


def _take(field: Field, value: Any, read: Read) -> None:
    if field.policy == "refused":
        raise UnsupportedField(f"'{field.name}' is not supported here. {field.note}".strip(), param=field.name)
    checked = field.kind.check(value, field.name)
    if field.policy == "neutral" and checked not in field.neutral:
        said = " or ".join(repr(one) for one in field.neutral)
        raise UnsupportedField(
            f"'{field.name}' is only taken as {said}. {field.note}".strip(), param=field.name, code="unsupported_value"
        )
    if field.policy == "honoured":
        read.values[field.name] = checked
    elif field.policy == "recorded":
        read.recorded[field.name] = checked


def _unknown(name: str, ignored: list[str], warn: bool) -> None:
    if not warn:
        raise BadInput(f"Unknown parameter: '{name[:100]}'.", param=name[:100], code=UNKNOWN)
    ignored.append(name)


class Nested:
    """Reads objects inside a body: unknown keys are refused, or gathered in `ignored` when the setting says warn."""

    __slots__ = ("ignored", "warn")

    def __init__(self, ignored: list[str], *, warn: bool) -> None:
        self.ignored = ignored
        self.warn = warn

    def check(self, value: Any, param: str, allowed: frozenset[str]) -> dict[str, Any]:
        """`value` as an object whose keys are all `allowed`. Raises BadInput."""
        if not isinstance(value, dict):
            raise wrong_type(param, "an object", value)
        if not value.keys() <= allowed:
            for name in sorted(value.keys() - allowed):
                _unknown(f"{param}.{name}", self.ignored, self.warn)
        return value


def wrong_type(param: str, expected: str, value: Any) -> BadInput:
    """The error for a value of the wrong type, in OpenAI's words."""
    return BadInput(
        f"Invalid type for '{param}': expected {expected}, but got {json_type(value)} instead.",
        param=param,
        code="invalid_type",
    )


def json_type(value: Any) -> str:
    """What a JSON value is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def number(low: float, high: float) -> Kind:
    """A number from `low` to `high`, both included."""

    def check(value: Any, param: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise wrong_type(param, "a number", value)
        _in_range(value, low, high, param)
        return float(value)

    return Kind(check, {"type": "number", "minimum": low, "maximum": high}, f"number {low:g} to {high:g}")


def integer(low: int, high: int | None = None) -> Kind:
    """An integer from `low` to `high` (or to 2**63 - 1), both included; 3.0 counts as 3."""
    top = 2**63 - 1 if high is None else high

    def check(value: Any, param: str) -> int:
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(param, "an integer", value)
        _in_range(value, low, top, param)
        return value

    words = f"integer {low} to {high}" if high is not None else ("integer" if low < 0 else f"integer from {low}")
    return Kind(check, {"type": "integer", "minimum": low, "maximum": top}, words)


def _in_range(value: float, low: float, high: float, param: str) -> None:
    if value < low:
        raise BadInput(
            f"Invalid '{param}': expected a value >= {low}, but got {value}.",
            param=param,
            code="integer_below_min_value" if isinstance(value, int) else "decimal_below_min_value",
        )
    if value > high:
        raise BadInput(
            f"Invalid '{param}': expected a value <= {high}, but got {value}.",
            param=param,
            code="integer_above_max_value" if isinstance(value, int) else "decimal_above_max_value",
        )


def text(max_chars: int | None = None, min_chars: int = 0) -> Kind:
    """A string of `min_chars` to `max_chars` characters."""

    def check(value: Any, param: str) -> str:
        if not isinstance(value, str):
            raise wrong_type(param, "a string", value)
        if len(value) < min_chars:
            raise BadInput(f"Invalid '{param}': it must not be empty.", param=param, code="empty_string")
        if max_chars is not None and len(value) > max_chars:
            raise BadInput(
                f"Invalid '{param}': at most {max_chars} characters are taken, got {len(value)}.",
                param=param,
                code="string_above_max_length",
            )
        return value

    schema: dict[str, Any] = {"type": "string"}
    if min_chars:
        schema["minLength"] = min_chars
    if max_chars is not None:
        schema["maxLength"] = max_chars
    return Kind(check, schema, f"text up to {max_chars} characters" if max_chars else "text")


def name_text() -> Kind:
    """A name as tools and formats have: letters, digits, underscores and dashes, at most 64."""
    pattern = re.compile(r"[a-zA-Z0-9_-]{1,64}")

    def check(value: Any, param: str) -> str:
        if not isinstance(value, str):
            raise wrong_type(param, "a string", value)
        if not pattern.fullmatch(value):
            raise BadInput(
                f"Invalid '{param}': 1 to 64 letters, digits, underscores and dashes are taken.", param=param
            )
        return value

    return Kind(check, {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}, "name")


def boolean() -> Kind:
    """true or false."""

    def check(value: Any, param: str) -> bool:
        if not isinstance(value, bool):
            raise wrong_type(param, "a boolean", value)
        return value

    return Kind(check, {"type": "boolean"}, "boolean")


def one_of(*options: str) -> Kind:
    """One of a few words."""

    def check(value: Any, param: str) -> str:
        if not isinstance(value, str):
            raise wrong_type(param, "a string", value)
        if value not in options:
            raise BadInput(
                f"Invalid value: '{value[:100]}'. Supported values are: {', '.join(repr(o) for o in options)}.",
                param=param,
            )
        return value

    return Kind(check, {"type": "string", "enum": list(options)}, " / ".join(options))


def anything(schema: dict[str, Any], words: str, check: Callable[[Any, str], Any] | None = None) -> Kind:
    """A value its route looks into by itself, or one that is refused whatever it is."""
    return Kind(check or (lambda value, param: value), schema, words)


def render_markdown(tables: Mapping[str, Table]) -> str:
    """Tables as Markdown, one section a route (path -> table): the text of docs/FIELDS.md below its heading."""
    return "\n".join(_section(path, table) for path, table in tables.items())


def _section(path: str, table: Table) -> str:
    lines = [f"## {table.title}: `POST {path}`", "", "| field | what happens | values | notes |", "|---|---|---|---|"]
    for field in sorted(table.fields.values(), key=lambda f: (not f.required, f.name)):
        what = POLICY_WORDS.get(field.policy, field.policy)
        words = (
            " or ".join(f"`{msgspec.json.encode(v).decode()}`" for v in field.neutral)
            if field.neutral
            else field.kind.words
        )
        name = f"`{field.name}`" + (" (required)" if field.required else "")
        lines.append(f"| {name} | {what} | {words.replace('|', '/')} | {field.note} |")
    return "\n".join([*lines, ""])
