"""The model behind plain calls: features to text. Blocks; every method may be called from any thread."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import msgspec
import numpy as np

from omniwatt.contract.error import EngineFailed
from omniwatt.engines.hear.guard import Written
from omniwatt.engines.hear.mel import FRAMES_PER_S, FULL_FRAMES, Floats, features
from omniwatt.engines.hear.scripts import tokens_per_s
from omniwatt.engines.hear.vocabulary import Vocabulary

MAX_TOKENS = 448
PROMPT_TOKENS = MAX_TOKENS // 2 - 1
"""Of a prompt, the last so many count, as in the reference."""
FRAMES_PER_POSITION = 2
SAMPLED = 5
MORE_TOKENS = 16
"""A window may have so many tokens, and as many more for each of its seconds as its language needs."""
_USUAL = -1
"""CTranslate2's name for the tokens the model never writes: marks for music, speakers and the like."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How to decode."""

    language: str
    task: str = "transcribe"
    prompt: tuple[int, ...] = ()
    times: bool = True
    """Let the model say when it thinks each sentence begins and ends; without, it loops in short windows."""
    beams: int = 1
    best: int = 1
    """How many hypotheses to return for each window."""
    temperature: float = 0.0
    latin: bool = False
    """Latin letters may stand in a text that is not written in them."""

    @property
    def written_in(self) -> str:
        """The language of the text."""
        return "en" if self.task == "translate" else self.language


class Aligned(msgspec.Struct, frozen=True):
    """Cross-attention alignment of one text: when each token begins, and its probability."""

    starts_s: tuple[float, ...]
    """One more than tokens: the last is the end."""
    probabilities: tuple[float, ...]

    def part(self, start: int, end: int) -> "Aligned":
        """That of the tokens from `start` to before `end`."""
        return Aligned(self.starts_s[start : end + 1], self.probabilities[start:end])


class Recogniser:
    """Whisper on CTranslate2, with the vocabulary it was trained with."""

    def __init__(self, model: Path, vocabulary: Vocabulary, threads: int, options: dict[str, Any]) -> None:
        device = str(options.get("device", "cpu"))
        compute = str(options.get("compute_type", "int8" if device == "cpu" else "float16"))
        try:
            self._model = ctranslate2.models.Whisper(
                str(model), device=device, compute_type=compute, intra_threads=threads, inter_threads=1
            )
        except (RuntimeError, ValueError) as error:
            raise EngineFailed(f"CTranslate2 cannot load the model: {error}.") from None
        self.vocabulary = vocabulary
        self.bands: int = self._model.n_mels
        self.multilingual: bool = self._model.is_multilingual

    def encode(self, sound: Floats, frames: int) -> Any:
        """Encoder output for a sound that fits into `frames`, filled up with silence: 1 x frames/2 x width."""
        return self._model.encode(ctranslate2.StorageView.from_array(features(sound, frames, self.bands)[None]))

    def languages(self, view: Any) -> list[tuple[str, float]]:
        """Languages of an encoded sound with their probabilities, likeliest first."""
        if not self.multilingual:
            return [("en", 1.0)]
        return [(name.strip("<|>"), float(p)) for name, p in self._model.detect_language(view)[0]]

    def write(self, views: Sequence[Any], seconds: Sequence[float], way: Way) -> list[list[Written]]:
        """For each encoded sound, all of one size, `way.best` decodings, best first."""
        prompt = self._prompt(way)
        most = int(MORE_TOKENS + tokens_per_s(way.written_in) * max(seconds))
        fresh = min(MAX_TOKENS - len(prompt), most)
        sampled = way.temperature > 0
        together = views[0] if len(views) == 1 else _together(views)
        results = self._model.generate(
            together,
            [prompt] * len(seconds),
            beam_size=1 if sampled else way.beams,
            num_hypotheses=max(way.best, SAMPLED) if sampled else way.best,
            sampling_topk=0 if sampled else 1,
            sampling_temperature=way.temperature if sampled else 1.0,
            max_length=len(prompt) + fresh,
            return_scores=True,
            return_no_speech_prob=True,
            max_initial_timestamp_index=50,
            suppress_tokens=[_USUAL, *self.vocabulary.foreign(way.written_in, latin=way.latin)],
        )
        return [self._hypotheses(result, fresh) for result in results]

    def align(self, view: Any, tokens: Sequence[int], seconds: float, way: Way) -> Aligned:
        """Times of the text tokens within one sound, from the attention of the heads that know them."""
        result = self._model.align(
            view, self._begin(way), [list(tokens)], min(round(seconds * FRAMES_PER_S), FULL_FRAMES)
        )[0]
        return aligned(result.alignments, result.text_token_probs, len(tokens), seconds)

    def _prompt(self, way: Way) -> list[int]:
        words = [self.vocabulary.previous, *way.prompt[-PROMPT_TOKENS:]] if way.prompt else []
        return [*words, *self._begin(way), *([] if way.times else [self.vocabulary.no_times])]

    def _begin(self, way: Way) -> list[int]:
        if not self.multilingual:
            return [self.vocabulary.start]
        return [self.vocabulary.start, self.vocabulary.languages[way.language], self.vocabulary.tasks[way.task]]

    def _hypotheses(self, result: Any, fresh: int) -> list[Written]:
        found = []
        for ids, score in zip(result.sequences_ids, result.scores, strict=True):
            # CTranslate2 divides by the length without the end mark, whose probability is in the sum.
            average = score * len(ids) / (len(ids) + 1)
            text = self.vocabulary.text(ids)
            found.append(Written(tuple(ids), text.strip(), average, result.no_speech_prob, len(ids) < fresh))
        return found


def _together(views: Sequence[Any]) -> Any:
    return ctranslate2.StorageView.from_array(np.concatenate([np.asarray(view) for view in views]))


def aligned(pairs: Sequence[tuple[int, int]], probabilities: Sequence[float], tokens: int, seconds: float) -> Aligned:
    """Where the path through tokens x positions first reaches each token."""
    step_s = FRAMES_PER_POSITION / FRAMES_PER_S
    starts = [seconds] * (tokens + 1)
    for token, position in reversed(pairs):
        if token <= tokens:
            starts[token] = min(position * step_s, seconds)
    for place in range(tokens - 1, -1, -1):
        starts[place] = min(starts[place], starts[place + 1])
    return Aligned(tuple(starts), tuple(probabilities[:tokens]))
