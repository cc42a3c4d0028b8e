"""The ears' and mouth's plumbing of a live session: codecs, sample rates and voice activity. No weights to fetch."""

from omniwatt.engines.live.engine import Live

__all__ = ["Live"]
