"""What was said is found out at the first quiet, and only once when nothing more is said."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import numpy as np
import pytest

from omniwatt.contract.event import Chunk, Event, Fact, TextDelta
from omniwatt.engines.hear.activity import PIECE
from omniwatt.engines.hear.cutting import Rules, Span
from omniwatt.engines.hear.engine import Call
from omniwatt.engines.hear.guard import Limits, Written
from omniwatt.engines.hear.listener import Listener, Window
from omniwatt.engines.hear.loudness import FRAME, Loudness
from omniwatt.engines.hear.mel import RATE_HZ, Floats
from omniwatt.engines.hear.transcriber import Fit, Transcriber, Wish
from omniwatt.engines.hear.vocabulary import Vocabulary

MS = RATE_HZ // 1000
LAG = 3
"""Pieces that the voice activity below goes on for after a voice has ended, as Silero does."""


def tone(ms: int, level: float) -> Floats:
    return (level * np.sin(np.arange(ms * MS) * 0.3)).astype(np.float32)


def heard(*stretches: tuple[int, float]) -> Floats:
    return np.concatenate([tone(ms, level) for ms, level in stretches])


@pytest.mark.parametrize(
    ("stretches", "last_ms"),
    [
        ([(200, 0.0)], 0),
        ([(200, 0.0), (300, 0.3), (200, 0.0)], 500),
        ([(200, 0.001), (300, 0.3), (200, 0.001)], 500),
        ([(300, 0.3), (200, 0.012), (200, 0.001)], 500),
        ([(300, 0.3), (200, 0.008)], 300),
        ([(200, 0.05), (300, 0.3), (200, 0.05)], 700),
        ([(300, 0.3), (100, 0.0), (200, 0.3), (100, 0.0)], 600),
    ],
    ids=["silence", "clean", "a quiet room", "a soft end", "an echo", "noise is not taken for quiet", "two words"],
)
def test_where_sound_was_last_loud(stretches: list[tuple[int, float]], last_ms: int) -> None:
    samples = heard(*stretches)
    whole, pieces = Loudness(), Loudness()
    whole.feed(samples)
    for place in range(0, len(samples), 333):
        pieces.feed(samples[place : place + 333])
    assert whole.last == pieces.last == last_ms * MS
    assert whole.last % FRAME == 0


class Ears:
    """Voice activity that takes every tone for speech, and LAG pieces after it too. Stands for Silero's weights."""

    def gates(self, pieces: Floats) -> Floats:
        return np.sqrt((pieces[:, -PIECE:] ** 2).mean(axis=1))

    def step(self, gates: Any, hidden: Any, cell: Any) -> tuple[Any, Any]:
        left = LAG if gates > 0.02 else max(0, int(cell[0]) - 1)
        return np.full(128, float(left > 0), np.float32), np.full(128, left, np.float32)

    def likely(self, hidden: Floats) -> Floats:
        return np.where(hidden[:, 0] > 0, 0.9, 0.05).astype(np.float32)


class Words:
    """A recogniser whose text is how many tenths of a second it was given; counts what it does."""

    bands = 80
    multilingual = True

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.encoded: list[float] = []
        self.during: Callable[[], None] = lambda: None

    def encode(self, sound: Floats, frames: int) -> Any:
        self.encoded.append(len(sound) / RATE_HZ)
        self.during()
        return np.zeros(frames)

    def languages(self, view: Any) -> list[tuple[str, float]]:
        return [("de" if self.encoded[-1] < 0.6 else "en", 0.9)]

    def write(self, views: Sequence[Any], seconds: Sequence[float], way: Any) -> list[list[Written]]:
        found = []
        for one in seconds:
            text = f" {way.language} {round(one * 10)}"
            found.append([Written(tuple(self.vocabulary.ids(text)), text.strip(), -0.1, 0.0, complete=True)])
        return found


def transcriber(words: Words) -> Transcriber:
    wish = Wish(task="transcribe", prompt=(), temperature=0.0, words=False, logprobs=False)
    return Transcriber(words, Fit(), Limits(), wish, lambda kind, units: None)  # type: ignore[arg-type]


def listener() -> Listener:
    return Listener(Ears(), Rules())  # type: ignore[arg-type]


def pcm(samples: Floats) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


