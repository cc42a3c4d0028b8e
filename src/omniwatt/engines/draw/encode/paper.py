"""Pictures for print: 300 dots an inch, and what is cut off so that exactly the paper is left."""

PRINT = "print-"
PRINT_DPI = 300.0
BLEED_MM = 3.0
PAPER_MM = {"print-a4": (210.0, 297.0), "print-a3": (297.0, 420.0), "print-a2": (420.0, 594.0)}
"""ISO 216, upright."""
MM_PER_INCH = 25.4
STEP_PX = 16
"""Sizes are rounded up to what this divides."""


def dpi(preset: str) -> float:
    """Dots an inch; 0 where the preset does not say."""
    return PRINT_DPI if preset.startswith(PRINT) else 0.0


def bleed(preset: str, size: tuple[int, int]) -> tuple[float, float]:
    """Pixels to cut off each side so that the paper of the preset is left, upright or across; BLEED_MM where the
    picture was asked for in another size than the preset's; nothing where it is not for print."""
    if not preset.startswith(PRINT):
        return 0.0, 0.0
    paper = PAPER_MM[preset] if size[0] <= size[1] else PAPER_MM[preset][::-1]
    spare = [(side - mm / MM_PER_INCH * PRINT_DPI) / 2 for side, mm in zip(size, paper, strict=True)]
    least = BLEED_MM / MM_PER_INCH * PRINT_DPI
    if all(least - 0.5 <= one <= least + STEP_PX for one in spare):
        return spare[0], spare[1]
    return least, least
