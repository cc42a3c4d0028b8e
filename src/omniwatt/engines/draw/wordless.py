"""A prompt without the words that are to be read in the picture: what a painter gets that cannot spell. Pure."""

import re
from typing import NamedTuple

from omniwatt.engines.draw.quotes import FIRST_MARK, LAST_MARK, take_texts

AVOID = "text, letters, words, captions, signs with writing, watermark, signature"
"""What a painter is asked to leave out, where somebody else letters."""
_MARK = f"[{chr(FIRST_MARK)}-{chr(LAST_MARK)}]"
_MARKS = rf"{_MARK}(?:\s*(?:,|and|&|、|和|与|與|と)?\s*{_MARK})*"
_ARTICLE = r"(?:a|an|the|its|his|her|their|some|big|bold|large|small|neon|glowing|golden|red|white|hand-painted|wooden)"
_NAMED = (
    r"(?:titles?|headlines?|headings?|subtitles?|taglines?|slogans?|captions?|words?|texts?|phrases?|messages?"
    r"|inscriptions?|lettering|letters|labels?|names?|calligraphy|characters?|neon|signs?|signboards?|banners?"
    r"|billboards?|plaques?)"
)
_SAYS = (
    r"(?:(?:that|which)\s+)?(?:says?|saying|reads?|reading|is|of|spelling|spells|titled|entitled|captioned|subtitled"
    r"|called|with\s+the\s+words?)"
)
_LETTERED = r"\s+(?:in|with)\s+[^,.;]{0,40}?(?:letters|lettering|font|script|type|calligraphy|characters|brushwork)"
_EN = re.compile(
    rf"(?:[,;]?\s*\b(?:with|and|by|bearing|featuring|holding|carrying|wearing|plus|under|showing|having|avec|mit|con|com|med|met)\s+)?"
    rf"(?:(?:\b{_ARTICLE}\s+){{0,4}}\b{_NAMED}\s*,?\s*)?(?:\b{_SAYS}\s*:?\s*)?"
    rf"{_MARKS}(?:{_LETTERED})?(?:\s+(?:as\s+)?(?:the\s+)?(?:neon\s+)?(?:title|caption|calligraphy|lettering|sign)\b)?",
    re.IGNORECASE,
)
_CARRIER = "招牌|牌匾|牌子|匾额|匾額|横幅|橫幅|条幅|條幅|灯牌|燈牌|霓虹灯|霓虹燈|标语|標語|标牌|標牌|木牌|路牌"
_HAN = re.compile(
    r"(?:[^，。；、,.;\s]{0,6}?(?:风格|風格|字体|字體|书法|書法|毛笔|毛筆|楷书|楷書|行书|行書|草书|草書|隶书|隸書|篆书|篆書|烫金|燙金|金色|红色|紅色|白色|霓虹)的?)?"
    rf"(?:(?:上面|上方|中间|中間|中央|顶部|頂部|下方|底部|挂着|掛著|挂有|掛有|带有|帶有|带着|帶著|有着?|有著?)?(?:一块|一塊|一个|一個)?(?:{_CARRIER})?(?:上)?"
    r"(?:写着|寫著|写有|寫有|写上|寫上|印着|印著|刻着|刻著|题为|題為|题着|題著|(?:副?标题|副?標題|题目|題目|文字|字样|字樣|主题|主題|标语|標語|口号|口號|大字)(?:为|為|是|叫|写着|寫著|：|:)?))?"
    rf"(?:一个|一個|大字|文字)?{_MARKS}(?:的)?(?:这个|這個|这|這|几个|幾個|[一二三四五六七八两兩]个?個?)?(?:大字|字样|字樣|字|标题|標題|书法|書法|{_CARRIER})?(?:的(?=[^，。；,.;\s]))?"
)
_KANA = re.compile(
    rf"(?:(?:タイトル|題名|見出し|文字)(?:は|が|：|:)?\s*)?{_MARKS}"
    r"(?:と(?:書かれた|書いてある|書いた|いう|題した|題された|刻まれた))?(?:の)?(?:文字|看板|タイトル|書道|ネオンサイン|ネオン|横断幕|字)?(?:の(?=\S)|が|を|で|と)?"
)
_HANGUL = re.compile(
    rf"(?:(?:제목(?:은|이|:)?|(?:간판|현수막)에)\s*)?{_MARKS}(?:이?라(?:고|는)\s*(?:쓰인|적힌|쓴|써진)?)?\s*(?:간판|글씨|글자|제목|네온사인|네온|현수막)?(?:(?:이|가|을|를|의|과|와)(?=[\s,.]|$))?"
)
_LOOSE = re.compile(
    r"^(?:over|above|on|in|with|and|under|below|against|at|hanging|across|的|在|和|与|與)\b\s*", re.IGNORECASE
)
_PUNCTUATION = " \t,;:，、；：·-—–"


