"""Piper voices (VITS: Kim, Kong, Son 2021) as ONNX files, run by a loader of our own; espeak-ng gives the phonemes."""

import asyncio
import contextlib
import unicodedata
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import numpy as np
import psutil

from omniwatt.contract.error import BadInput, EngineFailed
from omniwatt.contract.job import EngineSpec, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import SpeakBody
from omniwatt.engines.speak.espeak_pipe import EspeakPipe, unpacked
from omniwatt.engines.speak.ipa import ipa
from omniwatt.engines.speak.normalise import normalised
from omniwatt.engines.speak.onnx import Network
from omniwatt.engines.speak.speaking import Rendering, Sound, Speaker, artifact

START, END, PAD = "^", "$", "_"
LOUD = 0.9
"""Peak of a clause at most; Piper's own sound varies."""


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


class Piper(Speaker):
    """One Piper voice. Artifacts of its card: `model`, `config` (the JSON beside it), `espeak` (the wheel)."""

    _config: Config
    _network: Network
    _threads: ThreadPoolExecutor
    pipe: EspeakPipe

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._open: list[Any] = []

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Open the graph, start the phoneme program, and say one word so that the first caller need not wait."""
        self._config = _config(spec)
        self.rate_hz = self._config.audio.sample_rate
        self._names = {"", spec.name, str(spec.options.get("voice", self._config.dataset or spec.name))}
        slots = max(1, spec.slots)
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="speak")
        self.pipe = EspeakPipe(await asyncio.to_thread(unpacked, artifact(spec, "espeak")))
        await self.pipe.start()
        progress(0.3)
        self._network = await asyncio.to_thread(Network, artifact(spec, "model"), max(1, spec.threads))
        progress(0.9)
        await asyncio.to_thread(self._network.run, self._feed(await self._ids("Ready."), 1.0))
        progress(1.0)
        return Loaded(slots, 0, spec.threads, psutil.Process().memory_info().rss, {"rate_hz": self.rate_hz})

    def rendering(self, body: SpeakBody, pace: float) -> Rendering:
        """Raises BadInput for another voice than this one."""
        if body.voice.name not in self._names:
            raise BadInput(f"There is no voice {body.voice.name!r} here.", param="voice")
        return _Saying(self, pace)

    async def close(self) -> None:
        """End the phoneme program."""
        with contextlib.suppress(AttributeError):
            await self.pipe.close()
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def sound(self, clause: str, pace: float, ctx: Context) -> AsyncGenerator[Sound]:
        """One clause."""
        ids = await self._ids(clause)
        await ctx.astep("render", len(ids) * 0.04 / pace)
        outputs = await self._network.run_beside(self._threads, self._feed(ids, pace), ctx)
        yield np.asarray(outputs[0], np.float32).reshape(-1) * LOUD

    async def _ids(self, clause: str) -> list[int]:
        """Phoneme ids of a clause, as Piper's training had them: each followed by the pad."""
        voice = self._config.espeak.voice
        spoken = await ipa(self.pipe, normalised(clause, voice), voice)
        table = self._config.phoneme_id_map
        ids = [*table[START], *table[PAD]]
        for phoneme in unicodedata.normalize("NFD", spoken.replace("^", "").replace("—", ",").replace("…", ".")):
            if phoneme in table:
                ids += [*table[phoneme], *table[PAD]]
        return [*ids, *table[END]]

    def _feed(self, ids: list[int], pace: float) -> dict[str, "np.ndarray[Any, Any]"]:
        how = self._config.inference
        scales = [how.noise_scale, how.length_scale / pace, how.noise_w]
        return {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(scales, np.float32),
        }


def _config(spec: EngineSpec) -> Config:
    try:
        return msgspec.json.decode(artifact(spec, "config").read_bytes(), type=Config)
    except (msgspec.DecodeError, OSError) as error:
        raise EngineFailed(f"{spec.name}: its config is not that of a Piper voice: {error}") from None


class _Saying(Rendering):
    def __init__(self, piper: Piper, pace: float) -> None:
        self._piper = piper
        self._pace = min(max(pace, 0.25), 4.0)
        self.pace_left = pace / self._pace

    def sound(self, clause: str, ctx: Context) -> AsyncGenerator[Sound]:
        return self._piper.sound(clause, self._pace, ctx)
