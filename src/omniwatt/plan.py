"""WHAT: a request becomes a Plan, or is refused before any byte is sent. Pure: values in, a value out."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from omniwatt import settings, tokens
from omniwatt.catalog.card import Card
from omniwatt.catalog.catalog import Resolution
from omniwatt.catalog.instructions import delivered
from omniwatt.catalog.voices import Voices, VoiceStyle
from omniwatt.contract.error import BadInput, ContextTooLong, TooLarge, UnsupportedField, VoiceNotFound
from omniwatt.contract.governor import TIERS
from omniwatt.contract.job import Caller, Demand, Plan
from omniwatt.contract.request import (
    ChatBody,
    CompleteBody,
    CountBody,
    DrawBody,
    HearBody,
    MediaPart,
    Request,
    Sampling,
    SpeakBody,
)
from omniwatt.plan_pictures import check_pictures, drawing, illustrating
from omniwatt.tokens import UNSAID_ANSWER_TOKENS

EARS_MISSING = " With a model that hears it would; the operator can fetch one: omniwatt pull whisper-base"
ROLES = {"media": "media"}
"""The helpers of a recipe where nothing else is said: role -> card."""


def make_plan(
    request: Request,
    caller: Caller,
    found: Resolution,
    facts: Sequence[Mapping[str, Any]] = (),
    roles: Mapping[str, str] = ROLES,
    voices: Voices | None = None,
    audio: settings.Audio | None = None,
    draw: settings.Draw | None = None,
) -> Plan:
    """Decide how `request` will be answered by `found.card`. Raises BadInput and its kin.

    `facts` are the probes of the request's media parts; `roles` names the cards that help (`media`, `hear`, `speak`,
    `draw`, `see`).
    """
    card = found.card
    _check_capability(request, card)
    _check_modalities(request, card, roles)
    _check_sound(request, facts, audio or settings.Audio())
    check_pictures(request, facts, draw or settings.Draw())
    sampling = _sampling(request)
    _check_answer(sampling, card)
    prompt_tokens = tokens.estimate(request.body, facts)
    if request.deadline_s is not None and request.deadline_s <= 0:
        raise BadInput("The deadline must lie in the future.", param="deadline_s")
    plan = Plan(
        recipe="direct",
        model=card.name,
        upstream_model=found.upstream_model,
        demand=(Demand(group=card.name, slots=min(_branches(request), max(1, card.slots))),),
        tier=_own(caller) if request.tier == "default" else request.tier,
        turn=_own(caller),
        deadline_s=request.deadline_s,
        gathers=_own(caller) == TIERS[-1] and isinstance(request.body, ChatBody | CompleteBody) and not request.live,
        reserve_tokens=prompt_tokens + _reserved_answer(sampling, _branches(request)),
    )
    match request.body:
        case HearBody():
            return _hearing(plan, request.body, facts, roles)
        case SpeakBody():
            return _speaking(plan, request.body, found, roles, voices)
        case DrawBody():
            return drawing(plan, request.body, card, facts, roles, draw or settings.Draw())
        case ChatBody(picture=DrawBody() as picture):
            return illustrating(plan, picture, card, roles)
        case ChatBody():
            return _conversing(plan, request.body, card, facts, roles, voices)
        case CountBody() if "audio" not in card.input_modalities:
            return _counting(plan, facts)
    return plan


def _own(caller: Caller) -> str:
    """The tier of the caller's key; one we know nothing of is the default."""
    return caller.tier if caller.tier in TIERS else "default"


def modalities(request: Request, card: Card, roles: Mapping[str, str]) -> tuple[str, ...]:
    """The kinds of parts `card` takes in this request: a chat model without ears hears through another card's.

    A picture that a painter is to change need not be seen by the model that calls the painter.
    """
    if isinstance(request.body, ChatBody) and request.body.picture is not None:
        return (*card.input_modalities, "image")
    if isinstance(request.body, ChatBody | CountBody) and "hear" in roles and "audio" not in card.input_modalities:
        return (*card.input_modalities, "audio")
    return card.input_modalities


