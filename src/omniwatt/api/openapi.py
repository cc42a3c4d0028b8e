"""GET /openapi.json: made from the routes, the field tables and the openai package's own response types."""

import asyncio
import copy
import importlib
from collections.abc import Iterable
from functools import cache
from typing import Any

from starlette.routing import Route

from omniwatt import __version__
from omniwatt.api.exchange import Endpoint, Exchange
from omniwatt.api.fields import Field, Table
from omniwatt.api.openai import images_fields, realtime_calls, speech, transcripts
from omniwatt.api.openai.tables import FORMS, TABLES
from omniwatt.catalog.upstream import UPSTREAM

REF = "#/components/schemas/{model}"
ERROR_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}

ANSWERS: dict[tuple[str, str], str] = {
    ("POST", "/v1/chat/completions"): "openai.types.chat:ChatCompletion",
    ("POST", "/v1/completions"): "openai.types:Completion",
    ("POST", "/v1/embeddings"): "openai.types:CreateEmbeddingResponse",
    ("POST", "/v1/responses"): "openai.types.responses:Response",
    ("GET", "/v1/responses/{response_id}"): "openai.types.responses:Response",
    ("POST", "/v1/responses/{response_id}/cancel"): "openai.types.responses:Response",
    ("POST", "/v1/audio/transcriptions"): "openai.types.audio:Transcription",
    ("POST", "/v1/audio/translations"): "openai.types.audio:Translation",
    ("POST", "/v1/images/generations"): "openai.types:ImagesResponse",
    ("POST", "/v1/images/edits"): "openai.types:ImagesResponse",
    ("POST", "/v1/images/variations"): "openai.types:ImagesResponse",
    ("POST", "/v1/realtime/client_secrets"): "openai.types.realtime:ClientSecretCreateResponse",
    ("GET", "/v1/models/{model}"): "openai.types:Model",
    ("POST", "/v1/files"): "openai.types:FileObject",
    ("GET", "/v1/files/{file_id}"): "openai.types:FileObject",
    ("DELETE", "/v1/files/{file_id}"): "openai.types:FileDeleted",
}
"""(method, path) -> the openai package's type of the answer. Others are described as plain JSON."""

EVENTS = "text/event-stream"
SUBTITLES = tuple(sorted({kind.decode() for kind in transcripts.MEDIA_TYPES.values()} - {"application/json"}))
OTHER_FORMS: dict[str, tuple[str, ...]] = {
    "/v1/audio/transcriptions": SUBTITLES,
    "/v1/audio/translations": SUBTITLES,
    **dict.fromkeys(
        ("/v1/images/generations", "/v1/images/edits", "/v1/images/variations"), (*images_fields.FORM_OF, EVENTS)
    ),
    "/v1/audio/speech": (*sorted(kind.decode() for kind in speech.MEDIA_TYPES.values()), EVENTS),
}
"""Path -> media types its answer may have besides."""

UPLOAD = {
    "type": "object",
    "required": ["file", "purpose"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "purpose": {"type": "string"},
        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
        "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2592000},
    },
}


SDP = realtime_calls.SDP.decode()
OFFER = {
    SDP: {"schema": {"type": "string"}},
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["sdp"],
            "properties": {"sdp": {"type": "string"}, "session": {"type": "object"}},
        }
    },
}
"""Of a WebRTC call."""


async def show(exchange: Exchange) -> None:
    """This document."""
    # The first call imports the openai package and pydantic, which takes a while: not on the event loop.
    await asyncio.to_thread(_answers)
    catalog = exchange.parts.catalog
    cards = catalog.served()
    # A relay may answer to patterns of names, which no list can hold.
    open_ended = any(card.engine == UPSTREAM for card in cards)
    names = set() if open_ended else {card.name for card in cards} | catalog.aliases().keys()
    await exchange.reply_json(document(exchange.scope["router"].routes, sorted(names)))


