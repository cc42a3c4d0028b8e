"""Pictures through the official client: echo draws, so what is seen here is shape, not beauty."""

import base64
import io
import json
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
