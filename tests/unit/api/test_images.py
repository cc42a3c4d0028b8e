"""The image routes' tables, sizes, presets, signatures and encoders, without a server."""

import base64
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import image_create_variation_params, image_edit_params, image_generate_params

from omniwatt.api.fields import Read
from omniwatt.api.openai import images_answers
from omniwatt.api.openai.images_answers import Base64, Events, Gatherer, Whole, header
from omniwatt.api.openai.images_fields import EDIT, GENERATE, PRESETS, STYLES, VARY, parse, size_kind
from omniwatt.api.signing import Signer
from omniwatt.contract.error import BadInput, Forbidden, Gone
from omniwatt.contract.event import ChoiceEnd, Data, Event, Finished, Picture, Progress, Started, Usage
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.illustrator.scene import Style

OURS = {"seed", "preset", "progress", "color_space"}
STARTED = Started(model="m")


def names(*kinds: Any) -> set[str]:
    return {name for kind in kinds for name in getattr(kind, "__annotations__", ())}


@pytest.mark.parametrize(
    ("table", "params", "more"),
    [
        (GENERATE, image_generate_params, OURS),
        (EDIT, image_edit_params, OURS | {"style"}),
        (VARY, image_create_variation_params, {"seed", "style", "output_format", "output_compression"}),
    ],
)
def test_every_field_of_the_official_client_is_in_the_table(table: Any, params: Any, more: set[str]) -> None:
    known = names(*(getattr(params, name) for name in dir(params) if "Params" in name))
    assert len(known) > 5
    assert table.fields.keys() == known | more


def test_our_styles_are_the_illustrators() -> None:
    assert set(STYLES) == {"vivid", "natural", *get_args(Style)}


@pytest.mark.parametrize("size", ["1024x1024", "1792x1024", "256x256", "16x16", "16x48", "3840X2160", "32768x32768"])
def test_sizes(size: str) -> None:
    assert "x".join(map(str, size_kind().check(size, "size"))) == size.lower()


@given(st.integers(0, 40_000), st.integers(0, 40_000))
def test_a_size_is_taken_only_within_the_rule(width: int, height: int) -> None:
    fits = (
        width >= 16 <= height
        and not width % 16
        and not height % 16
        and max(width, height) <= min(32_768, 3 * min(width, height))
    )
    if fits:
        assert size_kind().check(f"{width}x{height}", "size") == (width, height)
        return
    with pytest.raises(BadInput) as caught:
        size_kind().check(f"{width}x{height}", "size")
    assert caught.value.param == "size"


def parsed(**values: Any) -> DrawBody:
    return parse(Read({"prompt": "x"} | values, {}, [])).body


@pytest.mark.parametrize("name", PRESETS)
def test_presets_fill_in_what_was_left_out(name: str) -> None:
    body = parsed(preset=name)
    assert body.width_px
    assert body.quality == PRESETS[name].quality
    mine = parsed(preset=name, size=(512, 512), quality="medium", output_format="png")
    assert (mine.width_px, mine.quality, mine.media_type) == (512, "medium", "image/png")
    # The bleed of 3 mm is inside: a sheet of A4, A3 or A2 and six millimetres at 300 dots an inch.
    if name.startswith("print"):
        wide_mm, high_mm = {"print-a4": (210, 297), "print-a3": (297, 420), "print-a2": (420, 594)}[name]
        for side_px, side_mm in ((body.width_px, wide_mm), (body.height_px, high_mm)):
            assert 0 <= side_px - (side_mm + 6) / 25.4 * 300 < 16


def test_the_older_qualities() -> None:
    assert [parsed(quality=one).quality for one in ("standard", "hd", "auto", "low")] == [
        "medium",
        "high",
        "auto",
        "low",
    ]


@given(st.lists(st.binary(max_size=10), max_size=12))
def test_base64_in_pieces(pieces: list[bytes]) -> None:
    packer = Base64()
    text = b"".join(packer.feed(piece) for piece in pieces) + packer.end()
    assert base64.b64decode(text, validate=True) == b"".join(pieces)


def picture(index: int = 0, partial: int | None = None, **details: Any) -> Picture:
    return Picture(64, 48, "image/png", index, partial, "a “cat”\n", {"quality": "low", "seed": 1} | details)


