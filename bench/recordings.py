"""Recordings with what was said in them, brought to one form: what bench.hear measures with."""

import asyncio
import json
import wave
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

import numpy as np

GAP_S = 0.7
SUFFIXES = {".wav", ".flac", ".mp3", ".ogg", ".m4a", ".opus", ".webm"}


class Clip(NamedTuple):
    """One recording as 16 kHz WAV, and what was said in it."""

    path: str
    text: str
    language: str
    seconds: float
    translation: str = ""


def listed(folder: Path, language: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """Files with what was said, from a manifest or from texts beside them."""
    manifest = folder / "manifest.jsonl"
    if manifest.exists():
        for line in manifest.read_text("utf-8").splitlines():
            row = json.loads(line)
            yield folder / row["file"], row
        return
    for path in sorted(folder.rglob("*")):
        text = path.with_suffix(".txt")
        if path.suffix.lower() in SUFFIXES and text.exists():
            yield path, {"text": text.read_text("utf-8").strip(), "lang": language}


async def decoded(data: bytes, name: str) -> bytes:
    """16 kHz mono samples of any file, by the media engine."""
    from omniwatt.contract.event import EMPTY, Data
    from omniwatt.contract.job import EngineSpec, Job
    from omniwatt.contract.request import MediaBody, MediaPart
    from omniwatt.engines.media.engine import Media
    from omniwatt.workers.host import CallContext

    media = Media()
    await media.load(EngineSpec("media", "media", ("transcode",)), lambda _: None)
    part = MediaPart("audio", data, name=name)
    body = MediaBody(part, "audio/pcm", {"sample_rate_hz": 16_000, "channels": 1})
    async with aclosing(media.run(Job("b", "transcode", "media", body), EMPTY, CallContext(lambda *_: None))) as events:
        samples = b"".join([event.data async for event in events if isinstance(event, Data)])
    await media.close()
    return samples


def write_wav(path: Path, data: bytes) -> str:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(data)
    return str(path)


def clips_of(folder: Path, language: str, scratch: Path, loop: asyncio.AbstractEventLoop) -> list[Clip]:
    """All recordings of the folder, brought to 16 kHz."""
    found = []
    for number, (path, row) in enumerate(listed(folder, language)):
        data = loop.run_until_complete(decoded(path.read_bytes(), path.name))
        wav = write_wav(scratch / f"{number}.wav", data)
        found.append(Clip(wav, row["text"], row["lang"], len(data) / 32_000, row.get("translation", "")))
    if not found:
        raise SystemExit(f"{folder} holds no recordings with transcripts")
    return found


def long_one(clips: list[Clip], seconds: float, path: Path) -> Clip:
    """Recordings after each other, with a pause between them, until there are so many seconds."""
    sound, text, total_s, number = [], [], 0.0, 0
    pause = np.zeros(int(GAP_S * 16_000), "<i2").tobytes()
    while total_s < seconds:
        clip = clips[number % len(clips)]
        with wave.open(clip.path, "rb") as file:
            sound += [file.readframes(file.getnframes()), pause]
        text.append(clip.text)
        total_s += clip.seconds + GAP_S
        number += 1
    return Clip(write_wav(path, b"".join(sound)), " ".join(text), clips[0].language, total_s)
