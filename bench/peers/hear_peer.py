"""faster-whisper as its README uses it on a CPU, and the scores; runs in an environment of its own.

Reads one JSON request a line, answers with one JSON line each.
"""

import json
import os
import sys
import time
from typing import Any

import jiwer
from faster_whisper import BatchedInferencePipeline, WhisperModel
from sacrebleu.metrics.chrf import CHRF
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

BY_LETTER = {"zh", "ja", "th", "yue", "lo", "km", "my"}
ENGLISH, OTHER = EnglishTextNormalizer(), BasicTextNormalizer()


class Peer:
    """One loaded model."""

    def __init__(self, model: str, threads: int) -> None:
        self._model = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=threads)
        self._batched = BatchedInferencePipeline(model=self._model)

    def hear(self, path: str, batch: int = 0, **options: Any) -> dict[str, Any]:
        """Text, language and seconds of one file; `batch` takes the batched pipeline."""
        began = time.perf_counter()
        if batch:
            segments, info = self._batched.transcribe(path, batch_size=batch, **options)
        else:
            segments, info = self._model.transcribe(path, beam_size=5, **options)
        text = "".join(segment.text for segment in segments)
        return {"text": text, "seconds": time.perf_counter() - began, "language": info.language}


def errors(language: str, pairs: list[list[str]]) -> dict[str, Any]:
    """Edits and length over all [truth, heard] pairs: words, or letters where words are not spaced."""
    normal = ENGLISH if language == "en" else OTHER
    edits = length = 0
    for truth, heard in pairs:
        if language in BY_LETTER:
            one = jiwer.process_characters(simple(normal(truth)), simple(normal(heard)) or " ")
        else:
            one = jiwer.process_words(normal(truth), normal(heard))
        edits += one.substitutions + one.deletions + one.insertions
        length += one.substitutions + one.deletions + one.hits
    return {"edits": edits, "length": length}


def simple(text: str) -> str:
    """Without spaces, in simplified characters where the converter is there: Whisper writes either."""
    text = "".join(text.split())
    try:
        from zhconv import convert
    except ImportError:
        return text
    return str(convert(text, "zh-hans"))


def answer(peer: Peer | None, ask: dict[str, Any]) -> dict[str, Any]:
    match ask.pop("do"):
        case "hear" if peer is not None:
            return peer.hear(**ask)
        case "errors":
            return errors(**ask)
        case "chrf":
            return {"chrf": CHRF().corpus_score(ask["heard"], [ask["truth"]]).score}
    raise ValueError(ask)


def main() -> None:
    """Arguments: model folder (or nothing: scores only), threads."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer = Peer(sys.argv[1], int(sys.argv[2])) if len(sys.argv) > 1 else None
    for line in sys.stdin:
        print(json.dumps(answer(peer, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
