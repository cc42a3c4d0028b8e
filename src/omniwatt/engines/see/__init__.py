"""Seeing: what stands in a picture."""
