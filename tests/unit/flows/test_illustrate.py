"""What is drawn when a model calls for a picture: the user's own words, and no quoted text is lost."""

import pytest

from omniwatt.contract.request import MediaPart, Message, TextPart
from omniwatt.flows.illustrate import (
    SHOWN,
    asked_for,
    blind,
    picture_prompt,
    pictures_of,
    wishes_change,
    wishes_picture,
)


def user(*texts: str) -> list[Message]:
    return [Message("user", (TextPart(text),)) for text in texts]


@pytest.mark.parametrize(
    ("said", "asked", "trusted", "drawn"),
    [
        (["画‘禅’字，背景是水墨山水"], "water, mountain, sun", False, "画‘禅’字，背景是水墨山水"),
        (["a cat"], "A fluffy cat", True, "A fluffy cat"),
        (["a cat"], "", True, "a cat"),
        (["a cat", "now at night"], "a cat at night", False, "a cat at night"),
        (["a sign", "let it say “Open” please"], "a sign", False, "a sign “Open”"),
        (["a sign", "let it say “Open”"], "a sign that says “Open”", False, "a sign that says “Open”"),
        (["a sign", "寫「開學」"], "a blackboard", True, "a blackboard “開學”"),
        (["a cat", "draw a house by the sea"], "user's own language", False, "draw a house by the sea"),
        ([], "a dog", False, "a dog"),
    ],
)
def test_the_prompt(said: list[str], asked: str, trusted: bool, drawn: str) -> None:
    assert picture_prompt(user(*said), asked, trusted=trusted) == drawn


@pytest.mark.parametrize(
    ("arguments", "prompt"),
    [('{"prompt": "a cat"}', "a cat"), ("{}", ""), ("a cat", "a cat"), ('"a cat"', "a cat"), ('{"prompt": null}', "")],
)
def test_arguments_of_any_shape(arguments: str, prompt: str) -> None:
    assert asked_for([arguments]) == prompt


@pytest.mark.parametrize(
    ("said", "wishes"),
    [
        (["Draw a cat"], True),
        (["Can you make me an image of it?"], True),
        (["画一幅山水"], True),
        (["星空の絵を描いて"], True),
        (["Zeichne mir eine Katze"], True),
        (["고양이를 그려 줘"], True),
        (["What is the capital of France?"], False),
        (["你好，你是谁？"], False),
        (["Draw a cat", "now at night"], True),
        (["Draw a cat", "thank you", "What is 2+2?"], False),
        ([], False),
    ],
)
def test_wishes_for_pictures(said: list[str], wishes: bool) -> None:
    assert wishes_picture(user(*said)) is wishes


def test_a_model_without_eyes_is_told_of_pictures() -> None:
    picture = MediaPart("image", b"x")
    messages = [*user("hello"), Message("user", (picture, TextPart("this")))]
    assert blind(messages)[1].content == (TextPart(SHOWN), TextPart("this"))
    assert pictures_of(messages) == (picture,)
    assert pictures_of(user("none")) == ()


@pytest.mark.parametrize(
    ("last", "change"),
    [
        ("make it night", True),
        ("now at night", True),
        ("add a red balloon", True),
        ("draw a hat on it", True),
        ("改成水彩画", True),
        ("draw a house by the sea", False),
        ("another picture, of a dog", False),
        ("画一只狗", False),
        ("犬を描いて", False),
        ("zeichne mir ein Haus", False),
    ],
)
def test_whether_the_picture_that_is_there_is_meant(last: str, change: bool) -> None:
    picture = MediaPart("image", data=b"x")
    drawn = Message("assistant", (picture,))
    assert wishes_change([*user("draw a cat"), drawn, *user(last)]) is change
    assert wishes_change([Message("user", (TextPart(last), picture))])


def test_an_edit_is_said_in_the_users_last_words() -> None:
    said = user("draw a cat", "make it night")
    assert picture_prompt(said, "a cat in the day", change=True) == "make it night"
    assert picture_prompt(said, "a cat at night", trusted=True, change=True) == "a cat at night"
