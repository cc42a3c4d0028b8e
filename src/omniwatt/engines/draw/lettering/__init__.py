"""Text as outlines: faces, languages, line breaking, shaping, fitting into a box, and the looks it is painted with."""
