"""Speech written down: omniwatt's engine against faster-whisper as its README uses it, same weights, same run.

    python -m bench.hear --data DIR [--quick] [--only utterances,long,...]

DIR holds recordings with what was said: `manifest.jsonl` (a line of JSON each: file, text, lang, and translation where
there is one), or NAME.txt beside NAME.wav (flac, mp3, ...), all in one language (--language, default en). Both get the
same 16 kHz WAV files and are asked in turns. Words are compared by jiwer after Whisper's own normaliser, Chinese,
Japanese and Thai by letter.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from bench.common import ROOT, report, say
from bench.recordings import Clip, clips_of, long_one
from bench.table import newest

LOCK = ROOT / "bench" / "peers" / "hear.lock"
PEER = ROOT / ".venv" / "peers" / "hear"
CARD, LARGE = "whisper-base", "whisper-large-v3"
SHORT_S = 10.0
LONG_S = 600.0
PARTS = ("utterances", "long", "tails", "accurate", "translations", "large")
ROUNDS = 3
REAL_TIME_PIECE_S = 0.1


class Process:
    """bench/peers/hear_peer.py at the other end of a pipe."""

    def __init__(self, *words: str) -> None:
        command = [str(peer_environment()), str(ROOT / "bench" / "peers" / "hear_peer.py"), *words]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, do: str, **what: Any) -> dict[str, Any]:
        """Raises RuntimeError when the process has ended."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the peer has no pipes")
        stdin.write(json.dumps({"do": do, **what}) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended with {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        self._process.communicate(timeout=60)


def peer_environment() -> Path:
    """Its own virtual environment, hash-checked; made once."""
    program, stamp = PEER / "bin" / "python", PEER / "lock"
    if not (program.exists() and stamp.exists() and stamp.read_bytes() == LOCK.read_bytes()):
        say("installing faster-whisper and jiwer into .venv/peers/hear (once)")
        subprocess.run([sys.executable, "-m", "venv", str(PEER)], check=True)
        pip = [str(program), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True)
        stamp.write_bytes(LOCK.read_bytes())
    return program


class Ours:
    """The engine as its host process runs it, without the wire."""

    def __init__(self, card: str, loop: asyncio.AbstractEventLoop, **changes: Any) -> None:
        from omniwatt.engines.hear.engine import Whisper

        self._engine, self._loop = Whisper(), loop
        self.spec = spec(card, **changes)
        loop.run_until_complete(self._engine.load(self.spec, lambda _: None))

    def hear(self, path: str, **body: Any) -> dict[str, Any]:
        """Text, language and seconds of one file, reading it included."""
        began = time.perf_counter()
        found = self._loop.run_until_complete(self._hear(pieces(path, 0.0), body))
        return found | {"seconds": time.perf_counter() - began}

    def tail(self, path: str, seconds: float) -> float:
        """Seconds from the end of a sound that came in real time to the end of its text."""
        ended: list[float] = []

        async def live() -> AsyncIterator[Any]:
            async for piece in pieces(path, REAL_TIME_PIECE_S, seconds):
                yield piece
            ended.append(time.perf_counter())

        self._loop.run_until_complete(self._hear(live(), {}))
        return time.perf_counter() - ended[0]

    def close(self) -> None:
        self._loop.run_until_complete(self._engine.close())

    async def _hear(self, inputs: AsyncIterator[Any], body: dict[str, Any]) -> dict[str, Any]:
        from omniwatt.contract.event import Finished, TextDelta
        from omniwatt.contract.job import Job
        from omniwatt.contract.request import HearBody
        from omniwatt.workers.host import CallContext

        text, language = "", ""
        job = Job("bench", "hear", self.spec.name, HearBody(**body))
        async with aclosing(self._engine.run(job, inputs, CallContext(lambda *_: None))) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    text += event.text
                if isinstance(event, Finished):
                    language = event.details["language"]
        return {"text": text, "language": language}


async def pieces(path: str, pace_s: float, limit_s: float = 1e9) -> AsyncIterator[Any]:
    """A WAV's samples, at once or in real time."""
    from omniwatt.contract.event import Chunk

    with wave.open(path, "rb") as file:
        data = file.readframes(min(file.getnframes(), int(limit_s * 16_000)))
    size = int(pace_s * 32_000) or 192 * 1024
    for at in range(0, len(data), size):
        await asyncio.sleep(pace_s)
        yield Chunk(data[at : at + size])


def spec(card: str, **changes: Any) -> Any:
    """The card's EngineSpec from this user's store. Raises OmniwattError when it has not been pulled."""
    import msgspec

    from omniwatt import settings
    from omniwatt.catalog.catalog import Catalog

    return msgspec.structs.replace(Catalog.open(settings.load(None, {})).spec(card), **changes)


class Score(NamedTuple):
    """Errors over a set of clips, and the median seconds of each clip's rounds."""

    rate: float
    seconds: list[float]
    languages_right: int


def measured(hearers: dict[str, Any], clips: list[Clip], rounds: int, scorer: Process) -> dict[str, dict[str, Score]]:
    """Per hearer and language: every clip to every hearer in turn, `rounds` times."""
    texts: dict[tuple[str, int], dict[str, Any]] = {}
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for name, hear in hearers.items():
            for number, clip in enumerate(clips):
                # Threads of the other that still look for work are asleep then.
                if number == 0:
                    time.sleep(1.0)
                    hear(clip.path)
                heard = hear(clip.path)
                texts[name, number] = heard
                times.setdefault((name, number), []).append(heard["seconds"])
    found: dict[str, dict[str, Score]] = {name: {} for name in hearers}
    for name in hearers:
        for language in sorted({clip.language for clip in clips}):
            own = [number for number, clip in enumerate(clips) if clip.language == language]
            pairs = [[clips[number].text, texts[name, number]["text"]] for number in own]
            got = scorer.ask("errors", language=language, pairs=pairs)
            right = sum(texts[name, number]["language"] == language for number in own)
            seconds = [statistics.median(times[name, number]) for number in own]
            found[name][language] = Score(got["edits"] / got["length"], seconds, right)
            say(f"{name} {language}: {100 * found[name][language].rate:.1f} % errors, {sum(seconds):.2f} s")
    return found


def total_s(scores: dict[str, Score]) -> float:
    return sum(sum(score.seconds) for score in scores.values())


def utterances(ours: Ours, peer: Process, clips: list[Clip], quick: bool) -> list[dict[str, Any]]:
    """Short ones: speed, errors and languages, ours and theirs; then ours with all the time it wants."""
    short = [clip for clip in clips if clip.seconds < SHORT_S]
    hearers = {
        "omniwatt": ours.hear,
        "faster-whisper": lambda path: peer.ask("hear", path=path),
    }
    found = measured(hearers, short, 1 if quick else ROUNDS, peer)
    own, other = found["omniwatt"], found["faster-whisper"]
    ratio = total_s(other) / total_s(own)
    figures: list[dict[str, Any]] = [
        {
            "figure": "utterance_speed_ratio", "value": ratio, "unit": "x", "aim": ">= 3", "met": ratio >= 3,
            "readme": "Utterances under 10 s: times faster than faster-whisper, same weights",
            "clips": len(short), "median_s": statistics.median(s for score in own.values() for s in score.seconds),
            "peer_median_s": statistics.median(s for score in other.values() for s in score.seconds),
        },
        {
            "figure": "languages_right", "value": sum(score.languages_right for score in own.values()), "unit": "clips",
            "of": len(short), "peer": sum(score.languages_right for score in other.values()),
        },
    ]  # fmt: skip
    for language in own:
        points = 100 * (own[language].rate - other[language].rate)
        figure = {
            "figure": "error_rate_difference", "language": language, "value": points, "unit": "points",
            "rate": own[language].rate, "peer_rate": other[language].rate, "clips": len(own[language].seconds),
        }  # fmt: skip
        if language == "en":
            figure |= {
                "readme": "Their word error rate: points above the full window's", "aim": "<= 0.3",
                "met": points <= 0.3,
            }  # fmt: skip
        figures.append(figure)
    return figures


def accurate(ours: Ours, clips: list[Clip], scorer: Process) -> list[dict[str, Any]]:
    """The accurate mode against the default of the same weights, all clips, and against faster-whisper's default."""
    hearers = {
        "default": ours.hear,
        "accurate": lambda path: ours.hear(path, accurate=True),
        "faster-whisper": lambda path: scorer.ask("hear", path=path),
    }
    found = measured(hearers, clips, 1, scorer)
    slower = total_s(found["accurate"]) / total_s(found["default"])
    figures: list[dict[str, Any]] = [
        {
            "figure": "accurate_mode_cost", "value": slower, "unit": "x", "aim": "<= 4", "met": slower <= 4,
            "readme": "Accurate mode: times slower than the default",
        }
    ]  # fmt: skip
    for language, default in found["default"].items():
        careful = found["accurate"][language]
        change = 100 * (careful.rate / default.rate - 1) if default.rate else 0.0
        figure = {
            "figure": "accurate_mode", "language": language, "value": change, "unit": "%", "rate": careful.rate,
            "default_rate": default.rate, "peer_rate": found["faster-whisper"][language].rate,
            "times_slower": sum(careful.seconds) / sum(default.seconds), "clips": len(default.seconds),
        }  # fmt: skip
        if language == "en":
            figure |= {
                "readme": "Accurate mode: word errors, relative to the default's, all lengths", "aim": "<= -18",
                "met": change <= -18,
            }  # fmt: skip
        figures.append(figure)
    return figures


def long_file(ours: Ours, peer: Process, clips: list[Clip], scratch: Path, quick: bool) -> list[dict[str, Any]]:
    """Ten minutes in one file."""
    english = [clip for clip in clips if clip.language == "en"] or clips
    clip = long_one(english, LONG_S / (10 if quick else 1), scratch / "long.wav")
    heard = {
        "omniwatt": ours.hear(clip.path),
        "faster-whisper": peer.ask("hear", path=clip.path),
        "batched": peer.ask("hear", path=clip.path, batch=16),
    }
    rates = {
        name: (got := peer.ask("errors", language=clip.language, pairs=[[clip.text, one["text"]]]))["edits"]
        / got["length"]
        for name, one in heard.items()
    }
    say(f"long: { ({name: (round(one['seconds'], 1), round(rates[name], 3)) for name, one in heard.items()}) }")
    ratio = heard["faster-whisper"]["seconds"] / heard["omniwatt"]["seconds"]
    return [
        {
            "figure": "long_speed_ratio", "value": ratio, "unit": "x", "aim": ">= 2", "met": ratio >= 2,
            "readme": "A 10-minute file: times faster than faster-whisper", "sound_s": clip.seconds,
            "seconds": heard["omniwatt"]["seconds"], "rates": rates,
            "batched_ratio": heard["batched"]["seconds"] / heard["omniwatt"]["seconds"],
        },
        {
            "figure": "long_error_rate_difference", "value": 100 * (rates["omniwatt"] - rates["faster-whisper"]),
            "unit": "points", "readme": "Its word error rate: points above faster-whisper's",
        },
    ]  # fmt: skip


def tails(ours: Ours, clips: list[Clip], quick: bool) -> list[dict[str, Any]]:
    """What is left to do when a sound that came in real time ends: cut off mid-speech, and after its last word."""
    some = [clip for clip in clips if clip.seconds < SHORT_S and clip.language == "en"][: 2 if quick else 10]
    if not some:
        return []
    cut = [ours.tail(clip.path, min(2.0, clip.seconds)) for clip in some]
    whole = [ours.tail(clip.path, clip.seconds) for clip in some]
    return [
        {
            "figure": "tail_s", "what": what, "value": statistics.median(taken), "unit": "s", "worst": max(taken),
            "clips": len(some),
        }
        | (
            {"readme": "2 s of speech arriving in real time: from its end to its text, median", "aim": "<= 0.2",
             "met": statistics.median(taken) <= 0.2}
            if what == "cut at 2 s" else {}
        )
        for what, taken in (("cut at 2 s", cut), ("whole", whole))
    ]  # fmt: skip


def translations(ours: Ours, clips: list[Clip], scorer: Process) -> list[dict[str, Any]]:
    """chrF of the clips that have a translation."""
    some = [clip for clip in clips if clip.translation]
    if not some:
        return []
    heard = [ours.hear(clip.path, task="translate")["text"] for clip in some]
    got = scorer.ask("chrf", heard=heard, truth=[clip.translation for clip in some])
    return [
        {
            "figure": "translation_chrf", "value": got["chrf"], "unit": "chrF", "clips": len(some),
            "languages": sorted({clip.language for clip in some}), "readme": "Translations into English (chrF of 100)",
        }
    ]  # fmt: skip


def large(loop: asyncio.AbstractEventLoop, clips: list[Clip], scorer: Process) -> list[dict[str, Any]]:
    """whisper-large-v3 where there is a card for it and it has been pulled."""
    from omniwatt.contract.error import OmniwattError

    try:
        ours = Ours(LARGE, loop)
    except OmniwattError as error:
        say(f"{LARGE} is not measured: {error}")
        return []
    found = measured({LARGE: ours.hear}, clips, 1, scorer)[LARGE]
    ours.close()
    return [
        {"figure": "large_error_rate", "language": language, "value": score.rate, "seconds": sum(score.seconds)}
        for language, score in found.items()
    ]


def earlier(parts: list[str], data: str) -> list[dict[str, Any]]:
    """Today's figures of the parts that are not measured now, on the same recordings: a run can be cut into pieces."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for result in newest():
        if result["bench"] == "hear" and result["date"].startswith(today) and result["notes"].get("data") == data:
            return [figure for figure in result["figures"] if figure.get("part") not in {None, *parts}]
    return []


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work; the result says so and is not kept")
    parser.add_argument("--data", type=Path, required=True, help="folder of recordings with what was said in them")
    parser.add_argument("--language", default="en", help="of recordings without a manifest")
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}; today's others are kept")
    asked = parser.parse_args()
    if unknown := set(asked.only.split(",")) - set(PARTS):
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}")
    return asked


def main() -> None:
    """Measure all of it."""
    asked = arguments()
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory(prefix="ow-hear-") as folder:
        scratch = Path(folder)
        clips = clips_of(asked.data, asked.language, scratch, loop)
        ours = Ours(CARD, loop)
        model = str(Path(ours.spec.artifacts["model"]).parent)
        with contextlib.closing(Process(model, str(ours.spec.threads))) as peer:
            parts: dict[str, Callable[[], list[dict[str, Any]]]] = {
                "utterances": lambda: utterances(ours, peer, clips, asked.quick),
                "long": lambda: long_file(ours, peer, clips, scratch, asked.quick),
                "tails": lambda: tails(ours, clips, asked.quick),
                "accurate": lambda: accurate(ours, clips, peer),
                "translations": lambda: translations(ours, clips, peer),
                "large": lambda: large(loop, clips, peer),
            }
            wanted = asked.only.split(",")
            fresh = [{"part": part, **figure} for part in PARTS if part in wanted for figure in parts[part]()]
        ours.close()
    figures = sorted(fresh + earlier(wanted, asked.data.name), key=lambda figure: PARTS.index(figure["part"]))
    notes = {
        "clips": len(clips), "seconds": sum(clip.seconds for clip in clips),
        "peer": "faster-whisper, int8, beam_size=5",
        "languages": sorted({clip.language for clip in clips}), "data": asked.data.name,
    }  # fmt: skip
    report("hear", figures, asked.quick, notes)


if __name__ == "__main__":
    main()
