"""How soon a spoken question is answered aloud, seen by a client that speaks in real time.

The clock of a turn starts when the turn could first have been known to be over: at `speech_stopped`, or at the last
voiced sample + the silence asked for + 50 ms, whichever is earlier. It ends at the first `response.output_audio.delta`.

Parts: plain questions at each silence; questions after a sentence and a pause a little shorter than the silence, at
which an answer is made ahead for nothing; and plain questions to a server that does not guess.
"""

import argparse
import asyncio
import contextlib
import json
import re
import sqlite3
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.common import RESULTS, Service, model_store, report, say, service
from bench.realtime_client import Client, Clip, Turn, recorded, spoken, with_pause

SILENCES_MS = (300, 500)
TURNS = 30
FEW = 10
"""Turns of the parts that tell what a guess is worth."""
SHORTER_MS = 80
"""So much shorter than the silence that ends a turn a pause within one is."""
VOICES = ("alloy", "nova", "onyx", "joe")
LEADS = ("I have a question for you.", "Let me think about this.", "There is one more thing.")
QUESTIONS = (
    "What is the capital of France?",
    "How many days are there in a week?",
    "Can you recommend a good book for a long train ride?",
    "What is the difference between a frog and a toad?",
    "Why is the sky blue?",
    "How do I boil an egg?",
    "Tell me something about the moon.",
    "What should I cook for dinner tonight?",
    "Who wrote Romeo and Juliet?",
    "Is it better to learn the piano or the guitar?",
    "How far away is the sun?",
    "What can I do about a cold?",
    "Please give me a tip for sleeping better.",
    "What is two plus two?",
    "Where do penguins live?",
)


@dataclass(frozen=True)
class Part:
    """One stretch of the measurement, and the name its figures bear."""

    name: str
    silence_ms: int
    few: bool = False
    pause: bool = False
    guesses: bool = True


PARTS = {
    "300": Part("silence 300 ms", 300),
    "500": Part("silence 500 ms", 500),
    "300-pause": Part("silence 300 ms, a pause within", 300, few=True, pause=True),
    "500-pause": Part("silence 500 ms, a pause within", 500, few=True, pause=True),
    "300-unguessed": Part("silence 300 ms, nothing guessed", 300, few=True, guesses=False),
}


