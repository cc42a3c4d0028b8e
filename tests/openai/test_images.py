"""Pictures through the official client: of echo, where shape is seen, and at the end of the illustrator."""

import base64
import io
import json
import re
import time
from typing import Any

import httpx2
import pytest
from openai import BadRequestError, OpenAI
from PIL import Image


def opened(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def png(side: int = 32, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (side, side)).save(out, "PNG")
    return out.getvalue()


def test_generate(echo_client: OpenAI) -> None:
    found = echo_client.images.generate(model="gpt-image-1", prompt="a cat", size="1536x1024", quality="low", n=2)
    assert found.data is not None
    assert [opened(str(one.b64_json)).size for one in found.data] == [(1536, 1024)] * 2
    assert (found.size, found.quality, found.output_format, found.background) == ("1536x1024", "low", "png", "opaque")
    assert found.usage is not None
    assert (found.usage.output_tokens, found.usage.input_tokens_details.text_tokens) == (800, 2)


def test_a_url_as_dall_e_gave_it(echo_client: OpenAI) -> None:
    found = echo_client.images.generate(model="dall-e-3", prompt="a cat", style="vivid", quality="hd")
    assert found.data is not None
    answer = httpx2.get(str(found.data[0].url))
    assert Image.open(io.BytesIO(answer.content)).size == (64, 64)
    assert found.data[0].revised_prompt == "a cat"


def test_generate_streamed(echo_client: OpenAI) -> None:
    with echo_client.images.generate(prompt="a cat", stream=True, partial_images=3, size="128x64") as events:
        found = list(events)
    assert [event.type for event in found] == ["image_generation.partial_image"] * 3 + ["image_generation.completed"]
    last: Any = found[-1]
    assert opened(last.b64_json).size == (128, 64)
    assert last.usage.total_tokens == last.usage.input_tokens + last.usage.output_tokens


def test_edit_and_its_stream(echo_client: OpenAI) -> None:
    given: Any = [("a.png", png()), ("b.png", png())]
    found = echo_client.images.edit(
        image=given, mask=("m.png", png(mode="RGBA")), prompt="a hat", input_fidelity="high"
    )
    assert found.usage is not None
    assert found.usage.input_tokens_details.image_tokens == 3 * 194
    with echo_client.images.edit(image=("a.png", png()), prompt="a hat", stream=True, partial_images=1) as events:
        assert [event.type for event in events] == ["image_edit.partial_image", "image_edit.completed"]


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_variation(echo_client: OpenAI) -> None:
    found = echo_client.images.create_variation(image=("a.png", png()), n=2, size="512x512", response_format="b64_json")
    assert found.data is not None
    assert [opened(str(one.b64_json)).size for one in found.data] == [(512, 512)] * 2


def test_what_was_lettered_is_told(echo_client: OpenAI) -> None:
    found: Any = echo_client.images.generate(prompt="a sign that says 「營業中」")
    (line,) = found.data[0].text_verification
    assert (line["requested"], line["recognised"], line["cer"], line["verified"]) == ("營業中", "營業中", 0.0, True)


def test_a_response_draws(echo_client: OpenAI) -> None:
    found = echo_client.responses.create(
        model="gpt-4o",
        input="a cat",
        tools=[{"type": "image_generation", "size": "1024x1024", "quality": "low"}],
        tool_choice={"type": "image_generation"},
    )
    (call,) = found.output
    assert call.type == "image_generation_call"
    assert opened(str(call.result)).size == (1024, 1024)


def test_a_response_draws_in_a_stream(echo_client: OpenAI) -> None:
    with echo_client.responses.create(
        model="gpt-4o",
        input="a cat",
        tools=[{"type": "image_generation", "partial_images": 1}],
        tool_choice={"type": "image_generation"},
        stream=True,
    ) as events:
        kinds = [event.type for event in events]
    names = [kind.rpartition(".")[2] for kind in kinds if "image_generation_call" in kind]
    assert names == ["in_progress", "generating", "partial_image", "completed"]
    assert kinds[-1] == "response.completed"


def test_a_chat_draws(echo_client: OpenAI) -> None:
    found: Any = echo_client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": "a cat"}],
        extra_body={"tools": [{"type": "image_generation"}], "tool_choice": {"type": "image_generation"}},
    )
    (image,) = found.choices[0].message.images
    assert opened(image["image_url"]["url"].partition("base64,")[2]).size == (64, 64)


