"""Bodies for those whom the sprite set shows by their heads or busts alone, as SVG under the sprite's own drawing.

Lengths are the set's units (32 a side). A figure's head stays where it was; the body hangs below it.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from omniwatt.engines.draw.illustrator.paint.colours import code, rgb, shade

SKIN = "#ffc22e"
"""The skin of the set's people."""


class Figure(NamedTuple):
    """`under` is drawn before the head, `over` after it; the drawing is this wide and high with both."""

    under: str
    width: float
    height: float
    over: str = ""


class _Fur(NamedTuple):
    """Main colour, belly, legs and the tail's kind and tip."""

    main: str
    belly: str
    legs: str = ""
    """Also of the haunches, where there is no tail of the main colour before them."""
    tail: str = ""
    tip: str = ""


_FURS = {
    "fox": _Fur("#ff8421", "#ffe6cc", "#7a3f30", "bushy", "#fff1e0"),
    "wolf": _Fur("#9897a3", "#d8d7e0", "", "bushy", "#6c6a78"),
    "bear": _Fur("#8a5548", "#bd8a6c"),
    "polar-bear": _Fur("#ebe7f3", "#ffffff"),
    "panda": _Fur("#efeaf8", "#ffffff", "#4f4770"),
    "lion": _Fur("#f3a53f", "#ffd795", "", "tuft", "#6f4038"),
    "koala": _Fur("#9b99a4", "#e2e0e8"),
    "raccoon": _Fur("#a09da9", "#d3d0da", "#5b5768", "ringed", "#5b5768"),
    "hamster": _Fur("#ffb184", "#ffeadb"),
    "frog": _Fur("#3bd6a0", "#ffd77a"),
    "dog": _Fur("#dfab80", "#f6e0cb", "", "tuft", "#8a5a46"),
    "cat": _Fur("#ffc02f", "#ffe6a3", "", "curl"),
    "tiger": _Fur("#ff983b", "#ffe9d2", "", "ringed", "#4f3a3a"),
    "monkey": _Fur("#7d4d40", "#d9a184", "", "curl"),
    "rabbit": _Fur("#e6e1ea", "#ffffff"),
    "mouse": _Fur("#cfcad6", "#ece9f0", "", "thin", "#f0899b"),
    "pig": _Fur("#ff86b4", "#ffb3d0"),
    "cow": _Fur("#e9e5ee", "#ffffff", "#5b5768", "thin", "#5b5768"),
}


def figure_of(name: str) -> Figure | None:
    """The body of the one whose sprite this is; None where the sprite shows all of it, or no living thing."""
    base = re.sub(r"-(light|medium-light|medium|medium-dark|dark)$", "", name)
    kind = base.removesuffix("-face")
    if kind in _FURS and (base in _HEADS or base.endswith("-face")):
        return _sitting(_FURS[kind])
    if base in _PROFILES:
        return _profile(*_PROFILES[base])
    if base in _PEOPLE:
        return _PEOPLE[base]()
    return _hair(base) or _bust(base)


_HEADS = {"fox", "wolf", "bear", "polar-bear", "panda", "lion", "koala", "raccoon", "hamster", "frog"}


def _ramp(name: str, colour: str, top: float, bottom: float, lighter: float = 0.05, darker: float = 0.09) -> str:
    """A gradient from top to bottom under this name."""
    one, two = code(shade(rgb(colour), lighter)), code(shade(rgb(colour), -darker))
    return (
        f'<linearGradient id="{name}" x1="0" x2="0" y1="{top}" y2="{bottom}" gradientUnits="userSpaceOnUse">'
        f'<stop stop-color="{one}"/><stop offset="1" stop-color="{two}"/></linearGradient>'
    )


def _path(data: str, fill: str, more: str = "") -> str:
    return f'<path d="{data}" fill="{fill}"{more}/>'


def _oval(x: float, y: float, rx: float, ry: float, fill: str, more: str = "") -> str:
    return f'<ellipse cx="{x}" cy="{y}" rx="{rx}" ry="{ry}" fill="{fill}"{more}/>'


