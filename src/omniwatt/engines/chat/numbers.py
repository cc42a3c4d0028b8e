"""Grammar rules for numbers within bounds, as decimal text."""

from typing import Any

DIGITS = 16
LARGEST = 10**DIGITS - 1


def integer_range(minimum: Any = None, maximum: Any = None, above: Any = None, below: Any = None) -> str:
    """A rule body for the integers within these bounds, the last two exclusive. Raises ValueError for none."""
    low, high = _ends(minimum, maximum, above, below)
    parts = []
    if low < 0:
        parts.append(f'"-" ({_magnitudes(max(1, -min(high, -1)), -low)})')
    if high >= 0:
        parts.append(_magnitudes(max(0, low), high))
    return " | ".join(parts)


def number_range(minimum: Any = None, maximum: Any = None, above: Any = None, below: Any = None) -> str:
    """The same for numbers with a fraction; bounds must be whole. What it accepts is within them, ends included."""
    if above is not None or below is not None:
        raise ValueError("exclusive bounds of a fraction")
    low, high = _ends(minimum, maximum, None, None)
    if any(value is not None and value != int(value) for value in (minimum, maximum)):
        raise ValueError("bounds with a fraction")
    fraction = '("." [0-9]{1,15})?'
    parts = []
    if low < 0:
        # Between two negative wholes the magnitude grows away from zero.
        nearest = max(0, -high)
        if -low - 1 >= nearest:
            parts.append(f'"-" ({_magnitudes(nearest, -low - 1)}) {fraction}')
        parts.append(f'"-" ({_magnitudes(-low, -low)})')
    if high >= 0:
        if high - 1 >= max(0, low):
            parts.append(f"({_magnitudes(max(0, low), high - 1)}) {fraction}")
        parts.append(_magnitudes(high, high))
    return " | ".join(parts)


def _ends(minimum: Any, maximum: Any, above: Any, below: Any) -> tuple[int, int]:
    """Whole-number ends. Raises ValueError for what is no number, or for an empty range."""
    for value in (minimum, maximum, above, below):
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
            raise ValueError("a bound that is not a number")
    lows = [
        -LARGEST,
        *([_ceil(minimum)] if minimum is not None else []),
        *([_floor(above) + 1] if above is not None else []),
    ]
    highs = [
        LARGEST,
        *([_floor(maximum)] if maximum is not None else []),
        *([_ceil(below) - 1] if below is not None else []),
    ]
    low, high = max(lows), min(highs)
    if low > high:
        raise ValueError("an empty range")
    return low, high


def _floor(value: float) -> int:
    return int(value // 1)


def _ceil(value: float) -> int:
    return -int(-value // 1)


def _magnitudes(low: int, high: int) -> str:
    """Decimal texts of low..high without leading zeros."""
    parts = []
    for length in range(len(str(low)), len(str(high)) + 1):
        first = max(low, 0 if length == 1 else 10 ** (length - 1))
        last = min(high, 10**length - 1)
        parts.append(_digits(str(first), str(last)))
    return " | ".join(parts)


def _digits(first: str, last: str) -> str:
    """Texts of equal length from `first` to `last`."""
    if not first:
        return '""'
    rest = len(first) - 1
    if first[1:] == "0" * rest and last[1:] == "9" * rest:
        return _class(first[0], last[0]) + (f" [0-9]{{{rest}}}" if rest else "")
    if first[0] == last[0]:
        return f'"{first[0]}" ({_digits(first[1:], last[1:])})'
    parts = [f'"{first[0]}" ({_digits(first[1:], "9" * rest)})']
    if int(last[0]) - int(first[0]) > 1:
        middle = _class(str(int(first[0]) + 1), str(int(last[0]) - 1))
        parts.append(f"{middle} [0-9]{{{rest}}}")
    parts.append(f'"{last[0]}" ({_digits("0" * rest, last[1:])})')
    return " | ".join(parts)


def _class(first: str, last: str) -> str:
    return f'"{first}"' if first == last else f"[{first}-{last}]"
