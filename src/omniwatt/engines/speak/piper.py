"""Piper voices (VITS: Kim, Kong, Son 2021) as ONNX files, run by a loader of our own; espeak-ng gives the phonemes."""

import asyncio
import contextlib
import unicodedata
from collections.abc import AsyncGenerator, Callable, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
from numpy.typing import NDArray

from omniwatt.contract.error import BadInput, EngineFailed
from omniwatt.contract.job import EngineSpec, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import SpeakBody
from omniwatt.engines.speak.chinese import accented
from omniwatt.engines.speak.espeak_pipe import EspeakPipe, unpacked
from omniwatt.engines.speak.graph import Graph
from omniwatt.engines.speak.ipa import ipa
from omniwatt.engines.speak.onnx import Network
from omniwatt.engines.speak.pieces import slices
from omniwatt.engines.speak.scripts import spoken_runs
from omniwatt.engines.speak.speaking import Rendering, Sound, Speaker, artifact

START, END, PAD = "^", "$", "_"
DECODER = "/dec/conv_pre/Conv"
"""The first node of the decoder in a graph that Piper exported."""
FRAME = 256
"""Samples of one frame of the plan."""
FIRST_FRAMES = 24
"""Of the first piece: 0.28 s at 22.05 kHz, heard while the second, twice as long, is made."""
PAD_FRAMES = 14
"""What a sample depends on to either side: with 12 the error is below 1e-6, measured."""
GAIN = np.float32(1.3)
"""Brings Piper's voices (about -25 dB) nearer to Kokoro's."""
SLOWEST, FASTEST = 0.25, 4.0


class _Audio(msgspec.Struct):
    sample_rate: int


class _Espeak(msgspec.Struct):
    voice: str


class _Inference(msgspec.Struct):
    noise_scale: float = 0.667
    length_scale: float = 1.0
    noise_w: float = 0.8


class Config(msgspec.Struct):
    """The JSON file beside a Piper voice."""

    audio: _Audio
    espeak: _Espeak
    phoneme_id_map: dict[str, list[int]]
    inference: _Inference = msgspec.field(default_factory=_Inference)
    dataset: str = ""
    speaker_id_map: dict[str, int] = {}


