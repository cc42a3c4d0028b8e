"""Bodies that are sound or pictures have no `usage`: their joules stand in headers, expected from those before them."""

import json
from pathlib import Path

import pytest

from omniwatt.contract.request import ChatBody, DrawBody, Message, Request, SpeakBody, TextPart, Voice
from omniwatt.power.typical import Typical, extent
from tests.way.test_admin import client
from tests.way.test_power import metered
from tests.way.test_sound import tone

SPEECH = {"model": "echo", "input": "Sixteen letters.", "voice": "alloy", "response_format": "wav"}


async def test_speech_says_what_such_speech_took_before(tmp_path: Path) -> None:
    async with metered(tmp_path) as parts:
        key, _ = parts.keys.create("user")
        async with client(parts, key) as user:
            first = await user.post("/v1/audio/speech", json=SPEECH)
            parts.database.flush()
            ((known_j,),) = parts.database.read("SELECT energy_j FROM ledger")
            second = await user.post("/v1/audio/speech", json=SPEECH | {"input": "Sixteen letters." * 2})
    assert (first.status_code, second.status_code) == (200, 200)
    assert "x-energy-joules" not in first.headers
    assert second.headers["x-energy-method"] == "estimated"
    assert float(second.headers["x-energy-joules"]) == pytest.approx(2 * known_j, rel=0.01)


async def test_a_picture_that_is_answered_whole_says_what_it_took(tmp_path: Path) -> None:
    async with metered(tmp_path) as parts:
        key, _ = parts.keys.create("user")
        async with client(parts, key) as user:
            answer = await user.post("/v1/images/generations", json={"model": "echo", "prompt": "a cat", "n": 1})
    energy = answer.json()["usage"]["energy"]
    assert float(answer.headers["x-energy-joules"]) == pytest.approx(energy["energy_joules"], rel=0.01)


async def test_a_stream_of_pictures_says_it_in_an_event_of_ours_or_in_a_comment(tmp_path: Path) -> None:
    async with metered(tmp_path) as parts:
        key, _ = parts.keys.create("user")
        asked = {"model": "echo", "prompt": "a cat", "stream": True}
        async with client(parts, key) as user:
            plain = (await user.post("/v1/images/generations", json=asked)).text
            told = (await user.post("/v1/images/generations", json=asked | {"progress": True})).text
    assert '\n: {"energy":{"energy_joules":' in plain
    assert "image_generation.usage" not in plain
    last = json.loads(told.strip().splitlines()[-1].removeprefix("data: "))
    assert last["type"] == "image_generation.usage"
    assert last["energy"]["method"] == "estimated"


async def test_plain_text_says_what_it_took_in_headers(tmp_path: Path) -> None:
    async with metered(tmp_path) as parts:
        key, _ = parts.keys.create("user")
        async with client(parts, key) as user:
            answer = await user.post(
                "/v1/audio/transcriptions",
                data={"model": "echo", "response_format": "srt"},
                files={"file": ("a.wav", tone(0.5))},
            )
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-energy-method"] == "estimated"
    assert float(answer.headers["x-energy-joules"]) >= 0.0


@pytest.mark.parametrize(
    ("body", "sort", "size"),
    [
        (SpeakBody(Voice("a"), "hello"), "spoken", 5.0),
        (DrawBody("x", width_px=2000, height_px=1000, n=2, quality="high"), "generate high ", 4.0),
        (DrawBody("x"), "generate auto ", 1.048576),
    ],
)
def test_answers_are_of_a_sort_and_a_size(body, sort, size) -> None:
    assert extent(Request("r", "draw", "echo", body)) == (sort, pytest.approx(size))


def test_nothing_is_expected_of_what_never_was_or_has_a_usage() -> None:
    typical, spoken = Typical(), Request("r", "speak", "echo", SpeakBody(Voice("a"), "hello"))
    chat = Request("r", "chat", "echo", ChatBody((Message("user", (TextPart("hi"),)),)))
    typical.learn("echo", spoken, None)
    assert typical.expect("echo", spoken) is None
    for joules in (10.0, 20.0):
        typical.learn("echo", spoken, {"energy_joules": joules})
        typical.learn("echo", chat, {"energy_joules": joules})
    assert typical.expect("echo", spoken) == pytest.approx(12.0)
    assert typical.expect("echo", chat) is None
    assert typical.expect("other", spoken) is None
