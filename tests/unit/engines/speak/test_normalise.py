"""Numbers, money, dates and units as they are said."""

import pytest

from omniwatt.engines.speak.normalise import normalised


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It costs $3.50.", "It costs three dollars and fifty cents."),
        ("£1.01", "one pound and one penny"),
        ("$1.2 billion", "one point two billion dollars"),
        ("On March 3, 2021 we ran 12 km.", "On the third of march, twenty twenty one we ran twelve kilometers."),
        ("1,234,567 people", "one million two hundred thirty four thousand five hundred and sixty seven people"),
        ("3.14% of it", "three point one four percent of it"),
        ("at 5:30 p.m.", "at five thirty PM."),
        ("Call 555-1234 now", "Call five five five, one two three four, now"),
        ("in 1999", "in nineteen ninety nine"),
        ("the 2nd of 3", "the second of three"),
        ("GPT-4o", "GPT four o"),
        ("Nothing to do here, isn't that nice?", "Nothing to do here, isn't that nice?"),
        ("a 😀 face", "a  face"),
        ("**bold** `code`", " bold   code "),
    ],
)
def test_english(text: str, said: str) -> None:
    assert normalised(text, "en-us") == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2021年3月5日", "二零二一年三月五日"),
        ("温度是-5°C，占3.14%。", "温度是负五摄氏度，占百分之三点一四。"),
        ("共1,234.5元", "共一千二百三十四点五元"),
        ("电话13812345678", "电话幺三八幺二三四五六七八"),
        ("我写了100行Python代码", "我写了一百行Python代码"),
        ("没有数字。", "没有数字。"),
    ],
)
def test_chinese(text: str, said: str) -> None:
    assert normalised(text, "zh") == said
    assert normalised(text, "en-us") == said


@pytest.mark.parametrize("language", ["fr", "de", "hi"])
def test_other_languages_are_left_alone(language: str) -> None:
    assert normalised("12 km à 3,5 €", language) == "12 km à 3,5 €"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I have\u00a05\tcats.", "I have five cats."),
        ("all °5 of 7 came", "all °5 of seven came"),
        ("°5", "°5"),
        ("5\ud800 a\x00b\u202e", "five ab"),
    ],
)
def test_what_the_grammar_cannot_read_stays_as_it_is(text: str, said: str) -> None:
    assert normalised(text, "en-us") == said


@pytest.mark.parametrize("language", ["en-us", "zh", "ja", "fr"])
@pytest.mark.parametrize(
    "text", ["5" * 300, "-40℃，￥5", "1/2/3/4", "\u3000７\u3000", "5%%", "٣ ५ ๕", "½ ① Ⅳ", "5\n\n6", "&#x41;"]
)
def test_nothing_breaks_it(text: str, language: str) -> None:
    assert normalised(text, language)