class Wordless(NamedTuple):
    """`prompt` is what is left to be painted, `texts` what is to be lettered upon it."""

    prompt: str
    texts: tuple[str, ...]


def wordless(prompt: str) -> Wordless:
    """The texts of a prompt and the prompt without them and what only spoke of them.

    A prompt of nothing but texts leaves a calm ground in its language.
    """
    marked = take_texts(prompt)
    texts = tuple(quoted.text.strip() for quoted in marked.texts)
    if not texts:
        return Wordless(prompt, ())
    left = marked.prompt
    for pattern in _patterns(prompt):
        left = pattern.sub(" ", left)
    left = re.sub(_MARK, " ", left)
    left = _tidy(left)
    return Wordless(left or _ground(prompt), texts)


def lettered(prompt: str, texts: tuple[str, ...]) -> str:
    """What was painted and lettered, told in a sentence of the prompt's language."""
    named = " ".join(f"“{text}”" for text in texts)
    told = {
        "zh": f"{prompt}；其上题字：{named}",
        "ja": f"{prompt}。その上の文字：{named}",
        "ko": f"{prompt}. 그 위의 글자: {named}",
        "en": f"{prompt}; lettered upon it: {named}",
    }
    return told[_language(prompt)]


def _patterns(prompt: str) -> tuple[re.Pattern[str], ...]:
    by_language = {"zh": (_HAN, _EN), "ja": (_KANA,), "ko": (_HANGUL,), "en": (_EN,)}
    return by_language[_language(prompt)]


def _language(prompt: str) -> str:
    """By the script alone: kana is Japanese, hangul Korean, other Han Chinese; quoted words count as well."""
    if re.search(r"[\u3040-\u30ff]", prompt):
        return "ja"
    if re.search(r"[\uac00-\ud7af]", prompt):
        return "ko"
    outside = re.sub(_MARK, "", take_texts(prompt).prompt)
    east, letters = len(re.findall(r"[\u3400-\u9fff]", outside)), len(re.findall(r"[A-Za-z]", outside))
    if not east and not letters:
        east = len(re.findall(r"[\u3400-\u9fff]", prompt))
    return "zh" if east * 2 > letters else "en"


def _tidy(left: str) -> str:
    """Without the gaps that were left: doubled commas, spaces before stops, what hangs at either end."""
    left = re.sub(r"\s+", " ", left)
    left = re.sub(r"\s+([,.;:!?，。；：、！？])", r"\1", left)
    left = re.sub(r"([,;:，；：、])(?:\s*[,;，；、])+", r"\1", left)
    left = re.sub(r"(?<=[\u3040-\u9fff]) | (?=[\u3040-\u9fff])", "", left)
    left = left.strip(_PUNCTUATION).lstrip(".。 ")
    return _LOOSE.sub("", left).strip(_PUNCTUATION)


def _ground(prompt: str) -> str:
    return {
        "zh": "素净的背景，柔和的光",
        "ja": "静かな背景、やわらかな光",
        "ko": "차분한 배경, 부드러운 빛",
        "en": "a calm background in soft light",
    }[_language(prompt)]
