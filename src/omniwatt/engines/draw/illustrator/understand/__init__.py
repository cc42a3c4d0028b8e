"""Understanding a prompt: words in many languages to a scene, and the scene told again, without a model."""

from omniwatt.engines.draw.illustrator.understand.describe import describe
from omniwatt.engines.draw.illustrator.understand.language import language_of
from omniwatt.engines.draw.illustrator.understand.leftovers import SCHEMA, complete, leftovers
from omniwatt.engines.draw.illustrator.understand.lexicon import Lexicon
from omniwatt.engines.draw.illustrator.understand.parser import understand

__all__ = ["SCHEMA", "Lexicon", "complete", "describe", "language_of", "leftovers", "understand"]
