"""Is an answer right? Small pure functions, so that the demo's verdicts are the tests' verdicts."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema

Verdict = tuple[bool | None, str]

EVENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "city": {"type": "string"},
        "people": {"type": "array", "items": {"type": "string"}},
        "year": {"type": "integer"},
    },
    "required": ["title", "city", "people", "year"],
    "additionalProperties": False,
}
MEETING = "Ada and Grace will open the Watt Museum in Glasgow in 2027."


_SAME = re.compile(
    r"同一(个)?人|同一位|一个人|(本名|原名|真名|笔名)|就是(鲁迅|周树人)|same person|pen name|real name", re.IGNORECASE
)
_NOT_SAME = re.compile(r"不是同一|两个(不同的?)?人|兄弟|哥哥|弟弟|师生|老师|学生|父子|朋友|同学|亲戚|同事|叔|侄")


def same_person(text: str) -> Verdict:
    """Whether an answer holds that 鲁迅 and 周树人 are one person, and a word on it."""
    if _SAME.search(text) and not _NOT_SAME.search(text):
        return True, "knows they are the same person"
    return False, "wrong: they are the same person"


TYPES = ("bug类型", "用户体验问题", "用户吐槽")
_FULL = re.compile(rf"\[({'|'.join(TYPES)})\]-\[问题[::].+?\]-\[.+\]", re.DOTALL)
_PARTS = re.compile(rf"\[?(?:类型[::]\s*)?({'|'.join(TYPES)})\]?\s*-\s*\[?.+?\]?\s*-\s*\[?.+", re.DOTALL)


def full_format(text: str) -> bool:
    """Whether a classifier's answer is [类型]-[问题:…]-[分析的理由] to the letter, with an allowed type."""
    return _FULL.fullmatch(text.strip()) is not None


def keeps_format(text: str) -> Verdict:
    """Whether it has the three parts at least, the first an allowed type."""
    if full_format(text):
        return True, "keeps the format to the letter"
    if _PARTS.match(text.strip()):
        return True, "keeps the three parts, not every bracket"
    return False, "loses the format"


def not_empty(text: str) -> Verdict:
    """Nothing to judge but that something came."""
    return (None, "") if text.strip() else (False, "an empty answer")


def in_chinese(text: str) -> Verdict:
    """Whether a third of the answer or more is Chinese characters."""
    chinese_letters = len(re.findall(r"[一-鿿]", text))
    return (None, "") if chinese_letters > len(text) / 3 else (False, "not in Chinese")


def event_right(text: str) -> Verdict:
    """Whether an extracted event fits the schema and says what MEETING says."""
    try:
        event = json.loads(text)
        jsonschema.validate(event, EVENT)
    except (json.JSONDecodeError, jsonschema.ValidationError) as error:
        return False, f"breaks the schema: {error}"[:120]
    right = event["city"] == "Glasgow" and event["year"] == 2027 and event["people"] == ["Ada", "Grace"]
    return right, "fits the schema, facts right" if right else "fits the schema, facts wrong"


def tells_watts(arguments: str, text: str, watts: int) -> Verdict:
    """Whether a tool was asked of the oven, and what it said is what is answered."""
    if "oven" not in arguments.lower():
        return False, "asks the tool of something else"
    if re.search(rf"(?<!\d){watts}(?!\d)", re.sub(r"(?<=\d)[, ](?=\d{3})", "", text)):
        return True, "asks the tool, and says what it said"
    return False, "asks the tool, and does not say what it said"


def heard(text: str, truth: str) -> Verdict:
    """Whether a transcript has at most one word in ten wrong (missing, added or another), and how many it has."""
    found, wanted = _words(text), _words(truth)
    wrong = _edits(found, wanted) / len(wanted)
    return wrong <= 0.1, f"{wrong:.0%} of the words wrong"


def lettered(text: str, lines: Sequence[Mapping[str, Any]]) -> Verdict:
    """Whether `text` stands in a picture and every line in it was read back exactly (`text_verification`)."""
    wrong = [line for line in lines if not (line["verified"] and line["cer"] == 0)]
    if wrong:
        read = wrong[0]["recognised"]
        how = "was not read back" if read is None else f"reads {read or 'as nothing'}"
        return False, f"{wrong[0]['requested']} {how}"
    if text and text not in [line["requested"] for line in lines]:
        return False, f"{text} is not in the picture"
    return (
        (True, f"{'; '.join(line['requested'] for line in lines)}: read back exactly")
        if lines
        else (None, "drawn; no text asked for, none to check")
    )


def says(text: str, word: str) -> Verdict:
    """Whether a word comes up in an answer."""
    return (True, f"says {word}") if word.lower() in text.lower() else (False, f"does not say {word}")


def _words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())


def _edits(a: list[str], b: list[str]) -> int:
    """The least number of words to add, drop or replace to make `b` of `a` (Levenshtein distance)."""
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        left, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            left, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, left + (word != other))
    return row[-1]


def cosine(a: list[float], b: list[float]) -> float:
    """How alike two vectors point, -1 to 1."""
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return float(dot / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5)
