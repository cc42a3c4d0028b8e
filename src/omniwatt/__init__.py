"""One OpenAI-compatible endpoint for text, images and audio, on your own machines, inside a watt budget."""

__version__ = "0.1.0"
