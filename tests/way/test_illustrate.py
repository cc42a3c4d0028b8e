"""A chat that decides to draw, on the whole way: echo writes the call, echo paints, echo reads it back."""

import base64
import io
import json
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from PIL import Image

from omniwatt.api.parts import Parts
from tests.way.test_draw import calling, events

Way = AbstractAsyncContextManager[Parts]
CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
TOOL = {"type": "image_generation", "size": "96x64", "quality": "low"}
FORCED = {"type": "image_generation"}


def asked(**fields: Any) -> dict[str, Any]:
    return {"model": "echo", "messages": [{"role": "user", "content": 'a "門" sign'}]} | fields


def size_of(url: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(base64.b64decode(url.partition("base64,")[2] or url))).size


async def test_the_picture_comes_back_in_the_message(way: Way) -> None:
    async with calling(way) as caller:
        answer = await caller.http.post(CHAT, json=asked(tools=[TOOL], tool_choice=FORCED))
        assert answer.status_code == 200, answer.text
        found = answer.json()
        (choice,) = found["choices"]
        assert choice["finish_reason"] == "stop"
        assert "tool_calls" not in choice["message"]
        (image,) = choice["message"]["images"]
        assert size_of(image["image_url"]["url"]) == (96, 64)
        assert image["text_verification"][0]["recognised"] == "門"
        assert image["revised_prompt"] == 'a "門" sign', "the user's own words are drawn"
        assert found["usage"]["completion_tokens_details"]["image_tokens"] == 3
        (row,) = caller.rows()
        assert (row["capability"], row["state"]) == ("chat", "done")
        assert row["completion_tokens"] == found["usage"]["completion_tokens"] > 3
        assert all(group["running"] == 0 for group in caller.parts.admission.status().values())


async def test_streamed_into_a_chat(way: Way) -> None:
    async with calling(way) as caller:
        body = asked(tools=[TOOL], tool_choice=FORCED, stream=True)
        answer = await caller.http.post(CHAT, json=body)
        chunks = [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith("data: {")]
        deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
        (image,) = [one for delta in deltas for one in delta.get("images", ())]
        assert size_of(image["image_url"]["url"]) == (96, 64)
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


async def test_a_model_that_does_not_draw(way: Way) -> None:
    async with calling(way) as caller:
        for more in ({"modalities": ["text", "image"]}, {"tools": [TOOL]}, {"tools": [TOOL], "tool_choice": "none"}):
            answer = await caller.http.post(CHAT, json=asked(**more))
            message = answer.json()["choices"][0]["message"]
            assert (message["content"], "images" in message) == ('a "門" sign', False)


async def test_modalities_alone_let_it_draw(way: Way) -> None:
    async with calling(way) as caller:
        call = 'echo: {"call": "draw_picture", "text": "draw"}'
        messages = [{"role": "user", "content": call}]
        answer = await caller.http.post(CHAT, json=asked(messages=messages, modalities=["text", "image"]))
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["choices"][0]["message"]["images"]) == 1


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"tools": [TOOL, TOOL]}, "tools"),
        ({"tools": [TOOL | {"size": "17x17"}]}, "tools[0].size"),
        ({"tools": [TOOL | {"size": "8192x8192"}]}, "tools[0].size"),
        ({"tools": [TOOL | {"nonsense": 1}]}, "tools[0].nonsense"),
        ({"tools": [TOOL | {"input_image_mask": {}}]}, "tools[0].input_image_mask"),
        ({"tools": [TOOL | {"input_image_mask": {"file_id": "file-1"}}]}, "tools[0].input_image_mask"),
        ({"tools": [TOOL | {"action": "edit"}]}, "tools[0].action"),
        ({"tools": [TOOL], "n": 2}, "n"),
        ({"tools": [TOOL], "modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "mp3"}}, "audio"),
    ],
)
async def test_what_is_refused(way: Way, more: dict[str, Any], param: str) -> None:
    async with calling(way) as caller:
        answer = await caller.http.post(CHAT, json=asked(**more))
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_a_response_with_a_picture(way: Way) -> None:
    async with calling(way) as caller:
        body = {"model": "echo", "input": "a cat", "tools": [TOOL], "tool_choice": FORCED}
        answer = await caller.http.post(RESPONSES, json=body)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        (item,) = found["output"]
        assert (item["type"], item["status"], item["size"]) == ("image_generation_call", "completed", "96x64")
        assert size_of(item["result"]) == (96, 64)
        assert found["tools"] == [TOOL]
        again = {"model": "echo", "input": "at night", "previous_response_id": found["id"], "tool_choice": FORCED}
        edited = (await caller.http.post(RESPONSES, json=again | {"tools": [TOOL]})).json()
        assert edited["output"][0]["action"] == "edit", "the picture of the turn before is changed"
        plain = await caller.http.post(
            RESPONSES, json={"model": "echo", "input": "x", "previous_response_id": found["id"]}
        )
        assert plain.json()["output"][0]["type"] == "message"


