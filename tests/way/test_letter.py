"""A painter that cannot spell on the whole way: one echo paints, another letters, the words are read back."""

import base64
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from omniwatt import settings, wiring
from omniwatt.api.parts import Parts
from omniwatt.contract.event import Progress, Started
from omniwatt.contract.job import Caller as Who
from omniwatt.contract.request import DrawBody, Request
from tests.way.test_draw import calling, events, opened

CARD = """engine = "echo"
capabilities = ["draw"]
input_modalities = ["text", "image"]
output_modalities = ["image"]
"""
Way = AbstractAsyncContextManager[Parts]


@asynccontextmanager
async def serving(home: Path, *names: str, options: str = "", **draw: Any) -> AsyncIterator[Parts]:
    (home / "cards").mkdir(parents=True)
    (home / "cards" / "painter.toml").write_text(CARD + options)
    flags = {"storage": {"home": str(home)}, "models": {"serve": list(names), "preload": False}, "draw": draw}
    async with wiring.build(settings.load(None, flags, {})) as parts:
        yield parts


async def test_words_are_lettered_by_another_engine_and_read_back(tmp_path: Path) -> None:
    async with calling(serving(tmp_path, "painter", "echo")) as caller:
        answer = await caller.draw(model="painter", prompt='a wall that says "門 OPEN"', size="64x48", seed=7, n=2)
        assert answer.status_code == 200, answer.text
        for number, found in enumerate(answer.json()["data"]):
            assert opened(base64.b64decode(found["b64_json"])).size == (64, 48)
            assert found["seed"] == 7 + number
            assert found["upon"].startswith("a wall"), "the painter was given no words"
            assert "OPEN" not in found["upon"]
            assert found["revised_prompt"] == "a wall; lettered upon it: “門 OPEN”"
            (line,) = found["text_verification"]
            assert (line["requested"], line["recognised"], line["verified"]) == ("門 OPEN", "門 OPEN", True)
        (row,) = caller.rows()
        assert (row["state"], row["card"]) == ("done", "painter")
        assert all(group["running"] == 0 for group in caller.parts.admission.status().values())


async def test_streamed_with_sketches(tmp_path: Path) -> None:
    async with calling(serving(tmp_path, "painter", "echo")) as caller:
        answer = await caller.draw(model="painter", prompt='"one" on a wall', stream=True, partial_images=2)
        kinds = [event["type"].removeprefix("image_generation.") for event in events(answer)]
        assert kinds == ["partial_image", "partial_image", "completed"]
        assert events(answer)[-1]["text_verification"][0]["verified"] is True


@pytest.mark.parametrize(("names", "draw"), [(("painter",), {}), (("painter", "echo"), {"spelling": ["painter"]})])
async def test_where_nobody_letters_the_painter_is_given_the_words(
    tmp_path: Path, names: tuple[str, ...], draw: dict[str, Any]
) -> None:
    async with calling(serving(tmp_path, *names, **draw)) as caller:
        (found,) = (await caller.draw(model="painter", prompt='"one" on a wall')).json()["data"]
        assert found["revised_prompt"] == '"one" on a wall'
        assert "upon" not in found


async def test_a_client_that_leaves_frees_every_slot(tmp_path: Path) -> None:
    async with calling(
        serving(tmp_path, "painter", "echo", options="[options]\ntokens = 50\ntoken_s = 0.05")
    ) as caller:
        parts = caller.parts
        body = DrawBody('a wall with the words "one"', width_px=64, height_px=64)
        stream = parts.pipeline.serve(Request("req-1", "draw", "painter", body), Who("k", "n", "p"))
        assert isinstance(await anext(stream), Started)
        assert isinstance(await anext(stream), Progress)
        assert parts.admission.status()["echo"]["running"] == 2, "who letters and reads is held from the beginning"
        await stream.aclose()
        assert all(group["running"] == 0 for group in parts.admission.status().values())
