"""Pictures relayed: what is sent, and what comes back, whole, streamed, refused or damaged."""

import base64
import io
from typing import Any

import httpx2
import pytest
from PIL import Image

from omniwatt.contract.error import BadInput, OmniwattError, UnsupportedField, UpstreamFailed
from omniwatt.contract.event import ChoiceEnd, Data, Event, Finished, Picture
from omniwatt.contract.request import DrawBody, MediaPart
from omniwatt.engines.upstream import drawing, fetching
from omniwatt.engines.upstream.channels import Channel
from omniwatt.engines.upstream.patience import Patience


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
        {"data": [{"url": "https://127.0.0.1/x.png"}]},
        {"data": [{"url": "https://localhost:1/x.png"}]},
        {"data": [{"url": "https://[::1]/x.png"}]},
        {"data": [{"url": "file:///etc/passwd"}]},
        {"data": [{"url": "https://key@example.com/x.png"}]},
        {"data": [{"url": "data:image/png;base64,???"}]},
        {"data": [{"url": "data:image/svg+xml,<svg/>"}]},
        {"data": [{"url": 7}]},
        {"data": [{"b64_json": "???"}]},
        {"data": [{"b64_json": b64(b"no picture")}]},
        {"data": [{"b64_json": b64(png()[:20])}]},
        {"data": []},
        {"data": "x"},
        {"nothing": 1},
        [],
    ],
    ids=[
        "an address within", "this machine", "its name", "its IPv6", "a file", "credentials", "broken data",
        "no picture data", "a number", "no base64", "no picture", "broken off", "none", "text", "other", "a list",
    ],
)  # fmt: skip
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
        (DrawBody("x", color_space="cmyk"), UnsupportedField),
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


async def test_a_picture_on_the_providers_own_origin_is_fetched(provider, relay, wire) -> None:
    server = await provider(wire.whole({}), wire.whole(png(), kind="image/png"))
    server.answers[0] = wire.whole({"data": [{"url": f"http://127.0.0.1:{server.port}/files/1.png?x=1"}]})
    events = await (await relay({"name": "c", "url": server.url, "api_key": "sk-1"})).do(DrawBody("the sea"))
    assert isinstance(events[1], Data)
    assert events[1].data == png()
    fetched = server.asked[1]
    assert (fetched.path, fetched.headers["authorization"]) == ("/files/1.png?x=1", "Bearer sk-1")


async def test_a_picture_within_its_address(provider, relay, wire) -> None:
    server = await provider(wire.whole({"data": [{"url": f"data:image/png;base64,{b64(png())}"}]}))
    events = await (await relay(server)).do(DrawBody("the sea"))
    assert isinstance(events[1], Data)
    assert events[1].data == png()


@pytest.mark.parametrize("answer_of", ["redirect", "missing", "too large", "hang up"])
async def test_an_address_that_does_not_give_a_picture(
    provider, relay, wire, answer_of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "PICTURE_BYTES", 50_000)
    server = await provider(wire.whole({}), wire.whole(b""))
    server.answers[0] = wire.whole({"data": [{"url": f"http://127.0.0.1:{server.port}/1.png"}]})
    server.answers[1] = {
        "redirect": wire.whole(b"", 302, headers="location: http://169.254.169.254/\r\n"),
        "missing": wire.whole(b"", 404),
        "too large": wire.whole(bytes(50_001), kind="image/png"),
        "hang up": [b""],
    }[answer_of]
    with pytest.raises(UpstreamFailed):
        await (await relay(server)).do(DrawBody("the sea"))
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("found", "followed"),
    [
        (["93.184.215.14"], True),
        (["93.184.215.14", "10.0.0.1"], False),
        (["192.168.1.1"], False),
        (["169.254.169.254"], False),
        (["::ffff:127.0.0.1"], False),
        (["fe80::1%eth0"], False),
        (["100.64.0.1"], False),
        ([], False),
    ],
)
async def test_only_public_addresses_are_followed_and_then_that_very_one(found: list[str], followed: bool, ctx) -> None:
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200, content=png())

    async def resolve(host: str, port: int) -> list[str]:
        assert (host, port) == ("images.example.com", 443)
        return found

    channel = Channel(name="c", url="https://api.example.com/v1", api_key="sk-1")
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
        door = fetching.Door(client, resolve)
        fetching_it = door.fetch("https://images.example.com/a.png?sig=1", channel, Patience(ctx, None))
        if not followed:
            with pytest.raises(UpstreamFailed, match="not followed"):
                await fetching_it
            assert not sent
            return
        assert await fetching_it == png()
    (request,) = sent
    assert (request.url.host, request.url.raw_path) == ("93.184.215.14", b"/a.png?sig=1")
    assert request.headers["host"] == "images.example.com"
    assert request.extensions["sni_hostname"] == "images.example.com"
    assert "authorization" not in request.headers


