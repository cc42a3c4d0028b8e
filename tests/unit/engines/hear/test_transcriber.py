"""What becomes of one window: what is believed, what is tried again, and what the model left out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from omniwatt.engines.hear.cutting import Span
from omniwatt.engines.hear.guard import Limits, Written
from omniwatt.engines.hear.listener import Window
from omniwatt.engines.hear.mel import FULL_FRAMES, RATE_HZ, Floats
from omniwatt.engines.hear.recogniser import Aligned, Way
from omniwatt.engines.hear.transcriber import Fit, Heard, Transcriber, Wish
from omniwatt.engines.hear.vocabulary import Vocabulary


class Script:
    """A recogniser that answers from a list, one text after another, and keeps what it was asked."""

    bands = 80
    multilingual = True

    def __init__(self, vocabulary: Vocabulary, *texts: str | Written) -> None:
        self.vocabulary = vocabulary
        self.texts = list(texts)
        self.frames: list[int] = []
        self.ways: list[Way] = []
        self.batches: list[int] = []

    def encode(self, sound: Floats, frames: int) -> Any:
        self.frames.append(frames)
        return len(sound)

    def languages(self, view: Any) -> list[tuple[str, float]]:
        return [("en", 0.9)]

    def write(self, views: Sequence[Any], seconds: Sequence[float], way: Way) -> list[list[Written]]:
        self.ways.append(way)
        self.batches.append(len(views))
        return [self._next() for _ in views]

    def _next(self) -> list[Written]:
        text = self.texts.pop(0)
        return [text if isinstance(text, Written) else written(self.vocabulary, text)]

    def align(self, view: Any, tokens: Sequence[int], seconds: float, way: Way) -> Aligned:
        step = seconds / max(1, len(tokens))
        return Aligned(tuple(step * place for place in range(len(tokens) + 1)), (0.5,) * len(tokens))


def written(vocabulary: Vocabulary, text: str, *, complete: bool = True, average: float = -0.2) -> Written:
    """`0.0|Hello.|2.0` as tokens, times between bars."""
    tokens: list[int] = []
    for piece in filter(None, text.split("|")):
        try:
            tokens.append(vocabulary.first_time + round(float(piece) / 0.02))
        except ValueError:
            tokens += vocabulary.ids(f" {piece}")
    return Written(tuple(tokens), vocabulary.text(tokens).strip(), average, 0.0, complete)


def window(seconds: float, start_s: float = 0.0) -> Window:
    start = int(start_s * RATE_HZ)
    samples = np.zeros(int(seconds * RATE_HZ), np.float32)
    return Window(start, samples, Span(start, start + len(samples)))


def transcriber(script: Script, **wish: Any) -> Transcriber:
    asked = {"task": "transcribe", "prompt": (), "temperature": 0.0, "words": False, "logprobs": False} | wish
    return Transcriber(script, Fit(), Limits(), Wish(**asked), lambda kind, units: None)  # type: ignore[arg-type]


def said(heard: Heard) -> list[tuple[float, float, str]]:
    return [(segment.start_s, segment.end_s, segment.text.strip()) for segment in heard.segments]


def test_a_plain_window(vocabulary: Vocabulary) -> None:
    script = Script(vocabulary, "0.0|Hello there.|1.8")
    (heard,) = transcriber(script).write([window(2.0, 5.0)])
    assert said(heard) == [(5.0, 6.8, "Hello there.")]
    assert script.frames == [600]
    assert [(way.beams, way.best, way.temperature, way.latin) for way in script.ways] == [(1, 1, 0.0, False)]


def test_speech_after_the_last_word_is_heard_by_itself(vocabulary: Vocabulary) -> None:
    script = Script(vocabulary, "0.0|One.|5.0", "0.0|Two.|2.0|2.0|Three.|4.0", "0.0|Four.|5.0")
    (heard,) = transcriber(script).write([window(14.0, 10.0)])
    assert said(heard) == [(10.0, 15.0, "One."), (15.0, 17.0, "Two."), (17.0, 19.0, "Three."), (19.0, 24.0, "Four.")]
    assert heard.tokens == sum(len(segment.tokens) for segment in heard.segments)
    assert script.frames == [1800, 1300, 900], "only what is left is encoded again"


@pytest.mark.parametrize("rest", ["", "0.0|so so so so so so so so so so so so so so so so so so so so|4.0"])
def test_a_rest_that_cannot_be_believed_is_left_out(vocabulary: Vocabulary, rest: str) -> None:
    script = Script(vocabulary, "0.0|One.|5.0", rest)
    (heard,) = transcriber(script).write([window(9.0)])
    assert said(heard) == [(0.0, 5.0, "One.")]
    assert script.texts == []


def test_a_soft_end_and_silence_after_the_speech_are_no_rest(vocabulary: Vocabulary) -> None:
    script = Script(vocabulary, "0.0|One.|5.0")
    samples = np.zeros(9 * RATE_HZ, np.float32)
    (heard,) = transcriber(script).write([Window(0, samples, Span(0, 6 * RATE_HZ))])
    assert said(heard) == [(0.0, 5.0, "One.")]


def test_a_text_too_long_for_one_go_is_gone_on_with_where_it_was_broken_off(vocabulary: Vocabulary) -> None:
    broken = written(vocabulary, "0.0|A long beginning,|4.0|4.0|and half a sen", complete=False)
    script = Script(vocabulary, broken, "0.0|and half a sentence.|4.0")
    (heard,) = transcriber(script).write([window(8.0)])
    assert [text for *_, text in said(heard)] == ["A long beginning,", "and half a sentence."]
    assert script.frames == [1200, 800]


AGAIN = "0.0|" + " ".join(["Say it again, please."] * 9) + "|9.0"


def test_who_says_the_same_again_and_again_is_believed_when_two_encodings_agree(vocabulary: Vocabulary) -> None:
    script = Script(vocabulary, AGAIN, AGAIN)
    (heard,) = transcriber(script).write([window(10.0)])
    assert said(heard)[0][2].count("again") == 9
    assert script.frames == [1400, FULL_FRAMES]
    assert [(way.beams, way.temperature) for way in script.ways] == [(1, 0.0), (5, 0.0)]


def test_a_loop_is_not(vocabulary: Vocabulary) -> None:
    loop = written(vocabulary, AGAIN, complete=False)
    script = Script(vocabulary, loop, loop, "0.0|Say it again, please.|9.0")
    (heard,) = transcriber(script).write([window(10.0)])
    assert said(heard) == [(0.0, 9.0, "Say it again, please.")]
    assert [way.temperature for way in script.ways] == [0.0, 0.0, 0.4]


def test_the_best_of_what_cannot_be_believed_is_taken(vocabulary: Vocabulary) -> None:
    loop = written(vocabulary, AGAIN, complete=False)
    doubtful = written(vocabulary, "0.0|Perhaps.|9.0", average=-1.2)
    script = Script(vocabulary, loop, loop, doubtful, loop)
    (heard,) = transcriber(script).write([window(10.0)])
    assert said(heard) == [(0.0, 9.0, "Perhaps.")]


def test_doubt_brings_beams_on_the_same_encoding(vocabulary: Vocabulary) -> None:
    script = Script(vocabulary, written(vocabulary, "0.0|Hm.|1.8", average=-0.7), "0.0|Home.|1.8")
    (heard,) = transcriber(script).write([window(2.0)])
    assert said(heard)[0][2] == "Home."
    assert script.frames == [600]


def test_several_windows_are_encoded_one_by_one_and_decoded_together(vocabulary: Vocabulary) -> None:
    script = Script(vocabulary, "0.0|One.|1.9", "0.0|Two.|4.9")
    heard = transcriber(script).write([window(2.0), window(5.0, 3.0)])
    assert [said(one)[0][2] for one in heard] == ["One.", "Two."]
    assert (script.frames, script.batches) == ([900, 900], [2])


def test_the_accurate_mode_takes_the_full_window_and_beams(vocabulary: Vocabulary) -> None:
    script = Script(vocabulary, "0.0|One.|5.0", "0.0|Two.|4.0")
    (heard,) = transcriber(script, accurate=True, latin=True).write([window(9.0)])
    assert [text for *_, text in said(heard)] == ["One.", "Two."]
    assert script.frames == [FULL_FRAMES, FULL_FRAMES]
    assert {(way.beams, way.best, way.latin) for way in script.ways} == {(5, 1, True)}


def test_keywords_choose_among_the_beams(vocabulary: Vocabulary) -> None:
    class Beams(Script):
        def _next(self) -> list[Written]:
            return [
                written(vocabulary, "0.0|call miss gordon|1.9", average=-0.20),
                written(vocabulary, "0.0|call Miss Gorden|1.9", average=-0.25),
            ]

    script = Beams(vocabulary)
    (heard,) = transcriber(script, accurate=True, keywords=("Gorden",)).write([window(2.0)])
    assert said(heard)[0][2] == "call Miss Gorden"
    assert script.ways[0].best == 5


def test_words_and_their_times_reach_into_the_rest(vocabulary: Vocabulary) -> None:
    script = Script(vocabulary, "0.0|One two.|5.0", "0.0|Three.|4.0")
    (heard,) = transcriber(script, words=True).write([window(9.0, 1.0)])
    words = [word for segment in heard.segments for word in segment.words]
    assert [word.text.strip() for word in words] == ["One", "two.", "Three."]
    assert words[2].start_s == pytest.approx(6.0)


def several(*spans_s: tuple[float, float]) -> Window:
    """A window joined from stretches of speech."""
    spans = tuple(Span(int(start * RATE_HZ), int(end * RATE_HZ)) for start, end in spans_s)
    whole = Span(spans[0].start, spans[-1].end)
    return Window(whole.start, np.zeros(whole.end - whole.start, np.float32), whole, spans)


THRICE = ((0.0, 5.0), (5.6, 10.0), (11.0, 16.0))


def test_what_the_model_passed_over_is_heard_stretch_by_stretch(vocabulary: Vocabulary) -> None:
    said_once = "Say it again."
    script = Script(vocabulary, "0.0|Again.|14.0", *[f"0.0|{said_once}|5.0"] * 3)
    (heard,) = transcriber(script).write([several(*THRICE)])
    assert said(heard) == [(0.0, 5.0, said_once), (5.3, 10.3, said_once), (10.5, 15.5, said_once)]
    assert script.batches == [1, 3]


def test_unless_that_brings_no_more(vocabulary: Vocabulary) -> None:
    script = Script(vocabulary, "0.0|Again.|10.5", "0.0|Again.|5.0", "", "")
    (heard,) = transcriber(script).write([several((0.0, 5.0), (5.6, 8.0), (8.4, 10.5))])
    assert said(heard) == [(0.0, 10.5, "Again.")]
    assert script.batches == [1, 3]


def test_slow_speech_and_long_pauses_are_not_passed_over(vocabulary: Vocabulary) -> None:
    script = Script(vocabulary, "0.0|Again.|16.0")
    transcriber(script).write([several((0.0, 1.5), (13.0, 15.0))])
    assert script.batches == [1]


def test_a_loop_in_a_window_of_several_stretches_is_heard_stretch_by_stretch(vocabulary: Vocabulary) -> None:
    loop = written(vocabulary, AGAIN, complete=False)
    script = Script(vocabulary, loop, "0.0|One.|4.9", "0.0|Two.|4.0", "0.0|Three.|4.9")
    (heard,) = transcriber(script).write([several(*THRICE)])
    assert [text for *_, text in said(heard)] == ["One.", "Two.", "Three."]
    assert FULL_FRAMES not in script.frames
