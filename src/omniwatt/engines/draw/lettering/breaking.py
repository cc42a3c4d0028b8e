"""Where a line may end: Chinese and Japanese rules of forbidden places (kinsoku), whole words in other scripts.

After Unicode's line breaking algorithm (UAX #14), in the parts that titles and paragraphs in pictures meet.
"""

from omniwatt.engines.draw.lettering.language import clusters, wide

NO_START = frozenset(
    "、。，．・：；？！゛゜´｀¨ヽヾゝゞ々〻ー―‐’”）〕］｝〉》」』】〙〗〟｠»°′″℃％‰…‥"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"
    ",.:;?!)]}'\"%~·﹐﹑﹒﹔﹕﹖﹗～〜"
)
"""May not begin a line."""
CLAUSE_END = frozenset("，。！？；,.!?;」』”） \n\r")
"""A clause ends with one of these."""
NO_END = frozenset("‘“（〔［｛〈《「『【〘〖〝｟«([{$¥￥£€#＃")
"""May not end a line."""


def segments(text: str) -> list[str]:
    """The text cut where a line may end; a forced break is a segment of its own, `\\n`. Joined they are the text.

    Spaces stay at the end of the segment before them.
    """
    made: list[str] = []
    for start, end in clusters(text):
        piece = text[start:end]
        if piece in ("\n", "\r"):
            made.append(piece)
        elif made and made[-1] != "\n" and not _may_break(made[-1], piece):
            made[-1] += piece
        else:
            made.append(piece)
    return made


def pieces(segment: str) -> list[str]:
    """A segment that is longer than a line, cut between its clusters; the last resort."""
    return [segment[start:end] for start, end in clusters(segment)]


def _may_break(before: str, piece: str) -> bool:
    last, first = before[-1], piece[0]
    if first.isspace():
        return False
    if before[-1].isspace():
        return before.strip() == "" or first not in NO_START or last == "\u3000"
    if first in NO_START or last in NO_END:
        return False
    if wide(first) or wide(last):
        return not (_word(first) and _word(last))
    return last in "-–—/" and first.isalpha()


def _word(character: str) -> bool:
    """Part of a word that is kept whole. Hangul is set by words, as Korean is."""
    return not wide(character) or "\uac00" <= character <= "\ud7af"


def lines(parts: list[tuple[str, float, float]], room: float) -> list[list[str]] | None:
    """Fill lines greedily. `parts`: (segment, its length, its length without trailing spaces); None if one is too long.

    Spaces hang over the end of a line, as they should.
    """
    made: list[list[str]] = [[]]
    used = 0.0
    for segment, length, bare in parts:
        if segment in ("\n", "\r"):
            made.append([])
            used = 0.0
            continue
        if bare > room:
            return None
        if used + bare > room and made[-1]:
            made.append([])
            used = 0.0
        made[-1].append(segment)
        used += length
    return [line for line in made if "".join(line).strip()]
