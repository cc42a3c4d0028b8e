"""WHAT: a request becomes a Plan, or is refused before any byte is sent. Pure: values in, a value out."""

from collections.abc import Mapping, Sequence
from typing import Any

from omniwatt import tokens
from omniwatt.catalog.card import Card
from omniwatt.catalog.catalog import Resolution
from omniwatt.contract.error import BadInput, ContextTooLong, UnsupportedField
from omniwatt.contract.job import Caller, Demand, Plan
from omniwatt.contract.request import ChatBody, CompleteBody, MediaPart, Request, Sampling

UNSAID_ANSWER_TOKENS = 512
"""What is reserved for an answer whose limit the caller left open; the end settles what was really used."""


def make_plan(request: Request, caller: Caller, found: Resolution, facts: Sequence[Mapping[str, Any]] = ()) -> Plan:
    """Decide how `request` will be answered by `found.card`. Raises BadInput and its kin.

    `facts` are the probes of the request's media parts.
    """
    card = found.card
    _check_capability(request, card)
    _check_modalities(request, card)
    sampling = _sampling(request)
    _check_answer(sampling, card)
    prompt_tokens = tokens.estimate(request.body, facts)
    if request.deadline_s is not None and request.deadline_s <= 0:
        raise BadInput("The deadline must lie in the future.", param="deadline_s")
    return Plan(
        recipe="direct",
        model=card.name,
        upstream_model=found.upstream_model,
        demand=(Demand(group=card.name, slots=min(_branches(request), max(1, card.slots))),),
        tier=request.tier,
        deadline_s=request.deadline_s,
        reserve_tokens=prompt_tokens + _reserved_answer(request, sampling),
    )


def _check_capability(request: Request, card: Card) -> None:
    needed = request.capability
    if needed in card.capabilities or (needed == "count" and "chat" in card.capabilities):
        return
    able = ", ".join(sorted(card.capabilities)) or "nothing"
    raise BadInput(
        f"The model `{card.name}` cannot do '{needed}'; it can do: {able}.", param="model", code="model_not_supported"
    )


def _check_modalities(request: Request, card: Card) -> None:
    for part in tokens.media_parts(request.body):
        if part.kind not in card.input_modalities:
            raise UnsupportedField(
                f"The model `{card.name}` does not take {_plural(part)}; it takes: {', '.join(card.input_modalities)}.",
                param="messages",
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


def _reserved_answer(request: Request, sampling: Sampling | None) -> int:
    if sampling is None:
        return 0
    return _branches(request) * (UNSAID_ANSWER_TOKENS if sampling.max_tokens is None else sampling.max_tokens)
