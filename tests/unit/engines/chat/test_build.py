"""Prompts far over the window are refused after a window's worth, whatever their length."""

import pytest

from omniwatt.contract.error import ContextTooLong
from omniwatt.contract.job import Job
from omniwatt.contract.request import ChatBody, CompleteBody, Message, TextPart
from omniwatt.engines.chat.build import PIECE_CHARACTERS, Builder

WINDOW = 4096


class Words:
    """A server whose tokens are words; remembers how much it was given to read."""

    def __init__(self) -> None:
        self.read_characters = 0

    async def post(self, path: str, body: dict) -> dict:
        assert path == "/apply-template"
        return {"prompt": "".join(message["content"] for message in body["messages"])}

    async def tokenize(self, text: str, *, start: bool = True, control: bool = True) -> list[int]:
        self.read_characters += len(text)
        return [1] * len(text.split())


def chat(text: str) -> ChatBody:
    return ChatBody(messages=(Message("user", (TextPart(text),)),))


@pytest.mark.parametrize("text", ["a b " * 2_000_000, "word " * 1_000_000])
async def test_megabytes_are_not_read_to_their_end(text):
    for body, param in ((chat(text), "messages"), (CompleteBody(prompts=(text,)), "prompt")):
        server = Words()
        builder = Builder(server, {}, WINDOW, 1000)
        job = Job(id="r", capability="chat", model="m", body=body)
        with pytest.raises(ContextTooLong, match="at least") as caught:
            await (builder.chat(job, body) if param == "messages" else builder.complete(job, body))
        assert caught.value.param == param
        assert caught.value.details["prompt_tokens"] > WINDOW
        assert server.read_characters <= 2 * PIECE_CHARACTERS


async def test_long_words_that_fit_are_taken():
    server, text = Words(), ("x" * 400 + " ") * 1000
    body = chat(text)
    (choice,) = await Builder(server, {}, WINDOW, 1000).chat(Job(id="r", capability="chat", model="m", body=body), body)
    assert len(choice.work.ids) == 1000
