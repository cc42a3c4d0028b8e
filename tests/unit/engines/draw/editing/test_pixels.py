"""Tones, turns, cuts, collages and holes: pixels in, pixels out."""

import io
import time

import numpy as np
import pytest
from PIL import Image

from omniwatt.contract.request import MediaPart
from omniwatt.engines.draw.illustrator.editing import fill, pixels
from omniwatt.engines.draw.illustrator.editing.collage import collage, rows_of
from omniwatt.engines.draw.illustrator.editing.opening import opened
from omniwatt.engines.draw.illustrator.editing.patches import patched
from tests.unit.engines.draw.editing.conftest import photograph, product


def mean(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), np.float64).mean((0, 1))


def given() -> Image.Image:
    image = photograph().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


@pytest.mark.parametrize("tone", sorted(pixels.TONES))
def test_tones_keep_size_and_alpha(tone: str) -> None:
    image = given()
    made = pixels.toned(image, (tone,))
    assert made.size == image.size
    assert np.array_equal(np.asarray(made)[..., 3], np.asarray(image)[..., 3])
    assert not np.array_equal(np.asarray(made)[..., :3], np.asarray(image)[..., :3])


def test_tones_do_what_they_are_called() -> None:
    image = given()
    base = mean(image)
    assert (mean(pixels.toned(image, ("brighter",))) > base).all()
    assert (mean(pixels.toned(image, ("darker",))) < base).all()
    warm, cool = mean(pixels.toned(image, ("warmer",))), mean(pixels.toned(image, ("cooler",)))
    assert warm[0] - warm[2] > base[0] - base[2] > cool[0] - cool[2]
    grey = np.asarray(pixels.toned(image, ("grey",)))[..., :3]
    assert np.ptp(grey.astype(int), axis=-1).max() == 0
    assert np.asarray(pixels.toned(image, ("contrast",)))[..., :3].std() > np.asarray(image)[..., :3].std()


def test_turns() -> None:
    image = given()
    assert pixels.turned(image, ("left",)).size == image.size[::-1]
    assert pixels.turned(image, ("mirror", "mirror")).tobytes() == image.tobytes()
    assert pixels.turned(image, ("left", "right")).tobytes() == image.tobytes()


def test_a_plain_background_is_told_from_what_stands_before_it() -> None:
    image = product(200).convert("RGBA")
    away = pixels.background(image)
    assert away is not None
    cut = pixels.without(image, away)
    assert (cut.getpixel((3, 3))[3], cut.getpixel((100, 100))[3]) == (0, 255)  # type: ignore[index]
    assert pixels.background(photograph().convert("RGBA")) is None


def test_what_is_see_through_is_background() -> None:
    image = product().convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    image.paste((10, 20, 30, 255), (40, 40, 80, 80))
    away = pixels.background(image)
    assert away is not None
    assert (away.getpixel((0, 0)), away.getpixel((60, 60))) == (255, 0)


@pytest.mark.parametrize(
    ("count", "kind", "rows"),
    [(3, "row", [3]), (3, "column", [1, 1, 1]), (5, "grid", [3, 2]), (16, "grid", [4] * 4), (1, "grid", [1])],
)
def test_rows_of_a_collage(count: int, kind: str, rows: list[int]) -> None:
    assert rows_of(count, kind) == rows


def test_every_picture_of_a_collage_is_seen() -> None:
    colours = [(255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (9, 9, 9, 255), (250, 200, 0, 255)]
    made = collage([Image.new("RGBA", (60 + 20 * at, 60), one) for at, one in enumerate(colours)], "grid", (256, 192))
    assert made.size == (256, 192)
    seen = {colour for _, colour in made.getcolors(100) or ()}  # type: ignore[misc]
    assert set(colours) <= seen
    tall = collage([Image.new("RGBA", (500, 40))] * 9, "column", None)
    assert (tall.width % 16, tall.height % 16) == (0, 0)
    assert max(tall.size) <= 4096
    assert max(tall.size) <= 3 * min(tall.size)


def test_what_a_mask_covers_grows_over() -> None:
    image = Image.new("RGBA", (40, 30), (200, 100, 50, 255))
    image.paste((0, 0, 255, 255), (10, 10, 30, 20))
    mask = Image.new("L", (40, 30))
    mask.paste(255, (10, 10, 30, 20))
    grown = np.asarray(fill.filled(image, mask))
    assert np.abs(grown[..., :3].astype(int) - (200, 100, 50)).max() <= 1


def test_a_hole_gets_the_texture_around_it() -> None:
    """Stripes go on through it; a smooth fill would be grey there."""
    stripes = np.zeros((160, 240, 3), np.uint8)
    stripes[:, (np.arange(240) // 8) % 2 == 0] = 230
    image = Image.fromarray(stripes).convert("RGBA")
    broken = image.copy()
    broken.paste((255, 0, 0, 255), (90, 50, 150, 110))
    mask = Image.new("L", image.size)
    mask.paste(255, (90, 50, 150, 110))
    began_s = time.monotonic()
    made = np.asarray(fill.taken_out(broken, mask))[55:105, 95:145, :3].astype(float)
    assert time.monotonic() - began_s < 20
    wanted = stripes[55:105, 95:145].astype(float)
    smooth = np.asarray(fill.filled(broken, mask))[55:105, 95:145, :3].astype(float)
    assert np.abs(made - wanted).mean() < 0.5 * np.abs(smooth - wanted).mean()


def test_a_hole_with_nothing_around_it_is_filled_roughly() -> None:
    image = Image.new("RGBA", (40, 40), (10, 120, 60, 255))
    mask = Image.new("L", (40, 40), 255)
    rough = Image.new("RGBA", (40, 40), (1, 2, 3, 255))
    assert patched(image, mask, rough).tobytes() == rough.tobytes()
    assert patched(image, Image.new("L", (40, 40)), rough).tobytes() == image.tobytes()


def test_a_scan_in_sixteen_bits_of_grey_keeps_its_tones() -> None:
    out = io.BytesIO()
    Image.fromarray(np.tile(np.linspace(0, 65535, 256), (64, 1)).astype(np.uint16)).save(out, "PNG")
    image, _ = opened(MediaPart("image", data=out.getvalue()), "", "image")
    assert np.abs(np.asarray(image)[0, :, 0].astype(int) - np.arange(256)).max() <= 1
