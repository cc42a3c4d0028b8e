"""Silero VAD in plain numpy: how likely each 32 ms hold speech.

The weights are the publisher's (snakers4/silero-vad, MIT), in the form whisper.cpp reads. All but the recurrent layer
is computed for many pieces at once, which makes it some ten times faster than piece by piece.
"""

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omniwatt.contract.error import EngineFailed
from omniwatt.engines.hear.mel import RATE_HZ, Floats

PIECE = 512
PIECE_S = PIECE / RATE_HZ
_CONTEXT = 64
_WINDOW, _HOP = 256, 128
_STRIDES = (1, 2, 2, 1)
_HIDDEN = 128
_MAGIC = 0x67676D6C
_VERSION = 6


def read_weights(path: Path) -> dict[str, Any]:
    """Tensors by name, float32, last index fastest. Raises EngineFailed on anything but this model."""
    data = path.read_bytes()
    try:
        return dict(_tensors(data))
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise EngineFailed(f"The voice activity model cannot be read: {error}.") from None


def _tensors(data: bytes) -> list[tuple[str, Floats]]:
    magic, length = struct.unpack_from("<Ii", data)
    at = 8 + length
    version, _, _, window, context, layers = struct.unpack_from("<6i", data, at)
    if magic != _MAGIC or version != _VERSION or (window, context, layers) != (PIECE, _CONTEXT, len(_STRIDES)):
        raise ValueError("it is not Silero VAD 6 for 16 kHz")
    at += 4 * (6 + 3 * layers + 4)
    found = []
    while at < len(data):
        dimensions, length, kind = struct.unpack_from("<3i", data, at)
        at += 12
        shape = struct.unpack_from(f"<{dimensions}i", data, at)
        at += 4 * dimensions
        name = data[at : at + length].decode("ascii")
        at += length
        count = math.prod(shape)
        values = np.frombuffer(data, "<f2" if kind else "<f4", count, at).astype(np.float32)
        at += count * (2 if kind else 4)
        found.append((name.removeprefix("_model."), values.reshape(shape[::-1])))
    return found


class Model:
    """The weights, shared by any number of Activities."""

    def __init__(self, weights: dict[str, Any]) -> None:
        self._basis = np.ascontiguousarray(weights["stft.forward_basis_buffer"].reshape(-1, _WINDOW).T)
        self._layers = [
            (_flat(weights[f"encoder.{place}.reparam_conv.weight"]), weights[f"encoder.{place}.reparam_conv.bias"])
            for place in range(len(_STRIDES))
        ]
        self._into = np.ascontiguousarray(weights["decoder.rnn.weight_ih"].T)
        self._again = np.ascontiguousarray(weights["decoder.rnn.weight_hh"].T)
        self._bias = weights["decoder.rnn.bias_ih"] + weights["decoder.rnn.bias_hh"]
        self._last = weights["decoder.decoder.2.weight"].reshape(-1)
        self._last_bias = float(weights["decoder.decoder.2.bias"].reshape(-1)[0])

    def gates(self, pieces: Floats) -> Floats:
        """pieces x (context + piece) samples -> pieces x 4 hidden: all that does not depend on the past."""
        padded = np.concatenate([pieces, pieces[:, -2 : -2 - _CONTEXT : -1]], axis=1)
        views = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW, axis=1)[:, ::_HOP]
        spectrum = views @ self._basis
        half = spectrum.shape[-1] // 2
        hidden: Floats = np.sqrt(spectrum[..., :half] ** 2 + spectrum[..., half:] ** 2)
        for (weight, bias), stride in zip(self._layers, _STRIDES, strict=True):
            hidden = _convolved(hidden, weight, bias, stride)
        return np.asarray(hidden[:, 0] @ self._into + self._bias, dtype=np.float32)

    def step(self, gates: Floats, hidden: Floats, cell: Floats) -> tuple[Floats, Floats]:
        """One step of the recurrent layer (LSTM; gates in the order input, forget, cell, output)."""
        gates = gates + hidden @ self._again
        opened = _sigmoid(gates)
        cell = opened[_HIDDEN : 2 * _HIDDEN] * cell + opened[:_HIDDEN] * np.tanh(gates[2 * _HIDDEN : 3 * _HIDDEN])
        return opened[3 * _HIDDEN :] * np.tanh(cell), cell

    def likely(self, hidden: Floats) -> Floats:
        """pieces x hidden -> probability of speech of each."""
        return _sigmoid(np.maximum(hidden, 0.0) @ self._last + self._last_bias)


class Activity:
    """One stream: feed samples in pieces of any size, get a probability for each 32 ms that is complete."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._held: Floats = np.zeros(_CONTEXT, np.float32)
        self._hidden: Floats = np.zeros(_HIDDEN, np.float32)
        self._cell: Floats = np.zeros(_HIDDEN, np.float32)

    def feed(self, samples: Floats) -> Floats:
        """Probabilities of the pieces that `samples` completes."""
        held = np.concatenate([self._held, samples])
        count = (len(held) - _CONTEXT) // PIECE
        self._held = held[count * PIECE :]
        if not count:
            return np.zeros(0, np.float32)
        pieces = np.lib.stride_tricks.sliding_window_view(held, _CONTEXT + PIECE)[::PIECE][:count]
        hidden = np.empty((count, _HIDDEN), np.float32)
        for place, gates in enumerate(self._model.gates(pieces)):
            self._hidden, self._cell = self._model.step(gates, self._hidden, self._cell)
            hidden[place] = self._hidden
        return self._model.likely(hidden)

    def end(self) -> Floats:
        """The probability of what is left over, filled up with silence; none when nothing is."""
        missing = _CONTEXT + PIECE - len(self._held)
        return self.feed(np.zeros(missing, np.float32)) if missing < PIECE else np.zeros(0, np.float32)


def _flat(weight: Floats) -> Floats:
    """out x in x 3 -> (3 in) x out: a convolution as one matrix product."""
    return np.ascontiguousarray(weight.transpose(2, 1, 0).reshape(-1, weight.shape[0]))


def _convolved(values: Floats, weight: Floats, bias: Floats, stride: int) -> Floats:
    """pieces x time x in -> pieces x time/stride x out: width 3, zeros at both ends, then ReLU."""
    count, times, channels = values.shape
    padded = np.zeros((count, times + 2, channels), np.float32)
    padded[:, 1:-1] = values
    places = range(0, times, stride)
    columns = np.stack([padded[:, place : place + 3].reshape(count, -1) for place in places], axis=1)
    return np.asarray(np.maximum(columns @ weight + bias, 0.0), dtype=np.float32)


def _sigmoid(values: Floats) -> Floats:
    halved: NDArray[np.float32] = np.tanh(values * np.float32(0.5)) * np.float32(0.5) + np.float32(0.5)
    return halved
