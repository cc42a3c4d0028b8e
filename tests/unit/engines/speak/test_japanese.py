"""Japanese: kana to phonemes, numbers with their counters, what is read in which language, a broken dictionary."""

import asyncio
import tempfile
import threading
import time
from pathlib import Path

import pytest

from omniwatt import settings
from omniwatt.catalog.catalog import Catalog
from omniwatt.contract.error import EngineFailed
from omniwatt.engines.speak.espeak_pipe import EspeakPipe
from omniwatt.engines.speak.japanese import PARTS, Japanese, Word, phonemes, sounds
from omniwatt.engines.speak.japanese_numbers import numbered
from omniwatt.engines.speak.kokoro import _ids
from omniwatt.engines.speak.kokoro_phonemes import Phonemes
from omniwatt.engines.speak.normalise import normalised
from omniwatt.engines.speak.scripts import runs, spoken_runs

DIGITS = {
    "一": "イチ", "二": "ニ", "三": "サン", "四": "ヨン", "五": "ゴ", "六": "ロク", "七": "ナナ", "八": "ハチ",
    "九": "キュー", "十": "ジュー", "百": "ヒャク", "千": "セン", "万": "マン", "何": "ナン",
}  # fmt: skip
COUNTERS = {
    "本": "ホン", "回": "カイ", "歳": "サイ", "分": "フン", "人": "ニン", "日": "ニチ", "月": "ガツ", "時": "ジ",
    "年": "ネン", "円": "エン", "階": "カイ", "頭": "トー", "パーセント": "パーセント",
}  # fmt: skip


@pytest.mark.parametrize(
    ("kana", "wanted"),
    [
        ("トーキョー", "toːkʲoː"),
        ("シャシン", "ɕaɕiɴ"),
        ("チーズ", "ʨiːzɨ"),
        ("ツヅク", "ʦɨzɨkɯ"),
        ("フジサン", "ɸɯʥisaɴ"),
        ("ニューヨーク", "ɲɨːjoːkɯ"),
        ("サンポ", "sampo"),
        ("テンキ", "teŋkʲi"),
        ("コンニチワ", "koɲɲiʨiβa"),
        ("センタク", "sentakɯ"),
        ("ホンヲ", "hoɴo"),
        ("ザッシ", "ʣaʔɕi"),
        ("ファン", "ɸaɴ"),
        ("フィルム", "ɸʲiɾɯmɯ"),
        ("ティー", "tʲiː"),
        ("デュオ", "dʲɨo"),
        ("トゥルー", "tɯɾɯː"),
        ("ウェブ", "βebɯ"),
        ("シェア", "ɕea"),
        ("ヴァイオリン", "vaioɾʲiɴ"),
        ("クァ", "kᵝa"),
        ("ァャ", "aja"),
        ("", ""),
    ],
)
def test_kana(kana: str, wanted: str) -> None:
    assert sounds(kana) == wanted


def test_every_kana_has_a_sound_in_the_alphabet() -> None:
    every = [chr(code) for code in range(ord("ァ"), ord("ヴ") + 1)]
    pairs = [first + small for first in every for small in "ァィゥェォャュョ"]
    for kana in [*every, *pairs]:
        said = sounds(kana)
        assert said, kana
        assert len(_ids(said)) == len(said), (kana, said)


def test_a_nasal_is_said_after_the_word_that_follows() -> None:
    words = [Word("本", "ホン", "名詞", "一般"), Word("も", "モ", "助詞", "係助詞"), Word("。", "", "記号", "句点")]
    assert phonemes(words) == "hom mo."


def test_marks_and_joined_words() -> None:
    words = [
        Word("「", "", "記号", "括弧開"), Word("行っ", "イッ", "動詞", "自立"), Word("て", "テ", "助詞", "接続助詞"),
        Word("」", "", "記号", "括弧閉"), Word("、", "", "記号", "読点"), Word("行こ", "イコ", "動詞", "自立"),
        Word("う", "ウ", "助動詞", "*"), Word("★", "", "記号", "一般"), Word("！", "", "記号", "一般"),
    ]  # fmt: skip
    assert phonemes(words).replace("！", "!") == "“iʔte”, ikoː"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("三 百", "サンビャク"),
        ("六 百", "ロッピャク"),
        ("八 千", "ハッセン"),
        ("三 千 三 百", "サンゼンサンビャク"),
        ("一 本", "イッポン"),
        ("二 本", "ニホン"),
        ("三 本", "サンボン"),
        ("十 本", "ジュッポン"),
        ("六 回", "ロッカイ"),
        ("三 階", "サンガイ"),
        ("八 歳", "ハッサイ"),
        ("六 歳", "ロクサイ"),
        ("四 分", "ヨンプン"),
        ("一 頭", "イットー"),
        ("四 時", "ヨジ"),
        ("九 時", "クジ"),
        ("七 月", "シチガツ"),
        ("四 月", "シガツ"),
        ("十 四 日", "ジューヨッカ"),
        ("二 十 日", "ハツカ"),
        ("二 十 二 日", "ニジューニニチ"),
        ("一 人", "ヒトリ"),
        ("十 一 人", "ジューイチニン"),
        ("四 年", "ヨネン"),
        ("百 円", "ヒャクエン"),
        ("二 万 五 千", "ニマンゴセン"),
        ("何 本", "ナンボン"),
        ("百 パーセント", "ヒャクパーセント"),
        ("十 パーセント", "ジュッパーセント"),
    ],
)
def test_numbers_and_counters(written: str, said: str) -> None:
    words = [
        (part, DIGITS[part], "名詞", "数") if part in DIGITS else (part, COUNTERS[part], "名詞", "接尾")
        for part in written.split()
    ]
    assert [(word[0], word[1]) for word in numbered(words)] == [(written.replace(" ", ""), said)]