class Piper(Speaker):
    """One Piper voice. Artifacts of its card: `model`, `config` (the JSON beside it), `espeak` (the wheel)."""

    _config: Config
    _planner: Network
    _decoder: Network
    _seam: str
    _wanted: Set[str]
    _threads: ThreadPoolExecutor
    pipe: EspeakPipe

    def __init__(self) -> None:
        self._speakers: dict[str, int] = {}

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Open the graph, start the phoneme program, and say one word so that the first caller need not wait."""
        self._config = _config(spec)
        self.rate_hz = self._config.audio.sample_rate
        first = str(spec.options.get("voice", self._config.dataset or spec.name))
        self._speakers = {"": 0, spec.name: 0, first: 0} | self._config.speaker_id_map
        slots = max(1, spec.slots)
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="speak")
        self.pipe = EspeakPipe(await asyncio.to_thread(unpacked, artifact(spec, "espeak")))
        await self.pipe.start()
        progress(0.3)
        await asyncio.to_thread(self._open, artifact(spec, "model"), max(1, spec.threads))
        progress(0.9)
        (plan,) = await asyncio.to_thread(self._planner.run, self._feed(await self._ids("Ready 1."), 0, 1.0))
        await asyncio.to_thread(self._decoder.run, {self._seam: plan} | self._speaker_alone(0))
        progress(1.0)
        return Loaded(slots, 0, spec.threads, psutil.Process().memory_info().rss, {"rate_hz": self.rate_hz})

    def _open(self, model: Path, threads: int) -> None:
        """Cut the network before its decoder (HiFi-GAN), which sees a few frames around each sample and no more."""
        graph = Graph(model.read_bytes())
        self._seam = graph.input_of(DECODER)
        self._planner = Network(graph.part([self._seam]), threads)
        self._decoder = Network(graph.part(cut=[self._seam]), threads)
        self._wanted = self._planner.inputs.keys() | self._decoder.inputs.keys()

    def rendering(self, body: SpeakBody, pace: float) -> Rendering:
        """Raises BadInput for another voice than this one."""
        if body.language and not self._config.espeak.voice.startswith(body.language[:2].lower()):
            raise BadInput(f"This voice does not speak {body.language!r}.", param="language")
        speaker = self._speakers.get(body.voice.name)
        if speaker is None:
            raise BadInput(f"There is no voice {body.voice.name!r} here.", param="voice")
        return _Saying(self, speaker, pace)

    async def close(self) -> None:
        """End the phoneme program."""
        with contextlib.suppress(AttributeError):
            await self.pipe.close()
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def sound(self, clause: str, speaker: int, pace: float, ctx: Context) -> AsyncGenerator[Sound]:
        """One clause. The plan of it is made at once, its sound in pieces that grow."""
        ids = await self._ids(clause)
        if not ids:
            return
        feed = self._feed(ids, speaker, pace)
        (plan,) = await self._planner.run_beside(self._threads, feed, ctx)
        rest = self._speaker_alone(speaker)
        for low, start, end, high in slices(plan.shape[-1], FIRST_FRAMES, PAD_FRAMES):
            await ctx.astep("render", (end - start) * FRAME / self.rate_hz)
            (made,) = await self._decoder.run_beside(self._threads, {self._seam: plan[..., low:high], **rest}, ctx)
            yield GAIN * np.asarray(made, np.float32).reshape(-1)[(start - low) * FRAME : (end - low) * FRAME]

    def _speaker_alone(self, speaker: int) -> dict[str, NDArray[Any]]:
        return {"sid": np.array([speaker], np.int64)} if "sid" in self._decoder.inputs else {}

    async def _ids(self, clause: str) -> list[int]:
        """Phoneme ids of a clause, as Piper's training had them: each followed by the pad. None where none is known."""
        voice = self._config.espeak.voice
        spoken = " ".join([await self._read(text, own, voice) for text, own in spoken_runs(clause, voice)])
        table = self._config.phoneme_id_map
        ids: list[int] = []
        for phoneme in unicodedata.normalize("NFD", spoken.replace("^", "").replace("—", ",").replace("…", ".")):
            if phoneme in table:
                ids += [*table[phoneme], *table[PAD]]
        return [*table[START], *table[PAD], *ids, *table[END]] if ids else []

    async def _read(self, text: str, script: str, voice: str) -> str:
        if script == "han" and voice.startswith("en"):
            return accented(text)
        return await ipa(self.pipe, text, "cmn" if script == "han" else script)

    def _feed(self, ids: list[int], speaker: int, pace: float) -> dict[str, NDArray[Any]]:
        how = self._config.inference
        feed: dict[str, NDArray[Any]] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([how.noise_scale, how.length_scale / pace, how.noise_w], np.float32),
            "sid": np.array([speaker], np.int64),
        }
        return {name: values for name, values in feed.items() if name in self._wanted}


def _config(spec: EngineSpec) -> Config:
    try:
        config = msgspec.json.decode(artifact(spec, "config").read_bytes(), type=Config)
    except (msgspec.DecodeError, OSError) as error:
        raise EngineFailed(f"{spec.name}: its config is not that of a Piper voice: {error}") from None
    if missing := {START, PAD, END} - config.phoneme_id_map.keys():
        raise EngineFailed(f"{spec.name}: its config has no ids for {' '.join(sorted(missing))}")
    return config


class _Saying(Rendering):
    def __init__(self, piper: Piper, speaker: int, pace: float) -> None:
        self._piper, self._speaker = piper, speaker
        self._pace = min(max(pace, SLOWEST), FASTEST)
        self.pace_left = pace / self._pace

    def sound(self, clause: str, ctx: Context) -> AsyncGenerator[Sound]:
        return self._piper.sound(clause, self._speaker, self._pace, ctx)
