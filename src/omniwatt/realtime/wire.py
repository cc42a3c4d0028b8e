"""Values -> the objects of OpenAI's Realtime API. Pure."""

import base64
import secrets
from collections.abc import Mapping
from typing import Any

from omniwatt.contract.event import Usage
from omniwatt.realtime.values import (
    FormatName,
    Item,
    ItemPart,
    Json,
    SessionSettings,
    Transcription,
    TurnDetection,
)


def new_id(prefix: str) -> str:
    """A random id, such as `item_...`."""
    return f"{prefix}_{secrets.token_hex(12)}"


def item(value: Item, *, sound: bool = False) -> Json:
    """An item; its sound only when asked for."""
    found: Json = {"id": value.id, "object": "realtime.item", "type": value.type, "status": value.status}
    match value.type:
        case "message":
            return found | {"role": value.role, "content": [part(one, sound=sound) for one in value.content]}
        case "function_call":
            return found | {"name": value.name, "call_id": value.call_id, "arguments": value.arguments}
        case _:
            return found | {"call_id": value.call_id, "output": value.output}


def part(value: ItemPart, *, sound: bool = False) -> Json:
    """A piece of an item."""
    if value.type in ("input_text", "output_text"):
        return {"type": value.type, "text": value.text}
    found: Json = {"type": value.type, "transcript": value.text or None}
    return found | {"audio": base64.b64encode(value.audio).decode()} if sound else found


def session(settings: SessionSettings, session_id: str, expires_at: int) -> Json:
    """The session as `session.created` and `session.updated` show it."""
    incoming: Json = {
        "format": sound_format(settings.input_format),
        "noise_reduction": None,
        "transcription": _transcription(settings.transcription),
        "turn_detection": _detection(settings.turn_detection),
    }
    found: Json = {
        "id": session_id,
        "object": "realtime.session",
        "type": settings.type,
        "expires_at": expires_at,
        "include": ["item.input_audio_transcription.logprobs"] if settings.logprobs else None,
    }
    if settings.type == "transcription":
        return found | {"object": "realtime.transcription_session", "audio": {"input": incoming}}
    outgoing = {
        "format": sound_format(settings.output_format),
        "voice": settings.voice,
        "speed": settings.speed,
    }
    return found | {
        "model": settings.model,
        "instructions": settings.instructions,
        "output_modalities": [settings.output_modality],
        "audio": {"input": incoming, "output": outgoing},
        "tools": [_tool(tool) for tool in settings.tools],
        "tool_choice": choice(settings.tool_choice),
        "parallel_tool_calls": settings.parallel_tool_calls,
        "max_output_tokens": settings.max_output_tokens or "inf",
        "truncation": settings.truncation.mode
        if settings.truncation.mode != "retention_ratio"
        else {"type": "retention_ratio", "retention_ratio": settings.truncation.ratio},
        "tracing": None,
        "prompt": None,
    }


def sound_format(name: FormatName) -> Json:
    """`{"type": "audio/pcm", "rate": 24000}`; G.711 has no rate."""
    return {"type": name, "rate": 24000} if name == "audio/pcm" else {"type": name}


def choice(value: str) -> Any:
    """A tool choice: a word, or a function by name."""
    kind, colon, name = value.partition(":")
    return {"type": "function", "name": name} if colon else kind


def usage(used: Usage) -> Json:
    """What one response took, by kind."""
    output_text = used.completion_tokens - used.audio_output_tokens
    return {
        "total_tokens": used.total_tokens,
        "input_tokens": used.prompt_tokens,
        "output_tokens": used.completion_tokens,
        "input_token_details": {
            "text_tokens": used.prompt_tokens - used.audio_tokens,
            "audio_tokens": used.audio_tokens,
            "image_tokens": used.image_tokens,
            "cached_tokens": used.cached_tokens,
            "cached_tokens_details": {"text_tokens": used.cached_tokens, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": output_text, "audio_tokens": used.audio_output_tokens},
    } | ({"energy": used.energy} if used.energy is not None else {})


def heard(used: Usage) -> Json:
    """What one transcription took."""
    return {
        "type": "tokens",
        "total_tokens": used.total_tokens,
        "input_tokens": used.prompt_tokens,
        "output_tokens": used.completion_tokens,
        "input_token_details": {
            "text_tokens": used.prompt_tokens - used.audio_tokens,
            "audio_tokens": used.audio_tokens,
        },
    }


def rate_limits(found: Mapping[str, Any]) -> list[Json]:
    """The key's limits, where it has any."""
    return [
        {
            "name": name,
            "limit": found[f"limit_{name}"],
            "remaining": found.get(f"remaining_{name}", 0),
            "reset_seconds": round(float(found.get(f"reset_{name}_s", 0.0)), 3),
        }
        for name in ("requests", "tokens")
        if f"limit_{name}" in found
    ]


def _transcription(value: Transcription | None) -> Json | None:
    if value is None:
        return None
    found: Json = {"model": value.model, "language": value.language, "prompt": value.prompt}
    return found | {"keywords": list(value.keywords)} if value.keywords else found


def _detection(value: TurnDetection | None) -> Json | None:
    if value is None:
        return None
    found: Json = {
        "type": value.type,
        "create_response": value.create_response,
        "interrupt_response": value.interrupt_response,
    }
    if value.type == "semantic_vad":
        return found | {"eagerness": value.eagerness}
    return found | {
        "threshold": value.threshold,
        "prefix_padding_ms": value.prefix_padding_ms,
        "silence_duration_ms": value.silence_duration_ms,
        "idle_timeout_ms": value.idle_timeout_ms,
    }


def _tool(tool: Any) -> Json:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }
