"""While watts are short, what was left to us becomes the fast mode, and the answer says so; the rest stays as asked."""

import pytest

from omniwatt.contract.request import ChatBody, DrawBody, Message, Request, TextPart
from omniwatt.plan_pictures import frugal
from omniwatt.power.control import Power
from tests.way.test_draw import Way, calling


@pytest.mark.parametrize(
    ("tight", "quality", "became", "told"),
    [
        (True, None, "low", "quality=low; reason=power-budget"),
        (True, "auto", "low", "quality=low; reason=power-budget"),
        (True, "high", "high", None),
        (False, "auto", "medium", None),
    ],
)
async def test_only_what_was_left_to_us_is_degraded_and_it_is_said(
    way: Way, monkeypatch: pytest.MonkeyPatch, tight: bool, quality: str | None, became: str, told: str | None
) -> None:
    monkeypatch.setattr(Power, "tight", tight)
    async with calling(way) as caller:
        answer = await caller.draw(**({"quality": quality} if quality else {}))
    assert answer.status_code == 200, answer.text
    assert answer.json()["quality"] == became
    assert answer.headers.get("x-omniwatt-degraded") == told


@pytest.mark.parametrize(("share", "told"), [(0.25, "0.25"), (1.0, None)])
async def test_who_is_slower_for_want_of_watts_is_told(
    way: Way, monkeypatch: pytest.MonkeyPatch, share: float, told: str | None
) -> None:
    monkeypatch.setattr(Power, "share", lambda _, tier: share if tier == "default" else 1.0)
    async with calling(way) as caller:
        answer = await caller.draw()
    assert answer.headers.get("x-omniwatt-power-share") == told


@pytest.mark.parametrize(
    "body",
    [
        ChatBody((Message("user", (TextPart("hello"),)),)),
        DrawBody("a cat", quality="medium"),
        DrawBody("a cat", explain=True),
    ],
)
def test_other_work_is_done_as_asked(body) -> None:
    request = Request("r", "draw", "echo", body)
    assert frugal(request, True) == (request, {})
