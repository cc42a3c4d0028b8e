"""Enlarging in parts gives what enlarging at once gives, and holds no more than a part."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from omniwatt.engines.draw.enlarge import bands, part

MEASURED = """
import resource, sys
import numpy as np
from PIL import Image
from omniwatt.engines.draw.enlarge import bands
noise = np.random.default_rng(1).integers(0, 255, (256, 256, 3), dtype=np.uint8)
picture, before = Image.fromarray(noise), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = sum(band.height for band in bands(picture, (8192, 8192)))
print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8))


def enlarged(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The whole at once, across first."""
    wide = picture.resize((size[0], picture.height), Image.Resampling.LANCZOS)
    return wide.resize(size, Image.Resampling.LANCZOS)


def values(picture: Image.Image) -> NDArray[np.int16]:
    return np.asarray(picture, np.int16)


@pytest.mark.parametrize("size", [(317, 1111), (90, 400), (1024, 130), (45, 61), (90, 130)])
@pytest.mark.parametrize("band_px", [7, 64, 5000])
def test_bands_are_the_whole(size: tuple[int, int], band_px: int) -> None:
    picture = noise(90, 130)
    whole = values(enlarged(picture, size))
    cut = np.vstack([values(band) for band in bands(picture, size, band_px)])
    assert cut.shape == whole.shape == (size[1], size[0], 3)
    assert int(np.abs(cut - whole).max()) <= 1


@pytest.mark.parametrize("place", [(0, 0, 40, 30), (100, 200, 33, 57), (290, 1080, 27, 31)])
def test_a_tile_is_the_same_part_of_the_whole(place: tuple[int, int, int, int]) -> None:
    picture, size = noise(90, 130), (317, 1111)
    left, top, width, height = place
    whole = values(enlarged(picture, size))[top : top + height, left : left + width]
    assert int(np.abs(values(part(picture, size, *place)) - whole).max()) <= 1


def test_colours_and_places_stay() -> None:
    picture = Image.new("RGB", (8, 8), "red")
    picture.paste("blue", (4, 0, 8, 8))
    large = values(part(picture, (800, 400), 0, 0, 800, 400))
    assert np.abs(large[:, :280] - (255, 0, 0)).max() <= 12
    assert np.abs(large[:, 520:] - (0, 0, 255)).max() <= 12


def test_memory_does_not_follow_the_size() -> None:
    """8192x8192 are 201 MB of RGB; a band of it is 13."""
    out = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True, timeout=60)
    rows, more_mb = map(int, out.stdout.split())
    assert rows == 8192
    assert more_mb < 60
