"""Kokoro-82M (StyleTTS 2: Li et al. 2023, with an iSTFT decoder) as an ONNX file, run by a loader of our own."""

import asyncio
import contextlib
import unicodedata
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from omniwatt.contract.error import BadInput, EngineFailed
from omniwatt.contract.job import EngineSpec, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import SpeakBody
from omniwatt.engines.speak.english import English
from omniwatt.engines.speak.espeak_pipe import EspeakPipe, unpacked
from omniwatt.engines.speak.graph import Graph
from omniwatt.engines.speak.japanese import PARTS, Japanese
from omniwatt.engines.speak.kokoro_phonemes import Phonemes
from omniwatt.engines.speak.onnx import Network
from omniwatt.engines.speak.pieces import Joiner, Slice, slices
from omniwatt.engines.speak.speaking import Rendering, Sound, Speaker, artifact

RATE_HZ = 24_000
LONGEST = 508
"""Letters in one run of the network: 510 places, two of them for the ends."""
STYLE = 256
LANGUAGES = {
    "a": "en-us", "b": "en-gb", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt", "z": "zh",
}  # fmt: skip
"""First letter of a voice's name -> the language it speaks."""
ALPHABET = {
    ";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, "—": 9, "…": 10, '"': 11, "(": 12, ")": 13, "“": 14, "”": 15,
    " ": 16, "\u0303": 17, "ʣ": 18, "ʥ": 19, "ʦ": 20, "ʨ": 21, "ᵝ": 22, "ꭧ": 23, "A": 24, "I": 25, "O": 31, "Q": 33,
    "S": 35, "T": 36, "W": 39, "Y": 41, "ᵊ": 42, "a": 43, "b": 44, "c": 45, "d": 46, "e": 47, "f": 48, "h": 50,
    "i": 51, "j": 52, "k": 53, "l": 54, "m": 55, "n": 56, "o": 57, "p": 58, "q": 59, "r": 60, "s": 61, "t": 62,
    "u": 63, "v": 64, "w": 65, "x": 66, "y": 67, "z": 68, "ɑ": 69, "ɐ": 70, "ɒ": 71, "æ": 72, "β": 75, "ɔ": 76,
    "ɕ": 77, "ç": 78, "ɖ": 80, "ð": 81, "ʤ": 82, "ə": 83, "ɚ": 85, "ɛ": 86, "ɜ": 87, "ɟ": 90, "ɡ": 92, "ɥ": 99,
    "ɨ": 101, "ɪ": 102, "ʝ": 103, "ɯ": 110, "ɰ": 111, "ŋ": 112, "ɳ": 113, "ɲ": 114, "ɴ": 115, "ø": 116, "ɸ": 118,
    "θ": 119, "œ": 120, "ɹ": 123, "ɾ": 125, "ɻ": 126, "ʁ": 128, "ɽ": 129, "ʂ": 130, "ʃ": 131, "ʈ": 132, "ʧ": 133,
    "ʊ": 135, "ʋ": 136, "ʌ": 138, "ɣ": 139, "ɤ": 140, "χ": 142, "ʎ": 143, "ʒ": 147, "ʔ": 148, "ˈ": 156, "ˌ": 157,
    "ː": 158, "ʰ": 162, "ʲ": 164, "↓": 169, "→": 171, "↗": 172, "↘": 173, "ᵻ": 177,
}  # fmt: skip
SLOWEST, FASTEST = 0.5, 2.0
"""Paces the network was made for; beyond them the finished sound is stretched."""
TEXT = "/encoder/MatMul_1_output_0"
"""What is said in each frame: the tensor that both halves of the network share ..."""
PITCH, ENERGY = "/decoder/decoder/Unsqueeze", "/decoder/decoder/Unsqueeze_1"
"""... and the nodes that read the two curves beside it."""
FRAME = 600
"""Samples of one frame of the plan; pitch and energy have two values in it."""
FIRST_FRAMES = 30
"""Of the first piece: 0.75 s."""
PAD_FRAMES = 8
"""What a run makes beside its piece, on either side: more than the joiner takes of it."""
OVERLAP, REACH = 480, 240
"""Samples faded at a join, and how far the later piece may be moved to be in phase: a period of 100 Hz."""

Styles = NDArray[np.float32]


