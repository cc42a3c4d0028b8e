"""Text as outlines: faces, languages, line breaking, shaping, fitting into a box, and the looks it is painted with."""

from omniwatt.engines.draw.lettering.exact import exact
from omniwatt.engines.draw.lettering.faces import Faces
from omniwatt.engines.draw.lettering.letter import letter, letters

__all__ = ["Faces", "exact", "letter", "letters"]
