"""WHAT: a request becomes a Plan, or is refused before any byte is sent. Pure: values in, a value out."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from omniwatt import settings, tokens
from omniwatt.catalog.card import Card
from omniwatt.catalog.catalog import Resolution
from omniwatt.catalog.instructions import delivered
from omniwatt.catalog.voices import Voices, VoiceStyle
from omniwatt.contract.error import BadInput, ContextTooLong, TooLarge, UnsupportedField, VoiceNotFound
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
from omniwatt.engines.draw.wordless import wordless

UNSAID_ANSWER_TOKENS = 512
"""What is reserved for an answer whose limit the caller left open; the end settles what was really used."""
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
    _check_pictures(request, facts, draw or settings.Draw())
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
        tier=request.tier,
        deadline_s=request.deadline_s,
        reserve_tokens=prompt_tokens + _reserved_answer(sampling, _branches(request)),
    )
    match request.body:
        case HearBody():
            return _hearing(plan, request.body, facts, roles)
        case SpeakBody():
            return _speaking(plan, request.body, found, roles, voices)
        case DrawBody():
            return _drawing(plan, request.body, card, facts, roles, draw or settings.Draw())
        case ChatBody(picture=DrawBody() as picture):
            return _illustrating(plan, picture, card, roles)
        case ChatBody():
            return _conversing(plan, request.body, card, facts, roles, voices)
        case CountBody() if "audio" not in card.input_modalities:
            return _counting(plan, facts)
    return plan


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


def _drawing(
    plan: Plan,
    body: DrawBody,
    card: Card,
    facts: Sequence[Mapping[str, Any]],
    roles: Mapping[str, str],
    limits: settings.Draw,
) -> Plan:
    """Draw, letter with the card that can spell, and read back what is lettered with the model that sees."""
    name = plan.upstream_model or card.name
    spells = "letter" in card.capabilities or any(fnmatchcase(name, pattern) for pattern in limits.spelling)
    plan = msgspec.structs.replace(plan, recipe="draw", spells=spells)
    if body.explain:
        return plan
    helpers = {"see": roles["see"]} if "see" in roles else {}
    if "opinion" in roles and body.quality == "high" and body.task == "generate" and "letter" in card.capabilities:
        helpers["opinion"] = roles["opinion"]
        asked = {"opinion_model": limits.second_opinion, "opinion_s": limits.second_opinion_s}
        plan = msgspec.structs.replace(plan, reserve_tokens=plan.reserve_tokens + UNSAID_ANSWER_TOKENS, **asked)
    if not spells and "letter" in roles and wordless(body.prompt).texts:
        helpers["letter"] = roles["letter"]
    return msgspec.structs.replace(
        plan,
        demand=_painters(plan.model, helpers),
        helpers=helpers,
        harmonise=float(card.options.get("harmonise", 0.0)),
        image_tokens=sum(map(tokens.given_tokens, facts)),
        reserve_tokens=plan.reserve_tokens + _reserved_pictures(body),
    )


def _illustrating(plan: Plan, picture: DrawBody, card: Card, roles: Mapping[str, str]) -> Plan:
    """A chat whose model may call for a picture: the painter's slots are waited for when it does."""
    if "draw" not in roles:
        raise UnsupportedField(
            "No model here can draw. The operator can fetch one: omniwatt pull illustrator", param="tools"
        )
    helpers = {role: roles[role] for role in ("draw", "see", "letter") if role in roles}
    return msgspec.structs.replace(
        plan,
        recipe="illustrate",
        helpers=helpers,
        spells=helpers.get("letter") == roles["draw"],
        blind="image" not in card.input_modalities,
        later=_painters(roles["draw"], helpers),
        reserve_tokens=plan.reserve_tokens + _reserved_pictures(picture),
    )


def _painters(painter: str, helpers: Mapping[str, str]) -> tuple[Demand, ...]:
    """Who letters is read back at once, and needs a slot beside the reader's, also where one card does both.

    A painter that cannot spell is done by then, and an opinion is asked for before anything is painted: a card may
    serve these steps with one slot.
    """
    lettering = (helpers.get("letter", painter), *([helpers["see"]] if "see" in helpers else []))
    before = [helpers["opinion"]] if "opinion" in helpers else []
    groups = Counter((painter,)) | Counter(lettering) | Counter(before)
    return tuple(Demand(group, slots) for group, slots in groups.items())


def _reserved_pictures(body: DrawBody) -> int:
    size = (body.width_px, body.height_px) if body.width_px else tokens.USUAL_PX
    partial = tokens.PARTIAL_TOKENS * body.partial_images
    return body.n * (tokens.picture_tokens(*size, body.quality) + partial)


def _speaker(roles: Mapping[str, str]) -> str:
    if "speak" not in roles:
        raise UnsupportedField(
            "No model here can speak. The operator can fetch one: omniwatt pull piper-joe", param="audio"
        )
    return roles["speak"]


def frugal(request: Request, tight: bool) -> tuple[Request, dict[str, str]]:
    """The request as it is done while watts are short: where the caller left the quality to us, the fast mode.

    With what became of it, for the answer's headers. Pure.
    """
    body = request.body
    if not tight or not isinstance(body, DrawBody) or body.quality != "auto" or body.explain:
        return request, {}
    less = msgspec.structs.replace(request, body=msgspec.structs.replace(body, quality="low"))
    return less, {"quality": "low"}


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


def _check_pictures(request: Request, facts: Sequence[Mapping[str, Any]], limits: settings.Draw) -> None:
    """Raises BadInput for a picture that is too large, and for what is brought to be changed and is no picture."""
    body = request.body
    if isinstance(body, ChatBody) and body.picture is not None:
        body = body.picture
    if not isinstance(body, DrawBody):
        return
    if max(body.width_px, body.height_px) > limits.max_side_px:
        raise BadInput(f"The longest side is at most {limits.max_side_px} pixels here.", param="size")
    if body.n * body.width_px * body.height_px > limits.max_pixels:
        raise BadInput(
            f"{body.n} of {body.width_px}x{body.height_px} are more than the {limits.max_pixels} pixels that one "
            "request may ask for here.",
            param="size" if body.n == 1 else "n",
        )
    if isinstance(request.body, DrawBody):
        _check_given(body, facts)


def _check_given(body: DrawBody, facts: Sequence[Mapping[str, Any]]) -> None:
    """What was uploaded: pictures all, and the mask a PNG as large as the first of them."""
    for fact in facts:
        if fact.get("kind") != "image":
            raise BadInput(
                f"This is no picture: it is {fact.get('media_type') or 'of no known kind'}.",
                param="image",
                code="unsupported_media_type",
            )
    if body.mask is None or len(facts) < 2:
        return
    first, mask = facts[0], facts[-1]
    if mask.get("media_type") != "image/png":
        raise BadInput(f"The mask must be a PNG; it is {mask.get('media_type')}.", param="mask")
    sizes = [(fact.get("width"), fact.get("height")) for fact in (first, mask)]
    if sizes[0] != sizes[1]:
        said = [f"{width}x{height}" for width, height in sizes]
        raise BadInput(f"The mask must be as large as the image: it is {said[1]}, not {said[0]}.", param="mask")


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