class Kokoro(Speaker):
    """Kokoro's voices and blends of them. Artifacts: `model`, `voice:NAME` (float32, 510 x 256), the dictionaries
    `us_gold us_silver gb_gold gb_silver`, `espeak` (the wheel), and the files `ja:NAME` of a Japanese dictionary."""

    rate_hz = RATE_HZ
    _planner: Network
    _decoder: Network
    _seams: tuple[str, str, str]
    _threads: ThreadPoolExecutor
    _phonemes: Phonemes
    pipe: EspeakPipe

    def __init__(self) -> None:
        self._files: dict[str, Path] = {}
        self._styles: dict[str, Styles] = {}
        self._default = ""

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Open graph and dictionaries, and say a word so that the first caller need not wait."""
        roles = {role.removeprefix("voice:"): role for role in spec.artifacts if role.startswith("voice:")}
        if not roles:
            raise EngineFailed(f"{spec.name} has no voices")
        self._files = {name: artifact(spec, role) for name, role in roles.items()}
        self._default = str(spec.options.get("voice", min(self._files)))
        slots = max(1, spec.slots)
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="speak")
        self.pipe = EspeakPipe(await asyncio.to_thread(unpacked, artifact(spec, "espeak")))
        await self.pipe.start()
        progress(0.2)
        self._phonemes = Phonemes(self.pipe, await asyncio.to_thread(_dictionaries, spec), _japanese(spec))
        progress(0.4)
        await asyncio.to_thread(self._open, artifact(spec, "model"), max(1, spec.threads))
        progress(0.9)
        letters = await self._phonemes.of("Ready 1.", "en-us") + await self._phonemes.of("1好。", "zh")
        feed = _feed(_ids(letters), self._style(self._default), 1.0)
        plan = await asyncio.to_thread(self._planner.run, feed)
        await asyncio.to_thread(
            self._decoder.run, {**dict(zip(self._seams, plan, strict=True)), "style": feed["style"]}
        )
        progress(1.0)
        details = {"rate_hz": RATE_HZ, "voices": sorted(self._files)}
        return Loaded(slots, 0, spec.threads, psutil.Process().memory_info().rss, details)

    def rendering(self, body: SpeakBody, pace: float) -> Rendering:
        """Raises BadInput for an unknown voice, or a language that no voice here speaks."""
        name = body.voice.name or self._default
        shares = blend(name)
        style = self._style(name)
        heaviest = max(shares, key=lambda voice: shares[voice])
        language = LANGUAGES.get(heaviest[:1], "en-us")
        if body.language and not language.startswith(body.language[:2].lower()):
            language = spoken_language(body.language)
        return _Saying(self, style, language, pace)

    async def close(self) -> None:
        """End the phoneme program."""
        with contextlib.suppress(AttributeError):
            await self.pipe.close()
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _style(self, name: str) -> Styles:
        """Style vectors (510 x 256) of a voice or a blend. Raises BadInput."""
        shares = blend(name)
        total = sum(shares.values())
        styles = np.zeros((0, STYLE), np.float32)
        for voice, share in shares.items():
            one = self._voice(voice) * np.float32(share / total)
            styles = one if not len(styles) else styles + one
        return styles

    def _voice(self, name: str) -> Styles:
        if name not in self._styles:
            file = self._files.get(name)
            if file is None:
                raise BadInput(f"There is no voice {name!r} here.", param="voice")
            try:
                self._styles[name] = np.fromfile(file, "<f4").reshape(-1, STYLE)
            except (OSError, ValueError) as error:
                raise EngineFailed(f"the voice {name} cannot be read: {error}") from error
        return self._styles[name]

    async def sound(
        self, clause: str, style: Styles, language: str, pace: float, ctx: Context, *, hurried: bool
    ) -> AsyncGenerator[Sound]:
        """One clause. The plan of it is made at once; its sound too, or in pieces that grow if `hurried`."""
        for ids in _cut(_ids(await self._phonemes.of(clause, language))):
            feed = _feed(ids, style, pace)
            plan = await self._planner.run_beside(self._threads, feed, ctx)
            frames = plan[0].shape[-1]
            joiner = Joiner(OVERLAP, REACH)
            # The last of the three is how loud each half frame is to be.
            calm = plan[2].reshape(-1)[::2]
            for cut in slices(frames, FIRST_FRAMES if hurried else frames, PAD_FRAMES, 2.0, calm):
                await ctx.astep("render", (cut.end - cut.start) * FRAME / RATE_HZ)
                made = await self._decode(plan, feed["style"], cut, ctx)
                start, end = (cut.start - cut.low) * FRAME, (cut.end - cut.low) * FRAME
                yield joiner.feed(made[:start], made[start:end], made[end:])

    async def _decode(self, plan: list[NDArray[Any]], style: Styles, cut: Slice, ctx: Context) -> Sound:
        (made,) = await self._decoder.run_beside(self._threads, self._sliced(plan, style, cut), ctx)
        return np.asarray(made, np.float32).reshape(-1)

    def _sliced(self, plan: list[NDArray[Any]], style: Styles, cut: Slice) -> dict[str, NDArray[Any]]:
        text, pitch, energy = self._seams
        return {
            text: plan[0][..., cut.low : cut.high],
            pitch: plan[1][..., 2 * cut.low : 2 * cut.high],
            energy: plan[2][..., 2 * cut.low : 2 * cut.high],
            "style": style,
        }

    def _open(self, model: Path, threads: int) -> None:
        """Cut the network between what plans a clause (text, pitch, energy) and what makes the sound of it."""
        graph = Graph(model.read_bytes())
        self._seams = (TEXT, graph.input_of(PITCH), graph.input_of(ENERGY))
        self._planner = Network(graph.part(self._seams), threads)
        self._decoder = Network(graph.part(cut=self._seams), threads)


class _Saying(Rendering):
    def __init__(self, kokoro: Kokoro, style: Styles, language: str, pace: float) -> None:
        self._kokoro, self._style, self._language = kokoro, style, language
        self._begun = False
        self._pace = min(max(pace, SLOWEST), FASTEST)
        self.pace_left = pace / self._pace

    def sound(self, clause: str, ctx: Context) -> AsyncGenerator[Sound]:
        hurried, self._begun = not self._begun, True
        return self._kokoro.sound(clause, self._style, self._language, self._pace, ctx, hurried=hurried)


def blend(name: str) -> dict[str, float]:
    """Voice -> share of `a:0.6+b:0.4`; a bare name has the share 1. Raises BadInput."""
    shares: dict[str, float] = {}
    for part in name.split("+"):
        voice, _, weight = part.strip().partition(":")
        try:
            share = float(weight) if weight else 1.0
        except ValueError:
            share = 0.0
        if not voice or not 0 < share < 1e6:
            raise BadInput(f"{name!r} is no voice and no blend such as af_heart:0.6+bf_emma:0.4.", param="voice")
        shares[voice] = shares.get(voice, 0.0) + share
    return shares


def spoken_language(tag: str) -> str:
    """What we call the language of an IETF tag. Raises BadInput for one that Kokoro does not speak."""
    lower = tag.lower()
    if lower.startswith("en"):
        return "en-gb" if lower.endswith("gb") else "en-us"
    bare = lower.partition("-")[0]
    if bare not in LANGUAGES.values():
        raise BadInput(f"Kokoro does not speak {tag!r}.", param="language")
    return bare


def _dictionaries(spec: EngineSpec) -> dict[str, English]:
    try:
        return {
            f"en-{accent}": English(
                artifact(spec, f"{accent}_gold"), artifact(spec, f"{accent}_silver"), british=accent == "gb"
            )
            for accent in ("us", "gb")
        }
    except (OSError, ValueError) as error:
        raise EngineFailed(f"{spec.name}: a dictionary cannot be read: {error}") from error


def _japanese(spec: EngineSpec) -> Callable[[], Japanese] | None:
    """What opens the dictionary; None where the card has none."""
    if f"ja:{PARTS[0]}" not in spec.artifacts:
        return None
    return lambda: Japanese({name: artifact(spec, f"ja:{name}") for name in PARTS})


def _ids(letters: str) -> list[int]:
    # A letter it does not know may be one it knows with a sign on top (the ä of espeak-ng's Japanese).
    known = "".join(letter if letter in ALPHABET else unicodedata.normalize("NFD", letter) for letter in letters)
    return [ALPHABET[letter] for letter in known if letter in ALPHABET]


def _cut(ids: list[int]) -> list[list[int]]:
    """Pieces the network can take, cut at blanks."""
    pieces = []
    while len(ids) > LONGEST:
        blanks = [place for place in range(1, LONGEST + 1) if ids[place] == ALPHABET[" "]]
        place = blanks[-1] if blanks else LONGEST
        pieces.append(ids[:place])
        ids = ids[place + 1 :] if blanks else ids[place:]
    return [*pieces, ids] if ids else pieces


def _feed(ids: list[int], style: Styles, pace: float) -> dict[str, NDArray[Any]]:
    # The style was learnt for each length: row n is that of a text of n letters.
    row = style[min(max(len(ids) - 1, 0), len(style) - 1)]
    return {
        "tokens": np.array([[0, *ids, 0]], np.int64),
        "style": row[None, :].astype(np.float32),
        "speed": np.array([pace], np.float32),
    }