def _rod(x: float, y: float, width: float, height: float, fill: str, round_: float = -1) -> str:
    r = width / 2 if round_ < 0 else round_
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{r}" fill="{fill}"/>'


def _both(shape: Callable[[float], str]) -> str:
    """A shape and its mirror image about the middle of the head (x 16)."""
    return shape(-1) + shape(1)


def _tail(fur: _Fur) -> str:
    main, tip = fur.main, fur.tip or fur.main
    line = f' fill="none" stroke-linecap="round" stroke="{main}" stroke-width='
    if fur.tail == "bushy":
        whole = "M20 50C32 52 38 46 37.5 38C37 32 33 27 35 22C29 25 27.5 31 29 36C30 41 27 45 20 45Z"
        return _path(whole, "url(#fg-main)") + _path(
            "M35 22C29 25 27.5 31 28.6 34.6Q32 35.8 36.4 32.4C35 28 34 25.6 35 22Z", tip
        )
    if fur.tail == "ringed":
        rings = "".join(
            _oval(x, y, 2.6, 1.2, tip, f' transform="rotate({turn} {x} {y})"')
            for x, y, turn in ((30.5, 46, 40), (34.2, 41.5, 70), (35, 36, 95))
        )
        return f'<path d="M22 49C34 50 36 42 35 33"{line}"5.2"/>' + rings
    if fur.tail == "tuft":
        return f'<path d="M23 49C33 50 35 43 33.5 37"{line}"2.2"/>' + _oval(33.3, 35.5, 2.5, 3.4, tip)
    if fur.tail == "curl":
        return f'<path d="M23 49C35 50 37 40 34 35C32.4 32.6 30 34 31 36.4"{line}"3"/>'
    if fur.tail == "thin":
        return (
            f'<path d="M22 50C33 52 36 45 38 47" fill="none" stroke-linecap="round" stroke="{tip}" stroke-width="1.5"/>'
        )
    return ""


def _sitting(fur: _Fur) -> Figure:
    """An animal that sits and looks at us: tail, haunches, chest, forelegs, paws."""
    legs = fur.legs or fur.main
    dark = code(shade(rgb(legs), -0.11))
    parts = [
        _ramp("fg-main", fur.main, 22, 52),
        _ramp("fg-legs", legs, 32, 53, 0.04, 0.05),
        _ramp("fg-belly", fur.belly, 26, 48, 0.0, 0.06),
        _tail(fur),
        _both(lambda s: _oval(16 + s * 8, 45.6, 6, 7, "url(#fg-main)" if fur.tail else "url(#fg-legs)")),
        _path("M16 19C24 19 25.6 33 25 44C24.6 51 21 53 16 53C11 53 7.4 51 7 44C6.4 33 8 19 16 19Z", "url(#fg-main)"),
        _oval(16, 38, 5.6, 9.6, "url(#fg-belly)"),
        _both(lambda s: _oval(16 + s * 9.4, 51.4, 4.1, 2.1, dark)),
        _both(lambda s: _rod(16 + s * 4.2 - 2.5, 34, 5, 18.6, "url(#fg-legs)")),
        _both(lambda s: _oval(16 + s * 4.2, 51.6, 3.1, 1.9, dark)),
        _oval(16, 28.5, 8.5, 2.6, code(shade(rgb(fur.main), -0.2)), ' fill-opacity=".35"'),
    ]
    return Figure("".join(parts), 40, 54)


_PROFILES = {
    "unicorn": ("#f1c8ff", "#b07cf2", "#ff9be0"),
    "moose": ("#7a4c44", "#5a3833", "#7a4c44"),
    "horse-face": ("#8a5a4a", "#4a3236", "#4a3236"),
}


