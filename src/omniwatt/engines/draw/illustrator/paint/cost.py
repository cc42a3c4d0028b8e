"""What painting takes: seconds and memory by style, ground, quality and size, from rates measured once.

`rates.json` is written by `python -m bench.draw_size --rates`: CPU seconds on one core, of every ground bare and of
every look over one ground. `calibrate` paints a small picture and says how much slower this machine is.
"""

import functools
import time
from pathlib import Path

import msgspec

from omniwatt.contract.request import Value
from omniwatt.engines.draw.illustrator.layout import SHORT_SIDE, Layout
from omniwatt.engines.draw.illustrator.paint import styles
from omniwatt.engines.draw.illustrator.paint.backdrops import layered
from omniwatt.engines.draw.illustrator.paint.region import TWICE_BELOW, Painter, fine
from omniwatt.engines.draw.illustrator.scene import Backdrop, Scene

QUALITIES = ("low", "medium", "high")
LEVELS = {1: 0, 4: 1, 16: 2}
"""Level of detail -> its place in a Rate."""
REFERENCE_GROUND: Backdrop = "lake"
FILE = Path(__file__).with_name("rates.json")
_RECORDED_BYTES, _BYTES_PER_PIXEL = 60 << 20, 38
"""Of a painting process beside what it holds at rest: recordings and soft copies; surfaces of a tile being painted."""


class Rate(Value, frozen=True):
    """CPU seconds before the first pixel, and for a megapixel painted, at each level of detail."""

    first_s: tuple[float, float, float]
    megapixel_s: tuple[float, float, float]


class Rates(Value, frozen=True):
    """Ground -> quality -> what it takes bare, and style -> quality -> what its look adds."""

    machine: str
    reference_s: float
    """CPU seconds that `calibrate` took there."""
    grounds: dict[str, dict[str, Rate]]
    looks: dict[str, dict[str, Rate]]


class Cost(Value, frozen=True):
    """CPU seconds of painting: those that every painting process spends, and those that they share."""

    first_s: float
    shared_s: float

    def seconds(self, hands: int) -> float:
        """From the first stroke to the last with so many processes."""
        return self.first_s + self.shared_s / hands


@functools.cache
def rates() -> Rates:
    """What was measured."""
    return msgspec.json.decode(FILE.read_bytes(), type=Rates)


def cost(style: str, ground: str, quality: str, size: tuple[int, int]) -> Cost | None:
    """On the machine that was measured; None for a style or a ground that was not.

    Grounds in sheets of one colour are reckoned alike, as the one over which the looks were measured.
    """
    look, bare = rates().looks.get(style), rates().grounds.get(ground)
    if look is None or bare is None:
        return None
    if styles.named(style).sheets and layered.covers(ground):
        bare = rates().grounds[REFERENCE_GROUND]
    _, scene_megapixels = painted(style, quality, size)
    level = LEVELS[fine(min(size) / SHORT_SIDE)]
    first_s = look[quality].first_s[level] + bare[quality].first_s[level]
    scene_s = 0.0 if styles.named(style).cells else bare[quality].megapixel_s[level] * scene_megapixels
    look_s = look[quality].megapixel_s[level] * size[0] * size[1] / 1e6
    return Cost(max(0.0, first_s), max(0.0, scene_s + look_s))


def painted(style: str, quality: str, size: tuple[int, int]) -> tuple[float, float]:
    """Pixels for each design unit as the scene is painted, and megapixels in all: small pictures of high quality have
    theirs painted twice as large; the look that goes over it is not."""
    scale, megapixels = min(size) / SHORT_SIDE, size[0] * size[1] / 1e6
    if quality == "high" and scale < TWICE_BELOW and not styles.named(style).cells:
        return 2 * scale, 4 * megapixels
    return scale, megapixels


def tile_bytes(style: str, quality: str, size: tuple[int, int], tile: tuple[int, int]) -> int:
    """What a process needs, beside what it holds at rest, to paint such tiles of a picture of this size."""
    scale, _ = painted(style, quality, size)
    factor = round(scale / (min(size) / SHORT_SIDE))
    halo = 2 * styles.named(style).halo * scale
    return _RECORDED_BYTES + round((factor * tile[0] + halo) * (factor * tile[1] + halo) * _BYTES_PER_PIXEL)


def calibrate() -> float:
    """How much slower this machine paints than the one the rates are from; takes about a fifth of a second there."""
    return reference_s() / rates().reference_s


def reference_s() -> float:
    """CPU seconds of a small picture."""
    scene = Scene(backdrop=REFERENCE_GROUND, style="3d", time="golden")
    layout = Layout(scene=scene, width=1000, height=1000, horizon=600, seed=3)
    started = time.process_time()
    Painter(layout, quality="low").tile(0, 0, 256, 256, 0.256)
    return time.process_time() - started
