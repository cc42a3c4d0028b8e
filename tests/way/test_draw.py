"""Pictures on the whole way: echo paints and reads, in its own process, behind the real door."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from omniwatt import settings, wiring
from omniwatt.api.parts import Parts
from omniwatt.api.server import create_app
from omniwatt.contract.event import Progress
from omniwatt.contract.job import Caller as Who
from omniwatt.contract.request import DrawBody, Request

Way = AbstractAsyncContextManager[Parts]
GENERATE, EDIT, VARY = "/v1/images/generations", "/v1/images/edits", "/v1/images/variations"


class Caller:
    """A client with a key, and the parts behind it."""

    def __init__(self, parts: Parts, http: httpx2.AsyncClient) -> None:
        self.parts = parts
        self.http = http

    async def draw(self, **fields: Any) -> httpx2.Response:
        return await self.http.post(GENERATE, json={"prompt": "a red cat"} | fields)

    def rows(self) -> list[dict[str, Any]]:
        self.parts.database.flush()
        return [dict(row) for row in self.parts.database.read("SELECT * FROM ledger ORDER BY number")]


@asynccontextmanager
async def calling(way: Way) -> AsyncIterator[Caller]:
    async with way as parts:
        key, _ = parts.keys.create("someone")
        transport = httpx2.ASGITransport(app=create_app(parts))
        headers = {"authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000", headers=headers) as http:
            yield Caller(parts, http)


def png(width: int = 32, height: int = 32, mode: str = "RGB", form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, form)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def events(answer: httpx2.Response) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith("data: ")]


async def test_a_picture(way: Way) -> None:
    async with calling(way) as caller:
        answer = await caller.draw(size="64x48", quality="low", seed=7, n=2)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert opened(base64.b64decode(found["data"][0]["b64_json"])).size == (64, 48)
        assert found["data"][0]["b64_json"] != found["data"][1]["b64_json"]
        assert found["data"][0]["seed"] == 7
        assert (found["size"], found["quality"], found["output_format"]) == ("64x48", "low", "png")
        assert found["background"] == "opaque"
        # One row of one 64-pixel patch and its end: two tokens a picture.
        assert found["usage"]["output_tokens"] == found["usage"]["output_tokens_details"]["image_tokens"] == 4
        assert found["usage"]["input_tokens_details"] == {"text_tokens": 3, "image_tokens": 0}
        again = (await caller.draw(size="64x48", quality="low", seed=7, n=2)).json()
        assert again["data"] == found["data"]
        (row, _) = caller.rows()
        assert (row["state"], row["capability"], row["card"]) == ("done", "draw", "echo")
        assert (row["prompt_tokens"], row["completion_tokens"]) == (3, 4)


async def test_a_second_opinion_is_part_of_the_one_request(tmp_path: Path) -> None:
    flags: dict[str, dict[str, Any]] = {
        "storage": {"home": str(tmp_path)},
        "models": {"serve": "echo", "preload": False},
        "draw": {"second_opinion": "echo"},
    }
    async with calling(wiring.build(settings.load(None, flags, {}))) as caller:
        fields = {"prompt": "a cat and a <?zorp?>", "size": "64x48"}
        (high,) = (await caller.draw(quality="high", **fields)).json()["data"]
        assert high["second_opinion"] == {"model": "echo"}
        assert high["opinion"] == {"seen": "zorp"}
        (low,) = (await caller.draw(quality="low", **fields)).json()["data"]
        assert "second_opinion" not in low
        (known,) = (await caller.draw(quality="high", prompt="a cat", size="64x48")).json()["data"]
        assert "second_opinion" not in known
        high_row, low_row, _ = caller.rows()
        assert high_row["prompt_tokens"] > low_row["prompt_tokens"]
        assert {row["capability"] for row in caller.rows()} == {"draw"}


@pytest.mark.parametrize(
    ("prompt", "texts", "attempts"),
    [
        ("a sign that says \u300c開學\u300d", [("開學", "開學", 0.0)], 1),
        ('"One" over "two words"', [("One", "One", 0.0), ("two words", "two words", 0.0)], 1),
        ('echo: {"text": "abc", "misread": 2}', [("abc", "abc", 0.0)], 3),
        ('echo: {"text": "abcd", "misread": 9}', [("abcd", "abcd?", 0.25)], 3),
    ],
)
async def test_text_is_read_back(way: Way, prompt: str, texts: list[tuple[str, str, float]], attempts: int) -> None:
    async with calling(way) as caller:
        (found,) = (await caller.draw(prompt=prompt)).json()["data"]
        said = [(one["requested"], one["recognised"], one["cer"]) for one in found["text_verification"]]
        assert said == texts
        assert {one["attempts"] for one in found["text_verification"]} == {attempts}
        assert all(one["verified"] == (one["cer"] == 0) for one in found["text_verification"])


async def test_a_stream_with_sketches(way: Way) -> None:
    async with calling(way) as caller:
        answer = await caller.draw(stream=True, partial_images=2, progress=True, n=2)
        assert answer.headers["content-type"].startswith("text/event-stream")
        found = events(answer)
        kinds = [event["type"].removeprefix("image_generation.") for event in found]
        one = ["partial_image"] * 2 + ["progress"] * 4 + ["completed"]
        assert kinds == one * 2
        assert [event["index"] for event in found if event["type"].endswith("completed")] == [0, 1]
        sketch, done = found[0], found[6]
        assert (sketch["partial_image_index"], found[1]["partial_image_index"]) == (0, 1)
        assert opened(base64.b64decode(sketch["b64_json"])).size == (32, 32)
        assert opened(base64.b64decode(done["b64_json"])).size == (64, 64)
        assert (done["size"], done["output_format"], done["quality"]) == ("64x64", "png", "medium")
        spent = [event["usage"]["total_tokens"] for event in found if "usage" in event]
        (row,) = caller.rows()
        assert sum(spent) + 4 * 100 == row["prompt_tokens"] + row["completion_tokens"]


@pytest.mark.parametrize("stream", [False, True])
async def test_urls_are_signed_and_served_to_anyone(way: Way, stream: bool) -> None:
    async with calling(way) as caller:
        answer = await caller.draw(model="dall-e-3", response_format="url", stream=stream)
        found = events(answer)[-1] if stream else answer.json()["data"][0]
        assert "b64_json" not in found
        url = found["url"]
        assert url.startswith("http://localhost:8000/v1/images/files/picture-")
        transport = httpx2.ASGITransport(app=create_app(caller.parts))
        async with httpx2.AsyncClient(transport=transport) as stranger:
            picture = await stranger.get(url)
            assert picture.headers["content-type"] == "image/png"
            assert "sandbox" in picture.headers["content-security-policy"]
            assert opened(picture.content).size == (64, 64)
            assert (await stranger.get(url, headers={"range": "bytes=1-3"})).content == b"PNG"
            assert (await stranger.get(url[:-1] + ("0" if url[-1] != "0" else "1"))).status_code == 403
            assert (await stranger.get(url.replace("expires=", "expires=9"))).status_code == 403
            assert (await stranger.get(url.partition("?")[0])).status_code == 403
            caller.parts.blobs.expire(4e9)
            assert (await stranger.get(url)).status_code == 404


async def test_dall_e_answers_by_url_unless_asked_otherwise(way: Way) -> None:
    async with calling(way) as caller:
        assert "url" in (await caller.draw(model="dall-e-2")).json()["data"][0]
        assert "b64_json" in (await caller.draw(model="gpt-image-1")).json()["data"][0]
        assert "b64_json" in (await caller.draw(model="dall-e-3", response_format="b64_json")).json()["data"][0]


async def test_the_bytes_themselves(way: Way) -> None:
    async with calling(way) as caller:
        answer = await caller.draw(prompt='a "書" sign', response_format="bytes", output_format="webp", quality="hd")
        assert answer.headers["content-type"] == "image/webp"
        assert opened(answer.content).format == "WEBP"
        said = json.loads(answer.headers["x-omniwatt-picture"])
        assert said["text_verification"][0]["recognised"] == "書"
        assert (said["quality"], said["size"], said["revised_prompt"]) == ("high", "64x64", 'a "書" sign')


async def test_a_huge_picture_in_one_body(way: Way) -> None:
    async with calling(way) as caller:
        answer = await caller.draw(prompt='echo: {"tokens": 16}', size="8192x4096", quality="low")
        assert answer.json()["size"] == "8192x4096"
        (row,) = caller.rows()
        assert row["completion_tokens"] == 64 * 129


async def test_estimates(way: Way) -> None:
    async with calling(way) as caller:
        answer = await caller.http.post("/v1/images/estimate", json={"prompt": "a cat", "size": "1024x1024"})
        found = answer.json()
        assert found["object"] == "image.estimate"
        assert {one["quality"] for one in found["estimates"]} == {"low", "medium", "high"}
        (row,) = caller.rows()
        assert (row["capability"], row["completion_tokens"], row["state"]) == ("draw", 0, "done")


async def test_an_edit(way: Way) -> None:
    async with calling(way) as caller:
        files = [
            ("image[]", ("a.png", png())),
            ("image[]", ("b.jpg", png(form="JPEG"))),
            ("mask", ("m.png", png(mode="RGBA"))),
        ]
        answer = await caller.http.post(EDIT, data={"prompt": "a hat", "n": "1", "size": "96x96"}, files=files)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["data"][0]["task"] == "edit"
        # Three pictures of one tile each.
        assert found["usage"]["input_tokens_details"] == {"text_tokens": 2, "image_tokens": 3 * 194}
        streamed = await caller.http.post(EDIT, data={"prompt": "a hat", "stream": "true"}, files=files)
        assert [event["type"] for event in events(streamed)] == ["image_edit.completed"]


async def test_a_variation_and_a_large_upload(way: Way) -> None:
    async with calling(way) as caller:
        noise = Image.effect_noise((900, 900), 90).convert("RGB")
        out = io.BytesIO()
        noise.save(out, "PNG")
        assert out.tell() > 400_000
        answer = await caller.http.post(VARY, files={"image": ("a.png", out.getvalue())}, data={"n": "2"})
        assert [one["task"] for one in answer.json()["data"]] == ["vary", "vary"]
        rows = caller.parts.database.read("SELECT count(*) FROM blobs")
        assert rows[0][0] == 0, "what was uploaded for one request goes with it"


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        ({"prompt": ""}, "prompt", "empty"),
        ({"prompt": "  \n"}, "prompt", "empty"),
        ({"prompt": None}, "prompt", "Missing"),
        ({"prompt": "x" * 40_000}, "prompt", "32000"),
        ({"size": "1x1"}, "size", "divisible by 16"),
        ({"size": "17x17"}, "size", "divisible by 16"),
        ({"size": "0x16"}, "size", "divisible by 16"),
        ({"size": "100000x100000"}, "size", "32768"),
        ({"size": "1024x3088"}, "size", "3 times"),
        ({"size": "large"}, "size", "WIDTHxHEIGHT"),
        ({"size": 1024}, "size", "a string"),
        ({"n": 11}, "n", "10"),
        ({"n": 0}, "n", "1"),
        ({"n": 2, "size": "32768x32768"}, "n", "1073741824"),
        ({"style": "cubist"}, "style", "cartoon"),
        ({"quality": "best"}, "quality", "low"),
        ({"output_format": "bmp"}, "output_format", "png"),
        ({"output_format": "webp", "size": "16384x16384"}, "output_format", "16383"),
        ({"output_format": "jpeg", "background": "transparent"}, "background", "png"),
        ({"output_compression": 50}, "output_compression", "jpeg"),
        ({"output_compression": 101, "output_format": "jpeg"}, "output_compression", "100"),
        ({"partial_images": 2}, "partial_images", "stream"),
        ({"partial_images": 4, "stream": True}, "partial_images", "3"),
        ({"stream": True, "size": "8192x8192"}, "stream", "16777216"),
        ({"stream": True, "response_format": "bytes"}, "stream", "bytes"),
        ({"n": 2, "response_format": "bytes"}, "n", "bytes"),
        ({"response_format": "gif"}, "response_format", "b64_json"),
        ({"preset": "billboard"}, "preset", "print-a4"),
        ({"output_format": "svg"}, "output_format", "Echo"),
        ({"seed": -1}, "seed", "0"),
        ({"sise": "64x64"}, "sise", "Unknown"),
        ({"prompt": "nul\0"}, "prompt", "NUL"),
        ({"model": "echoes"}, "model", "does not exist"),
    ],
)
async def test_what_is_refused_names_field_and_limit(way: Way, fields: dict[str, Any], param: str, says: str) -> None:
    async with calling(way) as caller:
        answer = await caller.draw(**fields)
        assert answer.status_code in (400, 404), answer.text
        error = answer.json()["error"]
        assert (error["param"], error["type"]) == (param, "invalid_request_error")
        assert says in error["message"]
        (row,) = caller.rows()
        assert row["state"] == "refused"


@pytest.mark.parametrize(
    ("fields", "files", "status", "param", "says"),
    [
        ({"prompt": "x"}, {"mask": ("m.png", png())}, 400, "image", "Missing"),
        ({"prompt": "x"}, {"other": ("x", b"y")}, 400, "other", "Unknown"),
        ({"prompt": "x"}, {"image": ("a.png", b"")}, 400, "image", "empty"),
        ({"prompt": "x"}, {"image": ("a.png", b"no picture at all")}, 400, "image", "picture"),
        ({"prompt": "x"}, {"image": ("a.png", png()[:60])}, 400, "image", ""),
        ({}, {"image": ("a.png", png())}, 400, "prompt", "Missing"),
        ({"prompt": "x", "image": "text"}, {"mask": ("m.png", png())}, 400, "image", "file"),
        ({"prompt": "x"}, {"image": ("a.png", png()), "mask": ("m.png", png(48, 32))}, 400, "mask", "48x32, not 32x32"),
        ({"prompt": "x"}, {"image": ("a.png", png()), "mask": ("m.jpg", png(form="JPEG"))}, 400, "mask", "PNG"),
        (
            {"prompt": "x"},
            {"image": ("a.png", png()), "mask": ("m.png", bytes(4 << 20) + b"x")},
            413,
            "mask",
            "4194304",
        ),
    ],
)
async def test_bad_uploads(
    way: Way, fields: dict[str, str], files: dict[str, Any], status: int, param: str, says: str
) -> None:
    async with calling(way) as caller:
        answer = await caller.http.post(EDIT, data=fields, files=files)
        assert answer.status_code == status, answer.text
        error = answer.json()["error"]
        assert says in error["message"]
        assert error["param"] == param


async def test_seventeen_images_are_one_too_many(way: Way) -> None:
    async with calling(way) as caller:
        files = [("image[]", (f"{number}.png", png())) for number in range(17)]
        answer = await caller.http.post(EDIT, data={"prompt": "x"}, files=files)
        assert (answer.status_code, "16 images" in answer.text) == (400, True)


async def test_what_was_painted_is_billed_when_the_caller_leaves(way: Way) -> None:
    async with way as parts:
        body = DrawBody('echo: {"tokens": 10, "token_s": 0.02}', width_px=1024, height_px=1024, quality="high")
        events = parts.pipeline.serve(Request("r1", "draw", "echo", body), Who("k", "t", "p"))
        seen = 0
        async for event in events:
            seen += isinstance(event, Progress)
            if seen == 5:
                break
        await anext(events)
        await events.aclose()
        parts.database.flush()
        (row,) = [dict(row) for row in parts.database.read("SELECT * FROM ledger")]
        assert row["state"] == "cancelled"
        assert row["completion_tokens"] == 4160 // 2
        assert all(group["running"] == 0 for group in parts.admission.status().values())


async def test_two_at_once_wait_for_no_one(way: Way) -> None:
    """The painter and the reader are one group here: each picture needs two of its slots, and all of them end."""
    async with calling(way) as caller:
        answers = await asyncio.gather(*(caller.draw(prompt=f'the sign "{n}"') for n in range(40)))
        assert {answer.status_code for answer in answers} == {200}
