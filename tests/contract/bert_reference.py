"""BERT's forward pass in plain numpy, from the published weights: what an embedding has to be."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from omniwatt.engines.embed.bert_gguf import tensors


def embedding(weights: str, config: str, ids: list[int]) -> Any:
    """The mean of the last layer over all tokens, at length 1."""
    shape = json.loads(Path(config).read_text("utf-8"))
    table = dict(tensors(Path(weights)))
    heads, eps = shape["num_attention_heads"], shape["layer_norm_eps"]
    hidden = (
        table["embeddings.word_embeddings.weight"][ids]
        + table["embeddings.position_embeddings.weight"][: len(ids)]
        + table["embeddings.token_type_embeddings.weight"][0]
    )
    hidden = norm(hidden, table, "embeddings.LayerNorm", eps)
    for number in range(shape["num_hidden_layers"]):
        layer = f"encoder.layer.{number}."
        query, key, value = (
            split(linear(hidden, table, f"{layer}attention.self.{name}"), heads) for name in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
        weight = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (weight / weight.sum(-1, keepdims=True)) @ value
        mixed = mixed.transpose(1, 0, 2).reshape(len(ids), -1)
        hidden = norm(
            hidden + linear(mixed, table, f"{layer}attention.output.dense"),
            table,
            f"{layer}attention.output.LayerNorm",
            eps,
        )
        wide = linear(hidden, table, f"{layer}intermediate.dense")
        wide = 0.5 * wide * (1 + np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3)))
        hidden = norm(hidden + linear(wide, table, f"{layer}output.dense"), table, f"{layer}output.LayerNorm", eps)
    mean = hidden.mean(0)
    return mean / np.linalg.norm(mean)


def pieces(vocab: str, words: str) -> list[int]:
    """Ids of words that stand in the vocabulary as they are, between BERT's marks."""
    places = {word: place for place, word in enumerate(Path(vocab).read_text("utf-8").split("\n"))}
    return [places["[CLS]"], *(places[word] for word in words.split()), places["[SEP]"]]


def linear(values: Any, table: dict[str, Any], name: str) -> Any:
    return values @ table[f"{name}.weight"].T + table[f"{name}.bias"]


def norm(values: Any, table: dict[str, Any], name: str, eps: float) -> Any:
    centred = values - values.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    return scaled * table[f"{name}.weight"] + table[f"{name}.bias"]


def split(values: Any, heads: int) -> Any:
    return values.reshape(len(values), heads, -1).transpose(1, 0, 2)
