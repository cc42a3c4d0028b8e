"""What is left of a prompt for a painter that cannot spell."""

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.engines.draw.wordless import lettered, wordless


@pytest.mark.parametrize(
    ("prompt", "left", "texts"),
    [
        ("a red cat", "a red cat", ()),
        ("don't draw the dog's bone", "don't draw the dog's bone", ()),
        ("书法风格的‘禅’字，背景是水墨山水", "背景是水墨山水", ("禅",)),
        ("一张海报，标题为“春节快乐”，红色背景", "一张海报，红色背景", ("春节快乐",)),
        ("一家挂着写有“开学”招牌的书店", "一家书店", ("开学",)),
        ("写着“欢迎”的横幅挂在学校门口", "挂在学校门口", ("欢迎",)),
        ("海报：标题“光之海”，副标题“2026 年夏”，海上日出", "海报：海上日出", ("光之海", "2026 年夏")),
        ("「禅」の書道、背景は山水", "背景は山水", ("禅",)),
        ("夜の街に「居酒屋」と書かれた看板", "夜の街に", ("居酒屋",)),
        ('간판에 "안녕"이라고 쓰인 가게', "가게", ("안녕",)),
        ('a poster with the title "HELLO" and a cat', "a poster and a cat", ("HELLO",)),
        ('a bar at night with a glowing neon sign that says "OPEN", rain', "a bar at night, rain", ("OPEN",)),
        ('A cat holding a sign that says "Hello World"', "A cat", ("Hello World",)),
        ("a poster titled Summer Jazz in blue", "a poster in blue", ("Summer Jazz",)),
        ('a cake with "Happy 7th" in gold letters on a table', "a cake on a table", ("Happy 7th",)),
        ("the words 'Be kind' and 'Be calm' on a beach", "a beach", ("Be kind", "Be calm")),
        ("une affiche avec « Bonjour » et un chat", "une affiche et un chat", ("Bonjour",)),
        ('"OPEN" neon lettering above a shop', "a shop", ("OPEN",)),
        ('"HELLO"', "a calm background in soft light", ("HELLO",)),
        ("“禅”", "素净的背景，柔和的光", ("禅",)),
        ("「夢」と", "静かな背景、やわらかな光", ("夢",)),
    ],
)
def test_words_and_what_spoke_of_them_are_gone(prompt: str, left: str, texts: tuple[str, ...]) -> None:
    assert wordless(prompt) == (left, texts)


@given(st.text(alphabet="aé “”\"'‘’「」《》写着字、，.with the title saying禅のと라고", max_size=60))
def test_any_prompt_leaves_something_to_paint_and_none_of_the_texts(prompt: str) -> None:
    left, texts = wordless(prompt)
    assert texts == () or left.strip()
    assert not any("\ue000" <= letter <= "\uf8ff" for letter in left)
    assert all(text.strip() for text in texts)


@pytest.mark.parametrize(
    "piece", ['with the title "x" ', "写着“欢迎”的横幅", 'a "', "a bold ", " ", "书", "“a”", "with "]
)
def test_the_longest_prompt_takes_no_time(piece: str) -> None:
    start_s = time.process_time()
    wordless((piece * 40_000)[:39_990] + ' "end"')
    assert time.process_time() - start_s < 2.0


def test_what_was_painted_and_lettered_is_told() -> None:
    assert lettered("背景是水墨山水", ("禅",)) == "背景是水墨山水；其上题字：“禅”"
    assert lettered("a beach", ("one", "two")) == "a beach; lettered upon it: “one” “two”"


def test_the_gateway_asks_and_loads_no_drawing() -> None:
    code = "import sys, omniwatt.plan, omniwatt.flows.draw; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in loaded if name in ("numpy", "skia", "PIL") or ".illustrator" in name]