async def test_another_size_is_asked_for_as_the_nearest_and_enlarged_here(provider, relay, wire) -> None:
    server = await provider(wire.whole(answer(png(96, 64))))
    sizes = ["64x64", "96x64", "64x96"]
    upstream = await relay({"name": "c", "url": server.url, "picture_sizes": sizes})
    events = await upstream.do(DrawBody("the sea", width_px=3000, height_px=2000, media_type="image/jpeg"))
    assert server.asked[0].body["size"] == "96x64"
    picture = events[0]
    assert isinstance(picture, Picture)
    assert (picture.width_px, picture.height_px, picture.media_type) == (3000, 2000, "image/jpeg")
    assert (picture.details["enlarged"], picture.details["painted_size"]) == (True, "96x64")
    data = b"".join(event.data for event in events if isinstance(event, Data))
    with Image.open(io.BytesIO(data)) as image:
        assert (image.size, image.format) == ((3000, 2000), "JPEG")
        red, green, blue = image.convert("RGB").getpixel((1500, 1000))
    assert (red < 6, abs(green - 128) < 6, abs(blue - 128) < 6) == (True, True, True)


async def test_bare_pixels_are_not_enlarged_and_know_what_to_leave_out(provider, relay, wire) -> None:
    server = await provider(wire.whole(answer(png(96, 64))))
    upstream = await relay({"name": "c", "url": server.url, "picture_sizes": ["96x64"]})
    body = DrawBody("the sea", width_px=3000, height_px=2000, bare=True, avoid="text, letters")
    events = await upstream.do(body)
    assert isinstance(events[0], Picture)
    assert events[0].width_px == 96
    assert server.asked[0].body["prompt"] == "the sea\n\nLeave out: text, letters."
    assert events[0].revised_prompt == "a calm sea"


async def test_a_form_that_no_provider_makes_is_made_here(provider, relay, wire) -> None:
    server = await provider(wire.whole(answer(png())))
    events = await (await relay(server)).do(DrawBody("the sea", media_type="image/tiff"))
    assert "output_format" not in server.asked[0].body
    data = b"".join(event.data for event in events if isinstance(event, Data))
    with Image.open(io.BytesIO(data)) as image:
        assert (image.size, image.format) == ((32, 16), "TIFF")


@pytest.mark.parametrize(
    ("sizes", "wanted", "found"),
    [
        ([], (300, 200), "300x200"),
        (["300x200", "1536x1024"], (300, 200), "300x200"),
        (["1024x1024", "1536x1024", "1024x1536"], (3000, 2000), "1536x1024"),
        (["1024x1024", "1536x1024", "1024x1536"], (8192, 8192), "1024x1024"),
        (["512x512", "1024x1024"], (300, 310), "1024x1024"),
        (["1792x1024", "1024x1792"], (1000, 1000), "1792x1024"),
    ],
)
def test_the_nearest_size(sizes: list[str], wanted: tuple[int, int], found: str) -> None:
    assert drawing.nearest(sizes, *wanted) == found
