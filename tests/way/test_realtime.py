"""Spoken conversations over the whole way: echo hears, answers and speaks; the live engine is the real one."""

import base64
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from omniwatt.api.parts import Parts
from tests.way.realtime_talk import Refused, Talk, silence, talking, tone

Way = AbstractAsyncContextManager[Parts]
READ = TypeAdapter(RealtimeServerEvent)
MANUAL = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
TEXT = MANUAL | {"output_modalities": ["text"]}


def key_of(parts: Parts, **limits: Any) -> str:
    return parts.keys.create("test", **limits)[0]


def rows(parts: Parts) -> list[dict[str, Any]]:
    parts.database.flush()
    return [dict(row) for row in parts.database.read("SELECT * FROM ledger ORDER BY number")]


async def told(talk: Talk, session: dict[str, Any]) -> None:
    await talk.next("conversation.created")
    await talk.say("session.update", session=session)
    await talk.next("session.updated")


async def say_text(talk: Talk, text: str) -> None:
    content = [{"type": "input_text", "text": text}]
    await talk.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    await talk.next("conversation.item.done")


async def test_a_text_is_answered_with_every_event_in_its_order(way: Way) -> None:
    async with way as parts:
        async with talking(parts, key_of(parts)) as talk:
            await told(talk, TEXT)
            await say_text(talk, "hello there")
            await talk.say("response.create")
            done = await talk.next("response.done")
            kinds = talk.kinds()
            assert kinds[:4] == [
                "session.created",
                "conversation.created",
                "session.updated",
                "conversation.item.added",
            ]
            assert [kind for kind in kinds[4:] if kind != "response.output_text.delta"] == [
                "conversation.item.done",
                "response.created",
                "response.output_item.added",
                "conversation.item.added",
                "response.content_part.added",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "conversation.item.done",
                "response.done",
            ]
            said = "".join(event["delta"] for event in talk.of("response.output_text.delta"))
            assert said == "hello there"
            assert done["response"]["status"] == "completed"
            assert done["response"]["output"][0]["content"] == [{"type": "output_text", "text": "hello there"}]
            usage = done["response"]["usage"]
            assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
            for event in talk.events:
                READ.validate_python(event, strict=False)
        assert [(row["capability"], row["state"]) for row in rows(parts)] == [("chat", "done")]


