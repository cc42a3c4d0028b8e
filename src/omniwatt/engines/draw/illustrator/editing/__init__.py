"""Pictures that were given: changed by words in their pixels, drawn anew where they are ours, varied."""

from omniwatt.engines.draw.illustrator.editing.edit import SEE_THROUGH, edited
from omniwatt.engines.draw.illustrator.editing.fill import filled
from omniwatt.engines.draw.illustrator.editing.opening import Given, given, provenance_of
from omniwatt.engines.draw.illustrator.editing.redraw import Redrawn, redrawn
from omniwatt.engines.draw.illustrator.editing.vary import varied
from omniwatt.engines.draw.illustrator.editing.work import Work

__all__ = ["SEE_THROUGH", "Given", "Redrawn", "Work", "edited", "filled", "given", "provenance_of", "redrawn", "varied"]
