"""Encoders: what was put in comes out again when another program reads it; sizes, words and profiles are said."""

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from omniwatt.contract.error import UnsupportedField
from omniwatt.engines.draw.encode import encoder
from omniwatt.engines.draw.encode.form import Form, Outline, srgb
from omniwatt.engines.draw.encode.separate import SWOP
from omniwatt.engines.draw.encode.tiff import Tiff

SAID = {"generator": "omniwatt 9", "model": "illustrator", "prompt_sha256": "ab" * 32}


def picture(width: int = 217, height: int = 461) -> Any:
    y, x = np.mgrid[0:height, 0:width]
    made = np.empty((height, width, 4), np.uint8)
    made[..., 0], made[..., 1], made[..., 2] = x * 255 // width, y * 255 // height, (x + y) % 64 * 2
    made[..., 3] = np.where(x < width // 3, 90, 255)
    return made


def written(media_type: str, form: Form, pixels: Any, rows: int = 50) -> bytes:
    made = encoder(media_type, form)
    return b"".join(made.rows(pixels[top : top + rows]) for top in range(0, len(pixels), rows)) + made.end()


@pytest.mark.parametrize("media_type", ["image/png", "image/tiff"])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("rows", [1, 50, 461])
def test_lossless_forms_give_back_every_pixel(media_type: str, alpha: bool, rows: int) -> None:
    pixels = picture()
    image: Any = Image.open(io.BytesIO(written(media_type, Form(217, 461, alpha, provenance=SAID), pixels, rows)))
    assert image.mode == ("RGBA" if alpha else "RGB")
    assert np.array_equal(np.asarray(image), pixels if alpha else pixels[..., :3])


@pytest.mark.parametrize("quality", [95, 80, 30])
@pytest.mark.parametrize("height", [8, 63, 64, 128, 129, 461])
def test_jpeg_in_bands_is_the_picture_packed_at_once(quality: int, height: int) -> None:
    pixels = picture(height=height)
    image = Image.open(io.BytesIO(written("image/jpeg", Form(217, height, False, quality), pixels, 37)))
    at_once = io.BytesIO()
    Image.fromarray(pixels[..., :3]).save(at_once, "JPEG", quality=quality, subsampling=2 if quality < 90 else 0)
    assert np.array_equal(np.asarray(image), np.asarray(Image.open(at_once)))


def test_jpeg_lays_what_is_see_through_on_white() -> None:
    pixels = np.zeros((16, 16, 4), np.uint8)
    image: Any = Image.open(io.BytesIO(written("image/jpeg", Form(16, 16, True, 95), pixels)))
    assert image.getpixel((5, 5)) == (255, 255, 255)


def test_webp_is_read_again() -> None:
    pixels = picture()
    image: Any = Image.open(io.BytesIO(written("image/webp", Form(217, 461, True, 100), pixels)))
    solid = pixels[..., 3] == 255
    assert np.array_equal(np.asarray(image)[solid], pixels[solid])


@pytest.mark.parametrize("media_type", ["image/png", "image/tiff", "image/jpeg", "image/webp"])
def test_every_file_says_what_made_it(media_type: str) -> None:
    image: Any = Image.open(io.BytesIO(written(media_type, Form(217, 461, dpi=300, provenance=SAID), picture())))
    packet = image.info.get("xmp", b"")
    assert b"ab" * 32 in (packet if isinstance(packet, bytes) else packet.encode())
    assert b"algorithmicMedia" in (packet if isinstance(packet, bytes) else packet.encode())
    if media_type == "image/png":
        assert image.text["omniwatt:model"] == "illustrator"
        assert image.info["srgb"] == 0
    else:
        assert image.getexif()[0x0131] == "omniwatt 9"
        assert image.info["icc_profile"] == srgb()
    if media_type != "image/webp":
        assert image.info["dpi"][0] == pytest.approx(300, abs=0.1)


def test_bigtiff_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omniwatt.engines.draw.encode.tiff._CLASSIC_MOST", 1000)
    pixels = picture()
    made = Tiff(Form(217, 461, True))
    made.rows(pixels)
    data = b"".join(made.pieces())
    assert data[:4] == b"II\x2b\x00"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels)


SWATCHES = ((255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 160, 120), (90, 120, 60), (180, 60, 50))


def swatches() -> Any:
    made = np.full((64, 16 * len(SWATCHES), 4), 255, np.uint8)
    for index, colour in enumerate(SWATCHES):
        made[:, 16 * index : 16 * index + 16, :3] = colour
    return made


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/tiff"])
def test_four_inks_look_like_the_colours(media_type: str) -> None:
    """What the inks of the file look like, by littleCMS and the file's own profile, beside what was asked for."""
    profile, pixels = SWOP.read_bytes(), swatches()
    height, width = pixels.shape[:2]
    image: Any = Image.open(io.BytesIO(written(media_type, Form(width, height, icc=profile), pixels)))
    assert (image.mode, image.info["icc_profile"]) == ("CMYK", profile)
    given = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    shown = ImageCms.profileToProfile(
        image, given, ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB", flags=flags
    )
    assert shown is not None
    for index, colour in enumerate(SWATCHES):
        place = (16 * index + 8, 32)
        seen = np.asarray(shown)[place[1], place[0]].astype(int)
        assert np.abs(seen - colour).max() <= 14, (colour, place)
        inks = image.getpixel(place)
        assert sum(inks) <= 3.02 * 255
    assert image.getpixel((8, 32)) == (0, 0, 0, 0), "paper stays paper"
    assert image.getpixel((24, 32))[3] > 220, "black is mostly black ink"