def url(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


async def test_the_action_decides_between_change_and_anew(way: Way) -> None:
    picture = {"type": "input_image", "image_url": url(Image.new("RGB", (32, 32)))}
    given = [{"role": "user", "content": [{"type": "input_text", "text": "draw a house"}, picture]}]
    later = [*given, {"role": "user", "content": "draw a cat"}]
    async with calling(way) as caller:
        for asked, action, found in (
            (given, "auto", "edit"),
            (later, "auto", "generate"),
            (later, "edit", "edit"),
            (given, "generate", "generate"),
        ):
            body = {"model": "echo", "input": asked, "tools": [TOOL | {"action": action}], "tool_choice": FORCED}
            answer = await caller.http.post(RESPONSES, json=body)
            assert answer.status_code == 200, answer.text
            assert answer.json()["output"][0]["action"] == found, action


async def test_a_mask_in_the_tool(way: Way) -> None:
    picture = {"type": "input_image", "image_url": url(Image.new("RGB", (32, 32)))}
    asked = [{"role": "user", "content": [{"type": "input_text", "text": "a hat"}, picture]}]
    mask = url(Image.new("RGBA", (32, 32)))
    async with calling(way) as caller:
        kept = await caller.http.post(
            "/v1/files", data={"purpose": "vision"}, files={"file": ("m.png", base64.b64decode(mask.partition(",")[2]))}
        )
        for given in ({"image_url": mask}, {"file_id": kept.json()["id"]}):
            tool = TOOL | {"input_image_mask": given}
            body = {"model": "echo", "input": asked, "tools": [tool], "tool_choice": FORCED}
            answer = await caller.http.post(RESPONSES, json=body)
            assert answer.status_code == 200, answer.text
            assert answer.json()["output"][0]["action"] == "edit"
        for given, says in (
            ({"file_id": "file-none"}, "No such File"),
            ({"image_url": "data:image/png;base64," + base64.b64encode(b"no picture").decode()}, "PNG"),
            ({"image_url": "http://example.com/m.png"}, "network"),
            ({"image_url": mask, "file_id": "x"}, "either"),
        ):
            tool = TOOL | {"input_image_mask": given}
            body = {"model": "echo", "input": asked, "tools": [tool], "tool_choice": FORCED}
            answer = await caller.http.post(RESPONSES, json=body)
            assert answer.status_code in (400, 404), given
            assert says in answer.json()["error"]["message"]
        anew = TOOL | {"input_image_mask": {"image_url": mask}, "action": "generate"}
        body = {"model": "echo", "input": asked, "tools": [anew], "tool_choice": FORCED}
        assert (await caller.http.post(RESPONSES, json=body)).json()["error"]["param"] == "tools[0].action"


async def test_a_message_with_pictures_is_sent_back(way: Way) -> None:
    async with calling(way) as caller:
        first = (await caller.http.post(CHAT, json=asked(tools=[TOOL], tool_choice=FORCED))).json()
        message = first["choices"][0]["message"]
        said = [{"role": "user", "content": "a sign"}, message, {"role": "user", "content": "make it night"}]
        answer = await caller.http.post(CHAT, json=asked(messages=said, tools=[TOOL], tool_choice=FORCED))
        assert answer.status_code == 200, answer.text
        assert answer.json()["choices"][0]["message"]["images"][0]["task"] == "edit"
        plain = await caller.http.post(CHAT, json=asked(messages=said))
        assert plain.status_code == 200, plain.text
        wrong = [message | {"images": ["x"]}, said[2]]
        refused = await caller.http.post(CHAT, json=asked(messages=wrong))
        assert refused.json()["error"]["param"] == "messages[0].images"


async def test_items_are_sent_back(way: Way) -> None:
    async with calling(way) as caller:
        body = {"model": "echo", "input": "a cat", "tools": [TOOL], "tool_choice": FORCED}
        made = (await caller.http.post(RESPONSES, json=body)).json()
        again = [{"role": "user", "content": "a cat"}, *made["output"], {"role": "user", "content": "make it night"}]
        answer = await caller.http.post(RESPONSES, json=body | {"input": again})
        assert answer.status_code == 200, answer.text
        assert answer.json()["output"][0]["action"] == "edit"


async def test_the_events_of_a_response(way: Way) -> None:
    async with calling(way) as caller:
        tool = TOOL | {"partial_images": 2}
        body = {"model": "echo", "input": "a cat", "tools": [tool], "tool_choice": FORCED, "stream": True}
        found = events(await caller.http.post(RESPONSES, json=body))
        assert [event["type"].removeprefix("response.") for event in found] == [
            "created",
            "in_progress",
            "output_item.added",
            "image_generation_call.in_progress",
            "image_generation_call.generating",
            "image_generation_call.partial_image",
            "image_generation_call.partial_image",
            "image_generation_call.completed",
            "output_item.done",
            "completed",
        ]
        assert [event["sequence_number"] for event in found] == list(range(10))
        assert [event["partial_image_index"] for event in found[5:7]] == [0, 1]
        assert size_of(found[8]["item"]["result"]) == (96, 64)
