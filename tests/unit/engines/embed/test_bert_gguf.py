"""The conversion of a BERT: a tiny one through and through, damaged ones refused, done once."""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from omniwatt.contract.error import EngineFailed
from omniwatt.engines.embed.bert_gguf import content_key, converted, tensors

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "##lo", "!"]
CONFIG = {
    "model_type": "bert",
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 12,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "vocab_size": len(WORDS),
}
SHAPES = {
    "embeddings.word_embeddings.weight": (8, 8),
    "embeddings.position_embeddings.weight": (12, 8),
    "embeddings.token_type_embeddings.weight": (2, 8),
    "embeddings.LayerNorm.weight": (8,),
    "embeddings.LayerNorm.bias": (8,),
    "encoder.layer.0.attention.self.query.weight": (8, 8),
    "encoder.layer.0.intermediate.dense.weight": (16, 8),
    "pooler.dense.weight": (8, 8),
}


def safetensors(shapes: dict[str, tuple[int, ...]]) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for number, (name, shape) in enumerate(shapes.items()):
        values = np.full(shape, number + 0.5, np.float32).tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.fixture
def model(tmp_path: Path) -> dict[str, Path]:
    files = {"weights": tmp_path / "model.safetensors", "config": tmp_path / "config.json", "vocab": tmp_path / "v.txt"}
    files["weights"].write_bytes(safetensors(SHAPES))
    files["config"].write_text(json.dumps(CONFIG), encoding="utf-8")
    files["vocab"].write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return files


def test_a_small_one(model: dict[str, Path]) -> None:
    made = converted(**model, pooling="mean")
    reader = gguf.GGUFReader(made)
    found = {tensor.name: tensor for tensor in reader.tensors}
    assert "blk.0.attn_q.weight" in found
    assert not any("pooler" in name for name in found)
    assert found["position_embd.weight"].tensor_type == gguf.GGMLQuantizationType.F32
    assert found["token_embd.weight"].tensor_type == gguf.GGMLQuantizationType.F16
    assert float(np.asarray(found["blk.0.ffn_up.weight"].data).ravel()[0]) == 6.5
    words = reader.fields["tokenizer.ggml.tokens"].contents()
    assert words == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "▁hello", "lo", "▁!"]
    assert reader.fields["bert.pooling_type"].contents() == gguf.PoolingType.MEAN


def test_it_is_made_once_and_again_when_anything_changes(model: dict[str, Path]) -> None:
    made = converted(**model, pooling="mean")
    before = made.stat().st_mtime_ns
    assert converted(**model, pooling="mean") == made
    assert made.stat().st_mtime_ns == before
    assert converted(**model, pooling="cls") != made
    model["weights"].write_bytes(safetensors(SHAPES | {"encoder.layer.0.output.dense.weight": (8, 16)}))
    assert converted(**model, pooling="mean") != made
    assert not list(made.parent.glob(".*")), "no half-made file is left"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("weights", b"\xff" * 100),
        ("weights", b""),
        ("weights", safetensors({"some.other.weight": (2, 2)})),
        ("weights", safetensors(SHAPES)[:-10]),
        ("config", b"{}"),
        ("config", b"not json"),
        ("config", json.dumps(CONFIG | {"model_type": "gpt2"}).encode()),
        ("vocab", b"one\ntwo\n"),
    ],
)
def test_what_is_no_bert_is_refused(model: dict[str, Path], name: str, content: bytes) -> None:
    model[name].write_bytes(content)
    with pytest.raises(EngineFailed, match=r"model\.safetensors"):
        converted(**model, pooling="mean")
    assert not list(model["weights"].parent.glob("*.gguf"))


def test_a_file_named_by_its_hash_is_not_read_again(tmp_path: Path) -> None:
    blob = tmp_path / ("a" * 64)
    blob.write_bytes(b"x")
    link = tmp_path / "model.safetensors"
    link.symlink_to(blob)
    assert content_key(link) == "a" * 64
    other = tmp_path / "plain"
    other.write_bytes(b"x")
    assert content_key(other).startswith("2d711642")


def test_tensors(model: dict[str, Path]) -> None:
    found = dict(tensors(model["weights"]))
    assert found.keys() == SHAPES.keys()
    assert found["embeddings.LayerNorm.bias"].tolist() == [4.5] * 8
