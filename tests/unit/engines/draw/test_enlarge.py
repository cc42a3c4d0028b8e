"""Enlarging in bands gives what enlarging at once gives."""

import numpy as np
import pytest
from PIL import Image

from omniwatt.engines.draw.enlarge import bands, enlarged


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("band_px", [7, 64, 256, 5000])
def test_no_seams(band_px: int) -> None:
    picture = noise(90, 130)
    whole = np.asarray(enlarged(picture, 317, 1111), np.int16)
    cut = np.vstack([np.asarray(band, np.int16) for band in bands(picture, 317, 1111, band_px)])
    assert cut.shape == (1111, 317, 3)
    assert int(np.abs(cut - whole).max()) <= 1


def test_colours_and_places_stay() -> None:
    picture = Image.new("RGB", (8, 8), "red")
    picture.paste("blue", (4, 0, 8, 8))
    large = enlarged(picture, 800, 400)
    values = np.asarray(large, np.int16)
    assert np.abs(values[:, :280] - (255, 0, 0)).max() <= 12
    assert np.abs(values[:, 520:] - (0, 0, 255)).max() <= 12
