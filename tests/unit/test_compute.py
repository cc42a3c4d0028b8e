"""TFLOP of an answer."""

import pytest

from omniwatt.compute import compute_used
from omniwatt.contract.event import Usage


@pytest.mark.parametrize(
    ("capability", "parameters", "usage", "tflop"),
    [
        ("chat", 500_000_000, Usage(prompt_tokens=900, cached_tokens=400, completion_tokens=500), 1.0),
        ("embed", 22_000_000, Usage(prompt_tokens=100), 0.0044),
        ("hear", 72_593_920, Usage(audio_s=10.0, completion_tokens=30), 0.076949),
    ],
)
def test_what_passed_through_the_weights_counts(capability, parameters, usage, tflop) -> None:
    assert compute_used(capability, parameters, usage) == {
        "tflop": pytest.approx(tflop, rel=1e-3),
        "method": "estimated",
    }


@pytest.mark.parametrize(
    ("capability", "parameters", "usage"),
    [
        ("chat", None, Usage(prompt_tokens=10)),
        ("chat", 5, Usage()),
        ("draw", 5, Usage(completion_tokens=300)),
        ("speak", 5, Usage(prompt_tokens=9)),
    ],
)
def test_what_is_not_known_is_absent(capability, parameters, usage) -> None:
    assert compute_used(capability, parameters, usage) is None
