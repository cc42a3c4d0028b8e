"""Turn taking: every rule as a table of frames and signs."""

import pytest

from omniwatt.realtime.turns import FRAME_MS, Sign, Turns, patience_ms
from omniwatt.realtime.values import TurnDetection

VOICE, SILENCE = 0.9, 0.05


def run(detection: TurnDetection, odds: list[float]) -> list[tuple[str, int]]:
    turns = Turns(detection)
    return [(sign.kind, sign.at_ms) for one in odds for sign in turns.feed(one)]


def frames(ms: int) -> int:
    return ms // FRAME_MS


def test_a_turn_begins_after_two_voiced_frames_and_ends_after_the_silence() -> None:
    odds = [SILENCE] * 20 + [VOICE] * 10 + [SILENCE] * 20
    begun, voiced = 20 * FRAME_MS, 30 * FRAME_MS
    assert run(TurnDetection(silence_duration_ms=300), odds) == [
        ("started", begun - 300),
        ("paused", voiced),
        ("stopped", voiced + 9 * FRAME_MS),
    ]


def test_a_click_is_no_speech() -> None:
    assert run(TurnDetection(), ([SILENCE] * 5 + [VOICE]) * 5) == []


def test_the_beginning_of_a_session_has_no_prefix() -> None:
    assert run(TurnDetection(prefix_padding_ms=300), [VOICE] * 3)[0] == ("started", 0)


def test_who_goes_on_resumes_the_turn() -> None:
    odds = [VOICE] * 10 + [SILENCE] * 5 + [VOICE] * 5 + [SILENCE] * 30
    kinds = [kind for kind, _ in run(TurnDetection(silence_duration_ms=500), odds)]
    assert kinds == ["started", "paused", "resumed", "paused", "stopped"]


@pytest.mark.parametrize(("odds", "ends"), [(0.4, False), (0.3, True)])
def test_speech_flickers_less_than_the_threshold_does(odds: float, ends: bool) -> None:
    found = run(TurnDetection(threshold=0.5, silence_duration_ms=200), [VOICE] * 5 + [odds] * 20)
    assert ("stopped" in [kind for kind, _ in found]) is ends


def test_a_silence_shorter_than_a_pause_is_pause_and_end_at_once() -> None:
    found = run(TurnDetection(silence_duration_ms=64), [VOICE] * 5 + [SILENCE] * 3)
    assert [kind for kind, _ in found] == ["started", "paused", "stopped"]


def test_a_reset_forgets_the_turn() -> None:
    turns = Turns(TurnDetection())
    for _ in range(5):
        turns.feed(VOICE)
    turns.reset()
    assert [sign for _ in range(40) for sign in turns.feed(SILENCE)] == []
    assert not turns.speaking


@pytest.mark.parametrize(("eagerness", "ms"), [("low", 8000), ("medium", 4000), ("auto", 4000), ("high", 2000)])
def test_semantic_detection_waits_as_long_as_its_eagerness_says(eagerness: str, ms: int) -> None:
    detection = TurnDetection("semantic_vad", eagerness=eagerness)  # type: ignore[arg-type]
    found = run(detection, [VOICE] * 5 + [SILENCE] * 300)
    assert found[-1][0] == "stopped"
    assert found[-1][1] - 5 * FRAME_MS == pytest.approx(ms, abs=FRAME_MS)


def test_semantic_detection_is_quick_once_a_sentence_is_complete() -> None:
    turns = Turns(TurnDetection("semantic_vad"))
    signs: list[Sign] = []
    for odds in [VOICE] * 5 + [SILENCE] * 30:
        found = turns.feed(odds)
        signs += found
        if any(sign.kind == "paused" for sign in found):
            turns.patience_ms = patience_ms("What time is it?", "auto")
    assert signs[-1].kind == "stopped"
    assert signs[-1].at_ms - 5 * FRAME_MS < 500


@pytest.mark.parametrize(
    ("text", "eagerness", "ms"),
    [
        ("What time is it?", "auto", 400),
        ("What time is it?", "high", 200),
        ("What time is it?", "low", 800),
        ("I would like to", "auto", 4000),
        ("I would like tea and", "high", 2000),
        ("First, the eggs,", "auto", 4000),
        ("the red one", "auto", 2000),
        ("现在几点?", "auto", 400),
        ("", "auto", 4000),
    ],
)
def test_patience(text: str, eagerness: str, ms: int) -> None:
    assert patience_ms(text, eagerness) == ms


def test_a_voice_that_dies_away_does_not_delay_the_guess() -> None:
    dying = [0.45, 0.4]
    found = run(TurnDetection(silence_duration_ms=300), [VOICE] * 5 + dying + [SILENCE] * 20)
    assert found[1] == ("paused", 5 * FRAME_MS)
    assert found[-1][0] == "stopped"
    assert found[-1][1] >= 7 * FRAME_MS + 300 - FRAME_MS // 2


def test_soft_speech_is_speech() -> None:
    soft = [0.42] * 10
    kinds = [kind for kind, _ in run(TurnDetection(silence_duration_ms=300), [VOICE] * 5 + soft + [SILENCE] * 20)]
    assert kinds == ["started", "paused", "resumed", "paused", "stopped"]


def test_what_comes_back_softly_takes_a_guess_back() -> None:
    turns = Turns(TurnDetection(silence_duration_ms=500))
    signs = [sign for one in [VOICE] * 5 + [SILENCE] * 4 + [0.42] * 3 for sign in turns.feed(one)]
    assert [sign.kind for sign in signs] == ["started", "paused", "resumed"]
