"""Compares answers with the official client's own types: every value valid, no key they do not know."""

from typing import Any

from pydantic import BaseModel

ADDED = {
    "CompletionUsage": {"energy", "compute"},
    "Usage": {"energy", "compute"},
    "ChatCompletionMessage": {"reasoning_content"},
    "ChoiceDelta": {"reasoning_content"},
    "Model": {
        "root",
        "description",
        "capabilities",
        "context_window",
        "max_output_tokens",
        "modalities",
        "languages",
        "parameters",
        "knowledge_cutoff",
        "licence",
    },
}
"""What we say beyond OpenAI's shape, by type."""


def exact(kind: type[BaseModel], value: Any) -> Any:
    """`value` as `kind`. Fails on a missing, ill-typed or unknown key at any depth."""
    found = kind.model_validate(value)
    _walk(found, kind.__name__)
    return found


def _walk(value: Any, path: str) -> None:
    if isinstance(value, BaseModel):
        extra = set(value.model_extra or {}) - ADDED.get(type(value).__name__, set())
        assert not extra, f"{path} has unknown keys {sorted(extra)}"
        for name in type(value).model_fields:
            _walk(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _walk(item, f"{path}[{index}]")
