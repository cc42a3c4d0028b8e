"""Small cards, stores and GGUF files for the catalog's tests."""

import hashlib
import struct
from pathlib import Path
from typing import Any

from omniwatt.catalog.card import Artifact, Card
from omniwatt.catalog.store import Store
from omniwatt.settings import Settings, load


def settings(home: Path, **flags: dict[str, Any]) -> Settings:
    return load(None, {"storage": {"home": str(home)}, **flags}, {})


def artifact(data: bytes, *sources: str, role: str = "model", file: str = "model.bin") -> Artifact:
    return Artifact(
        role=role,
        file=file,
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        sources=sources or ("file:/none",),
    )


def card(*artifacts: Artifact, name: str = "thing", **fields: Any) -> Card:
    return Card(**{"name": name, "engine": "echo", "capabilities": ("chat",), "artifacts": artifacts, **fields})


def put(store: Store, the_card: Card, one: Artifact, data: bytes) -> None:
    store.create()
    file = store.partial / "made"
    file.write_bytes(data)
    store.adopt(file, one)
    store.put_link(the_card, one)


def write_card(home: Path, name: str, data: bytes | None, **fields: str) -> None:
    """A card in home/cards; its file is in the store if `data` is given."""
    (home / "cards").mkdir(parents=True, exist_ok=True)
    one = artifact(data or b"absent")
    lines = {"engine": '"chat/llama_cpp"', "capabilities": '["chat"]', **fields}
    text = "\n".join(f"{key} = {value}" for key, value in lines.items())
    text += f'\n[[artifacts]]\nrole = "model"\nfile = "model.bin"\nsha256 = "{one.sha256}"\nbytes = {one.bytes}\n'
    (home / "cards" / f"{name}.toml").write_text(text + 'sources = ["file:/none"]\n')
    if data is not None:
        put(Store(home), card(one, name=name), one, data)


def gguf(pairs: dict[str, Any], tensors: tuple[tuple[str, tuple[int, ...]], ...] = (), version: int = 3) -> bytes:
    """A GGUF header, and no weights."""
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    for key, value in pairs.items():
        out += _text(key) + _value(value)
    for name, shape in tensors:
        out += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, 0)
    return out


def llama(**more: Any) -> dict[str, Any]:
    return {
        "general.architecture": "llama",
        "general.name": "Tiny",
        "general.license": "apache-2.0",
        "llama.context_length": 4096,
        "llama.block_count": 2,
        "llama.embedding_length": 64,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "tokenizer.ggml.tokens": ["a", "b", "c"],
        "tokenizer.ggml.scores": [0.0, 1.0, 2.0],
        "tokenizer.chat_template": "{% for m in messages %}<|im|>\n{{ m['content'] }}\"\x7f你好{% endfor %}",
        **more,
    }


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_text(item) for item in value)
    return struct.pack(f"<IIQ{len(value)}f", 9, 6, len(value), *value)
