"""How echo hears and speaks: words for each second that is not silent, a tone for each token; as more comes in."""

from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing

from omniwatt.contract.event import (
    ChoiceEnd,
    Chunk,
    Data,
    Event,
    Fact,
    Finished,
    Progress,
    Segment,
    TextDelta,
    Usage,
    Word,
)
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import HearBody, SpeakBody
from omniwatt.engines.echo import media, script, tokens

HEARD_HZ = 16_000
SECOND_BYTES = HEARD_HZ * 2
QUIET = 64
"""A second whose samples are smaller than this, on average, is silent: what a resampler leaves at an edge is."""
TOKENS_PER_S = 25


async def hear(body: HearBody, pace: script.Pace, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
    """A segment `second N` for each second with sound in it, as soon as it is complete; silence gives no text."""
    heard_bytes = written = count = 0
    so_far = ""
    async with aclosing(_seconds(inputs)) as seconds:
        async for second in seconds:
            start_s = heard_bytes / SECOND_BYTES
            heard_bytes += len(second)
            end_s = heard_bytes / SECOND_BYTES
            await ctx.astep("encode", end_s - start_s)
            if _loud(second):
                segment = _segment(body, pace.script.text or f"second {int(start_s) + 1}", count, start_s, end_s)
                count += 1
                for place, token in enumerate(tokens.split(segment.text)):
                    await pace.token()
                    written += 1
                    said = (tokens.logprob(token, place, 0),) if body.logprobs else ()
                    yield TextDelta(token, tokens=1, logprobs=said)
                yield segment
                so_far = f"{so_far} {segment.text}".strip()
                if body.partials:
                    yield Fact({"heard": so_far})
            yield Progress(end_s, 0.0, "s")
    yield ChoiceEnd("stop")
    seconds_s = heard_bytes / SECOND_BYTES
    count_tokens = round(seconds_s * TOKENS_PER_S)
    yield Finished(
        Usage(prompt_tokens=count_tokens, audio_tokens=count_tokens, audio_s=seconds_s, completion_tokens=written),
        "echo",
        {"language": body.language or "en", "duration_s": seconds_s},
    )


async def speak(body: SpeakBody, pace: script.Pace, text: AsyncIterator[str], ctx: Context) -> AsyncGenerator[Event]:
    """A tone for each token of `text`, piece by piece; the first of a piece carries its words."""
    prompt = made_bytes = 0
    async for clause in text:
        for place, token in enumerate(tokens.split(clause)):
            await pace.token()
            prompt += 1
            sound = media.tone(token, body.voice.speed)
            made_bytes += len(sound)
            await ctx.astep("render", len(sound) / media.RATE_HZ / 2)
            yield Data(sound, "audio/pcm", rate_hz=media.RATE_HZ, text="" if place else clause)
    yield ChoiceEnd("stop")
    made_s = made_bytes / media.RATE_HZ / 2
    spoken = round(made_s * TOKENS_PER_S)
    usage = Usage(prompt_tokens=prompt, completion_tokens=spoken, audio_output_tokens=spoken)
    yield Finished(usage, "echo", {"seconds": made_s})


async def clauses(body: SpeakBody, words: str, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[str]:
    """The text to say: `words` where the body brought it whole, else what streams in."""
    if body.text:
        yield words
        return
    async for chunk in inputs:
        if chunk.text:
            yield chunk.text


async def _seconds(inputs: AsyncIterator[Chunk]) -> AsyncGenerator[bytes]:
    """The samples second by second; the last piece may be shorter."""
    held = bytearray()
    async for chunk in inputs:
        held += chunk.data
        while len(held) >= SECOND_BYTES:
            yield bytes(held[:SECOND_BYTES])
            del held[:SECOND_BYTES]
    if len(held) >= 2:
        yield bytes(held[: len(held) // 2 * 2])


def _loud(samples: bytes) -> bool:
    values = array("h", samples)
    return sum(map(abs, values)) >= QUIET * len(values)


def _segment(body: HearBody, words: str, number: int, start_s: float, end_s: float) -> Segment:
    pieces = tokens.split(f" {words}")
    return Segment(
        text=f" {words}",
        start_s=start_s,
        end_s=end_s,
        id=number,
        seek=int(start_s // 30) * 3000,
        tokens=tuple(range(len(pieces))),
        temperature=body.temperature,
        avg_logprob=-0.1,
        compression_ratio=1.0,
        words=tuple(_words(words, start_s, end_s)) if body.words else (),
        logprobs=tuple(tokens.logprob(piece, place, 0) for place, piece in enumerate(pieces)) if body.logprobs else (),
    )


def _words(words: str, start_s: float, end_s: float) -> Iterator[Word]:
    said = words.split()
    each_s = (end_s - start_s) / max(1, len(said))
    for place, word in enumerate(said):
        yield Word(f" {word}", start_s + place * each_s, start_s + (place + 1) * each_s, 0.9)
