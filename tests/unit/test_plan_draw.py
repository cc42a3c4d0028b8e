"""Plans of pictures: groups, slots, tokens, and every upload that is refused."""

from typing import Any

import msgspec
import pytest

from omniwatt import tokens
from omniwatt.catalog.card import Card
from omniwatt.catalog.catalog import Resolution
from omniwatt.contract.error import BadInput, UnsupportedField
from omniwatt.contract.job import Caller, Demand, Plan
from omniwatt.contract.request import Body, ChatBody, DrawBody, MediaPart, Message, Request, TextPart
from omniwatt.plan import make_plan
from omniwatt.settings import Draw

CALLER = Caller(key_id="k", name="n", project="p")
PAINTER = Card(name="painter", engine="echo", capabilities=("draw",), input_modalities=("text", "image"), slots=2)
CHAT = Card(name="chat", engine="echo", capabilities=("chat",))
ROLES = {"media": "media", "draw": "painter", "see": "reader"}
IMAGE, MASK = MediaPart("image", b"i"), MediaPart("image", b"m")
SEEN = {"kind": "image", "media_type": "image/png", "width": 512, "height": 512}


def planned(body: Body, *facts: dict[str, Any], roles: dict[str, str] = ROLES, limits: Draw | None = None) -> Plan:
    card, capability = (CHAT, "chat") if isinstance(body, ChatBody) else (PAINTER, "draw")
    request = Request("r", capability, card.name, body)  # type: ignore[arg-type]
    return make_plan(request, CALLER, Resolution(card, card.name, False), facts, roles, draw=limits)


def test_a_painter_and_a_reader() -> None:
    plan = planned(DrawBody("a cat", n=2, width_px=1024, height_px=1024, quality="low", partial_images=1))
    assert plan.recipe == "draw"
    assert plan.demand == (Demand("painter"), Demand("reader"))
    assert plan.helpers == {"see": "reader"}
    assert plan.reserve_tokens == 2 + 2 * (272 + 100)


def test_one_card_that_paints_and_reads_needs_two_slots() -> None:
    assert planned(DrawBody("x"), roles={"media": "media", "see": "painter"}).demand == (Demand("painter", 2),)


def test_an_estimate_takes_the_painter_alone() -> None:
    plan = planned(DrawBody("x", explain=True))
    assert (plan.demand, plan.helpers) == ((Demand("painter"),), {})


def test_a_chat_that_may_draw_waits_for_the_painter_later() -> None:
    body = ChatBody((Message("user", (IMAGE, TextPart("hi"))),), picture=DrawBody(""))
    plan = planned(body, SEEN)
    assert (plan.recipe, plan.model, plan.demand) == ("illustrate", "chat", (Demand("chat"),))
    assert plan.later == (Demand("painter"), Demand("reader"))
    assert plan.blind
    with pytest.raises(UnsupportedField, match="pull illustrator"):
        planned(body, SEEN, roles={"media": "media"})


@pytest.mark.parametrize(
    ("body", "facts", "param"),
    [
        (DrawBody("x", width_px=4096, height_px=1024), (), "size"),
        (DrawBody("x", width_px=2048, height_px=2048, n=2), (), "n"),
        (DrawBody("x", width_px=2048, height_px=2048), (), ""),
        (DrawBody("x", images=(IMAGE,)), ({"kind": "audio", "media_type": "audio/wav"},), "image"),
        (DrawBody("x", images=(IMAGE,), mask=MASK), (SEEN, SEEN | {"width": 511}), "mask"),
        (DrawBody("x", images=(IMAGE,), mask=MASK), (SEEN, SEEN | {"media_type": "image/webp"}), "mask"),
        (DrawBody("x", images=(IMAGE, IMAGE), mask=MASK), (SEEN, SEEN | {"width": 9}, SEEN), ""),
    ],
)
def test_limits(body: DrawBody, facts: tuple[dict[str, Any], ...], param: str) -> None:
    limits = Draw(max_side_px=2048, max_pixels=2048 * 2048)
    if not param:
        assert planned(body, *facts, limits=limits).recipe == "draw"
        return
    with pytest.raises(BadInput) as caught:
        planned(body, *facts, limits=limits)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("width", "height", "published"),
    [(1024, 1024, (272, 1056, 4160)), (1024, 1536, (408, 1584, 6240)), (1536, 1024, (400, 1568, 6208))],
)
def test_tokens_are_those_that_are_published(width: int, height: int, published: tuple[int, int, int]) -> None:
    assert tuple(tokens.picture_tokens(width, height, q) for q in ("low", "medium", "high")) == published
    assert tokens.picture_tokens(width, height, "auto") == published[1]


