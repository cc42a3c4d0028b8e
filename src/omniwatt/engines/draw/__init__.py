"""Painters: the vector illustrator, neural pipelines, and what they share (lettering, encoding)."""
