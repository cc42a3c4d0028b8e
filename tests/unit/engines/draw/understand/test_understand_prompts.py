"""Prompts in many languages, and what each scene must say: a table in prompts.txt."""

from pathlib import Path

import pytest

from omniwatt.engines.draw.illustrator.understand import understand
from tests.unit.engines.draw.understand.facts import facts, small_lexicon, things

_TABLE = (Path(__file__).parent / "prompts.txt").read_text("utf-8").splitlines()
_ROWS = [tuple(line.split(" => ")) for line in _TABLE if line and not line.startswith("#")]


def test_table_is_large_enough() -> None:
    assert len({prompt for prompt, _ in _ROWS}) == len(_ROWS) >= 150


@pytest.mark.parametrize(("prompt", "wanted"), _ROWS, ids=[prompt for prompt, _ in _ROWS])
def test_prompt(prompt: str, wanted: str) -> None:
    scene = understand(prompt.replace("\\n", "\n"), small_lexicon())
    expected = set(wanted.replace("\\n", "\n").split("; "))
    missing = expected - facts(scene) - {"0 things"}
    assert not missing, sorted(facts(scene))
    said_things = {fact for fact in expected if fact[0].isdigit()}
    if said_things:
        assert things(scene) == said_things - {"0 things"}
