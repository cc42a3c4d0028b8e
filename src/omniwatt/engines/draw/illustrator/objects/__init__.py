"""Things as vector sprites: found, recoloured, lit, with what they cast on ground and water."""

from omniwatt.engines.draw.illustrator.objects.sprites import Sprites

__all__ = ["Sprites"]