def _counting(plan: Plan, facts: Sequence[Mapping[str, Any]]) -> Plan:
    """Sounds that another card would hear count by their length; a conversation of text stays as it is."""
    sound_s = sum(float(fact.get("seconds", 0.0)) for fact in facts if fact.get("kind") == "audio")
    return msgspec.structs.replace(plan, recipe="count", sound_s=sound_s) if sound_s else plan


def _hearing(plan: Plan, body: HearBody, facts: Sequence[Mapping[str, Any]], roles: Mapping[str, str]) -> Plan:
    """Decode and write down; sound that streams in is samples already."""
    if body.part is None:
        return msgspec.structs.replace(plan, recipe="hear", reserve_tokens=plan.reserve_tokens + UNSAID_ANSWER_TOKENS)
    sound_s = sum(float(fact.get("seconds", 0.0)) for fact in facts)
    said = math.ceil(tokens.SAID_TOKENS_PER_S * sound_s)
    return msgspec.structs.replace(
        plan,
        recipe="hear",
        sound_s=sound_s,
        demand=(*plan.demand, Demand(group=roles["media"])),
        helpers={"media": roles["media"]},
        reserve_tokens=plan.reserve_tokens + said,
    )


def _speaking(plan: Plan, body: SpeakBody, found: Resolution, roles: Mapping[str, str], voices: Voices | None) -> Plan:
    """Speak with the card that has the voice, and encode unless samples are wanted."""
    speaker, speech = spoken(body, found.card.name, voices, any_card=found.alias)
    groups = [speaker, roles["media"]] if body.audio_format else [speaker]
    said = math.ceil(plan.reserve_tokens * tokens.AUDIO_TOKENS_PER_TEXT_TOKEN / body.voice.speed)
    return msgspec.structs.replace(
        plan,
        recipe="speak",
        model=speaker,
        demand=tuple(Demand(group=group) for group in groups),
        helpers={"media": roles["media"]} if body.audio_format else {},
        speech=speech,
        reserve_tokens=plan.reserve_tokens + said,
    )


def spoken(body: SpeakBody, card: str, voices: Voices | None, *, any_card: bool) -> tuple[str, SpeakBody]:
    """The card that speaks with the voice of `body`, and what it is given, text aside. Raises VoiceNotFound.

    With `any_card` (asked for by an alias) a voice that `card` has not is that of another one.
    """
    bare = msgspec.structs.replace(body, text="")
    if voices is None:
        return card, bare
    style = _style(body.voice.name, card, voices, any_card=any_card)
    voice = msgspec.structs.replace(body.voice, name=style.voice, instructions="")
    delivery = delivered(style.delivery, body.voice.instructions)
    return style.engine, msgspec.structs.replace(bare, voice=voice, delivery=delivery)


def _style(name: str, card: str, voices: Voices, *, any_card: bool) -> VoiceStyle:
    try:
        return voices.resolve(name, card)
    except VoiceNotFound:
        if not any_card:
            raise
    return voices.resolve(name)


def _conversing(
    plan: Plan,
    body: ChatBody,
    card: Card,
    facts: Sequence[Mapping[str, Any]],
    roles: Mapping[str, str],
    voices: Voices | None,
) -> Plan:
    """Ears for a model without any, a voice for an answer to be heard; a chat that needs neither stays as it is.

    Hearing is over before anything is written: a card, and the media engine, may serve both phases with one slot.
    """
    (chat,) = plan.demand
    helpers: dict[str, str] = {}
    hearing: Counter[str] = Counter()
    answering = Counter({chat.group: chat.slots})
    speech, more = None, 0.0
    if "audio" not in card.input_modalities and any(part.kind == "audio" for part in tokens.media_parts(body)):
        helpers |= {"hear": roles["hear"], "media": roles["media"]}
        hearing.update((roles["hear"], roles["media"]))
        seconds = sum(float(fact.get("seconds", 0.0)) for fact in facts if fact.get("kind") == "audio")
        more += tokens.SAID_TOKENS_PER_S * seconds
    if body.voice is not None:
        asked = SpeakBody(voice=body.voice, audio_format=body.audio_format)
        helpers["speak"], speech = spoken(asked, _speaker(roles), voices, any_card=True)
        answering.update((helpers["speak"],))
        if body.audio_format:
            helpers["media"] = roles["media"]
            answering.update((roles["media"],))
        more += _reserved_answer(body.sampling, 1) * tokens.AUDIO_TOKENS_PER_TEXT_TOKEN / body.voice.speed
    if not helpers:
        return plan
    return msgspec.structs.replace(
        plan,
        recipe="converse",
        helpers=helpers,
        speech=speech,
        demand=tuple(Demand(group, slots) for group, slots in (answering | hearing).items()),
        reserve_tokens=plan.reserve_tokens + math.ceil(more),
    )


