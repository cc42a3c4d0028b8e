"""Are the voice styles different ones? Every style says its language's sentence; nearest pairs against repetitions.

Five aspects are measured: timbre (means and deviations of 12 mel cepstra: Davis, Mermelstein 1980, scaled by how they
vary within a style), pitch, melody (how far the pitch strays), pace, and breath (how far the sound repeats itself from
period to period). Repetitions of one style (the same words again, 3 % faster and slower, with other marks at the end)
give the largest distance in each aspect that is not yet another style. Two styles of a language count as different
when at least one aspect is further apart than that; loudness does not count. Where one synthesizer speaks many
languages, all of them count to ten as well: two that read the same digits alike would be one under two names.

Every style's naturalness is guessed by a network (bench/naturalness.py); with --data DIR, recordings of people (as
bench-hear takes them) are scored beside: what they get is the most that can be had. A page for blind listening is
written to build/listening.html.
"""

import argparse
import asyncio
import itertools
import json
import sys
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench import common, listening, recordings
from bench.naturalness import Judge
from omniwatt.catalog.voices import Voices, VoiceStyle, sentence
from omniwatt.engines.speak.melody import HOP_S, melody

Rendering = tuple[np.ndarray[Any, Any], int]
"""Samples in -1..1, and their rate in Hz."""
ASPECTS = ("timbre", "pitch", "melody", "pace", "breath")
CEPSTRA = 12
MEL_BANDS = 32
FRAME_S = 0.025
PCM_HZ = 24_000
TOP_HZ = 8000.0
QUIET_DB = -40.0
REPEATED = 8
"""Styles that are rendered several times."""
SHOWN = 25
HEARD = 24
"""Styles on the page for blind listening."""
PEOPLE = 8
"""Recordings on that page, at most."""
PAGE = common.ROOT / "build" / "listening.html"
DIGITS_IN_ENGLISH = ("espeak-grc", "espeak-ne")
"""Languages for which the synthesizer has no numbers, and reads them as an Englishman would."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the styles; the result is not kept")
    parser.add_argument("--models", default="piper-joe,kokoro-82m,espeak-ng")
    parser.add_argument("--data", type=Path, help="recordings of people, to be scored beside")
    options = parser.parse_args()
    models = options.models.split(",")
    styles = [style for style in Voices().list() if style.engine in models]
    if options.quick:
        styles = styles[::10]
    with common.service("--models", options.models, store=common.model_store()) as service:
        common.say(f"{len(styles)} styles of {', '.join(models)}")
        limits, scale = learnt(service, _spread(styles))
        said = {style.id: spoken(service, style, sentence(style.language), 1.0) for style in _told(styles)}
        found = {name: figures(rendering) for name, rendering in said.items()}
        pairs = list(distances(styles, found, scale, limits))
        tongues = [style for style in styles if not style.neural and "+" not in style.voice]
        tongues = [style for style in tongues if style.id not in DIGITS_IN_ENGLISH]
        counted = {style.id: figures(spoken(service, style, sentence("und"), 1.0)) for style in _told(tongues)}
    pairs += [between(one, other, counted, scale, limits) for one, other in itertools.combinations(counted, 2)]
    pairs.sort(key=lambda pair: pair[0])
    alike = [pair for pair in pairs if pair[0] <= 1]
    for distance, aspect, one, other in pairs[:SHOWN]:
        common.say(f"{distance:8.2f}  {aspect:7} {one}  {other}")
    languages = Counter(style.language.partition("-")[0] for style in styles)
    figure = {
        "figure": "distances",
        "what": "voice styles", "value": len(styles), "unit": "styles", "readme": "voice styles that can be told apart",
        "aim": ">= 200", "met": len(styles) >= 200 and not alike,
        "neural": sum(style.neural for style in styles),
        "languages": len(languages),
        "pairs_compared": len(pairs),
        "pairs_alike": len(alike),
        "nearest": [{"distance": round(d, 2), "aspect": a, "styles": [one, two]} for d, a, one, two in pairs[:SHOWN]],
        "largest_distance_of_repetitions": {name: round(float(limits[name]), 3) for name in ASPECTS},
        "median_distance": round(float(np.median([pair[0] for pair in pairs])), 2) if pairs else None,
    }  # fmt: skip
    people = _people(options.data) if options.data else {}
    judged = naturalness(styles, said, people)
    page(styles, said, people)
    notes = {"models": models, "distance": "1 is the largest of repetitions", "naturalness": "DNSMOS P.835, 1 to 5"}
    common.report("voices", [figure, *judged], options.quick, notes)
    if alike:
        common.say(f"{len(alike)} pairs are no further apart than repetitions of one style: the claim does not hold")
        sys.exit(1)


def naturalness(
    styles: list[VoiceStyle], said: dict[str, Rendering], people: dict[str, Rendering]
) -> list[dict[str, Any]]:
    """What the network thinks of each engine's bare voices, of their deliveries, and of people."""
    judge = Judge()
    groups: dict[str, dict[str, Any]] = defaultdict(dict)
    for style in styles:
        groups[style.engine + (", delivered" if style.delivery_name else "")][style.id] = judge.score(*said[style.id])
    for name, recording in people.items():
        groups["people, recorded"][name] = judge.score(*recording)
    made = []
    for name, scores in sorted(groups.items()):
        overall = [score["overall"] for score in scores.values()]
        common.say(f"naturalness, {name}: median {np.median(overall):.2f}, {min(overall):.2f} to {max(overall):.2f}")
        made.append({
            "figure": "naturalness", "group": name, "value": round(float(np.median(overall)), 2), "unit": "of 5",
            "readme": f"predicted naturalness (DNSMOS P.835, median of {len(overall)}): {name}",
            "lowest": min(overall), "highest": max(overall), "scores": scores,
        })  # fmt: skip
    return made


