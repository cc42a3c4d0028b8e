"""Instructions in words (`Speak calmly, as if telling a story`) -> a delivery, as far as the known deliveries reach."""

import re
from collections.abc import Iterable

import msgspec

from omniwatt.catalog.voices import deliveries
from omniwatt.contract.error import UnsupportedField
from omniwatt.contract.request import Delivery

WORDS = {
    "calm": r"calm\w*|relax\w*|sooth\w*|seren\w*|peaceful\w*|meditat\w*|composed|reassuring\w*|patient\w*",
    "news": r"news\w*|anchor\w*|broadcast\w*|journalis\w*|report\w*|professional\w*|formal\w*",
    "cheerful": r"cheer\w*|happ\w*|joy\w*|upbeat|friend\w*|warm\w*|positiv\w*|smil\w*|welcoming|playful\w*|optimis\w*",
    "story": r"stor(?:y|ies)\w*|narrat\w*|fair[yi]\w*|bedtime|tale\w*|audiobook|dramatic\w*",
    "whisper": r"whisper\w*|hush\w*|secretive\w*",
    "soft": r"soft\w*|gentl\w*|quiet\w*|tender\w*|intimate\w*|empath\w*|compassion\w*|sympath\w*|kind(?:ly)?",
    "sad": r"sad\w*|sorrow\w*|melanchol\w*|mournful\w*|griev\w*|gloom\w*|sombre\w*|somber\w*|tearful\w*",
    "excited": r"excit\w*|energetic\w*|enthusias\w*|thrill\w*|hyper\w*|eager\w*|lively|animated",
    "stern": r"stern\w*|strict\w*|serious\w*|angr\w*|authorit\w*|command\w*|firm\w*|severe\w*|confident\w*",
    "deep": r"deep\w*|bass|baritone|low[- ]pitched|low voice",
    "bright": r"bright\w*|high[- ]pitched|high voice",
    "child": r"child\w*|kids?|boy|girl|toddler",
    "slow": r"slow\w*|unhurried\w*|leisurely",
    "brisk": r"fast\w*|quick\w*|rapid\w*|brisk\w*|hurr(?:y|ied)\w*|speedy",
    "level": r"monoton\w*|robot\w*|flat\w*|level|emotionless|deadpan|neutral\w*",
}
"""Delivery -> what instructions call it."""
_KNOWN = {name: re.compile(rf"(?<![\w-])(?:{words})(?![\w])", re.IGNORECASE) for name, words in WORDS.items()}
_UNWANTED = re.compile(
    r"\b(?:not|no|never|without|avoid\w*|less|don'?t|do\s+not|rather\s+than|instead\s+of)\b[^.,;:!?\n]*", re.IGNORECASE
)
LIMITS = {
    "pace": (0.5, 2.0),
    "pitch_semitones": (-6.0, 6.0),
    "pitch_range": (0.1, 2.0),
    "formants": (0.8, 1.25),
    "energy_db": (-9.0, 6.0),
    "breath": (0.0, 1.0),
    "pauses": (0.4, 3.0),
}
"""What several deliveries together may come to, at most."""


def understood(instructions: str) -> tuple[str, ...]:
    """The deliveries that the words ask for, in the order of WORDS; what comes after a `not` is not asked for."""
    wanted = _UNWANTED.sub(" ", instructions)
    return tuple(name for name, words in _KNOWN.items() if words.search(wanted))


def delivered(base: Delivery, instructions: str) -> Delivery:
    """`base` with what the instructions add. Raises UnsupportedField where nothing of them can be done."""
    if not instructions.strip():
        return base
    names = understood(instructions)
    if not names:
        raise UnsupportedField(
            "None of these instructions can be followed: voices here can be told to speak in one of these ways, or "
            f"several: {', '.join(WORDS)}.",
            param="instructions",
        )
    known = deliveries()
    return combined([base, *(known[name] for name in names)])


def combined(ways: Iterable[Delivery]) -> Delivery:
    """Several at once: factors are multiplied, differences added, the breathiest counts; all within LIMITS."""
    whole = Delivery()
    for way in ways:
        whole = msgspec.structs.replace(
            whole,
            pace=whole.pace * way.pace,
            pitch_semitones=whole.pitch_semitones + way.pitch_semitones,
            pitch_range=whole.pitch_range * way.pitch_range,
            formants=whole.formants * way.formants,
            energy_db=whole.energy_db + way.energy_db,
            breath=max(whole.breath, way.breath),
            pauses=whole.pauses * way.pauses,
        )
    held = {name: min(max(getattr(whole, name), low), high) for name, (low, high) in LIMITS.items()}
    return msgspec.structs.replace(whole, **held)