@pytest.mark.parametrize(("width", "height", "count"), [(1024, 1024, 194), (1024, 2048, 323), (9, 27, 452), (0, 5, 0)])
def test_tokens_of_a_given_picture(width: int, height: int, count: int) -> None:
    assert tokens.given_tokens({"width": width, "height": height}) == count


def test_tokens_of_pictures_that_are_changed_are_in_the_plan() -> None:
    plan = planned(DrawBody("four", images=(IMAGE,), task="edit"), SEEN)
    assert plan.image_tokens == 194
    assert plan.reserve_tokens == 1 + 194 + 1056


def test_an_opinion_is_asked_for_in_high_quality_where_the_operator_named_a_model() -> None:
    roles, limits = {**ROLES, "opinion": "relay"}, Draw(second_opinion="strong-1", second_opinion_s=3.0)
    card = msgspec.structs.replace(PAINTER, capabilities=("draw", "letter"))
    plans = [
        make_plan(
            Request("r", "draw", "painter", body), CALLER, Resolution(card, "painter", False), (), roles, draw=limits
        )
        for body in (DrawBody("x", quality="high"), DrawBody("x", quality="medium"), DrawBody("x", explain=True))
    ]
    high, medium, explained = plans
    assert (high.helpers["opinion"], high.opinion_model, high.opinion_s) == ("relay", "strong-1", 3.0)
    assert Demand("relay") in high.demand
    assert [plan.opinion_model for plan in (medium, explained)] == ["", ""]
    assert Demand("relay") not in (*medium.demand, *explained.demand)
    assert planned(DrawBody("x", quality="high"), roles=roles, limits=limits).opinion_model == ""


SPELLER = {**ROLES, "letter": "speller"}


@pytest.mark.parametrize(
    ("prompt", "roles", "demand", "letterer"),
    [
        ('"one" on a wall', SPELLER, {"painter": 1, "speller": 1, "reader": 1}, "speller"),
        ("a wall", SPELLER, {"painter": 1, "reader": 1}, ""),
        ('"one" on a wall', ROLES, {"painter": 1, "reader": 1}, ""),
        ('"one" on a wall', {**SPELLER, "see": "speller"}, {"painter": 1, "speller": 2}, "speller"),
        ('"one" on a wall', {**SPELLER, "see": "painter"}, {"painter": 1, "speller": 1}, "speller"),
    ],
    ids=["words", "no words", "nobody letters", "who letters reads", "who paints reads"],
)
def test_a_painter_that_cannot_spell_is_lettered_for(
    prompt: str, roles: dict[str, str], demand: dict[str, int], letterer: str
) -> None:
    plan = planned(DrawBody(prompt), roles=roles)
    assert {one.group: one.slots for one in plan.demand} == demand
    assert plan.helpers.get("letter", "") == letterer
    assert not plan.spells


def test_painters_that_spell_by_themselves_or_by_the_operators_word() -> None:
    body = DrawBody('"one" on a wall')
    card = msgspec.structs.replace(PAINTER, capabilities=("draw", "letter"))
    request = Request("r", "draw", "painter", body)
    own = make_plan(request, CALLER, Resolution(card, "painter", False), (), SPELLER)
    believed = planned(body, roles=SPELLER, limits=Draw(spelling=("gpt-image-*", "paint?r")))
    for plan in (own, believed):
        assert plan.spells
        assert plan.demand == (Demand("painter"), Demand("reader"))
    relayed = Resolution(PAINTER, "gpt-image-1", False, upstream_model="gpt-image-1")
    assert make_plan(request, CALLER, relayed, (), SPELLER, draw=Draw(spelling=("gpt-image-*",))).spells


def test_how_strongly_a_lettered_picture_is_gone_over_is_the_cards() -> None:
    card = msgspec.structs.replace(PAINTER, options={"harmonise": 0.25})
    request = Request("r", "draw", "painter", DrawBody('"one"'))
    assert make_plan(request, CALLER, Resolution(card, "painter", False), (), SPELLER).harmonise == 0.25
    assert planned(DrawBody('"one"'), roles=SPELLER).harmonise == 0.0


def test_a_chat_that_may_draw_with_a_painter_that_cannot_spell() -> None:
    plan = planned(ChatBody((Message("user", (TextPart("hi"),)),), picture=DrawBody("")), roles=SPELLER)
    assert plan.later == (Demand("painter"), Demand("speller"), Demand("reader"))
    assert not plan.spells
    same = planned(
        ChatBody((Message("user", (TextPart("hi"),)),), picture=DrawBody("")), roles={**ROLES, "letter": "painter"}
    )
    assert same.later == (Demand("painter"), Demand("reader"))
    assert same.spells
