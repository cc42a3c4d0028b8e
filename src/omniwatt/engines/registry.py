"""Engine name -> "module:Class", imported on use: only the process that runs an engine pays for its libraries."""

import importlib

from omniwatt.contract.error import EngineFailed
from omniwatt.contract.protocol import Engine

ENGINES = {
    "echo": "omniwatt.engines.echo:Echo",
    "media": "omniwatt.engines.media.engine:Media",
    "live": "omniwatt.engines.live:Live",
    "rtc": "omniwatt.engines.live.webrtc:WebRtc",
    "upstream": "omniwatt.engines.upstream:Upstream",
    "chat/llama_cpp": "omniwatt.engines.chat.llama_cpp:LlamaCpp",
    "speak/piper": "omniwatt.engines.speak.piper:Piper",
    "speak/espeak": "omniwatt.engines.speak.espeak:Espeak",
    "speak/kokoro": "omniwatt.engines.speak.kokoro:Kokoro",
    "draw/illustrator": "omniwatt.engines.draw.illustrator.engine:Illustrator",
    "draw/diffusers": "omniwatt.engines.draw.neural.engine:Diffusers",
    "embed/llama_cpp": "omniwatt.engines.embed.llama_cpp:LlamaCppEmbedder",
    "see/ocr": "omniwatt.engines.see.ocr:Ocr",
    "hear/whisper": "omniwatt.engines.hear.engine:Whisper",
}


def create(name: str) -> Engine:
    """A new engine, not loaded. Raises EngineFailed for an unknown name or one whose libraries are missing."""
    path = ENGINES.get(name)
    if path is None:
        raise EngineFailed(f"There is no engine {name!r}; there are {', '.join(sorted(ENGINES))}.")
    module, _, kind = path.partition(":")
    try:
        engine: Engine = getattr(importlib.import_module(module), kind)()
    except ImportError as error:
        raise EngineFailed(f"The engine {name!r} cannot be imported: {error}.") from error
    return engine
