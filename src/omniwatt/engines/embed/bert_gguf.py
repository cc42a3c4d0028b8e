"""A BERT encoder as published (safetensors, config, vocabulary) into the GGUF form llama.cpp reads; no torch needed."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from omniwatt.contract.error import EngineFailed

FORM = 1
"""Part of the file's name: raise it when the conversion changes, and old files are no longer used."""
TYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64}
SPECIAL = {"cls": "[CLS]", "sep": "[SEP]", "unk": "[UNK]", "pad": "[PAD]", "mask": "[MASK]"}
POOLING = {"mean": gguf.PoolingType.MEAN, "cls": gguf.PoolingType.CLS}
MAX_HEADER_BYTES = 16 * 1024 * 1024


def converted(weights: Path, config: Path, vocab: Path, pooling: str) -> Path:
    """The GGUF beside `weights`, made now if it is not there yet. Raises EngineFailed for what is no BERT."""
    key = hashlib.sha256(f"{FORM}:{pooling}:{content_key(weights)}".encode())
    key.update(config.read_bytes())
    key.update(vocab.read_bytes())
    target = weights.with_name(f"{weights.stem}-{key.hexdigest()[:16]}.gguf")
    if not target.exists():
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            _write(fresh, weights, json.loads(config.read_text("utf-8")), _vocabulary(vocab), pooling)
            fresh.replace(target)
        except (KeyError, ValueError, TypeError) as error:
            raise EngineFailed(f"{weights.name} is not a BERT encoder we can read: {error}") from error
        except OSError as error:
            raise EngineFailed(f"cannot write {target.name}: {error.strerror}") from error
        finally:
            fresh.unlink(missing_ok=True)
    return target


def content_key(file: Path) -> str:
    """The file's SHA-256; a store that names files by it spares us the reading."""
    name = file.resolve().name
    if re.fullmatch("[0-9a-f]{64}", name):
        return name
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def tensors(file: Path) -> Iterator[tuple[str, "np.ndarray[Any, Any]"]]:
    """Names and values of a safetensors file, without copying. Raises ValueError when it is damaged."""
    data = np.memmap(file, np.uint8, "r")
    size = int.from_bytes(data[:8].tobytes(), "little")
    if not 0 < size <= min(MAX_HEADER_BYTES, len(data) - 8):
        raise ValueError("its header is damaged")
    header = json.loads(data[8 : 8 + size].tobytes())
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = (8 + size + offset for offset in entry["data_offsets"])
        if not 8 + size <= start <= end <= len(data):
            raise ValueError(f"{name} lies outside the file")
        yield name, data[start:end].view(TYPES[entry["dtype"]]).reshape(entry["shape"])


def _vocabulary(file: Path) -> list[str]:
    return file.read_text("utf-8").rstrip("\n").split("\n")


def _write(target: Path, weights: Path, config: dict[str, Any], words: list[str], pooling: str) -> None:
    if config.get("model_type", "bert") != "bert":
        raise ValueError(f"its type is {config['model_type']}")
    writer = gguf.GGUFWriter(target, "bert")
    _add_shape(writer, config, pooling)
    _add_words(writer, config, words)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, config["num_hidden_layers"])
    for name, values in tensors(weights):
        if values.dtype == np.int64 or name.removeprefix("bert.").startswith(("pooler.", "cls.")):
            continue
        place = names.get_name(name.removeprefix("bert."), try_suffixes=(".weight", ".bias"))
        if place is None:
            raise ValueError(f"{name} has no place in a BERT")
        # Vectors and the position and type tables are read as 32-bit floats by llama.cpp.
        exact = values.ndim == 1 or place.startswith(("position_embd", "token_types"))
        writer.add_tensor(place, values.astype(np.float32 if exact else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_shape(writer: Any, config: dict[str, Any], pooling: str) -> None:
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(POOLING[pooling])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_vocab_size(config["vocab_size"])


def _add_words(writer: Any, config: dict[str, Any], words: list[str]) -> None:
    """llama.cpp marks the beginning of a word where BERT marks its continuation."""
    if len(words) != config["vocab_size"]:
        raise ValueError(f"{len(words)} words for a vocabulary of {config['vocab_size']}")
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_type_count(config.get("type_vocab_size", 2))
    writer.add_token_list([_word(word) for word in words])
    special = set(SPECIAL.values())
    kinds = [gguf.TokenType.CONTROL if word in special else gguf.TokenType.NORMAL for word in words]
    writer.add_token_types(kinds)
    places = {word: place for place, word in enumerate(words) if word in special}
    writer.add_bos_token_id(places[SPECIAL["cls"]])
    writer.add_sep_token_id(places[SPECIAL["sep"]])
    writer.add_eos_token_id(places[SPECIAL["sep"]])
    writer.add_unk_token_id(places[SPECIAL["unk"]])
    writer.add_pad_token_id(places[SPECIAL["pad"]])
    writer.add_mask_token_id(places[SPECIAL["mask"]])


def _word(word: str) -> str:
    if word.startswith("[") and word.endswith("]"):
        return word
    return word.removeprefix("##") if word.startswith("##") else f"▁{word}"