@pytest.mark.parametrize("fields", [{"size": "17x17"}, {"n": 11}, {"prompt": ""}, {"style": "cubist"}])
def test_what_is_refused(echo_client: OpenAI, fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError) as caught:
        echo_client.images.generate(**({"prompt": "a cat"} | fields))
    assert caught.value.param == next(iter(fields))


def test_an_estimate_and_bytes(echo_client: OpenAI) -> None:
    found: Any = echo_client.post("/images/estimate", body={"prompt": "a cat"}, cast_to=object)
    assert {"style", "quality", "seconds", "bytes"} <= found["estimates"][0].keys()
    raw = echo_client.images.with_raw_response.generate(prompt="a cat", extra_body={"response_format": "bytes"})
    assert Image.open(io.BytesIO(raw.http_response.content)).size == (64, 64)
    assert json.loads(raw.headers["x-omniwatt-picture"])["size"] == "64x64"


def landscape() -> bytes:
    out = io.BytesIO()
    image = Image.new("RGB", (384, 256), "#79b8e8")
    image.paste("#4f9a45", (0, 128, 384, 256))
    image.save(out, "PNG")
    return out.getvalue()


@pytest.mark.model
def test_the_illustrator_edits_what_it_is_given(drawing_client: OpenAI) -> None:
    prompt = "make it watercolour and add the title “夏日”"
    found: Any = drawing_client.images.edit(image=("a.png", landscape()), prompt=prompt, size="768x512")
    (one,) = found.data
    assert opened(one.b64_json).size == (768, 512)
    assert one.changes == ["text:title", "style:watercolour"]
    assert one.text_verification[0]["recognised"] == "夏日"
    with drawing_client.images.edit(
        image=("a.png", landscape()), prompt="add a red balloon", stream=True, partial_images=2
    ) as events:
        kinds = [(event.type, opened(event.b64_json).size) for event in events]
    sketch, done = ("image_edit.partial_image", (512, 341)), ("image_edit.completed", (384, 256))
    assert kinds == [sketch, sketch, done]


@pytest.mark.model
def test_the_illustrator_says_what_it_cannot_do(drawing_client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="mask") as caught:
        drawing_client.images.edit(image=("a.png", landscape()), prompt="remove the tree")
    assert caught.value.param == "mask"


@pytest.mark.model
def test_an_edit_of_its_own_picture_keeps_the_scene(drawing_client: OpenAI) -> None:
    made = drawing_client.images.generate(prompt="a cat on a meadow", size="384x256", quality="low")
    assert made.data is not None
    own = base64.b64decode(str(made.data[0].b64_json))
    found = drawing_client.images.edit(image=("o.png", own), prompt="make it night and add two red balloons")
    assert found.data is not None
    said = str(found.data[0].revised_prompt)
    assert all(word in said for word in ("cat", "2 red balloons", "night"))


@pytest.mark.model
@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_variations_of_a_picture_that_says_nothing(drawing_client: OpenAI) -> None:
    found = drawing_client.images.create_variation(image=("a.png", landscape()), n=3, response_format="b64_json")
    assert found.data is not None
    assert len({one.b64_json for one in found.data}) == 3


@pytest.mark.model
def test_every_file_says_who_made_it(drawing_client: OpenAI) -> None:
    for form in ("png", "jpeg", "webp", "tiff", "svg", "pdf"):
        fields: Any = {"output_format": form, "response_format": "bytes"}
        raw = drawing_client.images.with_raw_response.generate(prompt="a cat", size="64x64", extra_body=fields)
        data = raw.http_response.content
        assert re.search(rb'ow:prompt_sha256="[0-9a-f]{64}"', data), form
        assert b"omniwatt" in data, form


@pytest.mark.model
def test_a_url_goes_with_its_time(drawing_client: OpenAI) -> None:
    made = drawing_client.images.generate(prompt="a cat", size="64x64", response_format="url")
    assert made.data is not None
    url = str(made.data[0].url)
    assert httpx2.get(url).status_code == 200
    time.sleep(2.1)
    gone = httpx2.get(url)
    assert (gone.status_code, gone.json()["error"]["code"]) == (410, "url_expired")
