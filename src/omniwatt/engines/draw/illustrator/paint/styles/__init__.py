"""The styles by name."""

from omniwatt.engines.draw.illustrator.paint.styles import drawn, painted, printed
from omniwatt.engines.draw.illustrator.paint.styles.look import Look

_KNOWN: dict[str, Look] = {**drawn.LOOKS, **painted.LOOKS, **printed.LOOKS}


def named(style: str) -> Look:
    """The look of a style; unknown ones are drawn plainly."""
    return _KNOWN.get(style, Look())
