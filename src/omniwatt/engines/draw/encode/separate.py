"""From light to four inks: by a profile's own tables, or, where it only says what inks look like, by solving for them.

A separation is a table over RGB that Pillow applies: 17 steps a side, between them linear.
"""

import io
import struct
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageCms, ImageFilter

SWOP = Path(__file__).with_name("cgats001.icc")
"""What inks on coated web paper look like (CGATS TR 001), as a compact profile; CC0, from Compact-ICC-Profiles."""
STEPS = 17
MOST_INK = 3.0
"""Of 4.0, all inks together, which coated paper takes (SWOP: 300 %)."""
_ROUNDS, _NUDGE = 24, 1e-3
_BLACK_FROM, _BLACK_POWER = 0.15, 1.5
"""From which greyness on black takes over, and how slowly (grey component replacement)."""
_BLACK_WEIGHT, _INK_WEIGHT, _SPARE_WEIGHT = 6.0, 60.0, 0.4
"""Against one step of Lab: black beside its curve, ink above the most, ink at all."""
_SRGB_TO_XYZ_D50 = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
"""IEC 61966-2-1 adapted to D50 by Bradford's matrix."""
_D50 = np.array([0.9642, 1.0, 0.8249])
Floats = NDArray[np.float64]


@lru_cache(maxsize=4)
def to_inks(profile: bytes) -> Any:
    """What turns an RGB image into a CMYK one: `to_inks(profile)(image)`. Raises ValueError for an unusable profile."""
    if b"B2A0" in tags(profile):
        return _by_profile(profile)
    table = separation(profile)
    lut = ImageFilter.Color3DLUT(STEPS, table.reshape(-1), channels=4, target_mode="CMYK")
    return lambda image: image.filter(lut)