def page(styles: list[VoiceStyle], said: dict[str, Rendering], people: dict[str, Rendering]) -> None:
    """Neural styles and people, mixed."""
    neural = [style for style in styles if style.neural]
    clips = [listening.Clip(style.id, *said[style.id]) for style in neural[:: max(1, len(neural) // HEARD)]]
    clips += [listening.Clip(f"a person: {name}", *recording) for name, recording in list(people.items())[:PEOPLE]]
    listening.write(PAGE, clips)
    common.say(f"for blind listening: {PAGE.relative_to(common.ROOT)}")


def _people(folder: Path) -> dict[str, Rendering]:
    """Recordings by name, decoded as the service would."""
    found: dict[str, Rendering] = {}
    with asyncio.Runner() as runner:
        for path, _ in recordings.listed(folder, "en"):
            data = runner.run(recordings.decoded(path.read_bytes(), path.name))
            found[path.name] = np.frombuffer(data, "<i2").astype(np.float32) / 32768, 16_000
    return found


def _spread(styles: list[VoiceStyle]) -> list[VoiceStyle]:
    return styles[:: max(1, len(styles) // REPEATED)]


def _told(styles: list[VoiceStyle]) -> Iterator[VoiceStyle]:
    for count, style in enumerate(styles, 1):
        if count % 25 == 0:
            common.say(f"{count} of {len(styles)}")
        yield style


def learnt(service: common.Service, styles: list[VoiceStyle]) -> tuple[dict[str, float], np.ndarray[Any, Any]]:
    """The largest distance within a style for each aspect, and the deviation of each cepstral figure within styles."""
    groups = []
    for style in styles:
        text = sentence(style.language)
        bare = text.rstrip(".。।｡ ")
        ways = [(text, 1.0), (text, 1.0), (text, 0.97), (text, 1.03), (bare, 1.0), (bare + "!", 1.0)]
        groups.append([figures(spoken(service, style, words, speed)) for words, speed in ways])
        common.say(f"repeated: {style.id}")
    within = np.array([np.var([one["cepstra"] for one in group], axis=0) for group in groups])
    across = np.var([group[0]["cepstra"] for group in groups], axis=0)
    # An aspect that never varies within a style would count without bound.
    scale = np.sqrt(np.maximum(within.mean(axis=0), 0.0025 * across))
    limits = dict.fromkeys(ASPECTS, 0.0)
    for group in groups:
        for one, other in itertools.combinations(group, 2):
            for name, distance in apart(one, other, scale).items():
                limits[name] = max(limits[name], distance)
    return limits, scale


def spoken(service: common.Service, style: VoiceStyle, text: str, speed: float) -> Rendering:
    """Samples of one rendering through the API, and their rate."""
    body = {"model": style.engine, "voice": style.id, "input": text, "response_format": "pcm", "speed": speed}
    head = {"authorization": f"Bearer {service.key}", "content-type": "application/json"}
    request = urllib.request.Request(f"{service.url}/v1/audio/speech", json.dumps(body).encode(), head)
    with urllib.request.urlopen(request, timeout=300) as answer:
        return np.frombuffer(answer.read(), "<i2").astype(np.float32) / 32768, PCM_HZ


def distances(
    styles: list[VoiceStyle],
    found: dict[str, dict[str, Any]],
    scale: np.ndarray[Any, Any],
    limits: dict[str, float],
) -> Iterator[tuple[float, str, str, str]]:
    """Every two styles that say the same sentence: how far apart in their most different aspect, and which that is."""
    same = defaultdict(list)
    for style in styles:
        same[sentence(style.language), style.language.partition("-")[0]].append(style.id)
    for group in same.values():
        for one, other in itertools.combinations(group, 2):
            yield between(one, other, found, scale, limits)


def between(
    one: str, other: str, found: dict[str, dict[str, Any]], scale: np.ndarray[Any, Any], limits: dict[str, float]
) -> tuple[float, str, str, str]:
    """How far apart two styles are in their most different aspect, and which that is."""
    each = apart(found[one], found[other], scale)
    name = max(ASPECTS, key=lambda aspect: each[aspect] / limits[aspect])
    return each[name] / limits[name], name, one, other


def apart(one: dict[str, Any], other: dict[str, Any], scale: np.ndarray[Any, Any]) -> dict[str, float]:
    """Distance in each aspect."""
    plain = {name: abs(one[name] - other[name]) for name in ASPECTS[1:]}
    return {"timbre": float(np.sqrt(np.mean(((one["cepstra"] - other["cepstra"]) / scale) ** 2))), **plain}


def figures(rendering: Rendering) -> dict[str, Any]:
    """Cepstra (24 figures), pitch (semitones), melody (semitones), pace (log seconds of speech), breath (0 to 1)."""
    sound, rate_hz = rendering
    line = melody(sound, rate_hz).f0_hz
    heights = 12 * np.log2(line[line > 0] / 100) if (line > 0).sum() > 5 else np.zeros(1)
    levels, cepstra, periodic = _frames(sound, rate_hz, line)
    active = levels > levels.max() + QUIET_DB
    heard = cepstra[active]
    return {
        "cepstra": np.concatenate([heard.mean(axis=0), heard.std(axis=0)]),
        "pitch": float(np.median(heights)),
        "melody": float(np.percentile(heights, 90) - np.percentile(heights, 10)),
        "pace": float(np.log(active.sum() * HOP_S)),
        "breath": float(periodic[active].mean()),
    }


def _frames(sound: np.ndarray[Any, Any], rate_hz: int, line: np.ndarray[Any, Any]) -> tuple[Any, Any, Any]:
    """Level (dB), cepstra 1 to 12, and periodicity (0 to 1) of each frame, HOP_S apart."""
    width = int(2 * FRAME_S * rate_hz)
    middles = (np.arange(len(line)) * HOP_S * rate_hz).round().astype(int)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(sound, width), 2 * width)[middles]
    inner = frames[:, width // 2 + width // 4 : -(width // 2 + width // 4)]
    inner = inner * np.hanning(inner.shape[1])
    power = np.abs(np.fft.rfft(inner, 1 << inner.shape[1].bit_length(), axis=1)) ** 2
    bands = power @ _mel(power.shape[1], rate_hz)
    logs = np.log(bands + 1e-9)
    order = np.arange(1, CEPSTRA + 1)[:, None]
    cosine = np.cos(np.pi * order * (np.arange(MEL_BANDS) + 0.5)[None, :] / MEL_BANDS)
    level = 10 * np.log10(power.sum(axis=1) + 1e-9)
    return level, logs @ cosine.T * np.sqrt(2 / MEL_BANDS), _periodicity(frames, rate_hz, line)


def _periodicity(frames: np.ndarray[Any, Any], rate_hz: int, line: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Correlation of a frame with itself a period later; 0 where there is no pitch."""
    found = np.zeros(len(line))
    for place in np.flatnonzero(line):
        lag = round(rate_hz / line[place])
        frame = frames[place]
        one, other = frame[:-lag], frame[lag:]
        found[place] = max(0.0, float(one @ other) / (float(np.sqrt((one @ one) * (other @ other))) + 1e-9))
    return found


def _mel(bins: int, rate_hz: int) -> np.ndarray[Any, Any]:
    """bins x bands: triangles, evenly spaced on the mel scale."""
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + TOP_HZ / 700), MEL_BANDS + 2) / 2595) - 1)
    places = np.linspace(0, rate_hz / 2, bins)[:, None]
    rise = (places - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[None, 2:] - places) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rise, fall), 0, None)


if __name__ == "__main__":
    main()
