"""Silero's network against its definition, written out slowly; its file format."""

import struct
from pathlib import Path

import numpy as np
import pytest

from omniwatt.contract.error import EngineFailed
from omniwatt.engines.hear.activity import PIECE, Activity, Model, read_weights

CHANNELS = (129, 128, 64, 64, 128)
STRIDES = (1, 2, 2, 1)


def weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)

    def some(*shape: int) -> np.ndarray:
        return rng.normal(scale=0.1, size=shape).astype(np.float32)

    found = {"stft.forward_basis_buffer": some(258, 1, 256)}
    for layer in range(4):
        found[f"encoder.{layer}.reparam_conv.weight"] = some(CHANNELS[layer + 1], CHANNELS[layer], 3)
        found[f"encoder.{layer}.reparam_conv.bias"] = some(CHANNELS[layer + 1])
    for side in ("ih", "hh"):
        found[f"decoder.rnn.weight_{side}"] = some(512, 128)
        found[f"decoder.rnn.bias_{side}"] = some(512)
    return found | {"decoder.decoder.2.weight": some(128), "decoder.decoder.2.bias": some(1)}


def file_of(tensors: dict[str, np.ndarray], *, version: int = 6, half: bool = False) -> bytes:
    kind = b"silero-16k"
    data = struct.pack("<Ii", 0x67676D6C, len(kind)) + kind + struct.pack("<6i", version, 2, 0, 512, 64, 4)
    for layer in range(4):
        data += struct.pack("<3i", CHANNELS[layer], CHANNELS[layer + 1], 3)
    data += struct.pack("<4i", 128, 128, 128, 1)
    for name, values in tensors.items():
        full = f"_model.{name}".encode()
        data += struct.pack("<3i", values.ndim, len(full), int(half))
        data += struct.pack(f"<{values.ndim}i", *values.shape[::-1])
        data += full + values.astype("<f2" if half else "<f4").tobytes()
    return data


def reference(tensors: dict[str, np.ndarray], sound: np.ndarray) -> list[float]:
    """One piece, one position, one step at a time."""

    def sigmoid(values: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-values))

    hidden, cell, found = np.zeros(128), np.zeros(128), []
    sound = np.concatenate([np.zeros(64), sound.astype(np.float64)])
    for at in range(0, len(sound) - 64 - PIECE + 1, PIECE):
        piece = np.pad(sound[at : at + 64 + PIECE], (0, 64), mode="reflect")
        basis = tensors["stft.forward_basis_buffer"][:, 0]
        spectrum = np.array([basis @ piece[place : place + 256] for place in range(0, len(piece) - 255, 128)])
        values = np.sqrt(spectrum[:, :129] ** 2 + spectrum[:, 129:] ** 2)
        for layer, stride in enumerate(STRIDES):
            kernel, bias = (tensors[f"encoder.{layer}.reparam_conv.{name}"] for name in ("weight", "bias"))
            padded = np.pad(values, ((1, 1), (0, 0)))
            values = np.array(
                [
                    np.maximum(sum(kernel[:, :, tap] @ padded[place + tap] for tap in range(3)) + bias, 0)
                    for place in range(0, len(values), stride)
                ]
            )
        gates = tensors["decoder.rnn.weight_ih"] @ values[0] + tensors["decoder.rnn.weight_hh"] @ hidden
        gates = (gates + tensors["decoder.rnn.bias_ih"] + tensors["decoder.rnn.bias_hh"]).reshape(4, 128)
        cell = sigmoid(gates[1]) * cell + sigmoid(gates[0]) * np.tanh(gates[2])
        hidden = sigmoid(gates[3]) * np.tanh(cell)
        last = tensors["decoder.decoder.2.weight"] @ np.maximum(hidden, 0) + tensors["decoder.decoder.2.bias"][0]
        found.append(float(sigmoid(last)))
    return found


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return np.random.default_rng(3).normal(scale=0.3, size=PIECE * 9 + 100).astype(np.float32)


def test_probabilities_are_those_of_the_definition(tmp_path: Path, sound: np.ndarray) -> None:
    tensors = weights()
    (tmp_path / "vad.bin").write_bytes(file_of(tensors))
    activity = Activity(Model(read_weights(tmp_path / "vad.bin")))
    found = activity.feed(sound)
    assert len(found) == 9
    np.testing.assert_allclose(found, reference(tensors, sound), atol=1e-5)
    filled = np.concatenate([sound, np.zeros(PIECE - 100, np.float32)])
    np.testing.assert_allclose(activity.end(), reference(tensors, filled)[9:], atol=1e-5)


@pytest.mark.parametrize("sizes", [[1], [511, 2], [PIECE], [4000, 17]])
def test_it_does_not_matter_how_the_sound_comes(sizes: list[int], sound: np.ndarray) -> None:
    model = Model(weights())
    activity, found, at = Activity(model), [], 0
    while at < len(sound):
        for size in sizes:
            found += activity.feed(sound[at : at + size]).tolist()
            at += size
    np.testing.assert_allclose(found, Activity(model).feed(sound), atol=1e-5)


def test_nothing_is_left_of_a_whole_number_of_pieces(sound: np.ndarray) -> None:
    activity = Activity(Model(weights()))
    activity.feed(sound[: 4 * PIECE])
    assert activity.end().tolist() == []


def test_half_precision_is_read(tmp_path: Path) -> None:
    tensors = weights()
    (tmp_path / "vad.bin").write_bytes(file_of(tensors, half=True))
    found = read_weights(tmp_path / "vad.bin")
    assert found.keys() == tensors.keys()
    for name, values in tensors.items():
        np.testing.assert_allclose(found[name], values, atol=1e-3)


@pytest.mark.parametrize("damage", ["empty", "other", "version", "cut"])
def test_another_file_is_refused(tmp_path: Path, damage: str) -> None:
    good = file_of(weights())
    bad = {"empty": b"", "other": b"RIFF" + good[4:], "version": file_of(weights(), version=5), "cut": good[:-7]}
    (tmp_path / "vad.bin").write_bytes(bad[damage])
    with pytest.raises(EngineFailed, match="voice activity"):
        read_weights(tmp_path / "vad.bin")
