"""The smallest plain JSON value a schema allows, for forced tool calls and JSON formats."""

from typing import Any

from omniwatt.contract.error import BadInput

DEPTH_LIMIT = 64
_FORMATS = {
    "date-time": "2000-01-01T00:00:00Z",
    "date": "2000-01-01",
    "time": "00:00:00Z",
    "email": "a@example.org",
    "uri": "https://example.org",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "127.0.0.1",
}


def minimal(schema: Any) -> Any:
    """An instance of `schema`. Raises BadInput where there is none, or none that this simple search finds."""
    return _make(schema, schema if isinstance(schema, dict) else {}, 0)


def _make(schema: Any, root: dict[str, Any], depth: int) -> Any:
    if depth > DEPTH_LIMIT:
        raise BadInput("The schema asks for an endless value.", param="response_format")
    if schema is True or schema == {}:
        return {} if depth == 0 else None
    if not isinstance(schema, dict):
        raise BadInput("The schema allows no value.", param="response_format")
    return _made(schema, root, depth)


def _made(schema: dict[str, Any], root: dict[str, Any], depth: int) -> Any:
    if "$ref" in schema:
        return _make(_target(schema["$ref"], root), root, depth + 1)
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("allOf"):
        return _make(_merged(schema, root), root, depth + 1)
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            return _shortest(schema, schema[word], root, depth)
    return _of_type(schema, root, depth)


def _shortest(schema: dict[str, Any], options: list[Any], root: dict[str, Any], depth: int) -> Any:
    """The first option that has an instance: a recursive one may not."""
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
    for option in sorted(options, key=lambda option: not (isinstance(option, dict) and option.get("type") == "null")):
        try:
            return _make({**rest, **option} if isinstance(option, dict) else option, root, depth + 1)
        except BadInput:
            continue
    raise BadInput("The schema allows no value.", param="response_format")


def _of_type(schema: dict[str, Any], root: dict[str, Any], depth: int) -> Any:
    kind = schema.get("type") or ("object" if "properties" in schema else "array" if "items" in schema else "string")
    if isinstance(kind, list):
        kind = kind[0]
    match kind:
        case "object":
            properties = schema.get("properties", {})
            return {name: _make(properties.get(name, True), root, depth + 1) for name in schema.get("required", ())}
        case "array":
            return _array(schema, root, depth)
        case "string":
            return _string(schema)
        case "integer" | "number":
            return _number(schema, whole=kind == "integer")
        case "boolean":
            return False
        case "null":
            return None
    raise BadInput(f"The schema has an unknown type {kind!r}.", param="response_format")


def _array(schema: dict[str, Any], root: dict[str, Any], depth: int) -> list[Any]:
    first = schema.get("prefixItems", [])
    items = [_make(item, root, depth + 1) for item in first]
    while len(items) < schema.get("minItems", 0):
        items.append(_make(schema.get("items", True), root, depth + 1))
    return items


def _string(schema: dict[str, Any]) -> str:
    text = _FORMATS.get(schema.get("format", ""), "echo")
    if len(text) < schema.get("minLength", 0):
        text += "." * (schema["minLength"] - len(text))
    limit: int | None = schema.get("maxLength")
    return text if limit is None else text[:limit]


def _number(schema: dict[str, Any], *, whole: bool) -> int | float:
    low = schema.get("minimum", 0)
    if "exclusiveMinimum" in schema:
        low = max(low, schema["exclusiveMinimum"] + (1 if whole else 0.5))
    for word, gap in (("maximum", 0), ("exclusiveMaximum", 1 if whole else 0.5)):
        if word in schema and "minimum" not in schema and "exclusiveMinimum" not in schema:
            low = min(low, schema[word] - gap)
    step = schema.get("multipleOf")
    if step:
        low = -(-low // step) * step
    if whole:
        return int(-(-low // 1))
    return float(low)


def _merged(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        piece = _target(part["$ref"], root) if isinstance(part, dict) and "$ref" in part else part
        if not isinstance(piece, dict):
            raise BadInput("The schema allows no value.", param="response_format")
        properties = {**whole.get("properties", {}), **piece.get("properties", {})}
        required = [*whole.get("required", ()), *piece.get("required", ())]
        whole = {**whole, **piece}
        if properties:
            whole["properties"] = properties
        if required:
            whole["required"] = list(dict.fromkeys(required))
    return whole


def _target(reference: str, root: dict[str, Any]) -> Any:
    value: Any = root
    for word in reference.removeprefix("#").split("/")[1:]:
        key = word.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict) or key not in value:
            raise BadInput(f"The schema refers to {reference!r}, which is not there.", param="response_format")
        value = value[key]
    return value