def test_a_guess_is_possible_50_ms_after_the_voice_and_stands_until_more_is_said() -> None:
    ears = listener()
    ears.feed(pcm(heard((320, 0.0), (640, 0.3), (40, 0.0))))
    assert ears.said() is None
    ears.feed(pcm(tone(20, 0.0)))
    said, window = ears.said(), ears.guess()
    assert said == Span(320 * MS, 960 * MS)
    assert window is not None
    assert window.key == said
    ears.feed(pcm(tone(240, 0.0)))
    assert ears.said() == said
    ears.end()
    (whole,) = ears.take(1, flush=True)
    assert whole.key == said
    assert len(whole.samples) > len(window.samples)


def test_what_is_said_after_a_guess_makes_it_another_stretch() -> None:
    ears = listener()
    ears.feed(pcm(heard((640, 0.3), (80, 0.0))))
    said = ears.said()
    ears.feed(pcm(tone(40, 0.3)))
    assert ears.said() is None
    ears.feed(pcm(tone(80, 0.0)))
    assert said is not None
    assert ears.said() == Span(said.start, 760 * MS)


def test_a_click_is_not_guessed() -> None:
    ears = listener()
    ears.feed(pcm(heard((160, 0.3), (80, 0.0))))
    assert ears.said() is None


def window(ms: int) -> Window:
    return Window(0, tone(ms, 0.3), Span(0, ms * MS))


def test_what_was_guessed_is_not_heard_again(vocabulary: Vocabulary) -> None:
    words = Words(vocabulary)
    one = transcriber(words)
    assert one.guess(window(1000)) == "en 10"
    longer = Window(0, tone(1300, 0.3), Span(0, 1000 * MS))
    assert [part.segments[0].text.strip() for part in one.write([longer])] == ["en 10"]
    assert words.encoded == [1.0]
    assert one.language == "en"


def test_a_guess_does_not_settle_the_language(vocabulary: Vocabulary) -> None:
    words = Words(vocabulary)
    one = transcriber(words)
    assert one.guess(window(400)) == "de 4"
    assert one.language == ""
    assert [part.language for part in one.write([window(1000)])] == ["en"]


def test_a_guess_that_is_overtaken_stops_before_its_next_step(vocabulary: Vocabulary) -> None:
    words = Words(vocabulary)
    one = transcriber(words)
    words.during = lambda: setattr(one, "overtaken", True)
    assert one.guess(window(1000)) == ""
    assert [part.segments[0].text.strip() for part in one.write([window(1000)])] == ["en 10"]
    assert words.encoded == [1.0, 1.0]


class Beside:
    """The engine, as a call uses it."""

    batch = 8

    async def beside(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.to_thread(function, *args)


async def spoken(samples: Floats, pace: float) -> AsyncGenerator[Chunk]:
    for place in range(0, len(samples), 40 * MS):
        await asyncio.sleep(0.04 * pace)
        yield Chunk(data=pcm(samples[place : place + 40 * MS]))


@pytest.mark.parametrize("partials", [True, False])
async def test_speech_is_written_down_while_it_is_spoken(vocabulary: Vocabulary, partials: bool) -> None:
    words = Words(vocabulary)
    call = Call(Beside(), transcriber(words), listener(), partials=partials)  # type: ignore[arg-type]
    samples = heard((320, 0.3), (200, 0.0), (320, 0.3), (240, 0.0))
    events: list[Event] = [event async for event in call.events(spoken(samples, 1.0))]
    await call.leave()
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(texts) == 1
    assert len(words.encoded) == 2, "the last guess is the text"
    facts = [event.values["heard"] for event in events if isinstance(event, Fact)]
    assert len(facts) == (2 if partials else 0)
    assert not partials or facts[-1] == texts[0]


async def test_a_recording_is_not_guessed_at(vocabulary: Vocabulary) -> None:
    words = Words(vocabulary)
    call = Call(Beside(), transcriber(words), listener(), partials=True)  # type: ignore[arg-type]
    samples = heard((320, 0.3), (200, 0.0), (320, 0.3), (240, 0.0))
    events = [event async for event in call.events(spoken(samples, 0.0))]
    await call.leave()
    assert len(words.encoded) == 1
    assert not any(isinstance(event, Fact) for event in events)
