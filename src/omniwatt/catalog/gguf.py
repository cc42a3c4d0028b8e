"""Read a GGUF file's header: names, limits and licence, without loading any weights.

The file may be hostile: every count and length is bounded, arrays are skipped, whatever does not fit is a GgufError.
"""

import struct
from pathlib import Path
from typing import Any, BinaryIO

from omniwatt.catalog.error import GgufError

MAGIC = b"GGUF"
MAX_PAIRS = 10_000
MAX_TENSORS = 100_000
MAX_STRING_BYTES = 4 << 20
MAX_ARRAY_ITEMS = 20_000_000
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9


class Header(dict[str, Any]):
    """The key-value pairs; arrays are given as their length. `parameters` counts the weights of all tensors."""

    parameters: int = 0

    def of_architecture(self, key: str) -> Any:
        """The value of `ARCHITECTURE.key`, or None."""
        return self.get(f"{self.get('general.architecture', '')}.{key}")


def read_header(file: Path) -> Header:
    """The header of a little-endian GGUF of version 2 or 3. Raises GgufError; OSError if it cannot be opened."""
    with file.open("rb") as opened:
        reader = _Reader(opened, file)
        if opened.read(4) != MAGIC:
            raise GgufError(f"{file} is not a GGUF file")
        version = reader.scalar(4)
        if version not in (2, 3):
            raise GgufError(f"{file}: GGUF version {version} is not supported")
        tensors, pairs = reader.count(MAX_TENSORS, "tensors"), reader.count(MAX_PAIRS, "keys")
        header = Header()
        for _ in range(pairs):
            key = reader.string()
            header[key] = reader.value()
        header.parameters = sum(reader.tensor_size() for _ in range(tensors))
        return header


class _Reader:
    def __init__(self, opened: BinaryIO, file: Path) -> None:
        self._opened = opened
        self._file = file
        self._size = file.stat().st_size

    def _take(self, length: int) -> bytes:
        data = self._opened.read(length)
        if len(data) != length:
            raise GgufError(f"{self._file} is cut short")
        return data

    def scalar(self, kind: int) -> Any:
        form = _SCALARS.get(kind)
        if form is None:
            raise GgufError(f"{self._file} is damaged: unknown value type {kind}")
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def count(self, limit: int, what: str) -> int:
        number = int(self.scalar(10))
        if number > limit:
            raise GgufError(f"{self._file} is damaged: {number} {what}")
        return number

    def string(self) -> str:
        return self._take(self.count(MAX_STRING_BYTES, "bytes in a text")).decode("utf-8", "replace")

    def value(self) -> Any:
        kind = int(self.scalar(4))
        if kind == _STRING:
            return self.string()
        return self._skip_array() if kind == _ARRAY else self.scalar(kind)

    def _skip_array(self) -> int:
        kind, items = int(self.scalar(4)), self.count(MAX_ARRAY_ITEMS, "items")
        if kind == _STRING:
            for _ in range(items):
                self._skip(self.count(MAX_STRING_BYTES, "bytes in a text"))
        elif kind in _SCALARS:
            self._skip(items * struct.calcsize(_SCALARS[kind]))
        else:
            raise GgufError(f"{self._file} is damaged: unknown item type {kind}")
        return items

    def _skip(self, length: int) -> None:
        if self._opened.seek(length, 1) > self._size:
            raise GgufError(f"{self._file} is cut short")

    def tensor_size(self) -> int:
        self.string()
        dimensions = int(self.scalar(4))
        if dimensions > 8:
            raise GgufError(f"{self._file} is damaged: a tensor of {dimensions} dimensions")
        size = 1
        for _ in range(dimensions):
            size *= int(self.scalar(10))
        self._skip(4 + 8)
        return size
