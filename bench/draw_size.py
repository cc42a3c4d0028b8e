"""What painting costs a megapixel for each look, and the proof that a large picture is native, not enlarged.

    python -m bench.draw_size [--quick]

Paints bare grounds (no things, no words) in this process and prints CPU seconds, so that other work disturbs little.
The proof: a 1024x1024 cut of a picture of 16,384 pixels a side, taken out of the strip it is painted in, must hold the
edges of the same cut painted alone (share 1) and more than the same cut enlarged from 1,024 pixels.
"""

import argparse
import resource
import time
from typing import Any, get_args

import numpy as np
from PIL import Image

from omniwatt.engines.draw.illustrator.layout import Layout
from omniwatt.engines.draw.illustrator.paint.region import Painter
from omniwatt.engines.draw.illustrator.scene import Scene, Style

SIDE, LARGE, CUT = 1024, 16_384, 1024
GROUNDS = ("lake", "night_city", "meadow", "ink_mountains")
PLACE = (6100, 8300)
"""Upper left corner of the cut: shore and water of the lake."""


def layout(backdrop: str, style: str) -> Layout:
    """A square ground without things."""
    time_ = "night" if backdrop == "night_city" else "golden"
    scene = Scene(backdrop=backdrop, style=style, time=time_)  # type: ignore[arg-type]
    return Layout(scene=scene, width=1000, height=1000, horizon=600, seed=3)


def edge_energy(pixels: Any) -> float:
    """Mean squared difference of neighbouring pixels' lightness, across and down."""
    grey = pixels[..., :3].astype(np.float64) @ (0.299, 0.587, 0.114)
    return float((np.diff(grey, axis=0) ** 2).mean() + (np.diff(grey, axis=1) ** 2).mean())


def native(style: str, backdrop: str = "lake") -> tuple[float, float]:
    """Edge energy of the cut: painted within its strip over painted alone, and enlarged over painted alone."""
    made, scale = layout(backdrop, style), LARGE / 1000
    x, y = PLACE
    strip = Painter(made).tile(x - CUT, y, 3 * CUT, CUT, scale)[:, CUT : 2 * CUT]
    alone = edge_energy(Painter(made).tile(x, y, CUT, CUT, scale))
    small = Painter(made).tile(0, 0, SIDE, SIDE, SIDE / 1000)[..., :3]
    part = CUT * SIDE // LARGE
    box = (x * SIDE // LARGE, y * SIDE // LARGE)
    crop = Image.fromarray(small).crop((*box, box[0] + part, box[1] + part))
    enlarged = np.asarray(crop.resize((CUT, CUT), Image.Resampling.LANCZOS))
    return edge_energy(strip) / alone, edge_energy(enlarged) / alone


def rates(style: str, quality: str, grounds: tuple[str, ...]) -> tuple[float, float, float, float]:
    """CPU seconds before the first pixel, and a megapixel at 1024, 4096 and 16,384 a side: the mean over grounds."""
    sums = np.zeros(4)
    for ground in grounds:
        painter = Painter(layout(ground, style), quality=quality)
        first = _seconds(painter, 0, SIDE, SIDE, 1.024)
        again = _seconds(painter, 0, SIDE, SIDE, 1.024)
        _seconds(painter, 0, 64, 64, 4.096)
        four = sum(_seconds(painter, top, 4096, 256, 4.096) for top in (900, 2900)) / (2 * 4096 * 256 / 1e6)
        _seconds(painter, 0, 64, 64, 16.384)
        large = sum(_seconds(painter, top, 4096, 256, 16.384) for top in (3600, 11_600)) / (2 * 4096 * 256 / 1e6)
        sums += (first - again, again / (SIDE * SIDE / 1e6), four, large)
    mean = sums / len(grounds)
    return float(mean[0]), float(mean[1]), float(mean[2]), float(mean[3])


def _seconds(painter: Painter, top: int, width: int, height: int, scale: float) -> float:
    started = time.process_time()
    painter.tile(0, top, width, height, scale)
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one ground, low and high only, no proof")
    quick = parser.parse_args().quick
    grounds = GROUNDS[:1] if quick else GROUNDS
    print("style        quality  first s  s/Mpx at 1024   4096  16384")
    for style in get_args(Style):
        for quality in ("low", "high") if quick else ("low", "medium", "high"):
            first, one, four, large = rates(style, quality, grounds)
            print(f"{style:12} {quality:7} {first:8.2f} {one:14.3f} {four:6.3f} {large:6.3f}", flush=True)
        if not quick:
            share, enlarged = native(style)
            print(
                f"{style:12} cut of 16K over the same painted alone {share:.3f}, enlarged from 1K {enlarged:.3f}",
                flush=True,
            )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