def _profile(main: str, hoof: str, tail: str) -> Figure:
    """A four-footed animal that looks to the left: body, legs and tail behind the neck."""
    leg = "url(#fg-main)"
    back = code(shade(rgb(main), -0.1))
    parts = [
        _ramp("fg-main", main, 24, 60),
        f'<path d="M52 31C60 33 60 44 57 50C54 46 55 40 50 37Z" fill="{tail}"/>',
        *(_rod(x, 40, 4.6, 20, back, 2) + _rod(x - 0.3, 57.6, 5.2, 3.2, hoof, 1) for x in (20.5, 42)),
        _path("M11 24C9 36 12 45 20 46C28 48 38 46 46 46C54 46 56 38 54 33C51 26 42 26 32 27Z", leg),
        *(_rod(x, 40, 5, 20.6, leg, 2) + _rod(x - 0.3, 58.2, 5.6, 3.2, hoof, 1) for x in (14.5, 48)),
    ]
    return Figure("".join(parts), 62, 62)


def _robot() -> Figure:
    """A body of plates with a lamp, jointed arms and legs."""
    plate, joint = "#e4dcf2", "#f2306a"
    parts = [
        _ramp("fg-main", plate, 30, 50),
        _rod(13, 28, 6, 5, "#6f6a86", 1),
        _both(
            lambda s: (
                _rod(16 + s * 12.2 - 2.2, 34, 4.4, 13, "url(#fg-main)") + _oval(16 + s * 12.2, 34.6, 2.9, 2.9, joint)
            )
        ),
        _both(lambda s: _oval(16 + s * 12.2, 48.4, 2.7, 2.5, "#6f6a86")),
        _both(
            lambda s: (
                _rod(16 + s * 4.6 - 2.5, 48, 5, 9, "#8d88a6", 1.6) + _rod(16 + s * 5 - 4, 55.4, 8, 4.2, "#5a5573", 1.8)
            )
        ),
        _rod(6.5, 31.5, 19, 18.5, "url(#fg-main)", 4.5),
        _rod(10, 35, 12, 8, "#4a4569", 2),
        _oval(13, 39, 1.5, 1.5, "#39c6ff") + _oval(17, 39, 1.5, 1.5, "#ffd23f") + _oval(20.4, 39, 1.1, 1.1, joint),
        _rod(11.5, 45.4, 9, 1.3, "#b7aed0", 0.6),
    ]
    return Figure("".join(parts), 32, 60)


def _dressed(
    top: str, legs: str, *, tall: float = 1.0, skin: str = SKIN, shoes: str = "#5a4a5f", under: str = ""
) -> Figure:
    """Shirt and trousers, for a head whose chin is at y 30."""
    y, waist, foot = 29.0, 29 + 14 * tall, 29 + 28 * tall
    parts = [
        _ramp("fg-top", top, y, waist + 2),
        _ramp("fg-leg", legs, waist, foot, 0.03, 0.06),
        _rod(13.4, 26, 5.2, 6, code(shade(rgb(skin), -0.1)), 2),
        _both(lambda s: _rod(16 + s * 3.5 - 3, waist - 2, 6, foot - waist + 1, "url(#fg-leg)", 1.6)),
        _both(lambda s: _path(
            f"M{16 + s * 0.6} {foot + 1.6}L{16 + s * 0.6} {foot - 1.2}"
            f"Q{16 + s * 3.6} {foot - 2.2} {16 + s * 6.6} {foot - 0.4}"
            f"Q{16 + s * 8.4} {foot + 0.6} {16 + s * 8} {foot + 1.6}Z", shoes)),
        _arms(y, waist, top, skin),
        _path(f"M16 {y}C20 {y} 23.4 {y + 0.8} 24.4 {y + 4}L23.6 {waist + 1}"
              f"Q16 {waist + 2.6} 8.4 {waist + 1}L7.6 {y + 4}C8.6 {y + 0.8} 12 {y} 16 {y}Z", "url(#fg-top)"),
        under,
    ]  # fmt: skip
    return Figure("".join(parts), 32, foot + 2)


def _arms(y: float, waist: float, sleeve: str, skin: str) -> str:
    """Both arms, a little away from the body, with hands."""
    cloth = code(shade(rgb(sleeve), -0.05))

    def arm(s: float) -> str:
        x0, x1 = 16 + s * 7.2, 16 + s * 11
        line = f'fill="none" stroke-linecap="round" stroke="{cloth}" stroke-width="4.4"'
        return (
            _oval(x1 + s * 0.4, waist - 0.2, 2.2, 2.3, skin) + f'<path d="M{x0} {y + 3.4}L{x1} {waist - 2.6}" {line}/>'
        )

    return _both(arm)