def document(routes: Iterable[Route], models: list[str]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of `routes`; `models` are the values of `model`, [] is any text."""
    answers, schemas = _answers()
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operations = paths.setdefault(route.path_format, {})
        for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
            operations[method.lower()] = _operation(route, method, models, answers)
    return {
        "openapi": "3.1.0",
        "info": {"title": "omniwatt", "version": __version__},
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas | {"Error": ERROR_SCHEMA},
        },
    }


def _operation(route: Route, method: str, models: list[str], answers: dict[tuple[str, str], str]) -> dict[str, Any]:
    path = route.path_format
    table = TABLES.get(path) if method == "POST" else None
    name = answers.get((method, path))
    content: dict[str, Any] = {"application/json": {"schema": {"$ref": REF.format(model=name)} if name else {}}}
    if table and "stream" in table.fields:
        content[EVENTS] = {"schema": {}}
    others = OTHER_FORMS.get(path, ())
    content = content if name or not others else {}
    content |= {kind: {"schema": {} if kind == EVENTS else {"type": "string"}} for kind in others}
    found: dict[str, Any] = {
        "summary": summary(route),
        "responses": {
            "200": {"description": "The answer", "content": content if name or others else {"*/*": {"schema": {}}}},
            "default": {
                "description": "An error",
                "content": {"application/json": {"schema": {"$ref": REF.format(model="Error")}}},
            },
        },
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in route.param_convertors
        ],
    }
    if table:
        body = request_schema(table, models)
        kind = "multipart/form-data" if path in FORMS else "application/json"
        found["requestBody"] = {"required": True, "content": {kind: {"schema": body}}}
    elif (method, path) == ("POST", "/v1/files"):
        found["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": UPLOAD}}}
    elif (method, path) == ("POST", realtime_calls.PATH):
        found["requestBody"] = {"required": True, "content": OFFER}
        answer = {"description": "The call's path is in Location", "content": {SDP: {"schema": {"type": "string"}}}}
        found["responses"] = {"201": answer, "default": found["responses"]["default"]}
    return found


def summary(route: Route) -> str:
    """The first line of what the route's handler says of itself."""
    handler = route.endpoint.handler if isinstance(route.endpoint, Endpoint) else route.endpoint
    return (handler.__doc__ or "").strip().partition("\n")[0]


def request_schema(table: Table, models: list[str] | None = None) -> dict[str, Any]:
    """JSON schema of a table's body; what is refused whatever its value is left out."""
    properties = {field.name: _property(field, models) for field in table.fields.values() if field.policy != "refused"}
    return {
        "type": "object",
        "required": [field.name for field in table.fields.values() if field.required],
        "properties": properties,
        "additionalProperties": False,
    }


def _property(field: Field, models: list[str] | None) -> dict[str, Any]:
    schema: dict[str, Any] = {"enum": list(field.neutral)} if field.neutral else copy.copy(field.kind.schema)
    if field.name == "model" and models:
        schema = {"type": "string", "enum": models}
    return schema | ({"description": field.note} if field.note else {})


@cache
def _answers() -> tuple[dict[tuple[str, str], str], dict[str, Any]]:
    """The schema name of every answer, and all schemas they need."""
    from pydantic.json_schema import models_json_schema

    kinds = {key: getattr(importlib.import_module(module), name) for key, module, name in _split()}
    unique = list(dict.fromkeys(kinds.values()))
    refs, whole = models_json_schema([(kind, "serialization") for kind in unique], ref_template=REF)
    names = {kind: refs[kind, "serialization"]["$ref"].rpartition("/")[2] for kind in unique}
    return {key: names[kind] for key, kind in kinds.items()}, whole.get("$defs", {})


def _split() -> list[tuple[tuple[str, str], str, str]]:
    return [(key, *target.split(":")) for key, target in ANSWERS.items()]  # type: ignore[misc]


routes = [Route("/openapi.json", Endpoint(show), methods=["GET"])]
