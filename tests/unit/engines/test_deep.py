"""Pictures of many bits a channel keep their tones in eight."""

import numpy as np
import pytest
from PIL import Image

from omniwatt.engines.deep import shallow

RAMP = np.tile(np.linspace(0, 1, 256), (4, 1))


@pytest.mark.parametrize(
    "values",
    [
        (RAMP * 65535).astype(np.uint16),
        (RAMP * 65535).astype(np.int32),
        (RAMP * (2**31 - 1)).astype(np.int32),
        RAMP.astype(np.float32),
        (RAMP * 255).astype(np.float32),
        (RAMP * 65535).astype(np.float32),
    ],
    ids=["16 bits", "16 bits in 32", "32 bits", "floats to 1", "floats to 255", "floats to 65535"],
)
def test_a_ramp_stays_a_ramp(values: np.ndarray) -> None:
    made = shallow(Image.fromarray(values))
    assert made.mode == "L"
    assert np.abs(np.asarray(made)[0].astype(int) - np.arange(256)).max() <= 1


def test_what_is_dark_in_sixteen_bits_stays_dark() -> None:
    assert np.asarray(shallow(Image.fromarray(np.full((4, 4), 200, np.uint16)))).max() == 1


def test_no_number_is_black_and_eight_bits_are_left_alone() -> None:
    assert np.asarray(shallow(Image.fromarray(np.full((4, 4), np.nan, np.float32)))).max() == 0
    plain = Image.new("RGBA", (4, 4))
    assert shallow(plain) is plain