def test_words_beside_numbers_stay_as_they_are() -> None:
    other = ("犬", "イヌ", "名詞", "一般")
    five = ("五", "ゴ", "名詞", "数")
    yen = ("円", "エン", "名詞", "接尾")
    part = ("分", "ワケ", "動詞", "自立")
    assert numbered([other, five, other, other]) == [other, five, other, other]
    assert [word[1] for word in numbered([five, yen, part])] == ["ゴエン", "ブン"]


@pytest.mark.parametrize(
    ("text", "language", "wanted"),
    [
        ("AIとiPhoneの話", "ja", [("AI", "en-us"), ("と", "ja"), ("iPhone", "en-us"), ("の話", "ja")]),
        ("Hello こんにちは", "en-gb", [("Hello", "en-gb"), (" こんにちは", "ja")]),
        ("Open the door", "ja", [("Open the door", "en-us")]),
    ],
)
def test_latin_letters_in_a_japanese_text_are_english(text: str, language: str, wanted: list[tuple[str, str]]) -> None:
    assert runs(text, language) == wanted


def test_numbers_in_a_japanese_text_are_said_in_japanese() -> None:
    assert spoken_runs("午後3時30分に1,250円", "ja") == [("午後三時三十分に千二百五十円", "ja")]
    assert spoken_runs("駅まで10分", "ja") == [("駅までジュップン", "ja")]
    assert spoken_runs("10分の1と110分と10分間", "ja") == [("十分の一と百十分と十分間", "ja")]
    assert spoken_runs("３本と50%です", "en-us") == [("三本と五十パーセントです", "ja")]


async def test_the_dictionary_is_opened_once_and_late() -> None:
    opened = []

    class Reader(Japanese):
        def __init__(self) -> None:
            opened.append(1)

        def read(self, text: str) -> str:
            return f"<{text}>"

    reader = Phonemes(EspeakPipe(Path("/nowhere")), {}, Reader)
    assert await reader.of("你好", "zh")
    assert not opened
    assert await reader.of("日本", "ja") == "<日本>"
    assert await reader.of("こんにちは", "zh") == "<こんにちは>"
    assert opened == [1]


async def test_two_who_read_at_once_share_one_dictionary() -> None:
    opened = []

    class Reader(Japanese):
        def __init__(self) -> None:
            opened.append(threading.current_thread())
            time.sleep(0.05)

        def read(self, text: str) -> str:
            return text

    reader = Phonemes(EspeakPipe(Path("/nowhere")), {}, Reader)
    assert await asyncio.gather(reader.of("日本", "ja"), reader.of("東京", "ja")) == ["日本", "東京"]
    assert len(opened) == 1
    assert opened[0] is not threading.current_thread(), "others are spoken for meanwhile"


@pytest.fixture(scope="module")
def dictionary() -> Japanese:
    card = Catalog.open(settings.load(None, {})).spec("kokoro-82m")
    return Japanese({name: Path(card.artifacts[f"ja:{name}"]) for name in PARTS})


@pytest.mark.model
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("東京へ行って、本を読みました。", "toːkʲoː e iʔte, hoɴ o jomʲi maɕi ta."),
        ("今日は３月２０日、午後4時15分です。", "kʲoː βa saŋɡaʦɨ haʦɨka, ɡoɡo joʥi ʥɨːɡoɸɯn desɨ."),
        ("りんごを六個と鉛筆を三本買った。", "ɾʲiŋɡo o ɾoʔko to empʲiʦɨ o samboŋ kaʔta."),
        ("「コーヒーを一杯ください」と彼女は言った。", "“koːçiː o iʔpai kɯdasai” to kanoʥo βa iʔta."),
        ("駅まで１０分かかります！", "ekʲi made ʥɨʔpɯŋ kakaɾʲi masɨ!"),
        ("もう十分です。", "moː ʥɨːbɯn desɨ."),
        ("新しい車が欲しいなあ。", "ataɾaɕiː kɯɾɯma ɡa hoɕiː naː."),
        ("一緒に行こうよ。", "iʔɕo ɲi ikoː jo."),
    ],
)
def test_the_real_dictionary(dictionary: Japanese, text: str, wanted: str) -> None:
    said = " ".join(dictionary.read(normalised(text, "ja")).split())
    assert said == wanted
    assert len(_ids(said)) == len(said)


@pytest.mark.model
def test_nothing_stays_of_the_folder_the_dictionary_was_opened_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dictionary: Japanese
) -> None:
    blank = tmp_path / "a folder"
    blank.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(blank))
    card = Catalog.open(settings.load(None, {})).spec("kokoro-82m")
    reader = Japanese({name: Path(card.artifacts[f"ja:{name}"]) for name in PARTS})
    assert list(blank.iterdir()) == []
    assert reader.read("日本語") == dictionary.read("日本語")


def test_a_damaged_dictionary_is_told(tmp_path: Path) -> None:
    for name in PARTS:
        (tmp_path / name).write_bytes(b"not a dictionary")
    with pytest.raises(EngineFailed, match="Japanese dictionary"):
        Japanese({name: tmp_path / name for name in PARTS})
