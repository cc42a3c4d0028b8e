"""JSON schema to llama.cpp's grammar: all it accepts is valid; what it cannot express is refused.

Without `strict` a constraint that no grammar can hold is left to the model, as OpenAI does; types and names still hold.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from omniwatt.contract.error import BadInput
from omniwatt.engines.chat.numbers import integer_range, number_range
from omniwatt.engines.chat.patterns import FORMATS, pattern_rule

MAX_NODES = 2_000
MAX_DEPTH = 48
MAX_ENUM = 500
MAX_REPEAT = 1_000
"""llama.cpp unrolls repetitions: longer ones are cut to this (still valid), longer minima refused."""
MAX_GRAMMAR_CHARS = 400_000

INEXPRESSIBLE = frozenset(
    {"not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies", "patternProperties"}
    | {"propertyNames", "minProperties", "maxProperties", "contains", "minContains", "maxContains", "uniqueItems"}
    | {"unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"}
)
PRIMITIVES = {
    "ws": r'(" " | "\n" [ \t]{0,20})?',
    "char": r'[^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4})',
    "string": r'"\"" char* "\""',
    "whole": r'"0" | [1-9] [0-9]{0,15}',
    "integer": '"-"? whole',
    "number": '"-"? whole ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?',
    "boolean": '"true" | "false"',
    "null": '"null"',
    "member": 'string ":" ws value',
    "object": '"{" ws (member ws ("," ws member ws)*)? "}"',
    "array": '"[" ws (value ws ("," ws value ws)*)? "]"',
    "value": "object | array | string | number | boolean | null",
}
TYPES = ("string", "integer", "number", "boolean", "null", "object", "array")


class Grammar:
    """Rules under construction. `param` names the request field that errors are about."""

    def __init__(self, param: str, strict: bool) -> None:
        self._param = param
        self._strict = strict
        self._rules = dict(PRIMITIVES)
        self._nodes = 0
        self._root: Any = {}
        self._refs: dict[str, str] = {}

    def add(self, schema: Any) -> str:
        """The name of a rule for what `schema` accepts. Raises BadInput."""
        self._root, self._refs = schema, {}
        self._must_end(schema, frozenset(), [0])
        return self._node(schema, 0)

    def rule(self, body: str) -> str:
        """A new rule's name."""
        name = f"r{len(self._rules)}"
        self._rules[name] = body
        return name

    def text(self, root: str) -> str:
        """The whole grammar. Raises BadInput when it is too large."""
        lines = [f"root ::= {root}", *(f"{name} ::= {body}" for name, body in self._rules.items())]
        text = "\n".join(lines)
        if len(text) > MAX_GRAMMAR_CHARS:
            raise self._refuse("it is too large")
        return text

    def _refuse(self, why: str) -> BadInput:
        return BadInput(f"Invalid schema for {self._param}: {why}", param=self._param, code="invalid_json_schema")

    def _cannot(self, what: str) -> None:
        if self._strict:
            raise self._refuse(f"{what} cannot be enforced in strict mode")

    def _node(self, schema: Any, depth: int) -> str:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise self._refuse("it is too large or too deep")
        if schema is True or schema == {}:
            return "value"
        if not isinstance(schema, dict):
            raise self._refuse("every schema must be an object, and none may be false")
        for word in sorted(INEXPRESSIBLE & schema.keys()):
            if schema[word] not in (False, {}, []):
                self._cannot(f"«{word}»")
        for word, build in self._builders().items():
            if word in schema:
                return build(schema, depth)
        return self._typed(schema, depth)

    def _builders(self) -> dict[str, Callable[[dict[str, Any], int], str]]:
        return {
            "$ref": self._ref,
            "const": lambda schema, _: self._literals([schema["const"]]),
            "enum": lambda schema, _: self._literals(schema["enum"]),
            "anyOf": lambda schema, depth: self._any(schema, "anyOf", depth),
            "oneOf": lambda schema, depth: self._any(schema, "oneOf", depth),
            "allOf": self._all,
        }

    def _ref(self, schema: dict[str, Any], depth: int) -> str:
        ref = schema["$ref"]
        if not isinstance(ref, str):
            raise self._refuse("a $ref must be a string")
        if ref not in self._refs:
            # Named before it is built: a schema may contain itself.
            name = self._refs[ref] = self.rule("")
            self._rules[name] = self._node(self._resolve(ref), depth + 1)
        return self._refs[ref]

    def _resolve(self, ref: str) -> Any:
        if ref != "#" and not ref.startswith("#/"):
            raise self._refuse(f"$ref {ref[:80]!r} leads outside the schema")
        target = self._root
        for part in ref.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, dict) or key not in target:
                raise self._refuse(f"$ref {ref[:80]!r} leads nowhere")
            target = target[key]
        return target

    def _literals(self, values: Any) -> str:
        if not isinstance(values, list) or not 0 < len(values) <= MAX_ENUM:
            raise self._refuse(f"an enum must list 1 to {MAX_ENUM} values")
        return self.rule(" | ".join(quote(json.dumps(value, ensure_ascii=False)) for value in values))

    def _any(self, schema: dict[str, Any], word: str, depth: int) -> str:
        branches = schema[word]
        if not isinstance(branches, list) or not branches:
            raise self._refuse(f"«{word}» must be a list")
        if word == "oneOf" and not _disjoint(branches):
            self._cannot("«oneOf» with branches that may overlap (use anyOf)")
        return self.rule(" | ".join(self._node(branch, depth + 1) for branch in branches))

    def _all(self, schema: dict[str, Any], depth: int) -> str:
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        branches = schema["allOf"]
        if not isinstance(branches, list) or not all(isinstance(branch, dict) for branch in branches):
            raise self._refuse("«allOf» must be a list of schemas")
        for branch in branches:
            whole = self._resolve(branch["$ref"]) if isinstance(branch.get("$ref"), str) else branch
            if not isinstance(whole, dict):
                raise self._refuse("«allOf» must be a list of schemas")
            for key, value in whole.items():
                if key == "properties" and isinstance(merged.get(key), dict) and isinstance(value, dict):
                    merged[key] = {**merged[key], **value}
                elif key == "required" and isinstance(merged.get(key), list) and isinstance(value, list):
                    merged[key] = [*merged[key], *value]
                elif merged.setdefault(key, value) != value and key not in ("title", "description"):
                    self._cannot("«allOf» with contradicting parts")
        return self._node(merged, depth + 1)

    def _typed(self, schema: dict[str, Any], depth: int) -> str:
        kind = schema.get("type", _implied(schema))
        if kind is None:
            return "value"
        kinds = kind if isinstance(kind, list) else [kind]
        if not kinds or any(name not in TYPES for name in kinds):
            raise self._refuse(f"unknown type {json.dumps(kind)[:80]}")
        built = [self._one(name, schema, depth) for name in kinds]
        return built[0] if len(built) == 1 else self.rule(" | ".join(built))

    def _one(self, kind: str, schema: dict[str, Any], depth: int) -> str:
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind == "string":
            return self._string(schema)
        if kind in ("integer", "number"):
            return self._number(kind, schema)
        return kind

    def _object(self, schema: dict[str, Any], depth: int) -> str:
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        if not isinstance(properties, dict) or not _names(required):
            raise self._refuse("properties must be an object and required a list of names")
        extra = schema.get("additionalProperties", True)
        if missing := [name for name in required if name not in properties]:
            if extra is False:
                raise self._refuse(f"required {json.dumps(missing)[:80]} is not among the properties")
            properties = properties | dict.fromkeys(missing, True if extra is True else extra)
        if not properties:
            return self._map(extra, depth)
        members = [
            (quote(json.dumps(name, ensure_ascii=False)) + ' ":" ws ' + self._node(value, depth + 1), name in required)
            for name, value in properties.items()
        ]
        return self.rule(f'"{{" ws {self._members(members)} "}}"')

    def _map(self, extra: Any, depth: int) -> str:
        if extra is False:
            return self.rule('"{" ws "}"')
        if extra is True or extra == {}:
            return "object"
        member = self.rule(f'string ":" ws {self._node(extra, depth + 1)} ws')
        return self.rule(f'"{{" ws ({member} ("," ws {member})*)? "}}"')

    def _members(self, members: Sequence[tuple[str, bool]]) -> str:
        """Members in their order, each optional one there or not, commas between those that are."""
        first = after = '""'
        for member, needed in reversed(members):
            name = self.rule(f"{member} ws")
            opening, following = self.rule(f"{name} {after}"), self.rule(f'"," ws {name} {after}')
            first = opening if needed else self.rule(f"{opening} | {first}")
            after = following if needed else self.rule(f"{following} | {after}")
        return first

    def _array(self, schema: dict[str, Any], depth: int) -> str:
        low, high = self._bounds(schema, "minItems", "maxItems")
        fixed = schema.get("prefixItems", [])
        if not isinstance(fixed, list):
            raise self._refuse("prefixItems must be a list")
        if fixed:
            if low > len(fixed):
                self._cannot("«minItems» beyond prefixItems")
            rows = [self._node(item, depth + 1) for item in fixed]
            return self.rule('"[" ws ' + ' ws "," ws '.join(rows) + ' ws "]"')
        item = self._node(schema.get("items", True), depth + 1)
        if high == 0:
            return self.rule('"[" ws "]"')
        more = f'("," ws {item} ws)' + _repeat(max(0, low - 1), None if high is None else high - 1)
        whole = f"{item} ws {more}"
        return self.rule(f'"[" ws {whole} "]"' if low else f'"[" ws ({whole})? "]"')

    def _string(self, schema: dict[str, Any]) -> str:
        low, high = self._bounds(schema, "minLength", "maxLength")
        pattern = schema.get("pattern") or FORMATS.get(str(schema.get("format", "")))
        if pattern is not None:
            if "minLength" in schema or "maxLength" in schema:
                self._cannot("«minLength» or «maxLength» beside a pattern")
            try:
                return self.rule(f'"\\"" {pattern_rule(str(pattern), MAX_REPEAT)} "\\""')
            except ValueError as error:
                self._cannot(f"the pattern {str(pattern)[:80]!r} ({error})")
        if low == 0 and high is None:
            return "string"
        return self.rule(f'"\\"" char{_repeat(low, high)} "\\""')

    def _number(self, kind: str, schema: dict[str, Any]) -> str:
        if schema.get("multipleOf", 1) != 1 or ("multipleOf" in schema and kind == "number"):
            self._cannot("«multipleOf»")
        ends = [schema.get(key) for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")]
        if all(value is None for value in ends):
            return kind
        try:
            return self.rule((integer_range if kind == "integer" else number_range)(*ends))
        except ValueError as error:
            self._cannot(f"the range of a number ({error})")
            return kind

    def _bounds(self, schema: Mapping[str, Any], low: str, high: str) -> tuple[int, int | None]:
        least, most = schema.get(low), schema.get(high)
        for value in (least, most):
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
                raise self._refuse(f"{low} and {high} must be whole numbers of at least 0")
        least = least or 0
        if least > MAX_REPEAT or (most is not None and most < least):
            raise self._refuse(f"{low} {least} cannot be met")
        return least, None if most is None else min(most, MAX_REPEAT)

    def _must_end(self, schema: Any, inside: frozenset[str], steps: list[int]) -> None:
        if not self._can_end(schema, inside, steps):
            raise self._refuse("no finite value can satisfy it: it contains itself without an end")

    def _can_end(self, schema: Any, inside: frozenset[str], steps: list[int]) -> bool:
        """Whether some finite value fits, looking into each reference only once on the way down."""
        steps[0] += 1
        if steps[0] > 10 * MAX_NODES or len(inside) > MAX_DEPTH:
            raise self._refuse("it is too large or too deep")
        if not isinstance(schema, dict):
            return True
        ref = schema.get("$ref")
        if isinstance(ref, str):
            return ref not in inside and self._can_end(self._resolve(ref), inside | {ref}, steps)
        for word in ("anyOf", "oneOf"):
            if isinstance(schema.get(word), list) and schema[word]:
                return any(self._can_end(branch, inside, steps) for branch in schema[word])
        needed: list[Any] = list(schema["allOf"]) if isinstance(schema.get("allOf"), list) else []
        properties, required = schema.get("properties"), schema.get("required")
        if isinstance(properties, dict) and isinstance(required, list):
            needed += [properties[name] for name in required if isinstance(name, str) and name in properties]
        if schema.get("minItems"):
            needed.append(schema.get("items", True))
        return all(self._can_end(part, inside, steps) for part in needed)


def any_object() -> str:
    """The grammar of `json_object`."""
    return Grammar("response_format", strict=False).text("object")


def quote(text: str) -> str:
    """A grammar literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _names(value: Any) -> bool:
    """Whether `value` is a list of texts."""
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _repeat(low: int, high: int | None) -> str:
    if high is None:
        return {0: "*", 1: "+"}.get(low, f"{{{low},}}")
    return f"{{{low},{high}}}"


def _implied(schema: Mapping[str, Any]) -> str | None:
    """The type that a schema without one must mean."""
    words = {
        "object": ("properties", "required", "additionalProperties"),
        "array": ("items", "prefixItems", "minItems", "maxItems"),
        "string": ("pattern", "minLength", "maxLength", "format"),
        "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    }
    return next((kind for kind, keys in words.items() if any(key in schema for key in keys)), None)


def _disjoint(branches: Sequence[Any]) -> bool:
    """Whether no value can fit two branches: by type, or by the constant of a shared member."""
    kinds = [branch.get("type") for branch in branches if isinstance(branch, dict)]
    if len(kinds) == len(branches) and all(isinstance(kind, str) for kind in kinds) and len(set(kinds)) == len(kinds):
        return not {"integer", "number"} <= set(kinds)
    marks: list[dict[str, str]] = []
    for branch in branches:
        members = branch.get("properties") if isinstance(branch, dict) else None
        required = branch.get("required", []) if isinstance(branch, dict) else []
        if not isinstance(members, dict) or not _names(required):
            return False
        marks.append(
            {
                name: json.dumps(member["const"])
                for name, member in members.items()
                if isinstance(member, dict) and "const" in member and name in required
            }
        )
    return any(len({mark.get(name) for mark in marks}) == len(marks) for name in marks[0])