TWO: list[Event] = [
    picture(),
    picture(partial=0),
    Data(b"s", "image/png"),
    picture(tokens={"text": 3, "output": 2}),
    Data(b"ab", "image/png"),
    Data(b"cde", "image/png"),
    ChoiceEnd("stop"),
    picture(1, tokens={"output": 2}),
    Data(b"x", "image/png", 1),
    ChoiceEnd("stop", 1),
]


async def test_one_body_is_written_piece_by_piece() -> None:
    encoder = Whole(DrawBody("x"))
    raw = encoder.start(STARTED)
    for event in TWO[:2] + TWO[3:]:
        raw += encoder.event(event)
    found = json.loads(raw + await encoder.end(Finished(Usage(3, 4, image_output_tokens=4))))
    assert [base64.b64decode(one["b64_json"]) for one in found["data"]] == [b"abcde", b"x"]
    assert found["data"][0]["revised_prompt"] == "a “cat”\n"
    assert found["usage"]["total_tokens"] == 7
    assert "tokens" not in found["data"][0]


async def test_events_of_a_stream() -> None:
    encoder = Events(DrawBody("x"), "image_edit", progress=True)
    raw = b"".join(map(encoder.event, TWO)) + encoder.progress(Progress(1, 2, "tiles"))
    found = [json.loads(line[6:]) for line in raw.decode().split("\n\n") if line]
    assert [one["type"] for one in found] == [
        "image_edit.partial_image",
        "image_edit.completed",
        "image_edit.completed",
        "image_edit.progress",
    ]
    assert [base64.b64decode(one["b64_json"]) for one in found[:3]] == [b"s", b"abcde", b"x"]
    assert found[1]["usage"] == images_answers.counted(3, 0, 2)
    assert Events(DrawBody("x"), "image_edit").progress(Progress(1, 2)) == b""


def test_a_gatherer_gives_each_picture_when_it_is_whole() -> None:
    gatherer = Gatherer()
    made = [one for event in TWO if (one := gatherer.feed(event))]
    assert [(one.picture.partial, base64.b64decode(one.text)) for one in made] == [
        (0, b"s"),
        (None, b"abcde"),
        (None, b"x"),
    ]


def test_what_is_too_long_for_a_header_is_left_out() -> None:
    long = picture(not_understood=["x" * 9000])
    assert "not_understood" not in json.loads(header(DrawBody("x"), long))
    assert json.loads(header(DrawBody("x"), long))["revised_prompt"] == "a “cat”\n"
    assert header(DrawBody("x"), picture(style="墨")).isascii()


def test_signatures(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a" * 64)
    signer = Signer(tmp_path)
    query = dict(pair.split("=") for pair in signer.query("picture-1", 2_000_000_000).split("&"))
    signer.check("picture-1", query["expires"], query["signature"], now=1_999_999_999)
    (tmp_path / "secret").write_text("b" * 64)
    for name, expires, signature, checker, code in (
        ("picture-2", query["expires"], query["signature"], signer, "invalid_signature"),
        ("picture-1", "2000000001", query["signature"], signer, "invalid_signature"),
        ("picture-1", "", "", signer, "invalid_signature"),
        ("picture-1", "²", query["signature"], signer, "invalid_signature"),
        ("picture-1", query["expires"], "é", signer, "invalid_signature"),
        ("picture-1", query["expires"], query["signature"], Signer(tmp_path), "invalid_signature"),
    ):
        with pytest.raises(Forbidden) as caught:
            checker.check(name, expires, signature)
        assert caught.value.code == code
    with pytest.raises(Gone, match="expired"):
        signer.check("picture-1", query["expires"], query["signature"], now=2_000_000_000)


@pytest.mark.parametrize(
    ("form", "taken"), [("pdf", True), ("tiff", True), ("jpeg", True), ("png", False), ("svg", False)]
)
def test_four_inks_are_for_print(form: str, taken: bool) -> None:
    values = {"prompt": "a", "output_format": form, "color_space": "cmyk"}
    if taken:
        assert parse(GENERATE.read(values)).body.color_space == "cmyk"
        with pytest.raises(BadInput):
            parse(GENERATE.read(values | {"background": "transparent"}))
    else:
        with pytest.raises(BadInput, match="jpeg, tiff, pdf") as caught:
            parse(GENERATE.read(values))
        assert caught.value.param == "color_space"