def test_a_pdf_in_four_inks_has_its_lettering_in_them_too() -> None:
    import zlib

    import pypdfium2 as pdfium

    white = np.full((461, 217, 4), 255, np.uint8)
    data = written("application/pdf", Form(217, 461, icc=SWOP.read_bytes(), outlines=(SHAPE,)), white)
    assert b"/N 4" in data
    streams = [
        zlib.decompress(part.partition(b"stream\n")[2]) for part in data.split(b"endstream") if b"/Flate" in part
    ]
    content = next(stream for stream in streams if b" Do Q" in stream)
    assert re.search(rb"/C cs\n[0-9.]+ [0-9.]+ [0-9.]+ [0-9.]+ sc", content)
    document = pdfium.PdfDocument(data)
    seen = np.asarray(document[0].render(scale=300 / 72).to_pil().convert("RGB")).astype(int)
    assert seen[300, 100].min() > 250
    red, green, blue = seen[40, 40]
    assert red > 150 > 90 > max(green, blue)
    document.close()


@pytest.mark.parametrize("media_type", ["image/png", "image/webp", "image/svg+xml"])
def test_forms_without_inks_refuse_them(media_type: str) -> None:
    with pytest.raises(UnsupportedField, match="four inks"):
        encoder(media_type, Form(16, 16, icc=SWOP.read_bytes()))


def test_an_svg_with_alpha_is_written_as_it_comes() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (512, 256, 4), np.uint8)
    made = encoder("image/svg+xml", Form(256, 512, True, provenance=SAID))
    pieces = [made.rows(pixels[top : top + 64]) for top in range(0, 512, 64)] + [made.end()]
    assert sum(bool(piece) for piece in pieces) > 5
    data = re.search(rb"data:image/png;base64,([^\"]*)", b"".join(pieces))
    assert data is not None
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data[1])))), pixels)


def cmyk_profile() -> bytes:
    """A profile that only says it is for four inks."""
    return srgb()[:16] + b"CMYK" + srgb()[20:]


def test_a_profile_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(ValueError, match="profile"):
        encoder("image/jpeg", Form(16, 16, icc=cmyk_profile()))


def test_a_profile_of_ones_own_is_put_in() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image: Any = Image.open(io.BytesIO(written("image/png", Form(217, 461, icc=lab), picture())))
    assert image.info["icc_profile"] == lab


@pytest.mark.parametrize(("media_type", "side"), [("image/webp", 16_384), ("image/jpeg", 65_501)])
def test_sides_a_form_cannot_hold_are_refused(media_type: str, side: int) -> None:
    with pytest.raises(UnsupportedField, match=str(side - 1)):
        encoder(media_type, Form(side, 16))


def test_unknown_forms_are_refused() -> None:
    with pytest.raises(UnsupportedField, match="image/gif"):
        encoder("image/gif", Form(16, 16))


SHAPE = Outline((("M", (20, 20)), ("L", (120, 20)), ("C", (120, 60, 80, 90, 20, 120)), ("Z", ())), "#d01020")


def test_pdf_is_a_page_of_the_right_size_with_bleed_and_outlines() -> None:
    import pypdfium2 as pdfium

    white = np.full((461, 217, 4), 255, np.uint8)
    form = Form(217, 461, dpi=300, bleed_px=(10.0, 20.0), provenance=SAID, outlines=(SHAPE,))
    document = pdfium.PdfDocument(written("application/pdf", form, white))
    page = document[0]
    assert page.get_size() == pytest.approx((217 * 72 / 300, 461 * 72 / 300), abs=0.01)
    assert page.get_trimbox() == pytest.approx((2.4, 4.8, 217 * 0.24 - 2.4, 461 * 0.24 - 4.8), abs=0.001)
    assert page.get_bleedbox() == page.get_mediabox()
    seen = np.asarray(page.render(scale=300 / 72).to_pil().convert("RGB"))
    assert seen[40, 40] == pytest.approx((0xD0, 0x10, 0x20), abs=1), "by way of the page's sRGB profile"
    assert tuple(seen[300, 100]) == (255, 255, 255)
    page.close()
    document.close()


def test_bands_of_a_page_reach_under_the_next_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between images that only touch, a reader that smooths their edges shows the paper."""
    import pypdfium2 as pdfium

    monkeypatch.setattr("omniwatt.engines.draw.encode.page._BAND_PIXELS", 217 * 64)
    dark = np.full((461, 217, 4), (20, 40, 60, 255), np.uint8)
    svg = written("image/svg+xml", Form(217, 461), dark).decode()
    spans = [
        (int(y), int(height)) for y, height in re.findall(r'<image x="0" y="(\d+)" width="217" height="(\d+)"', svg)
    ]
    assert [y for y, _ in spans] == list(range(0, 461, 64))
    assert all(y + height == min(461, y + 68) for y, height in spans)
    document = pdfium.PdfDocument(written("application/pdf", Form(217, 461), dark))
    seen = np.asarray(document[0].render(scale=1.37).to_pil().convert("RGB"))[2:-2, 2:-2]
    assert seen.max() < 66, "no light line"
    document.close()


def test_svg_holds_the_picture_and_the_outlines() -> None:
    import xml.etree.ElementTree as ET

    form = Form(217, 461, dpi=300, provenance=SAID, outlines=(SHAPE,))
    root = ET.fromstring(written("image/svg+xml", form, picture()))
    kinds = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert kinds.count("image") == 1
    paths = [element for element in root.iter() if element.tag.endswith("}path")]
    assert [path.get("fill") for path in paths] == ["#d01020"]
    assert root.get("width") == "18.373mm"
