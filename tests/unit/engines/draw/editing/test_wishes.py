"""What an edit's words ask for, in several languages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.engines.draw.illustrator.editing.wishes import Wishes, read


def said(wishes: Wishes) -> dict[str, Any]:
    return {name: value for name in wishes.__struct_fields__ if (value := getattr(wishes, name))}


@pytest.mark.parametrize(
    ("prompt", "wishes"),
    [
        ("add a red balloon", {"prompt": "a red balloon", "adds": True}),
        ("make it watercolour", {"prompt": "watercolour"}),
        ("turn this into pixel art", {"prompt": "pixel art"}),
        ("make it brighter and warmer", {"tones": ("brighter", "warmer"), "prompt": "and"}),
        ("Make it black and white", {"tones": ("grey",)}),
        ("add a black and white cat", {"prompt": "a black and white cat", "adds": True}),
        ("mirror it", {"turns": ("mirror",), "prompt": "it"}),
        ("rotate it left", {"turns": ("left",)}),
        ("remove the dog", {"removed": ("remove the dog",)}),
        ("remove the dog and add a cat", {"removed": ("remove the dog",), "prompt": "a cat", "adds": True}),
        ("remove the background", {"cutout": True}),
        ("make the background transparent", {"cutout": True}),
        ("use the second image as background", {"background": True, "others": True}),
        ("place the second image at the lower left", {"place": ("bottom", "left"), "others": True, "adds": True}),
        ("put the cat from the second picture on the sofa", {"others": True, "adds": True}),
        ("crop to the face", {"crop": True, "prompt": "to the face"}),
        ("add “remove me” as a title", {"prompt": "“remove me” as a title", "adds": True}),
        ("改成水彩画", {"prompt": "水彩画"}),
        ("去掉那只狗", {"removed": ("去掉那只狗",)}),
        ("变成黑白，加上标题“夏日”", {"tones": ("grey",), "prompt": "标题“夏日”", "adds": True}),
        ("風船を追加して", {"prompt": "風船", "adds": True}),
        ("明るくして", {"tones": ("brighter",), "prompt": "して"}),
        ("füge einen roten Ballon hinzu", {"prompt": "einen roten Ballon", "adds": True}),
        ("Ajoute un ballon rouge", {"prompt": "un ballon rouge", "adds": True}),
    ],
)
def test_wishes(prompt: str, wishes: dict[str, Any]) -> None:
    assert said(read(prompt)) == wishes


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("side by side", "row"),
        ("one above the other", "column"),
        ("make a collage", "grid"),
        ("左右拼接", "row"),
        ("横に並べて", "row"),
        ("add a cat", ""),
    ],
)
def test_collages(prompt: str, kind: str) -> None:
    assert read(prompt).collage == kind


@given(st.text(max_size=200))
def test_nothing_breaks_it(prompt: str) -> None:
    found = read(prompt)
    assert len(found.prompt) <= 8 * len(prompt) + 8


def test_a_prompt_of_any_length_is_read_in_time() -> None:
    assert read("make it warmer, " * 2000).tones == ("warmer",)