def _gown(cloth: str, *, tall: float = 1.0, skin: str = SKIN, shoes: str = "#c2416f", long: bool = False) -> Figure:
    """A dress that widens to its hem."""
    y, foot = 29.0, 29 + 26 * tall
    waist, hem = y + 9 * tall, foot - (0.6 if long else 7 * tall)
    wide = 12.5 if long else 10.5
    parts = [
        _ramp("fg-top", cloth, y, hem),
        _rod(13.4, 26, 5.2, 6, code(shade(rgb(skin), -0.1)), 2),
        _both(lambda s: _rod(16 + s * 3.2 - 1.9, hem - 3, 3.8, foot - hem + 3, skin, 1.6)),
        _both(lambda s: _oval(16 + s * 3.9, foot + 0.2, 3, 1.7, shoes)),
        _arms(y, waist + 5, cloth, skin),
        _path(f"M16 {y}C20 {y} 22.6 {y + 1} 23.4 {y + 4}L21.4 {waist}C24 {hem - 7} {15.5 + wide} {hem - 3} {16 + wide} "
              f"{hem}Q16 {hem + 3} {16 - wide} {hem}C{16.5 - wide} {hem - 3} 8 {hem - 7} 10.6 {waist}"
              f"L8.6 {y + 4}C9.4 {y + 1} 12 {y} 16 {y}Z",
              "url(#fg-top)"),
        _path(f"M10.6 {waist}Q16 {waist + 1.6} 21.4 {waist}L21.7 {waist + 1.5}Q16 {waist + 3.2} 10.3 {waist + 1.5}Z",
              code(shade(rgb(cloth), -0.14))),
    ]  # fmt: skip
    return Figure("".join(parts), 32, foot + 2)


def _baby() -> Figure:
    suit = "#8fd3f2"
    parts = [
        _ramp("fg-top", suit, 28, 46),
        _both(lambda s: _oval(16 + s * 8.4, 44, 5, 3, "url(#fg-top)")),
        _both(lambda s: _oval(16 + s * 12, 44.4, 2.4, 2.6, SKIN)),
        _both(lambda s: _oval(16 + s * 8.6, 36, 3, 5, "url(#fg-top)",
                              f' transform="rotate({-28 * s} {16 + s * 8.6} 36)"')),
        _both(lambda s: _oval(16 + s * 10.8, 40.2, 2, 2, SKIN)),
        _oval(16, 37.4, 8.4, 9.2, "url(#fg-top)"),
        _oval(16, 38.6, 4.6, 5.2, "#d9f2fc"),
    ]  # fmt: skip
    return Figure("".join(parts), 32, 48)


def _santa() -> Figure:
    white = "#fbf6ff"
    fur = (
        _rod(7.2, 46.4, 17.6, 3.2, white, 1.6) + _rod(14.6, 30, 2.8, 17, white, 1) + _rod(8, 40, 16, 2.6, "#3d3447", 0)
    )
    return _dressed("#e8363c", "#c9262f", tall=1.1, shoes="#3d3447", under=fur + _rod(14, 39.6, 4, 3.4, "#ffc83d", 0.6))


_PEOPLE: dict[str, Callable[[], Figure]] = {
    "girl": lambda: _gown("#f0569a"),
    "boy": lambda: _dressed("#3d8cf2", "#4c567f"),
    "child": lambda: _dressed("#2fbf86", "#54618c"),
    "baby": _baby,
    "man": lambda: _dressed("#3a7be0", "#4f5676", tall=1.35),
    "woman": lambda: _gown("#8f5ad8", tall=1.35),
    "person": lambda: _dressed("#f2743a", "#5b6284", tall=1.35),
    "older-person": lambda: _dressed("#6f8f6a", "#6a6470", tall=1.15),
    "old-man": lambda: _dressed("#7f8f5c", "#6a6470", tall=1.15),
    "old-woman": lambda: _gown("#b0628c", tall=1.15),
    "santa-claus": _santa,
    "mrs-claus": lambda: _gown("#e8363c", tall=1.15),
    "robot": _robot,
    "alien": lambda: _dressed("#4fd38a", "#3fbf7a", skin="#57df8f", shoes="#2fa566"),
}


