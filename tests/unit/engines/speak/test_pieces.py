"""Slices that cover a clause once, joins without a step, silence trimmed, a graph cut in two."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.contract.error import BadInput, EngineFailed
from omniwatt.engines.speak import graph
from omniwatt.engines.speak.graph import Graph
from omniwatt.engines.speak.kokoro import ALPHABET, LONGEST, _cut, _ids, blend, spoken_language
from omniwatt.engines.speak.onnx import Network
from omniwatt.engines.speak.pieces import Joiner, best_shift, slices
from omniwatt.engines.speak.speaking import Trim, pause_after, pcm


@given(st.integers(0, 2000), st.integers(1, 80), st.integers(0, 20), st.booleans())
def test_slices_cover_everything_once(total: int, first: int, pad: int, calm: bool) -> None:
    curve = np.sin(np.arange(total)) if calm else None
    found = slices(total, first, pad, 2.0, curve)
    assert [(one.start, one.end) for one in found] == list(
        zip([0, *(one.end for one in found)], [one.end for one in found], strict=False)
    )
    assert (found[-1].end if found else 0) == total
    assert all(0 <= one.low <= one.start < one.end <= one.high <= total for one in found)


def test_a_cut_moves_to_where_it_is_calm() -> None:
    calm = np.ones(100)
    calm[17] = 0
    assert slices(100, 20, 4, 2.0, calm)[0].end == 17


def test_pieces_of_another_phase_join_without_a_step() -> None:
    rate, overlap, reach = 24_000, 480, 240
    wave = np.sin(2 * np.pi * 150 * np.arange(6000) / rate).astype(np.float32)
    late = np.sin(2 * np.pi * 150 * np.arange(6000) / rate + 2.0).astype(np.float32)
    joiner = Joiner(overlap, reach)
    first = joiner.feed(wave[:0], wave[:2000], wave[2000:3000])
    second = joiner.feed(late[1000:2000], late[2000:6000], late[:0])
    whole = np.concatenate((first, second))
    assert abs(len(whole) - 6000) <= reach
    assert np.abs(np.diff(whole)).max() < 1.2 * np.abs(np.diff(wave)).max()


def test_best_shift_finds_the_stretch() -> None:
    noise = np.random.default_rng(1).normal(size=900).astype(np.float32)
    assert best_shift(noise[137:437], noise) == 137
    assert best_shift(noise, noise[:10]) == 0


@pytest.mark.parametrize("size", [1, 100, 7000])
def test_silence_around_is_trimmed_however_it_arrives(size: int) -> None:
    rate = 1000
    sound = np.concatenate((np.zeros(500), np.ones(300), np.zeros(200), np.ones(100), np.zeros(900))).astype(np.float32)
    trim = Trim(rate)
    out = np.concatenate([trim.feed(sound[start : start + size]) for start in range(0, len(sound), size)])
    edge = 30
    assert out.sum() == 400
    assert edge + 600 <= len(out) <= 600 + 2 * edge
    assert len(Trim(rate).feed(np.zeros(500, np.float32))) == 0


def test_pcm_clips_and_pauses_follow_the_mark() -> None:
    assert np.frombuffer(pcm(np.array([0, 1, -2, 0.5], np.float32)), "<i2").tolist() == [0, 32767, -32767, 16383]
    assert pause_after("End.") == pause_after("完。”") > pause_after("so,") > pause_after("cut short") == 0


@pytest.mark.parametrize(
    ("name", "shares"),
    [("af_heart", {"af_heart": 1.0}), ("a:0.6+b:0.4", {"a": 0.6, "b": 0.4}), ("a:1+a:2", {"a": 3.0})],
)
def test_blends(name: str, shares: dict[str, float]) -> None:
    assert blend(name) == shares


@pytest.mark.parametrize("name", ["", "a:", "a:x", "a:-1", "a:0", "a:nan", "+a", "a:1e9"])
def test_what_is_no_blend(name: str) -> None:
    if name == "a:":
        assert blend(name) == {"a": 1.0}
        return
    with pytest.raises(BadInput) as caught:
        blend(name)
    assert caught.value.param == "voice"


@given(st.text("aɪ õː.,", max_size=3000))
def test_no_run_of_the_network_gets_more_letters_than_it_takes(letters: str) -> None:
    pieces = _cut(_ids(letters))
    assert all(0 < len(piece) <= LONGEST for piece in pieces)
    blank = ALPHABET[" "]
    kept = [letter for piece in pieces for letter in piece if letter != blank]
    assert kept == [letter for letter in _ids(letters) if letter != blank]


def test_a_letter_with_a_sign_on_top_counts_twice() -> None:
    assert [len(piece) for piece in _cut(_ids("õ" * LONGEST))] == [LONGEST, LONGEST]
    assert [len(piece) for piece in _cut(_ids("ab " * 200))] == [506, 93]


def test_languages() -> None:
    assert [spoken_language(tag) for tag in ("en", "en-GB", "zh-CN", "pt")] == ["en-us", "en-gb", "zh", "pt"]
    with pytest.raises(BadInput):
        spoken_language("de")


def _model() -> bytes:
    """y = Relu(x) doubled, as an ONNX file written by hand: opset 13, one float input of any length."""

    def node(kind: str, inputs: list[str], output: str) -> bytes:
        parts = [graph._message(1, name.encode()) for name in inputs]
        parts += [graph._message(2, output.encode()), graph._message(3, f"/{kind}".encode())]
        return graph._message(1, b"".join(parts) + graph._message(4, kind.encode()))

    nodes = node("Relu", ["x"], "middle") + node("Add", ["middle", "middle"], "y")
    inside = nodes + graph._message(2, b"g") + graph._value(11, "x") + graph._value(12, "y")
    return b"\x08\x07" + graph._message(7, inside) + graph._message(8, b"\x10\x0d")


def test_a_graph_is_cut_in_two_that_do_the_same() -> None:
    # Opening a network makes its thread take the tiniest numbers for zero: not this one, others test with them here.
    with ThreadPoolExecutor(1) as beside:
        beside.submit(_cut_in_two).result()


def _cut_in_two() -> None:
    whole = Graph(_model())
    seam = whole.input_of("/Add")
    assert seam == "middle"
    front, back = Network(whole.part([seam]), 1), Network(whole.part(cut=[seam]), 1)
    assert (list(front.inputs), list(back.inputs)) == (["x"], ["middle"])
    x = np.array([-1, 0, 2.5], np.float32)
    (middle,) = front.run({"x": x})
    (y,) = back.run({"middle": middle})
    assert y.tolist() == Network(_model(), 1).run({"x": x})[0].tolist() == [0, 0, 5]


@pytest.mark.parametrize("data", [b"", b"not a model at all", b"\xff" * 40, _model()[:30]])
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(EngineFailed):
        Graph(data)
    with ThreadPoolExecutor(1) as beside, pytest.raises(EngineFailed):
        beside.submit(Network, data or b"x", 1).result()


def test_a_node_that_is_not_there() -> None:
    with pytest.raises(EngineFailed):
        Graph(_model()).input_of("/dec/conv_pre/Conv")
