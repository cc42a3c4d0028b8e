"""Japanese numbers with what they count: 三百 is サンビャク, 六本 ロッポン, 四時 ヨジ, 二十日 ハツカ.

After S. Martin, "A Reference Grammar of Japanese" (1975), on numerals and counters.
"""

Entry = tuple[str, str, str, str]
"""Written, said, and the two parts of speech, as MeCab has them."""

_SMALL_TSU = {"イチ": "イッ", "ロク": "ロッ", "ハチ": "ハッ", "ジュー": "ジュッ", "ヒャク": "ヒャッ"}
_CLASSES = {
    "カキクケコハヒフヘホ": ("イチ", "ロク", "ハチ", "ジュー", "ヒャク"),
    "サシスセソタチツテト": ("イチ", "ハチ", "ジュー"),
    "パピプペポ": ("ジュー",),
}
"""First sound of the counter -> numbers that lose their last sound before it."""
_HALF_VOICED = dict(zip("ハヒフヘホ", "パピプペポ", strict=True))
_VOICED = dict(zip("カキクケコサシスセソハヒフヘホ", "ガギグゲゴザジズゼゾバビブベボ", strict=True))
_VOICED_AFTER_3 = frozenset(("本", "匹", "杯", "百", "千", "階", "軒", "足", "遍", "票"))
_HALF_VOICED_AFTER_3 = frozenset(("分", "泊", "発", "歩", "拍", "版", "品"))
_NOT_DOUBLED = frozenset(("日", "人", "円", "時", "年", "月", "時間", "年間", "番"))
_FOUR_YO = frozenset(("時", "年", "円", "人", "時間", "年間", "年生"))
_NINE_KU = frozenset(("時", "月", "時間"))
_SEVEN_SHICHI = frozenset(("時", "月", "時間"))
_DAYS = {
    "一": "ツイタチ", "二": "フツカ", "三": "ミッカ", "四": "ヨッカ", "五": "イツカ", "六": "ムイカ", "七": "ナノカ",
    "八": "ヨーカ", "九": "ココノカ", "十": "トオカ", "十四": "ジューヨッカ", "二十": "ハツカ",
    "二十四": "ニジューヨッカ",
}  # fmt: skip
_PEOPLE = {"一": "ヒトリ", "二": "フタリ"}


def numbered(words: list[Entry]) -> list[Entry]:
    """The words with numerals and their counters joined, as one word each; all others as they are."""
    out: list[Entry] = []
    place = 0
    while place < len(words):
        end = place
        while end < len(words) and _is_number(words[end]):
            end += 1
        if end == place:
            out.append(words[place])
            place += 1
            continue
        counter = words[end] if end < len(words) and words[end][2:] == ("名詞", "接尾") and words[end][1] else None
        out += _joined(words[place:end], counter)
        place = end + (counter is not None)
        if place < len(words) and words[place][:2] == ("分", "ワケ"):
            # 百円分: what it is worth, not the stem of `to divide`.
            out.append(("分", "ブン", "名詞", "接尾"))
            place += 1
    return out


def _is_number(word: Entry) -> bool:
    return word[3] == "数" and bool(word[1])


def _joined(numbers: list[Entry], counter: Entry | None) -> list[Entry]:
    written = "".join(word[0] for word in numbers)
    if counter is not None:
        whole = {"日": _DAYS, "人": _PEOPLE}.get(counter[0], {}).get(written)
        if whole is not None:
            return [(written + counter[0], whole, "名詞", "数")]
    said = ""
    for place, word in enumerate(numbers):
        said = _met(said, numbers[place - 1] if place else None, word)
    if counter is None:
        return [(written, said, "名詞", "数")]
    return [(written + counter[0], _met(said, numbers[-1], counter), "名詞", "数")]


def _met(said: str, last: Entry | None, counter: Entry) -> str:
    """`said`, which ends in the number `last`, with a counter or the next power of ten after it."""
    unit, spoken = counter[0], counter[1]
    if last is None:
        return spoken
    number = last[1]
    special = {"四": ("ヨ", _FOUR_YO), "九": ("ク", _NINE_KU), "七": ("シチ", _SEVEN_SHICHI)}.get(last[0])
    if special and unit in special[1]:
        return said.removesuffix(number) + special[0] + spoken
    if unit == "月" and last[0] == "四":
        return said.removesuffix(number) + "シ" + spoken
    if unit in _NOT_DOUBLED or (counter[3] == "数" and unit not in "百千兆"):
        return said + spoken
    if last[0] in ("三", "何") and unit in _VOICED_AFTER_3:
        return said + _VOICED[spoken[0]] + spoken[1:]
    if last[0] in ("三", "四", "何") and unit in _HALF_VOICED_AFTER_3:
        return said + _HALF_VOICED.get(spoken[0], spoken[0]) + spoken[1:]
    doubled = next((numbers for row, numbers in _CLASSES.items() if spoken[0] in row), ())
    if number in doubled:
        return said.removesuffix(number) + _SMALL_TSU[number] + _HALF_VOICED.get(spoken[0], spoken[0]) + spoken[1:]
    return said + spoken
