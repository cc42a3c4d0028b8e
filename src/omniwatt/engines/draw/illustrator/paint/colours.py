"""Colours as triples of sRGB values in 0..1, mixed in OKLab so that a ramp stays even (Ottosson 2020)."""

import math

RGB = tuple[float, float, float]


def rgb(text: str) -> RGB:
    """`#rrggbb` (or `#rgb`, with or without alpha, which is dropped) as three values in 0..1."""
    digits = text.lstrip("#")
    if len(digits) in (3, 4):
        digits = "".join(digit * 2 for digit in digits)
    return int(digits[0:2], 16) / 255, int(digits[2:4], 16) / 255, int(digits[4:6], 16) / 255


def code(colour: RGB) -> str:
    """`#rrggbb`."""
    return "#" + "".join(f"{round(255 * min(max(part, 0.0), 1.0)):02x}" for part in colour)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _encoded(value: float) -> float:
    value = min(max(value, 0.0), 1.0)
    return value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def oklab(colour: RGB) -> RGB:
    """Lightness (0..1), green-red and blue-yellow."""
    r, g, b = (_linear(part) for part in colour)
    long = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    middle = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def from_oklab(lab: RGB) -> RGB:
    """The nearest displayable colour, channel by channel."""
    light, green_red, blue_yellow = lab
    long = (light + 0.3963377774 * green_red + 0.2158037573 * blue_yellow) ** 3
    middle = (light - 0.1055613458 * green_red - 0.0638541728 * blue_yellow) ** 3
    short = (light - 0.0894841775 * green_red - 1.2914855480 * blue_yellow) ** 3
    return (
        _encoded(4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short),
        _encoded(-1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short),
        _encoded(-0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short),
    )


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """`first` at 0, `second` at 1."""
    share = min(max(share, 0.0), 1.0)
    one, two = oklab(first), oklab(second)
    a, b, c = (x + (y - x) * share for x, y in zip(one, two, strict=True))
    return from_oklab((a, b, c))


def shade(colour: RGB, lighter: float = 0.0, chroma: float = 1.0, turn_degrees: float = 0.0) -> RGB:
    """Lighter (or darker, below 0) by this much of OKLab lightness, more or less colourful, of a turned hue."""
    light, green_red, blue_yellow = oklab(colour)
    angle = math.radians(turn_degrees)
    turned = (
        green_red * math.cos(angle) - blue_yellow * math.sin(angle),
        green_red * math.sin(angle) + blue_yellow * math.cos(angle),
    )
    return from_oklab((min(max(light + lighter, 0.0), 1.0), turned[0] * chroma, turned[1] * chroma))


def lightness(colour: RGB) -> float:
    """0 black to 1 white, as seen."""
    return oklab(colour)[0]
