"""Looking into untrusted bytes and bringing them into another form: pictures, sound, documents."""

from omniwatt.engines.media.engine import Media

__all__ = ["Media"]
