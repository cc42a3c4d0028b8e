"""WHAT, of pictures: a request to draw, or to chat with a painter at hand, becomes a plan. Pure, like plan.py."""

from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from omniwatt import settings, tokens
from omniwatt.catalog.card import Card
from omniwatt.contract.error import BadInput, UnsupportedField
from omniwatt.contract.job import Demand, Plan
from omniwatt.contract.request import ChatBody, DrawBody, Request
from omniwatt.engines.draw.wordless import wordless
from omniwatt.tokens import UNSAID_ANSWER_TOKENS


def drawing(
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


def illustrating(plan: Plan, picture: DrawBody, card: Card, roles: Mapping[str, str]) -> Plan:
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


def frugal(request: Request, tight: bool) -> tuple[Request, dict[str, str]]:
    """The request as it is done while watts are short: where the caller left the quality to us, the fast mode.

    With what became of it, for the answer's headers. Pure.
    """
    body = request.body
    if not tight or not isinstance(body, DrawBody) or body.quality != "auto" or body.explain:
        return request, {}
    less = msgspec.structs.replace(request, body=msgspec.structs.replace(body, quality="low"))
    return less, {"quality": "low"}


def check_pictures(request: Request, facts: Sequence[Mapping[str, Any]], limits: settings.Draw) -> None:
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
