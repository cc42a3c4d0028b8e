"""The engines the contract suite runs on. To add one: append a Subject to SUBJECTS."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from omniwatt.contract.event import Chunk
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.request import (
    Body,
    Capability,
    ChatBody,
    CompleteBody,
    CountBody,
    DataBody,
    EmbedBody,
    HearBody,
    MediaBody,
    MediaPart,
    Message,
    Sampling,
    SpeakBody,
    TextPart,
    Tool,
    Voice,
)


@dataclass(frozen=True)
class Task:
    """One good job, and what streams in while it runs."""

    name: str
    capability: Capability
    body: Body
    inputs: tuple[Chunk, ...] = ()
    counted: bool = True
    """The engine reports units of work for it."""


@dataclass(frozen=True)
class Subject:
    """One engine: how to load it, jobs it does, jobs it refuses, a long one to cancel, one that is too long."""

    name: str
    spec: Callable[[], EngineSpec]
    good: tuple[Task, ...]
    refused: tuple[Task, ...] = ()
    long: Task | None = None
    too_long: Task | None = None
    marks: tuple[pytest.MarkDecorator, ...] = field(default=())


def user(text: str) -> tuple[Message, ...]:
    return (Message("user", (TextPart(text),)),)


PART = MediaPart("audio", b"\0" * 320, media_type="audio/wav")
SECONDS = (Chunk(b"\0\x10" * 30_000), Chunk(b"\0\0" * 10_000))
CHUNKS = (Chunk(text="one two "), Chunk(data=b"\1\2\3"), Chunk(control="end"))


def echo_spec() -> EngineSpec:
    return EngineSpec("echo", "echo", ("chat",), context_window=500, slots=8)


ECHO = Subject(
    "echo",
    echo_spec,
    good=(
        Task("chat", "chat", ChatBody(user("hello 鲁迅"), Sampling(n=2, logprobs=2))),
        Task("complete", "complete", CompleteBody(("one", (1, 2, 3)), sampling=Sampling(n=2), best_of=3)),
        Task("embed", "embed", EmbedBody(("one", "two"))),
        Task("count", "count", CountBody(user("hello")), counted=False),
        Task("probe", "probe", MediaBody(PART)),
        Task("transcode", "transcode", MediaBody(PART, "audio/flac")),
        Task("hear", "hear", HearBody(words=True, logprobs=True), SECONDS),
        Task("hear nothing", "hear", HearBody(), counted=False),
        Task("see", "see", DataBody(parts=(PART,))),
        Task("speak", "speak", SpeakBody(Voice("alloy"), "say this")),
        Task("speak streamed", "speak", SpeakBody(Voice("alloy", speed=2.0)), CHUNKS),
        Task("draw", "draw", DataBody("a cat", options={"n": 2})),
        Task("live", "live", DataBody(), CHUNKS),
    ),
    refused=(
        Task("no JSON", "chat", ChatBody(user("echo: nonsense"))),
        Task("unknown word", "chat", ChatBody(user('echo: {"what": 1}'))),
        Task("wrong body", "chat", DataBody("text")),
        Task("no such tool", "chat", ChatBody(user("x"), tools=(Tool("a"),), tool_choice="function:b")),
        Task("bad size", "draw", DataBody("x", options={"size": "9x"})),
        Task("no dimensions", "embed", EmbedBody(("x",), dimensions=0)),
    ),
    long=Task("long", "chat", ChatBody(user('echo: {"tokens": 400, "token_s": 0.01, "first_token_s": 0.02}'))),
    too_long=Task("too long", "chat", ChatBody(user("word " * 600))),
)

SUBJECTS = [ECHO]


def job(task: Task) -> Job:
    return Job(f"job-{task.name}", task.capability, "contract", task.body, cache_scope="tests")
