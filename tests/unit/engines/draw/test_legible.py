"""Ink for any ground: it stands out, or gets a halo or a panel."""

import pytest

from omniwatt.engines.draw.illustrator.layout import Box, Line
from omniwatt.engines.draw.illustrator.legible import DARK, ENOUGH, LIGHT, least_contrast, legible, luminance, moved


def line(effect: str = "shadow", colour: str = "#000000", panel: str = "") -> Line:
    return Line("字", Box(10, 20, 300, 40), "face", 40.0, colour=colour, panel=panel, effect=effect)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("effect", "under", "colour", "panel", "outline"),
    [
        ("shadow", (0.8, 1.0), "#000000", False, False),
        ("shadow", (0.0, 0.05), LIGHT, False, False),
        ("shadow", (0.6, 0.7), "#000000", False, False),
        ("brush", (0.0, 0.3), LIGHT, False, True),
        ("plain", (0.05, 0.35), LIGHT, True, False),
        ("shadow", (0.0, 1.0), DARK, True, False),
        ("neon", (0.0, 0.1), "#000000", False, False),
        ("neon", (0.0, 0.6), "#000000", True, False),
        ("stamp", (0.0, 0.0), "#000000", False, False),
    ],
)
def test_what_becomes_of_black_ink(
    effect: str, under: tuple[float, float], colour: str, panel: bool, outline: bool
) -> None:
    set_ = legible(line(effect), under)
    assert (set_.colour, bool(set_.panel), bool(set_.outline)) == (colour, panel, outline)
    assert (set_.text, set_.box, set_.size) == ("字", line().box, 40.0)


@pytest.mark.parametrize("under", [(low / 10, high / 10) for low in range(10) for high in range(low, 11)])
def test_a_line_is_never_lost(under: tuple[float, float]) -> None:
    made = legible(line("plain", "#808080"), under)
    if made.panel:
        assert least_contrast(made.colour, (luminance(made.panel),) * 2) > 4.5
    else:
        assert least_contrast(made.colour, under) >= ENOUGH


def test_a_colour_that_was_asked_for_stays() -> None:
    made = legible(line("shadow", "#d40000"), (0.1, 0.2), keep=True)
    assert made.colour == "#d40000"
    assert made.panel
    assert legible(line(panel="#ffffffff"), (0.0, 0.0)).colour == "#000000"


def test_moved() -> None:
    assert moved(line(), 0.5, 100, 200) == Line("字", Box(105, 210, 150, 20), "face", 20.0, effect="shadow")