def _hair(base: str) -> Figure | None:
    """`woman-red-hair` and the like: the head of that person with other hair."""
    head, _, rest = base.partition("-")
    if rest in {"blonde-hair", "red-hair", "curly-hair", "white-hair", "bald", "beard"} and head in _PEOPLE:
        return _PEOPLE[head]()
    return None


_JOBS = {
    "astronaut": ("#ece8f4", "#d8d2e6"), "cook": ("#efeaf6", "#5a5570"), "farmer": ("#2f9be0", "#2f86d0"),
    "detective": ("#6b6480", "#4d4763"), "ninja": ("#4d4660", "#453e58"), "prince": ("#38a3f2", "#e9e4f2"),
    "scientist": ("#efeaf6", "#5d6790"), "pilot": ("#5a5577", "#4d4868"), "singer": ("#f2682c", "#4d4763"),
    "artist": ("#efe6f2", "#5a6aa8"), "teacher": ("#7d5148", "#54506e"), "police-officer": ("#2fa5e8", "#34507f"),
    "construction-worker": ("#ff8a2a", "#5d6790"), "guard": ("#e8264f", "#3d3850"),
    "health-worker": ("#efeaf6", "#7fc3e8"),
    "office-worker": ("#5f6a9a", "#4d4868"), "factory-worker": ("#4f86c8", "#44679c"),
    "firefighter": ("#d9a03c", "#b5802c"),
    "mechanic": ("#5b7fb5", "#4a6796"), "technologist": ("#8a6be0", "#54506e"), "in-tuxedo": ("#534c70", "#453e60"),
    "superhero": ("#e8364a", "#2f6fd0"), "supervillain": ("#7a45b8", "#3f3560"), "elf": ("#4aa860", "#7d5a40"),
    "vampire": ("#3f3658", "#352d4a"), "zombie": ("#6f8f7a", "#59607a"),
}  # fmt: skip
_ROBED = {
    "princess": "#9a63e0", "with-veil": "#f6f1fb", "student": "#574f72", "judge": "#4f4868", "mage": "#3aa0e6",
}  # fmt: skip


def _bust(base: str) -> Figure | None:
    """Head and shoulders of a trade: the coat goes on below them, then legs or a skirt."""
    trade = re.sub(r"^(man|woman|person)-", "", base)
    if trade in _ROBED:
        cloth = _ROBED[trade]
        skirt = "M7 28.6C5 40 3.4 47 2.6 53.6Q16 58 29.4 53.6C28.6 47 27 40 25 28.6Z"
        return Figure(_ramp("fg-top", cloth, 28, 56, 0.0, 0.1) + _path(skirt, "url(#fg-top)"), 32, 57)
    if trade not in _JOBS:
        return None
    coat, legs = _JOBS[trade]
    parts = [
        _ramp("fg-top", coat, 28, 42, 0.0, 0.08),
        _ramp("fg-leg", legs, 38, 55, 0.02, 0.06),
        _both(lambda s: _rod(16 + s * 4 - 3.3, 38, 6.6, 16.6, "url(#fg-leg)", 1.8)),
        _both(lambda s: _oval(16 + s * 4.8, 54.6, 4.2, 2.1, "#4a4258")),
        _both(lambda s: _oval(16 + s * 9.3, 37.6, 2.1, 2.3, SKIN)),
        _both(lambda s: _rod(16 + s * 9.2 - 2.2, 27, 4.4, 10.4, "url(#fg-top)", 1.4)),
        _path("M7.6 28.4L24.4 28.4L23.6 41Q16 43 8.4 41Z", "url(#fg-top)"),
    ]  # fmt: skip
    return Figure("".join(parts), 32, 57)