async def talk(server: Service, clips: list[Clip], silence_ms: int) -> list[Turn]:
    """A session of its own for these clips."""
    from openai import AsyncOpenAI

    detection = {"type": "server_vad", "silence_duration_ms": silence_ms}
    audio = {"input": {"turn_detection": detection, "transcription": {"model": "whisper-1"}}}
    session: Any = {"type": "realtime", "audio": audio, "max_output_tokens": 24}
    async with (
        AsyncOpenAI(base_url=server.url + "/v1", api_key=server.key) as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        await connection.session.update(session=session)
        # The models come into memory while nobody speaks yet.
        await asyncio.sleep(5.0)
        return await Client(connection).run(clips, silence_ms)


def asked(server: Service, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the server's database, once what is queued has been written."""
    time.sleep(1.5)
    with contextlib.closing(sqlite3.connect(f"file:{server.home / 'omniwatt.db'}?mode=ro", uri=True)) as database:
        return database.execute(sql).fetchall()


def costs(server: Service, name: str, turns: int, cpu_s: float) -> list[dict[str, Any]]:
    """What was done ahead for nothing, and what a turn takes in all."""
    rows = asked(server, "SELECT capability, details FROM ledger WHERE state = 'discarded'")
    found = [(capability, json.loads(details)["guess"]) for capability, details in rows]
    chats = [guess for capability, guess in found if capability == "chat"]
    read = sum(guess["prompt_tokens"] - guess["cached_tokens"] for guess in chats)
    sums = {
        "answers begun for nothing": (len(chats), "requests"),
        "tokens read for nothing": (read, "tokens"),
        "tokens written for nothing": (sum(guess["completion_tokens"] for guess in chats), "tokens"),
        "the chat engine's time for nothing": (sum(guess["seconds"] for guess in chats), "s"),
        "heard once more": (sum(capability == "hear" for capability, _ in found), "requests"),
        "engines' CPU time a turn": (cpu_s / turns, "s"),
    }
    return [{"what": f"{name}: {what}", "value": value, "unit": unit} for what, (value, unit) in sums.items()]


def words(text: str) -> list[str]:
    """Without case, marks and hyphens."""
    return re.findall(r"[a-z0-9']+", text.lower())


def percentile(values: list[float], share: float) -> float:
    """The smallest value that so large a share does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def figures_of(turns: list[Turn], part: Part) -> list[dict[str, Any]]:
    """What one part came to. A turn that was cut in two has no one answer: it is counted, and not timed."""
    name, whole = part.name, [turn for turn in turns if turn.starts == 1]
    waits = [turn.wait_s * 1000 for turn in whole]
    missed = [turn.wait_s * 1000 for turn in whole if not turn.guessed]
    aims = {0.5: 232, 0.95: 500} if not part.few else {}
    found: list[dict[str, Any]] = []
    for share in (0.5, 0.95):
        label, value = f"p{share * 100:.0f}", percentile(waits, share)
        figure = {"what": f"{name}: wait {label}", "value": value, "unit": "ms"}
        if share == 0.5 or not part.few:
            figure["readme"] = f"spoken answer begins, {name}: {label}"
        if share in aims:
            figure |= {"aim": f"<= {aims[share]}", "met": value <= aims[share]}
        found.append(figure)
    felt = statistics.median(turn.since_voice_s * 1000 for turn in whole)
    found.append({"what": f"{name}: from the last voiced sample, p50", "value": felt, "unit": "ms"})
    if part.guesses:
        hits = 100 * sum(turn.guessed for turn in whole) / len(whole)
        readme = f"spoken turns guessed ahead, {name}"
        found.append({"what": f"{name}: guessed ahead", "value": hits, "unit": "%", "readme": readme})
        if missed:
            p50 = percentile(missed, 0.5)
            found.append({"what": f"{name}: wait p50 of turns not guessed", "value": p50, "unit": "ms"})
    counts = {
        "turns": len(turns),
        "cut in two": len(turns) - len(whole),
        "first words stand in the transcript": sum(turn.honest for turn in whole),
        "heard word for word": sum(words(turn.heard) == words(turn.asked) for turn in whole if turn.asked),
    }
    return found + [{"what": f"{name}: {what}", "value": value, "unit": "turns"} for what, value in counts.items()]


def guesses_of(server: Service, part: Part) -> list[dict[str, Any]]:
    """Of the guesses made, how many came true."""
    made, right = asked(server, "SELECT sum(guesses), sum(guesses_right) FROM sessions")[0]
    if not part.guesses or not made:
        return []
    name = f"{part.name}: guesses that came true"
    readme = {"readme": f"guesses that came true, {part.name}"} if part.pause else {}
    return [{"what": name, "value": 100 * right / made, "unit": f"% of {made}", **readme}]


def measure(part: Part, count: int, data: Path | None) -> list[dict[str, Any]]:
    """One part on a server of its own."""
    with tempfile.TemporaryDirectory(prefix="ow-bench-") as folder:
        config = Path(folder) / "omniwatt.toml"
        config.write_text(f"[realtime]\nguess = {str(part.guesses).lower()}\n", encoding="utf-8")
        with service("--models", "fast,hear,speak", "--config", str(config), store=model_store()) as server:
            clips = pool(server, part, data)
            clips = [clips[place % len(clips)] for place in range(count)]
            say(f"{count} turns, {part.name}")
            before_s = server.cpu_s()["engines"]
            turns = asyncio.run(talk(server, clips, part.silence_ms))
            cpu_s = server.cpu_s()["engines"] - before_s
            done = asked(server, "SELECT details FROM ledger WHERE capability = 'chat' AND state = 'done'")
            for turn, (details,) in zip(turns, done, strict=False):
                turn.guessed = "guess" in json.loads(details or "{}")
                how = "guessed" if turn.guessed else "missed "
                say(f"  {turn.wait_s * 1000:6.0f} ms  {how}  {turn.heard[:60]!r} -> {turn.transcript[:60]!r}")
            costly = costs(server, part.name, count, cpu_s)
            return figures_of(turns, part) + guesses_of(server, part) + costly


def pool(server: Service, part: Part, data: Path | None) -> list[Clip]:
    """What is spoken: recordings, or questions in our own voices."""
    if data is not None:
        return [(samples, "") for samples in recorded(data)]
    found: list[Clip] = []
    for place, question in enumerate(QUESTIONS):
        voice = VOICES[place % len(VOICES)]
        clip = spoken(server, question, voice)
        if part.pause:
            lead = LEADS[place % len(LEADS)]
            pause_ms = part.silence_ms - SHORTER_MS
            found.append((with_pause(spoken(server, lead, voice), clip, pause_ms), f"{lead} {question}"))
        else:
            found.append((clip, question))
    return found


def kept_today(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The figures of the parts that were measured earlier today, then these."""
    new = {figure["what"] for figure in figures}
    paths = sorted(RESULTS.glob(f"realtime_*_{datetime.now(UTC):%Y-%m-%d}.json"))
    before = json.loads(paths[-1].read_text(encoding="utf-8"))["figures"] if paths else []
    parts = tuple(f"{part.name}: " for part in PARTS.values())
    return [one for one in before if one["what"] not in new and one["what"].startswith(parts)] + figures


def options() -> argparse.Namespace:
    """--quick as everywhere, and other sound to speak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work; the result says so and is not kept")
    parser.add_argument("--data", type=Path, help="recordings to speak instead of questions in our own voices")
    parser.add_argument("--turns", type=int, default=TURNS, help="spoken turns for each silence")
    parser.add_argument("--part", choices=PARTS, help="only this one; today's figures of the others stay")
    return parser.parse_args()


def main() -> None:
    """Measure."""
    given = options()
    parts = [PARTS[given.part]] if given.part else list(PARTS.values())
    if given.data:
        parts = [part for part in parts if not part.pause]
    figures: list[dict[str, Any]] = []
    for part in parts:
        count = min(FEW, given.turns) if part.few else given.turns
        figures += measure(part, 3 if given.quick else count, given.data)
    if given.part:
        figures = kept_today(figures)
    report("realtime", figures, given.quick, {"questions": len(QUESTIONS), "model": "fast"})


if __name__ == "__main__":
    main()
