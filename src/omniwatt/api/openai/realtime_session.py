"""A realtime session's settings: JSON -> SessionSettings, laid over what is in force. Raises BadInput."""

from typing import Any, Literal

import msgspec

from omniwatt.api.fields import Nested, boolean, integer, number, one_of, text, wrong_type
from omniwatt.api.openai.responses_fields import parse_choice, parse_tools
from omniwatt.contract.error import BadInput, UnsupportedField
from omniwatt.realtime.values import (
    BYTES_PER_MS,
    FormatName,
    Retention,
    SessionSettings,
    Transcription,
    TurnDetection,
)

MODALITIES = "output_modalities"
KEYS = frozenset(
    {
        "type",
        "id",
        "object",
        "expires_at",
        "model",
        "audio",
        "include",
        "instructions",
        "max_output_tokens",
        "output_modalities",
        "parallel_tool_calls",
        "prompt",
        "reasoning",
        "tool_choice",
        "tools",
        "tracing",
        "truncation",
    }
)
TRANSCRIPTION_KEYS = frozenset({"type", "id", "object", "expires_at", "audio", "include"})
SHOWN = frozenset({"id", "object", "expires_at"})
"""What `session.created` says and a client may send back; nothing is changed by it."""
LOGPROBS = "item.input_audio_transcription.logprobs"
VAD_KEYS = frozenset({"type", "create_response", "interrupt_response"})
SERVER_VAD_KEYS = VAD_KEYS | {"idle_timeout_ms", "prefix_padding_ms", "silence_duration_ms", "threshold"}
RETENTION_MODES = ("auto", "disabled")
WORDS = text(1_000_000)


def parse_session(value: Any, param: str, settings: SessionSettings, nested: Nested, *, anew: bool) -> SessionSettings:
    """`settings` with what `value` says changed; `anew` while a session is being made, when model and type may be."""
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    kind = one_of("realtime", "transcription").check(value.get("type", settings.type), f"{param}.type")
    nested.check(value, param, KEYS if kind == "realtime" else TRANSCRIPTION_KEYS)
    if kind != settings.type and not anew:
        raise BadInput("The type of a session cannot be changed.", param=f"{param}.type")
    changes: dict[str, Any] = {"type": kind}
    for name, given in value.items():
        if name in SHOWN or name in ("type", "audio", "tools", "tool_choice"):
            continue
        changes |= _plain(name, given, f"{param}.{name}", settings, nested, anew)
    changes |= _audio(value.get("audio"), f"{param}.audio", settings, nested)
    changes |= _tools(value, param, settings, nested)
    return msgspec.structs.replace(settings, **changes)


def _plain(name: str, given: Any, param: str, settings: SessionSettings, nested: Nested, anew: bool) -> dict[str, Any]:
    match name:
        case "model":
            model = text(256, 1).check(given, param)
            if not anew and model != settings.model:
                raise BadInput("The model of a session cannot be changed.", param=param)
            return {"model": model}
        case "instructions":
            return {"instructions": WORDS.check(given or "", param)}
        case "max_output_tokens":
            return {"max_output_tokens": None if given in (None, "inf") else limit(given, param)}
        case "output_modalities":
            return {"output_modality": modality(given, param)}
        case "parallel_tool_calls":
            return {"parallel_tool_calls": given is None or boolean().check(given, param)}
        case "truncation":
            return {"truncation": _retention(given, param, nested)}
        case "include":
            return {"logprobs": _include(given, param)}
        case _ if given is None:
            return {}
    raise UnsupportedField(f"'{param}' is not supported here.", param=param)


def limit(value: Any, param: str) -> int:
    """A number of output tokens, 1 to 4096."""
    return int(integer(1, 4096).check(value, param))


def modality(value: Any, param: str) -> Literal["audio", "text"]:
    """`["audio"]` or `["text"]`."""
    if value not in (["audio"], ["text"]):
        raise BadInput(f'Invalid \'{param}\': supported are ["audio"] and ["text"].', param=param)
    return "audio" if value == ["audio"] else "text"


def sound_format(value: Any, param: str, nested: Nested) -> FormatName:
    """The name in `{"type": "audio/pcm", "rate": 24000}`."""
    given = nested.check(value, param, frozenset({"type", "rate"}))
    name: FormatName = one_of(*BYTES_PER_MS).check(given.get("type"), f"{param}.type")
    if given.get("rate") is not None and (name, given["rate"]) != ("audio/pcm", 24000):
        raise BadInput("Only audio/pcm has a rate, and it is 24000.", param=f"{param}.rate")
    return name


def voice_name(value: Any, param: str, nested: Nested) -> str:
    """A name, or `{"id": name}`; whether there is such a voice is the session's to say."""
    if isinstance(value, dict):
        value = nested.check(value, param, frozenset({"id"})).get("id")
    return str(text(256, 1).check(value, param))


