"""The demo's verdicts, as tables."""

import json
from typing import Any

import pytest

from omniwatt.demo import judge
from omniwatt.demo.pictures import told


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("鲁迅就是周树人。", True),
        ("鲁迅,原名周樟寿,后改名周树人。他们是同一个人。", True),
        ("周树人是鲁迅的本名。", True),
        ("They are the same person: Lu Xun is his pen name.", True),
        ("鲁迅和周树人是兄弟。", False),
        ("周树人是鲁迅的老师,鲁迅的本名不详。", False),
        ("鲁迅与周树人不是同一个人。", False),
        ("鲁迅打周树人的原因是为了维护自己的尊严和独立。", False),
        ("", False),
    ],
)
def test_same_person(text: str, right: bool) -> None:
    assert judge.same_person(text)[0] is right


@pytest.mark.parametrize(
    ("text", "kept", "letter"),
    [
        ("[用户吐槽]-[问题:页面不好看]-[用户表达不满]", True, True),
        ("用户体验问题-页面不美观-用户认为页面设计没有达到标准", True, False),
        ("[类型:用户吐槽]-[问题:页面]-[理由]", True, False),
        ("[用户建议]-[问题:页面]-[理由]", False, False),
        ("用户吐槽", False, False),
        ("我认为这是用户体验问题。", False, False),
    ],
)
def test_keeps_format(text: str, kept: bool, letter: bool) -> None:
    assert judge.keeps_format(text)[0] is kept
    assert judge.full_format(text) is letter


def test_event_right() -> None:
    event = {"title": "Opening", "city": "Glasgow", "people": ["Ada", "Grace"], "year": 2027}
    assert judge.event_right(json.dumps(event)) == (True, "fits the schema, facts right")
    assert judge.event_right(json.dumps(event | {"year": 2026})) == (False, "fits the schema, facts wrong")
    assert judge.event_right(json.dumps(event | {"year": "2027"}))[0] is False
    assert judge.event_right("not JSON")[0] is False


@pytest.mark.parametrize(
    ("arguments", "text", "right"),
    [
        ('{"machine": "oven"}', "The oven draws 2140 watts.", True),
        ('{"machine": "the oven"}', "It is 2,140 W.", True),
        ('{"machine": "oven"}', "It draws 21400 watts.", False),
        ('{"machine": "fridge"}', "2140 watts.", False),
        ('{"machine": "oven"}', "", False),
    ],
)
def test_what_a_tool_said_is_said(arguments: str, text: str, right: bool) -> None:
    assert judge.tells_watts(arguments, text, 2140)[0] is right


def test_cosine() -> None:
    assert judge.cosine([1.0, 0.0], [2.0, 0.0]) == pytest.approx(1.0)
    assert judge.cosine([1.0, 0.0], [0.0, 3.0]) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("text", "right", "note"),
    [
        ("And so, my fellow Americans: ask not", True, "0% of the words wrong"),
        ("And so my fellow american ask not", False, "14% of the words wrong"),
        ("and so my fellow Americans ask", False, "14% of the words wrong"),
        ("", False, "100% of the words wrong"),
        ("and and so my my fellow Americans ask not", False, "29% of the words wrong"),
    ],
)
def test_heard(text: str, right: bool, note: str) -> None:
    assert judge.heard(text, "And so my fellow Americans, ask not") == (right, note)


def test_says() -> None:
    assert judge.says("It was john f. kennedy.", "Kennedy") == (True, "says Kennedy")
    assert judge.says("It was Nixon.", "Kennedy")[0] is False


def line(recognised: str | None, cer: float | None, requested: str = "禅") -> dict[str, Any]:
    return {"requested": requested, "recognised": recognised, "cer": cer, "attempts": 1, "verified": cer == 0}


@pytest.mark.parametrize(
    ("text", "lines", "verdict"),
    [
        ("禅", [line("禅", 0.0)], (True, "禅: read back exactly")),
        ("禅", [line("禅", 0.0), line("OPEN", 0.0, "OPEN")], (True, "禅; OPEN: read back exactly")),
        ("禅", [line("神", 1.0)], (False, "禅 reads 神")),
        ("禅", [line("", 1.0)], (False, "禅 reads as nothing")),
        ("禅", [line(None, None)], (False, "禅 was not read back")),
        ("禅", [line("禅", 0.0), line("0PEN", 0.25, "OPEN")], (False, "OPEN reads 0PEN")),
        ("禅", [line("OPEN", 0.0, "OPEN")], (False, "禅 is not in the picture")),
        ("禅", [], (False, "禅 is not in the picture")),
        ("", [], (None, "drawn; no text asked for, none to check")),
        ("", [line("神", 1.0)], (False, "禅 reads 神")),
    ],
)
def test_lettered(text: str, lines: list[dict[str, Any]], verdict: judge.Verdict) -> None:
    assert judge.lettered(text, lines) == verdict


def test_a_picture_is_told_with_what_was_not_understood_and_not_read() -> None:
    said = {"revised_prompt": "a zebra", "not_understood": ["blorp"], "text_verification": [line(None, None)]}
    assert told(said) == [
        "drawn: a zebra",
        "not understood: blorp",
        "text requested: 禅, recognised: -, not read back, 1 attempt",
    ]
    assert told({}) == []