def _by_profile(profile: bytes) -> Any:
    """Relative colorimetric with black point compensation."""
    try:
        transform = ImageCms.buildTransform(
            ImageCms.createProfile("sRGB"),
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            "RGB",
            "CMYK",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except ImageCms.PyCMSError as error:
        raise ValueError("the colour profile cannot be used") from error
    return lambda image: ImageCms.applyTransform(image, transform)


def tags(profile: bytes) -> dict[bytes, bytes]:
    """Signature -> data (ICC.1:2010, 7.3). Raises ValueError for what is no profile."""
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        entries = [struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(min(count, 200))]
    except struct.error as error:
        raise ValueError("the colour profile is cut off") from error
    return {name: profile[start : start + size] for name, start, size in entries}


class Press:
    """What inks look like: a profile's A2B0 table (ICC.1:2010, 10.10, lut16Type) as a function of inks to Lab."""

    def __init__(self, profile: bytes) -> None:
        data = tags(profile).get(b"A2B0", b"")
        if data[:4] != b"mft2" or data[8:10] != b"\x04\x03":
            raise ValueError("the colour profile has no 16-bit table from four inks to Lab, and none to inks")
        self._grid = data[10]
        entries, exits = struct.unpack_from(">HH", data, 48)
        numbers = np.frombuffer(data, ">u2", offset=52).astype(np.float64)
        self._entry = numbers[: 4 * entries].reshape(4, entries) / 65535
        nodes = numbers[4 * entries :][: 3 * self._grid**4].reshape(-1, 3)
        self._exit = numbers[4 * entries + 3 * self._grid**4 :][: 3 * exits].reshape(3, exits)
        self._nodes = nodes

    def lab(self, inks: Floats) -> Floats:
        """Lab under D50, shape (count, 3), of inks 0 to 1, shape (count, 4)."""
        steps = np.linspace(0, 1, self._entry.shape[1])
        places = np.stack([np.interp(inks[:, k], steps, self._entry[k]) for k in range(4)], 1) * (self._grid - 1)
        low = np.clip(places.astype(int), 0, self._grid - 2)
        rest = places - low
        found = np.zeros((len(inks), 3))
        for corner in range(16):
            high = np.array([corner >> k & 1 for k in (3, 2, 1, 0)])
            weight = np.where(high, rest, 1 - rest).prod(1)
            index = ((low + high) * self._grid ** np.array([3, 2, 1, 0])).sum(1)
            found += weight[:, None] * self._nodes[index]
        steps = np.linspace(0, 65535, self._exit.shape[1])
        coded = np.stack([np.interp(found[:, k], steps, self._exit[k]) for k in range(3)], 1)
        return coded / (652.8, 256.0, 256.0) - (0.0, 128.0, 128.0)


def separation(profile: bytes) -> Floats:
    """Inks 0 to 1 for STEPS³ colours, red changing fastest, shape (STEPS³, 4). Raises ValueError."""
    press = Press(profile)
    side = np.linspace(0, 1, STEPS)
    blue, green, red = (part.reshape(-1) for part in np.meshgrid(side, side, side, indexing="ij"))
    colours = np.stack([red, green, blue], 1)
    grey = 1 - colours.max(1)
    black = np.clip((grey - _BLACK_FROM) / (1 - _BLACK_FROM), 0, 1) ** _BLACK_POWER
    darkest = press.lab(np.array([[0.75, 0.68, 0.67, 0.90]]))
    wanted = lab_of(colours, float(darkest[0, 0]))
    inks = np.column_stack([(1 - colours) - black[:, None] * 0.6, black]).clip(0.0, 1.0)
    damping = np.full(len(inks), 1.0)
    error = _cost(press, inks, wanted, black)
    for _ in range(_ROUNDS):
        inks, error, damping = _stepped(press, inks, wanted, black, error, damping)
    paper = colours.min(1) >= 1.0
    inks[paper] = 0.0
    return inks


def _residuals(press: Press, inks: Floats, wanted: Floats, black: Floats) -> Floats:
    over = np.maximum(0.0, inks.sum(1) - MOST_INK)
    return np.column_stack([
        press.lab(inks) - wanted, _BLACK_WEIGHT * (inks[:, 3] - black), _INK_WEIGHT * over, _SPARE_WEIGHT * inks[:, :3]
    ])  # fmt: skip


def _cost(press: Press, inks: Floats, wanted: Floats, black: Floats) -> Floats:
    found: Floats = (_residuals(press, inks, wanted, black) ** 2).sum(1)
    return found


def _stepped(
    press: Press, inks: Floats, wanted: Floats, black: Floats, error: Floats, damping: Floats
) -> tuple[Floats, Floats, Floats]:
    """One step towards the least squares, within 0 to 1 (Levenberg 1944, Marquardt 1963), where it helps."""
    now = _residuals(press, inks, wanted, black)
    slopes = np.empty((*now.shape, 4))
    for k in range(4):
        nudged = inks.copy()
        sign = np.where(inks[:, k] < 0.5, _NUDGE, -_NUDGE)
        nudged[:, k] += sign
        slopes[..., k] = (_residuals(press, nudged, wanted, black) - now) / sign[:, None]
    square = np.einsum("nik,nil->nkl", slopes, slopes)
    slope = np.einsum("nik,ni->nk", slopes, now)
    free = ~(((inks <= 0) & (slope > 0)) | ((inks >= 1) & (slope < 0)))
    square = square * (free[:, :, None] & free[:, None, :]) + damping[:, None, None] * np.eye(4)
    step = np.linalg.solve(square, -(slope * free)[..., None])[..., 0]
    tried = np.clip(inks + step, 0.0, 1.0)
    after = _cost(press, tried, wanted, black)
    better = after < error
    inks = np.where(better[:, None], tried, inks)
    return inks, np.where(better, after, error), np.clip(damping * np.where(better, 0.4, 4.0), 1e-3, 1e6)


def lab_of(colours: Floats, darkest: float = 0.0) -> Floats:
    """sRGB 0 to 1, shape (count, 3), as Lab under D50, its black raised to the lightness `darkest`."""
    light = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    floor = ((darkest + 16) / 116) ** 3 if darkest > 8 else darkest / 903.3
    xyz = (light @ _SRGB_TO_XYZ_D50.T) / _D50 * (1 - floor) + floor
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)
