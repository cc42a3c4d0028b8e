"""Instructions in words (`slower, and cheerful`) as far as a delivery can follow them; others are refused."""

import re

import msgspec

from omniwatt.contract.error import UnsupportedField
from omniwatt.contract.request import Delivery

# fmt: off
_WAYS: tuple[tuple[str, Delivery], ...] = (
    (r"whisper\w*|耳语|低语|悄悄", Delivery(breath=1.0, energy_db=-4.0)),
    (r"breathy|气声", Delivery(breath=0.45)),
    (r"much slower|very slow\w*|很慢", Delivery(pace=0.7, pauses=1.4)),
    (r"slow\w*|unhurried|慢", Delivery(pace=0.85, pauses=1.2)),
    (r"much faster|very fast|very quick\w*|很快", Delivery(pace=1.4, pauses=0.7)),
    (r"fast\w*|quick\w*|brisk\w*|rapid\w*|hurried\w*|快", Delivery(pace=1.18, pauses=0.8)),
    (
        r"cheer\w*|happ\w*|joy\w*|bright\w*|upbeat|friendly|warm\w*|高兴|开心|欢快|亲切",
        Delivery(pace=1.05, pitch_semitones=1.0, pitch_range=1.35, energy_db=1.0, pauses=0.9),
    ),
    (
        r"excite\w*|energetic\w*|enthusias\w*|lively|激动|兴奋|热情",
        Delivery(pace=1.1, pitch_semitones=1.5, pitch_range=1.5, energy_db=2.5, pauses=0.8),
    ),
    (
        r"calm\w*|sooth\w*|relax\w*|gentl\w*|serene|peaceful\w*|平静|温柔|舒缓",
        Delivery(pace=0.92, pitch_range=0.8, energy_db=-1.5, pauses=1.3),
    ),
    (
        r"sad\w*|melanchol\w*|mourn\w*|sombre|somber|悲伤|难过",
        Delivery(pace=0.88, pitch_semitones=-1.5, pitch_range=0.65, energy_db=-2.0, pauses=1.4),
    ),
    (
        r"angr\w*|stern\w*|strict\w*|firm\w*|authoritative\w*|生气|严肃|严厉",
        Delivery(pace=1.05, pitch_semitones=-0.5, pitch_range=1.2, energy_db=3.0, pauses=0.8),
    ),
    (r"news\w*|professional\w*|正式|新闻", Delivery(pace=1.05, pitch_range=1.05, energy_db=1.0, pauses=0.9)),
    (
        r"story\w*|dramatic\w*|theatrical\w*|expressive\w*|讲故事|生动",
        Delivery(pace=0.93, pitch_range=1.35, pauses=1.4),
    ),
    (r"monoton\w*|flat|robot\w*|单调", Delivery(pitch_range=0.3)),
    (r"loud\w*|shout\w*|大声", Delivery(energy_db=5.0)),
    (r"quiet\w*|soft\w*|轻声|小声", Delivery(energy_db=-5.0, breath=0.15)),
    (r"high\w*|尖|高音", Delivery(pitch_semitones=2.5)),
    (r"low\w*|deep\w*|低沉", Delivery(pitch_semitones=-2.5)),
)
# fmt: on
_NEUTRAL = re.compile(r"neutral\w*|normal\w*|natural\w*|clear\w*|plain\w*|自然|正常|清晰", re.IGNORECASE)
_NOT = re.compile(
    r"\b(?:not|no|never|without|don'?t|less)\s+(?:(?:be|sound|speak|too|so|very|a)\s+)*$", re.IGNORECASE
)
    r"\b(?:not|no|never|without|don'?t|less)\s+(?:be\s+|sound\s+|speak\s+|too\s+|so\s+|very\s+|a\s+)*$", re.IGNORECASE
)
_LIMITS = {"pace": (0.5, 2.0), "pitch_semitones": (-6.0, 6.0), "pitch_range": (0.0, 2.0), "energy_db": (-12.0, 9.0)}


def directed(instructions: str, delivery: Delivery) -> Delivery:
    """`delivery` as `instructions` change it: factors multiply, the rest adds up.

    Raises UnsupportedField when they say nothing that a delivery knows: they must not be accepted and then ignored.
    """
    if not instructions.strip():
        return delivery
    found = _ways(instructions)
    if not found and not _NEUTRAL.search(instructions):
        raise UnsupportedField(
            "These instructions say nothing this voice can follow. It knows pace (slower, faster), loudness (louder, "
            "quieter), pitch (higher, lower), and moods: calm, cheerful, excited, sad, stern, whispering, as news, "
            "as a story, monotone.",
            param="instructions",
        )
    for way in found:
        delivery = _joined(delivery, way)
    return delivery


def _ways(instructions: str) -> list[Delivery]:
    found = []
    rest = instructions
    for words, way in _WAYS:
        pattern = re.compile(
            rf"(?:\b(?:{words})(?!\w)|(?:{words}))" if not words.isascii() else rf"\b(?:{words})\b", re.IGNORECASE
        )
        match = pattern.search(rest)
        if match is None:
            continue
        if not _NOT.search(rest[: match.start()]):
            found.append(way)
        # `very slow` must not count once more as `slow`.
        rest = pattern.sub(" ", rest)
    return found


def _joined(one: Delivery, other: Delivery) -> Delivery:
    values = {
        "pace": one.pace * other.pace,
        "pitch_range": one.pitch_range * other.pitch_range,
        "pitch_semitones": one.pitch_semitones + other.pitch_semitones,
        "energy_db": one.energy_db + other.energy_db,
    }
    bounded = {name: min(max(value, _LIMITS[name][0]), _LIMITS[name][1]) for name, value in values.items()}
    breath, pauses = max(one.breath, other.breath), min(max(one.pauses * other.pauses, 0.3), 3.0)
    return msgspec.structs.replace(one, **bounded, breath=breath, pauses=pauses)