def _audio(value: Any, param: str, settings: SessionSettings, nested: Nested) -> dict[str, Any]:
    if value is None:
        return {}
    audio = nested.check(value, param, frozenset({"input", "output"}))
    changes: dict[str, Any] = {}
    incoming = nested.check(
        audio.get("input") or {},
        f"{param}.input",
        frozenset({"format", "noise_reduction", "transcription", "turn_detection"}),
    )
    place = f"{param}.input"
    if incoming.get("noise_reduction") is not None:
        raise UnsupportedField("Noise is not reduced here.", param=f"{place}.noise_reduction")
    if incoming.get("format") is not None:
        changes["input_format"] = sound_format(incoming["format"], f"{place}.format", nested)
    if "transcription" in incoming:
        changes["transcription"] = _transcription(incoming["transcription"], f"{place}.transcription", nested)
    if "turn_detection" in incoming:
        now = settings.turn_detection
        changes["turn_detection"] = _detection(incoming["turn_detection"], f"{place}.turn_detection", now, nested)
    place = f"{param}.output"
    outgoing = nested.check(audio.get("output") or {}, place, frozenset({"format", "voice", "speed"}))
    if outgoing.get("format") is not None:
        changes["output_format"] = sound_format(outgoing["format"], f"{place}.format", nested)
    if outgoing.get("voice") is not None:
        changes["voice"] = voice_name(outgoing["voice"], f"{place}.voice", nested)
    if outgoing.get("speed") is not None:
        changes["speed"] = number(0.25, 4.0).check(outgoing["speed"], f"{place}.speed")
    return changes


def _transcription(value: Any, param: str, nested: Nested) -> Transcription | None:
    if value is None:
        return None
    given = nested.check(value, param, frozenset({"delay", "keywords", "language", "languages", "model", "prompt"}))
    for name in ("delay", "languages"):
        if given.get(name) is not None:
            raise UnsupportedField(f"'{param}.{name}' is not supported here.", param=f"{param}.{name}")
    keywords = given.get("keywords") or []
    if not isinstance(keywords, list) or len(keywords) > 100:
        raise BadInput(f"Invalid '{param}.keywords': up to 100 words are taken.", param=f"{param}.keywords")
    return Transcription(
        model=_optional(given, "model", param, 256),
        language=_optional(given, "language", param, 16),
        prompt=_optional(given, "prompt", param, 4096),
        keywords=tuple(text(100, 1).check(word, f"{param}.keywords[{i}]") for i, word in enumerate(keywords)),
    )


def _optional(given: dict[str, Any], name: str, param: str, most: int) -> str | None:
    return None if given.get(name) is None else text(most).check(given[name], f"{param}.{name}")


def _detection(value: Any, param: str, now: TurnDetection | None, nested: Nested) -> TurnDetection | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    kind = one_of("server_vad", "semantic_vad").check(value.get("type"), f"{param}.type")
    base = now if now is not None and now.type == kind else TurnDetection(type=kind)
    given = nested.check(value, param, SERVER_VAD_KEYS if kind == "server_vad" else VAD_KEYS | {"eagerness"})
    kinds = {
        "create_response": boolean(),
        "interrupt_response": boolean(),
        "idle_timeout_ms": integer(1000, 600_000),
        "prefix_padding_ms": integer(0, 5000),
        "silence_duration_ms": integer(100, 10_000),
        "threshold": number(0.0, 1.0),
        "eagerness": one_of("low", "medium", "high", "auto"),
    }
    changes = {n: kinds[n].check(v, f"{param}.{n}") for n, v in given.items() if n != "type" and v is not None}
    if "idle_timeout_ms" in given and given["idle_timeout_ms"] is None:
        changes["idle_timeout_ms"] = None
    return msgspec.structs.replace(base, **changes)


def _tools(value: dict[str, Any], param: str, settings: SessionSettings, nested: Nested) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    tools = settings.tools
    if "tools" in value:
        tools = changes["tools"] = parse_tools(value["tools"] or [], f"{param}.tools", nested)
    if value.get("tool_choice") is not None:
        choice, left = parse_choice(value["tool_choice"], f"{param}.tool_choice", tools, nested)
        changes |= {"tool_choice": choice, "tools": left}
    elif settings.tool_choice.startswith("function:") and "tools" in changes:
        changes["tool_choice"] = "auto"
    return changes


def _retention(value: Any, param: str, nested: Nested) -> Retention:
    if value is None or value in RETENTION_MODES:
        return Retention(value or "auto")
    given = nested.check(value, param, frozenset({"type", "retention_ratio", "token_limits"}))
    if given.get("type") != "retention_ratio":
        raise BadInput("Supported values are: 'auto', 'disabled' and 'retention_ratio'.", param=f"{param}.type")
    if given.get("token_limits") is not None:
        raise UnsupportedField("Token limits are not supported here.", param=f"{param}.token_limits")
    ratio = number(0.0, 1.0).check(given.get("retention_ratio"), f"{param}.retention_ratio")
    return Retention("retention_ratio", ratio)


def _include(value: Any, param: str) -> bool:
    if value in (None, []):
        return False
    if value != [LOGPROBS]:
        raise BadInput(f"Invalid '{param}': supported is '{LOGPROBS}'.", param=param)
    return True
