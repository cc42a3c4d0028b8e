"""GGUF headers: what is read, and that damaged ones end in a GgufError, never in anything else."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.catalog.error import CatalogError, GgufError
from omniwatt.catalog.gguf import read_header
from omniwatt.catalog.local import card_name, card_of_file
from tests.unit.catalog.making import gguf, llama

WHOLE = gguf(llama(), (("token_embd.weight", (64, 3)), ("blk.0.w", (64, 64))))


def _write(folder: Path, data: bytes, name: str = "m.gguf") -> Path:
    file = folder / name
    file.write_bytes(data)
    return file


def test_reads_pairs_and_counts_weights(tmp_path: Path) -> None:
    header = read_header(_write(tmp_path, WHOLE))
    assert header["general.name"] == "Tiny"
    assert header["tokenizer.ggml.tokens"] == 3
    assert header.of_architecture("context_length") == 4096
    assert header.parameters == 64 * 3 + 64 * 64


def test_a_card_from_the_header(tmp_path: Path) -> None:
    card = card_of_file(_write(tmp_path, WHOLE))
    assert (card.name, card.licence, card.instruct, card.description) == ("m", "Apache-2.0", True, "Tiny")
    assert card.memory_bytes > 4096 * (2 * 32 * 2 * 2)


def test_an_embedder_is_recognised(tmp_path: Path) -> None:
    card = card_of_file(_write(tmp_path, gguf({"general.architecture": "bert", "bert.context_length": 512})))
    assert (card.engine, card.capabilities, card.instruct) == ("embed/llama_cpp", ("embed", "count"), False)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a GGUF"),
        (b"PK\x03\x04" + bytes(100), "not a GGUF"),
        (b"GGUF" + struct.pack("<I", 99) + bytes(16), "version 99"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "damaged"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "damaged"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 62), "damaged"),
        (b"GGUF" + struct.pack("<IQQQ1sI", 3, 0, 1, 1, b"k", 77), "unknown value type"),
        (b"GGUF" + struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"k", 9, 4, 20_000_000), "cut short"),
        (b"GGUF" + struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"k", 9, 9, 1), "unknown item type"),
        (WHOLE[:-3], "cut short"),
    ],
)
def test_damaged(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(GgufError, match=says):
        read_header(_write(tmp_path, data))


@given(cut=st.integers(0, len(WHOLE) - 1), at=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255))
def test_whatever_is_broken_the_error_is_ours(
    tmp_path_factory: pytest.TempPathFactory, cut: int, at: int, byte: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    with pytest.raises(GgufError):
        read_header(_write(folder, WHOLE[:cut]))
    changed = bytearray(WHOLE)
    changed[at] = byte
    try:
        card = card_of_file(_write(folder, bytes(changed)))
    except CatalogError:
        return
    assert card.slots == 4


def test_a_split_model_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="merge"):
        card_of_file(_write(tmp_path, gguf(llama(**{"split.count": 3}))))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="cannot read"):
        card_of_file(tmp_path / "none.gguf")


@pytest.mark.parametrize(
    ("file", "name"),
    [("Qwen3 8B (Q4).gguf", "qwen3-8b-q4"), ("模型.gguf", "model"), ("a.b.gguf", "a.b"), ("..gguf", "model")],
)
def test_names_of_cards(file: str, name: str) -> None:
    assert card_name(file) == name
