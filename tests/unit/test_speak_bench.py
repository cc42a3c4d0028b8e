"""The rate of errors over renderings, and how far chance may have moved it."""

import pytest

from bench.speak import GROUPS, SENTENCES, _texts, ratio


@pytest.mark.parametrize(
    ("scores", "rate", "error"),
    [
        ([(0, 10), (0, 12)], 0.0, 0.0),
        ([(1, 10), (1, 10)], 0.1, 0.0),
        ([(0, 10), (2, 10)], 0.1, 0.1),
        ([(3, 10)], 0.3, 0.0),
    ],
)
def test_the_rate_and_its_standard_error(scores: list[tuple[int, int]], rate: float, error: float) -> None:
    assert ratio(scores) == pytest.approx((rate, error))


def test_a_voice_that_varies_is_heard_several_times() -> None:
    heard = {group.kind: len(_texts(group, quick=False)) for group in GROUPS if group.card == "piper-joe"}
    assert heard == {"American": 8 * len(SENTENCES["en"])}
    assert all(len(set(sentences)) == len(sentences) for sentences in SENTENCES.values())
