"""Labels of pictures: they hold while the picture is the one that was looked at, and no longer."""

import tomllib
from typing import Any

import pytest

from bench.draw_faithful import LABELS, SORTS, Drawn, labels, shares, stale
from bench.draw_understanding import PROMPTS, Part, compare
from omniwatt.engines.draw.illustrator.scene import Scene

LAYOUT = "meadow cartoon; cat#1c1c1e 20 60 20 18; dog 55 60 22 20"
LOOK = "8" * 64
PARTS = (Part("object", "cat", True), Part("colour", "1 cat black", True), Part("object", "dog", True))
ROW = {"prompt": "a black cat and a dog", "seen": "yny", "layout": LAYOUT, "look": LOOK}


def now(layout: str = LAYOUT, look: str = LOOK, parts: tuple[Part, ...] = PARTS) -> Drawn:
    return Drawn(parts, layout, look, None)


@pytest.mark.parametrize(
    ("drawn", "is_stale"),
    [
        (now(), False),
        (now("meadow cartoon; cat#1c1c1e 24 62 20 18; dog 55 60 24 22"), False),
        (now(look="8" * 44 + "9" * 20), False),
        (now("meadow cartoon; dog 20 60 22 20; cat#1c1c1e 55 60 20 18"), True),
        (now("meadow cartoon; cat#1c1c1e 20 60 20 18; dog 55 60 40 36"), True),
        (now("meadow cartoon; cat 20 60 20 18; dog 55 60 22 20"), True),
        (now("meadow cartoon; cat#1c1c1e 20 60 20 18"), True),
        (now("forest cartoon; cat#1c1c1e 20 60 20 18; dog 55 60 22 20"), True),
        (now(look="9" * 64), True),
        (now(look="8" * 63 + "b"), True),
        (now(parts=PARTS[:2]), True),
    ],
)
def test_when_a_label_is_stale(drawn: Drawn, is_stale: bool) -> None:
    assert stale(ROW, drawn) == is_stale


def test_shares_of_scene_and_pixels() -> None:
    missing = (Part("object", "unicycle", False, False),)
    found = shares([(ROW, now()), ({**ROW, "seen": "n"}, now(parts=missing))])
    assert found["right"] == {"scene": 0.5, "pixels": 0.0}
    assert found["right_drawable"] == {"scene": 1.0, "pixels": 0.0}
    assert found["object"] == {"parts": 2, "scene": 1.0, "pixels": 1.0}
    assert found["colour"] == {"parts": 1, "scene": 1.0, "pixels": 0.0}


def test_labels_are_written_as_they_are_read() -> None:
    text = labels({"cat": "cat"}, [{"kind": "k", **ROW}], [now()])
    assert tomllib.loads(text) == {"objects": {"cat": "cat"}, "picture": [{"kind": "k", **ROW}]}
    with pytest.raises(ValueError, match="has 3 parts"):
        labels({}, [{**ROW, "seen": "y?"}], [now()])


def test_every_prompt_has_an_answer_for_each_part() -> None:
    data: dict[str, Any] = tomllib.loads(LABELS.read_text("utf-8"))
    objects = tomllib.loads(PROMPTS.read_text("utf-8"))["objects"] | data["objects"]
    assert len(data["picture"]) >= 100
    for row in data["picture"]:
        parts = list(compare(Scene(), row["truth"], objects))
        assert {part.kind for part in parts} <= set(SORTS)
        assert len(row["seen"]) == len(parts), row["prompt"]
        assert set(row["seen"]) <= {"y", "n"}
        assert row["layout"]
        assert len(row["look"]) == 64
