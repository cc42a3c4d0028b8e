"""Whether a value fits a caller's JSON schema, in bounded time: nothing is fetched, no expression is matched."""

from collections.abc import Mapping
from typing import Any

MAX_STEPS = 10_000
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "object": (dict,),
    "array": (list,),
}


class _TooMuch(Exception):
    """The schema asks for more steps than it gets."""


def fits(value: Any, schema: Any) -> bool:
    """By types, names, enums and combinations of these; other words of the schema are taken as met."""
    try:
        return _Fitting(schema).fits(value, schema)
    except (_TooMuch, RecursionError):
        return False


class _Fitting:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._steps = 0

    def fits(self, value: Any, schema: Any) -> bool:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise _TooMuch
        if not isinstance(schema, Mapping):
            return schema is not False
        return self._itself(value, schema) and self._combined(value, schema) and self._inside(value, schema)

    def _itself(self, value: Any, schema: Mapping[str, Any]) -> bool:
        kinds = schema.get("type")
        if kinds is not None and not any(_is(value, kind) for kind in (kinds if isinstance(kinds, list) else [kinds])):
            return False
        if "const" in schema and value != schema["const"]:
            return False
        options = schema.get("enum")
        return not isinstance(options, list) or value in options

    def _combined(self, value: Any, schema: Mapping[str, Any]) -> bool:
        ref = schema.get("$ref")
        if isinstance(ref, str) and not self.fits(value, self._resolved(ref)):
            return False
        for word, enough in (("allOf", all), ("anyOf", any), ("oneOf", any)):
            branches = schema.get(word)
            if isinstance(branches, list) and branches and not enough(self.fits(value, one) for one in branches):
                return False
        return True

    def _inside(self, value: Any, schema: Mapping[str, Any]) -> bool:
        if isinstance(value, list):
            items = schema.get("items", True)
            return all(self.fits(item, items) for item in value)
        if not isinstance(value, dict):
            return True
        members, required = schema.get("properties"), schema.get("required")
        members = members if isinstance(members, dict) else {}
        if isinstance(required, list) and any(isinstance(name, str) and name not in value for name in required):
            return False
        others = schema.get("additionalProperties", True)
        return all(self.fits(item, members.get(name, others)) for name, item in value.items())

    def _resolved(self, ref: str) -> Any:
        target = self._root
        for part in ref.split("/")[1:] if ref.startswith("#/") else []:
            key = part.replace("~1", "/").replace("~0", "~")
            target = target.get(key, True) if isinstance(target, Mapping) else True
        return target if ref == "#" or ref.startswith("#/") else True


def _is(value: Any, kind: Any) -> bool:
    if isinstance(value, bool):
        return bool(kind == "boolean")
    if kind == "integer" and isinstance(value, float):
        return bool(value.is_integer())
    return isinstance(value, TYPES.get(str(kind), ()))
