"""What painting costs for each ground and each look, and the proof that a large picture is native, not enlarged.

    python -m bench.draw_size            the proof, for each style
    python -m bench.draw_size --rates    measure the rates that estimates are made from, and write them down
    python -m bench.draw_size --quick    a few of both; nothing is written

Paints bare grounds (no things, no words) in this process and takes CPU seconds, so that other work disturbs little.
The proof: a 1024x1024 cut of a picture of 16,384 pixels a side, taken out of the strip it is painted in, must hold the
edges of the same cut painted alone (share 1, aim >= 0.8) and more than the same cut enlarged from 1,024 pixels.
"""

import argparse
import platform
import re
import resource
import statistics
import time
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
from PIL import Image

from bench.common import report, say
from omniwatt.engines.draw.illustrator.layout import Layout
from omniwatt.engines.draw.illustrator.paint import cost
from omniwatt.engines.draw.illustrator.paint.region import Painter
from omniwatt.engines.draw.illustrator.scene import Backdrop, Scene, Style

SIDE, LARGE, CUT = 1024, 16_384, 1024
PLACE = (6100, 8300)
"""Upper left corner of the cut: shore and water of the lake."""
LEVELS = ((1.024, 512), (4.096, 256), (16.384, 512))
"""Pixels a unit, and the rows of a strip that is timed."""
STRIP_PX = 2048
HEIGHTS = (0.3, 0.7)
"""Where the strips lie, of the picture's height: in the sky and on the ground."""
PLAIN = "cartoon"
NATIVE_AIM = 0.8


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


def rate(ground: str, style: str, quality: str) -> cost.Rate:
    """What this look of this ground takes at each level of detail, the mean of strips in the sky and on the ground."""
    first, each = [], []
    for scale, rows in LEVELS:
        painter = Painter(layout(ground, style), quality="medium" if quality == "high" and scale < 1.3 else quality)
        width = min(STRIP_PX, round(1000 * scale))
        tops = [round(1000 * scale * height) // 16 * 16 for height in HEIGHTS]
        first.append(_seconds(painter, tops[0], 64, 16, scale))
        each.append(sum(_seconds(painter, top, width, rows, scale) for top in tops) / (2 * width * rows / 1e6))
    return cost.Rate(tuple(first), tuple(each))  # type: ignore[arg-type]


def by_quality(ground: str, style: str) -> dict[str, cost.Rate]:
    """Medium is reckoned as high, from which it was seen to differ little (paint of it twice as large apart)."""
    low, high = rate(ground, style, "low"), rate(ground, style, "high")
    return {"low": low, "medium": high, "high": high}


def less(one: cost.Rate, other: cost.Rate) -> cost.Rate:
    """What one takes more than the other."""
    pairs = [
        tuple(round(a - b, 4) for a, b in zip(left, right, strict=True))
        for left, right in ((one.first_s, other.first_s), (one.megapixel_s, other.megapixel_s))
    ]
    return cost.Rate(*pairs)  # type: ignore[arg-type]


def measured(quick: bool) -> cost.Rates:
    """Every ground without a look, every look over one ground."""
    reference_s = statistics.median(cost.reference_s() for _ in range(7))
    nothing = cost.Rate((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    grounds: dict[str, dict[str, cost.Rate]] = {}
    for ground in get_args(Backdrop)[: 3 if quick else None]:
        grounds[ground] = {quality: less(one, nothing) for quality, one in by_quality(ground, PLAIN).items()}
        say(f"{ground:14} {_told(grounds[ground])}")
    bare = by_quality(cost.REFERENCE_GROUND, PLAIN)
    looks: dict[str, dict[str, cost.Rate]] = {}
    for style in get_args(Style)[: 3 if quick else None]:
        found = by_quality(cost.REFERENCE_GROUND, style)
        cells = style == "pixel"
        looks[style] = {
            quality: cost.Rate(
                less(one, bare[quality]).first_s, less(one, nothing if cells else bare[quality]).megapixel_s
            )
            for quality, one in found.items()
        }
        say(f"{style:14} {_told(looks[style])}")
    return cost.Rates(_processor(), round(reference_s, 4), grounds, looks)


def _told(one: dict[str, cost.Rate]) -> str:
    return "   ".join(
        f"{quality}: {' '.join(f'{s:6.3f}' for s in rate_.megapixel_s)} s/Mpx" for quality, rate_ in one.items()
    )


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else platform.processor()


def _seconds(painter: Painter, top: int, width: int, height: int, scale: float) -> float:
    started = time.process_time()
    painter.tile(0, top, width, height, scale)
    return time.process_time() - started


def proofs(quick: bool) -> list[dict[str, Any]]:
    """The cut of each style."""
    figures = []
    for style in get_args(Style)[: 2 if quick else None]:
        share, enlarged = native(style)
        say(f"{style:12} cut of 16K over the same painted alone {share:.3f}, enlarged from 1K {enlarged:.3f}")
        figure: dict[str, Any] = {
            "figure": "native", "style": style, "value": round(share, 4), "unit": "of the edge energy",
            "enlarged_from_1k": round(enlarged, 4), "aim": f">= {NATIVE_AIM}", "met": share >= NATIVE_AIM,
        }  # fmt: skip
        if style == PLAIN:
            figure["readme"] = f"draw: edges of a cut of 16K against the same painted alone (enlarged: {enlarged:.2f})"
        figures.append(figure)
    return figures


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few styles and grounds; nothing is written")
    parser.add_argument("--rates", action="store_true", help="measure and write the rates of estimates")
    given = parser.parse_args()
    if given.rates or given.quick:
        found = measured(given.quick)
        if given.rates and not given.quick:
            cost.FILE.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
            say(f"written: {cost.FILE.name}, reference {found.reference_s:.3f} s")
    if not given.rates:
        report("draw_size", proofs(given.quick), given.quick)
    say(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
