"""Pictures relayed: what is sent, and what comes back, whole, streamed, refused or damaged."""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from omniwatt.contract.error import BadInput, OmniwattError, UnsupportedField, UpstreamFailed
from omniwatt.contract.event import ChoiceEnd, Data, Event, Finished, Picture
from omniwatt.contract.request import DrawBody, MediaPart


def png(width: int = 32, height: int = 16) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG")
    return out.getvalue()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def answer(*pictures: bytes, **more: Any) -> dict[str, Any]:
    return {
        "created": 1,
        "data": [{"b64_json": b64(data), "revised_prompt": "a calm sea"} for data in pictures],
        **more,
    }


USAGE = {"input_tokens": 9, "output_tokens": 272, "input_tokens_details": {"text_tokens": 9, "image_tokens": 0}}


async def test_a_picture_as_it_should_be(provider, relay, wire, ctx) -> None:
    server = await provider(wire.whole(answer(png(), usage=USAGE)))
    upstream = await relay(server)
    body = DrawBody("the sea", width_px=1024, height_px=1536, quality="low", seed=3)
    events = await upstream.do(body, ctx)
    (picture, data, end, finished) = events
    assert isinstance(picture, Picture)
    assert (picture.width_px, picture.height_px, picture.media_type) == (32, 16, "image/png")
    assert picture.revised_prompt == "a calm sea"
    assert isinstance(data, Data)
    assert data.data == png()
    assert end == ChoiceEnd("stop")
    assert isinstance(finished, Finished)
    assert (finished.usage.prompt_tokens, finished.usage.image_output_tokens) == (9, 272)
    asked = server.asked[0]
    assert asked.path == "/v1/images/generations"
    assert {name: value for name, value in asked.body.items() if name != "model"} == {
        "prompt": "the sea",
        "size": "1024x1536",
        "quality": "low",
        "seed": 3,
        "response_format": "b64_json",
    }


async def test_a_provider_that_knows_one_form_only_is_asked_again_without_it(provider, relay, wire) -> None:
    refusal = wire.error(400, "Unknown parameter: 'response_format'.", param="response_format")
    server = await provider(refusal, wire.whole(answer(png())))
    events = await (await relay(server)).do(DrawBody("the sea"))
    assert isinstance(events[0], Picture)
    assert [("response_format" in asked.body) for asked in server.asked] == [True, False]


async def test_sketches_are_passed_on_as_they_come(provider, relay, wire) -> None:
    def event(kind: str, data: bytes, **more: Any) -> dict[str, Any]:
        return {"type": f"image_generation.{kind}", "b64_json": b64(data), **more}

    sketch = event("partial_image", png(8, 8), partial_image_index=1)
    server = await provider(wire.stream(sketch, event("completed", png(), usage=USAGE), done=False))
    events = await (await relay(server)).do(DrawBody("the sea", partial_images=2))
    assert [event.partial for event in events if isinstance(event, Picture)] == [1, None]
    assert server.asked[0].body["partial_images"] == 2
    assert server.asked[0].body["stream"] is True


async def test_an_edit_goes_as_a_form(provider, relay, wire) -> None:
    server = await provider(wire.whole(answer(png())))
    image, mask = MediaPart("image", png()), MediaPart("image", png(32, 17))
    events: list[Event] = await (await relay(server)).do(
        DrawBody("a boat", task="edit", images=(image,), mask=mask, n=1)
    )
    assert isinstance(events[0], Picture)
    asked = server.asked[0]
    assert asked.path == "/v1/images/edits"
    form = asked.body["form"]
    assert 'name="prompt"' in form
    assert "a boat" in form
    assert 'name="image"; filename="image.png"' in form
    assert 'name="mask"; filename="mask.png"' in form
    assert png().decode("latin-1") in form


@pytest.mark.parametrize(
    "body",
    [
        {"data": [{"url": "http://169.254.169.254/latest"}]},
        {"data": [{"b64_json": "???"}]},
        {"data": [{"b64_json": b64(b"no picture")}]},
        {"data": [{"b64_json": b64(png()[:20])}]},
        {"data": []},
        {"data": "x"},
        {"nothing": 1},
        [],
    ],
    ids=["an address", "no base64", "no picture", "broken off", "none", "text", "other", "a list"],
)
async def test_an_answer_without_a_picture_is_a_failure(provider, relay, wire, body: Any) -> None:
    server = await provider(wire.whole(body))
    with pytest.raises(UpstreamFailed):
        await (await relay(server)).do(DrawBody("the sea"))


async def test_fewer_pictures_than_asked_for(provider, relay, wire) -> None:
    server = await provider(wire.whole(answer(png())))
    with pytest.raises(UpstreamFailed, match="1 of 2"):
        await (await relay(server)).do(DrawBody("the sea", n=2))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (DrawBody("x", explain=True), UnsupportedField),
        (DrawBody("x", media_type="image/tiff"), UnsupportedField),
    ],
)
async def test_what_no_provider_does(provider, relay, wire, body: DrawBody, error: type[OmniwattError]) -> None:
    server = await provider(wire.whole(answer(png())))
    with pytest.raises(error):
        await (await relay(server)).do(body)
    assert server.asked == []


async def test_the_providers_refusal_is_the_callers(provider, relay, wire) -> None:
    server = await provider(wire.error(400, "Your prompt was rejected.", code="content_policy_violation"))
    with pytest.raises(BadInput) as caught:
        await (await relay(server)).do(DrawBody("something else"))
    assert caught.value.code == "content_policy_violation"
