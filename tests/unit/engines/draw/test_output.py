"""Files for print: what is cut off leaves exactly the paper, whichever way the picture lies."""

import pytest

from omniwatt.api.openai.images_fields import PRESETS
from omniwatt.engines.draw.encode.paper import MM_PER_INCH, PAPER_MM, PRINT_DPI, bleed, dpi


@pytest.mark.parametrize("preset", list(PAPER_MM))
@pytest.mark.parametrize("across", [False, True])
def test_the_paper_is_left(preset: str, across: bool) -> None:
    width, height = map(int, PRESETS[preset].size.split("x"))
    size, paper = ((height, width), PAPER_MM[preset][::-1]) if across else ((width, height), PAPER_MM[preset])
    cut = bleed(preset, size)
    left_mm = [(side - 2 * one) / PRINT_DPI * MM_PER_INCH for side, one in zip(size, cut, strict=True)]
    assert left_mm == pytest.approx(paper)
    assert all(2.9 <= one / PRINT_DPI * MM_PER_INCH <= 4.4 for one in cut), "three millimetres, and what 16 adds"


def test_another_size_has_three_millimetres_of_bleed() -> None:
    assert bleed("print-a4", (1024, 1024)) == pytest.approx((35.43, 35.43), abs=0.01)
    assert (bleed("social", (1024, 1024)), dpi("social"), dpi("print-a2")) == ((0, 0), 0, 300)
