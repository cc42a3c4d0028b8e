"""An ONNX file cut in two at named tensors, so that the second half can run piece by piece. Reads protobuf by itself.

Only the fields of onnx.proto that matter here are known; all others are copied as they are.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from omniwatt.contract.error import EngineFailed

_MODEL_GRAPH = 7
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _VALUE_INFO = 1, 5, 11, 12, 13
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_ATTRIBUTE = 1, 2, 3, 5
_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS = 6, 11
_TENSOR_NAME, _VALUE_NAME = 8, 1
_BYTES = 2
_FLOAT = b"\x0a\x02\x08\x01"
"""TypeProto of a float tensor of any shape."""


class Field(NamedTuple):
    """One field of a message: its number and wire type, its value (bytes of kind 2 only), and all of it as written."""

    number: int
    kind: int
    value: memoryview
    whole: memoryview


class Node(NamedTuple):
    """One operation. `inputs` are all tensors it reads, those of its subgraphs too."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    whole: memoryview


class Graph:
    """The graph of a model file. Raises EngineFailed for what is none."""

    def __init__(self, model: bytes) -> None:
        try:
            self._outside = [field for field in fields(memoryview(model)) if field.number != _MODEL_GRAPH]
            (graph,) = (field.value for field in fields(memoryview(model)) if field.number == _MODEL_GRAPH)
            self._fields = list(fields(graph))
            self.nodes = [_node(field.value) for field in self._fields if field.number == _NODE]
        except (ValueError, IndexError, UnicodeDecodeError) as error:
            raise EngineFailed("the file is no ONNX model") from error
        self._inputs = self._named(_INPUT, _VALUE_NAME)
        self._outputs = self._named(_OUTPUT, _VALUE_NAME)
        self._initializers = self._named(_INITIALIZER, _TENSOR_NAME)
        self._makers = {output: place for place, node in enumerate(self.nodes) for output in node.outputs}

    def input_of(self, node: str, place: int = 0) -> str:
        """The tensor that a node, by its name, reads. Raises EngineFailed."""
        for candidate in self.nodes:
            if candidate.name == node:
                return candidate.inputs[place]
        raise EngineFailed(f"the model has no node {node!r}")

    def part(self, outputs: Iterable[str] | None = None, cut: Iterable[str] = ()) -> bytes:
        """A model of its own: what makes `outputs` (None: the graph's own), with the float tensors `cut` as inputs."""
        cut = list(cut)
        wanted = list(outputs) if outputs is not None else list(self._outputs)
        needed, tensors = self._needed(wanted, set(cut))
        parts = [b"".join(_message(_NODE, self.nodes[place].whole) for place in sorted(needed))]
        parts += [bytes(field.whole) for name, field in self._initializers.items() if name in tensors]
        parts += [bytes(field.whole) for name, field in self._inputs.items() if name in tensors]
        parts += [_value(_INPUT, name) for name in cut]
        parts += [
            bytes(self._outputs[name].whole) if name in self._outputs else _value(_OUTPUT, name) for name in wanted
        ]
        known = {_NODE, _INITIALIZER, _INPUT, _OUTPUT, _VALUE_INFO}
        parts += [bytes(field.whole) for field in self._fields if field.number not in known]
        graph = b"".join(parts)
        return b"".join(bytes(field.whole) for field in self._outside) + _message(_MODEL_GRAPH, graph)

    def _needed(self, wanted: list[str], cut: set[str]) -> tuple[set[int], set[str]]:
        needed: set[int] = set()
        tensors: set[str] = set()
        todo = list(wanted)
        while todo:
            name = todo.pop()
            if name in tensors or name in cut:
                continue
            tensors.add(name)
            place = self._makers.get(name)
            if place is not None and place not in needed:
                needed.add(place)
                todo += self.nodes[place].inputs
        return needed, tensors

    def _named(self, number: int, name: int) -> dict[str, Field]:
        return {_text(field.value, name): field for field in self._fields if field.number == number}


def fields(message: memoryview) -> Iterator[Field]:
    """The fields of a protobuf message. Raises ValueError or IndexError when it is none."""
    place = 0
    while place < len(message):
        start = place
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            _, end = _varint(message, place)
        elif kind == _BYTES:
            size, place = _varint(message, place)
            end = place + size
        elif kind in (1, 5):
            end = place + (8 if kind == 1 else 4)
        else:
            raise ValueError(f"wire type {kind}")
        if end > len(message):
            raise ValueError("a field that ends after its message")
        yield Field(number, kind, message[place:end], message[start:end])
        place = end


def _node(message: memoryview) -> Node:
    inputs: list[str] = []
    outputs: list[str] = []
    name = ""
    for field in fields(message):
        if field.number == _NODE_INPUT:
            inputs.append(bytes(field.value).decode())
        elif field.number == _NODE_OUTPUT:
            outputs.append(bytes(field.value).decode())
        elif field.number == _NODE_NAME:
            name = bytes(field.value).decode()
        elif field.number == _NODE_ATTRIBUTE:
            inputs += _reads_outside(field.value)
    return Node(name, tuple(inputs), tuple(outputs), message)


def _reads_outside(attribute: memoryview) -> list[str]:
    """What the branches of an If or the body of a Loop may read of the graph around."""
    found = []
    for field in fields(attribute):
        if field.number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS) and field.kind == _BYTES:
            found += [
                name for inner in fields(field.value) if inner.number == _NODE for name in _node(inner.value).inputs
            ]
    return found


def _text(message: memoryview, number: int) -> str:
    return next(bytes(field.value).decode() for field in fields(message) if field.number == number)


def _value(number: int, name: str) -> bytes:
    return _message(number, _message(_VALUE_NAME, name.encode()) + _message(2, _FLOAT))


def _message(number: int, data: bytes | memoryview) -> bytes:
    return _written(number << 3 | _BYTES) + _written(len(data)) + bytes(data)


def _written(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number that does not end")
