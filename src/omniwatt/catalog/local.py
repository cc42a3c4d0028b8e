"""Bring your own model: a card made from a GGUF file's own header."""

import re
from pathlib import Path
from typing import Any

from omniwatt.catalog.card import Artifact, Card
from omniwatt.catalog.error import CatalogError, GgufError
from omniwatt.catalog.gguf import Header, read_header

_EMBEDDERS = ("bert", "nomic-bert", "jina-bert-v2", "modern-bert", "gemma-embedding")
_WORK_BYTES = 300_000_000
_LICENCES = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause", "cc-by-4.0": "CC-BY-4.0"}


def card_of_file(file: Path) -> Card:
    """A card for a file used where it lies. Raises CatalogError if it is no GGUF we can serve."""
    artifact = Artifact(role="model", file=file.name, path=str(file))
    return card_of_header(_header(file), file, artifact, card_name(file.name))


def card_name(file_name: str) -> str:
    """A card's name for a file: its stem in lower case, odd characters replaced."""
    stem = re.sub(r"[^a-z0-9._-]+", "-", Path(file_name).stem.lower()).strip("-._")
    return stem[:96] or "model"


def card_of_header(header: Header, file: Path, artifact: Artifact, name: str) -> Card:
    """What the header says, as a card; `file` is where the bytes lie now. Raises CatalogError."""
    if int(_number(header.get("split.count"))) > 1:
        raise CatalogError(f"{file} is one piece of a split model; join the pieces with llama-gguf-split --merge first")
    embeds = header.get("general.architecture") in _EMBEDDERS
    window = int(_number(header.of_architecture("context_length"))) or 2048
    size = file.stat().st_size
    return Card(
        name=name,
        engine="embed/llama_cpp" if embeds else "chat/llama_cpp",
        capabilities=("embed", "count") if embeds else ("chat", "complete", "count"),
        description=str(header.get("general.name") or file.name)[:200],
        licence=_licence(header),
        homepage=str(header.get("general.source.url") or header.get("general.url") or "")[:500],
        parameters=header.parameters or None,
        output_modalities=("embedding",) if embeds else ("text",),
        context_window=window,
        slots=4,
        threads=2,
        memory_bytes=size + window * _cache_bytes_per_token(header) + _WORK_BYTES,
        expected_load_s=max(1.0, size / 500_000_000),
        instruct=not embeds and "tokenizer.chat_template" in header,
        artifacts=(artifact,),
    )


def _header(file: Path) -> Header:
    try:
        return read_header(file)
    except OSError as error:
        raise GgufError(f"cannot read {file}: {error.strerror}") from error


def _licence(header: Header) -> str:
    text = str(header.get("general.license") or header.get("general.license.name") or "unknown")[:100]
    return _LICENCES.get(text.lower(), text)


def _cache_bytes_per_token(header: Header) -> int:
    """Keys and values of every layer at 16 bits."""
    heads = _number(header.of_architecture("attention.head_count")) or 1
    kv_heads = _number(header.of_architecture("attention.head_count_kv")) or heads
    width = _number(header.of_architecture("embedding_length")) * kv_heads / heads
    return int(_number(header.of_architecture("block_count")) * width * 2 * 2)


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) and 0 <= value < 1e9 else 0