def _speaker(roles: Mapping[str, str]) -> str:
    if "speak" not in roles:
        raise UnsupportedField(
            "No model here can speak. The operator can fetch one: omniwatt pull piper-joe", param="audio"
        )
    return roles["speak"]


def _check_capability(request: Request, card: Card) -> None:
    needed = request.capability
    if needed in card.capabilities or (needed == "count" and "chat" in card.capabilities):
        return
    able = ", ".join(sorted(card.capabilities)) or "nothing"
    raise BadInput(
        f"The model `{card.name}` cannot do '{needed}'; it can do: {able}.", param="model", code="model_not_supported"
    )


def _check_modalities(request: Request, card: Card, roles: Mapping[str, str]) -> None:
    taken = modalities(request, card, roles)
    for part in tokens.media_parts(request.body):
        if part.kind not in taken:
            raise UnsupportedField(
                f"The model `{card.name}` does not take {_plural(part)}; it takes: {', '.join(taken)}."
                + (EARS_MISSING if part.kind == "audio" and isinstance(request.body, ChatBody | CountBody) else ""),
                param=_media_param(request),
            )


def _media_param(request: Request) -> str:
    match request.body:
        case HearBody():
            return "file"
        case DrawBody():
            return "image"
    return "messages"


def _check_sound(request: Request, facts: Sequence[Mapping[str, Any]], audio: settings.Audio) -> None:
    """Raises BadInput where a recording was promised and none came, TooLarge for one that is too long."""
    param = "file" if isinstance(request.body, HearBody) else "messages"
    for part, fact in zip(tokens.media_parts(request.body), facts, strict=False):
        if part.kind == "audio" and fact.get("kind") != "audio":
            raise BadInput(
                f"There is no sound in this audio: it is {fact.get('media_type') or 'of no known kind'}.",
                param=param,
                code="unsupported_media_type",
            )
        seconds = float(fact.get("seconds", 0.0))
        if fact.get("kind") == "audio" and seconds > audio.max_seconds:
            raise TooLarge(
                f"The sound is {seconds:.0f} seconds long; at most {audio.max_seconds:.0f} are taken here.",
                param=param,
                code="audio_too_long",
                details={"seconds": seconds, "limit": audio.max_seconds},
            )


def _plural(part: MediaPart) -> str:
    return {"image": "images", "audio": "audio", "file": "files"}[part.kind]


def _check_answer(sampling: Sampling | None, card: Card) -> None:
    asked = sampling.max_tokens if sampling else None
    if asked is None:
        return
    if card.max_output_tokens and asked > card.max_output_tokens:
        raise BadInput(
            f"max_tokens is too large: {asked}. `{card.name}` writes at most {card.max_output_tokens} tokens.",
            param="max_tokens",
        )
    if card.context_window and asked >= card.context_window:
        raise ContextTooLong(
            f"max_tokens is {asked}, and this model's maximum context length is {card.context_window} tokens, "
            "the prompt included. Please ask for a shorter answer.",
            param="max_tokens",
            details={"max_tokens": asked, "window": card.context_window},
        )


def _sampling(request: Request) -> Sampling | None:
    return request.body.sampling if isinstance(request.body, ChatBody | CompleteBody) else None


def _branches(request: Request) -> int:
    match request.body:
        case ChatBody(sampling=sampling):
            return sampling.n
        case CompleteBody(prompts=prompts, best_of=best_of, sampling=sampling):
            return len(prompts) * max(best_of, sampling.n)
        case _:
            return 1


def _reserved_answer(sampling: Sampling | None, branches: int) -> int:
    if sampling is None:
        return 0
    return branches * (UNSAID_ANSWER_TOKENS if sampling.max_tokens is None else sampling.max_tokens)