async def test_a_spoken_turn_by_hand(way: Way) -> None:
    async with way as parts:
        async with talking(parts, key_of(parts)) as talk:
            session = MANUAL | {"audio": {"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}}}
            await told(talk, session)
            await talk.sound(tone(1.5))
            await talk.say("input_audio_buffer.commit")
            committed = await talk.next("input_audio_buffer.committed")
            written = await talk.next("conversation.item.input_audio_transcription.completed")
            assert written["item_id"] == committed["item_id"]
            assert written["transcript"] == "second 1 second 2"
            assert written["usage"]["input_token_details"]["audio_tokens"] == pytest.approx(38, abs=1)
            await talk.say("response.create")
            done = await talk.next("response.done")
            sound = b"".join(base64.b64decode(event["delta"]) for event in talk.of("response.output_audio.delta"))
            words = "".join(event["delta"] for event in talk.of("response.output_audio_transcript.delta"))
            assert words == "second 1 second 2"
            tokens = done["response"]["usage"]["output_token_details"]["audio_tokens"]
            assert len(sound) / 48000 == pytest.approx(tokens / 25, abs=0.05)
            assert max(sound) > 0
            kinds = talk.kinds()
            order = [
                "output_audio.done",
                "output_audio_transcript.done",
                "content_part.done",
                "output_item.done",
                "done",
            ]
            assert [kinds.index(f"response.{kind}") for kind in order] == sorted(
                kinds.index(f"response.{kind}") for kind in order
            )
            for event in talk.events:
                READ.validate_python(event, strict=False)
            item_id = done["response"]["output"][0]["id"]
            await talk.say("conversation.item.retrieve", item_id=item_id)
            item = (await talk.next("conversation.item.retrieved"))["item"]
            assert base64.b64decode(item["content"][0]["audio"]) == sound
            await talk.say("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=50)
            await talk.next("conversation.item.truncated")
            await talk.say("conversation.item.retrieve", item_id=item_id)
            cut = (await talk.next("conversation.item.retrieved"))["item"]["content"][0]
            assert len(cut["transcript"] or "") < len(words)
            assert len(base64.b64decode(cut["audio"])) == 50 * 48
            await talk.say("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=99999)
            assert "already shorter" in (await talk.next("error"))["error"]["message"]
        states = [(row["capability"], row["state"]) for row in rows(parts)]
        assert states == [("hear", "done"), ("chat", "done")]


@pytest.mark.parametrize("name", ["audio/pcmu", "audio/pcma"])
async def test_telephone_sound_both_ways(way: Way, name: str) -> None:
    async with way as parts, talking(parts, key_of(parts)) as talk:
        form = {"format": {"type": name}}
        await told(talk, {"type": "realtime", "audio": {"input": form | {"turn_detection": None}, "output": form}})
        await talk.sound(bytes(range(256)) * 63, piece=800)
        await talk.say("input_audio_buffer.commit")
        await talk.next("input_audio_buffer.committed")
        await talk.say("response.create")
        done = await talk.next("response.done")
        sound = b"".join(base64.b64decode(event["delta"]) for event in talk.of("response.output_audio.delta"))
        seconds = done["response"]["usage"]["output_token_details"]["audio_tokens"] / 25
        assert len(sound) / 8000 == pytest.approx(seconds, abs=0.05)


async def test_a_function_is_called_and_its_result_answered(way: Way) -> None:
    tool = {
        "type": "function",
        "name": "clock",
        "description": "The time",
        "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]},
    }
    async with way as parts:
        async with talking(parts, key_of(parts)) as talk:
            await told(talk, TEXT | {"tools": [tool], "tool_choice": "required"})
            await say_text(talk, "what time is it?")
            await talk.say("response.create")
            called = (await talk.next("response.function_call_arguments.done"))["name"]
            done = await talk.next("response.done")
            (call,) = done["response"]["output"]
            assert called == call["name"] == "clock"
            assert call["type"] == "function_call"
            assert call["arguments"] == '{"zone": "echo"}'
            item = {"type": "function_call_output", "call_id": call["call_id"], "output": "noon"}
            await talk.say("conversation.item.create", item=item)
            await talk.say("response.create", response={"tool_choice": "none"})
            await talk.next("response.created")
            done = await talk.next("response.done")
            assert done["response"]["output"][0]["content"][0]["text"] == "what time is it?"
            for event in talk.events:
                READ.validate_python(event, strict=False)
        assert [row["state"] for row in rows(parts)] == ["done", "done"]


async def test_an_answer_out_of_band_changes_no_conversation(way: Way) -> None:
    async with way as parts, talking(parts, key_of(parts)) as talk:
        await told(talk, TEXT)
        await say_text(talk, "the conversation")
        content = [{"type": "input_text", "text": "aside"}]
        await talk.say(
            "response.create",
            response={
                "conversation": "none",
                "metadata": {"topic": "x"},
                "input": [{"type": "message", "role": "user", "content": content}],
            },
        )
        done = (await talk.next("response.done"))["response"]
        assert done["conversation_id"] is None
        assert done["metadata"] == {"topic": "x"}
        assert done["output"][0]["content"][0]["text"] == "aside"
        assert talk.kinds().count("conversation.item.added") == 1


async def test_two_answers_at_once_are_refused_and_one_can_be_cancelled(way: Way) -> None:
    async with way as parts:
        async with talking(parts, key_of(parts)) as talk:
            await told(talk, TEXT)
            await say_text(talk, 'echo: {"tokens": 400, "token_s": 0.02}')
            await talk.say("response.create", event_id="one")
            await talk.next("response.output_text.delta")
            await talk.say("response.create", event_id="two")
            error = (await talk.next("error"))["error"]
            assert error["code"] == "conversation_already_has_active_response"
            assert error["event_id"] == "two"
            await talk.say("response.cancel")
            done = (await talk.next("response.done"))["response"]
            assert done["status"] == "cancelled"
            assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
            assert done["output"][0]["status"] == "incomplete"
            assert 0 < done["usage"]["output_tokens"] < 400
            await talk.say("response.cancel")
            assert (await talk.next("error"))["error"]["code"] == "response_cancel_not_active"
        assert [row["state"] for row in rows(parts)] == ["cancelled"]


async def test_a_limit_makes_an_answer_incomplete(way: Way) -> None:
    async with way as parts, talking(parts, key_of(parts)) as talk:
        await told(talk, TEXT | {"max_output_tokens": 2})
        await say_text(talk, "one two three four five")
        await talk.say("response.create")
        done = (await talk.next("response.done"))["response"]
        assert done["status"] == "incomplete"
        assert done["status_details"]["reason"] == "max_output_tokens"
        assert done["usage"]["output_tokens"] == 2


async def test_items_are_put_in_their_place_and_taken_out(way: Way) -> None:
    async with way as parts, talking(parts, key_of(parts)) as talk:
        await told(talk, TEXT)
        for name, after in (("b", None), ("a", "root"), ("ab", "a")):
            item = {"id": name, "type": "message", "role": "user", "content": [{"type": "input_text", "text": name}]}
            more = {} if after is None else {"previous_item_id": after}
            await talk.say("conversation.item.create", item=item, **more)
            added = await talk.next("conversation.item.added")
            assert added["previous_item_id"] == {"b": None, "a": None, "ab": "a"}[name]
        await talk.say("conversation.item.delete", item_id="ab")
        await talk.next("conversation.item.deleted")
        await talk.say("conversation.item.delete", item_id="ab")
        assert (await talk.next("error"))["error"]["code"] == "item_not_found"


GARBAGE: list[tuple[str, str, str]] = [
    ("not json", "", "invalid_json"),
    ("[1]", "", "invalid_json"),
    ("{}", "type", "missing_required_parameter"),
    ('{"type": "nonsense"}', "type", "invalid_value"),
    ('{"type": "session.update", "session": {"type": "realtime", "what": 1}}', "session.what", "unknown_parameter"),
    ('{"type": "session.update", "session": {"type": "realtime", "model": "other"}}', "session.model", "invalid_value"),
    ('{"type": "input_audio_buffer.append", "audio": "!"}', "audio", "invalid_base64"),
    ('{"type": "input_audio_buffer.append"}', "audio", "invalid_type"),
    ('{"type": "input_audio_buffer.commit"}', "", "input_audio_buffer_commit_empty"),
    ('{"type": "output_audio_buffer.clear"}', "type", "unsupported_parameter"),
    (
        '{"type": "response.create", "response": {"output_modalities": ["text", "audio"]}}',
        "response.output_modalities",
        "",
    ),
    ('{"type": "conversation.item.create", "item": {"type": "message", "role": "king"}}', "item.role", ""),
    ('{"type": "conversation.item.retrieve", "item_id": "none"}', "item_id", "item_not_found"),
]


async def test_garbage_is_an_error_event_and_the_session_goes_on(way: Way) -> None:
    async with way as parts, talking(parts, key_of(parts)) as talk:
        await talk.next("conversation.created")
        for text, param, code in GARBAGE:
            await talk.raw(text)
            error = (await talk.next("error"))["error"]
            assert (error["param"] or "") == param, text
            assert not code or error["code"] == code, text
        await talk.raw(data=b"\0\1")
        assert (await talk.next("error"))["error"]["code"] == "invalid_json"
        await talk.raw('{"type": "response.cancel", "event_id": "mine"}')
        assert (await talk.next("error"))["error"]["event_id"] == "mine"
        await talk.say("session.update", session=TEXT)
        await talk.next("session.updated")


async def test_a_client_that_vanishes_leaves_nothing(way: Way) -> None:
    async with way as parts:
        async with talking(parts, key_of(parts)) as talk:
            await told(talk, MANUAL)
            await say_text(talk, 'echo: {"tokens": 4000, "token_s": 0.01}')
            await talk.say("response.create")
            await talk.next("response.output_audio.delta")
        assert all(not group["running"] and not group["waiting"] for group in parts.admission.status().values())
        assert all(worker.in_flight == 0 for worker in parts.pool.status())
        assert parts.sessions.counts()["open"] == 0
        assert [row["state"] for row in rows(parts)] == ["cancelled"]
        (session,) = parts.database.read("SELECT * FROM sessions")
        assert (session["state"], session["responses"]) == ("done", 1)


async def test_a_killed_engine_ends_the_turn_and_not_the_session(way: Way) -> None:
    async with way as parts, talking(parts, key_of(parts)) as talk:
        await told(talk, TEXT)
        await say_text(talk, 'echo: {"tokens": 9, "kill_at": 3, "token_s": 0.02}')
        await talk.say("response.create")
        done = (await talk.next("response.done"))["response"]
        assert done["status"] == "failed"
        assert done["status_details"]["error"]["code"] == "engine_died"
        assert 0 < done["usage"]["output_tokens"] <= 9
        await say_text(talk, "again")
        await talk.say("response.create", response={"input": []})
        await talk.next("response.done")
        await talk.say("response.create")
        assert (await talk.next("response.done"))["response"]["status"] == "completed"


async def test_the_input_buffer_has_an_end(way: Way) -> None:
    async with way as parts, talking(parts, key_of(parts)) as talk:
        await told(talk, MANUAL)
        for _ in range(3):
            await talk.say("input_audio_buffer.append", audio=base64.b64encode(silence(125.0)).decode())
        assert (await talk.next("error"))["error"]["code"] == "input_audio_buffer_full"
        await talk.say("input_audio_buffer.clear")
        await talk.next("input_audio_buffer.cleared")
        await talk.sound(tone(0.2))
        await talk.say("input_audio_buffer.commit")
        await talk.next("input_audio_buffer.committed")


async def test_who_may_not_come_in(way: Way) -> None:
    async with way as parts:
        key = key_of(parts)
        cases: list[tuple[dict[str, Any], int]] = [
            ({"key": None}, 401),
            ({"key": "sk-ow-wrong"}, 401),
            ({"key": "ek_unknown"}, 401),
            ({"key": key, "headers": {"origin": "https://evil.example"}}, 403),
            ({"key": key, "headers": {"host": "evil.example"}}, 403),
            ({"key": key, "query": "model=nobody"}, 404),
            ({"key": key, "path": "/v1/else"}, 404),
        ]
        for given, status in cases:
            with pytest.raises(Refused) as refused:
                async with talking(parts, **given):
                    pass
            assert refused.value.status == status
            assert refused.value.body["error"]["message"]
        protocols = ["realtime", f"openai-insecure-api-key.{key}"]
        async with talking(parts, None, subprotocols=protocols, headers={"origin": "http://localhost:8000"}) as talk:
            assert (await talk.next())["type"] == "session.created"


async def test_a_key_has_so_many_sessions(way: Way) -> None:
    async with way as parts:
        key = key_of(parts)
        limit = parts.settings.realtime.sessions_per_key
        caller = parts.keys.caller(key)
        places = [parts.sessions.place(caller) for _ in range(limit)]
        for place in places:
            place.__enter__()
        with pytest.raises(Refused) as refused:
            async with talking(parts, key):
                pass
        assert refused.value.status == 429
        places[0].__exit__(None, None, None)
        async with talking(parts, key):
            pass
