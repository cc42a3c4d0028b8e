"""Small pictures looked at once and kept: what is painted today must still look like them.

`python -m tests.unit.engines.draw.paint.test_golden` writes them anew; look at them before they are committed.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from omniwatt import settings
from omniwatt.engines.draw.illustrator.layout import Box, Layout, Placed
from omniwatt.engines.draw.illustrator.objects import Sprites
from omniwatt.engines.draw.illustrator.paint.region import Painter
from omniwatt.engines.draw.illustrator.scene import Scene

FOLDER = Path(__file__).parent / "golden"
SIDE = 192
MOST_MEAN, MOST_BLOCK = 2.0, 7.0
"""Levels of 255: on average, and in the worst block of 16x16 pixels. On the build that wrote them the lossy
file takes up to 1.5 and 4.4; other builds round and smooth edges a little otherwise."""
SCENES: dict[str, dict[str, Any]] = {
    "ink-mountains": {"backdrop": "ink_mountains", "style": "ink"},
    "night-city": {"backdrop": "night_city", "style": "cartoon", "time": "night"},
    "sea-golden": {"backdrop": "sea", "style": "oil", "time": "golden"},
    "forest-rain": {"backdrop": "forest", "style": "watercolour", "weather": ("rain",)},
    "snow-papercut": {"backdrop": "snow", "style": "papercut", "time": "dawn"},
    "meadow-storm": {"backdrop": "meadow", "style": "3d", "weather": ("storm",)},
    "aurora": {"backdrop": "starry_sky", "style": "cartoon", "time": "night", "weather": ("aurora",)},
    "festival-flat": {"backdrop": "festival", "style": "flat"},
    "street-pencil": {"backdrop": "street", "style": "pencil"},
    "underwater-pixel": {"backdrop": "underwater", "style": "pixel"},
    "city-poster": {"backdrop": "city", "style": "poster", "time": "dusk"},
    "desert-neon": {"backdrop": "desert", "style": "neon", "time": "dusk"},
}
LOOKS = ("cartoon", "3d", "papercut", "ink", "oil", "pencil", "pixel", "neon")
PEOPLED = {f"things-{style}": style for style in LOOKS}
"""A girl, a fox, an elephant and a lantern by a lake in each of these looks."""
THINGS = (
    Placed(thing=0, sprite="elephant", box=Box(90, 480, 330, 270), depth=0.4, flip=True),
    Placed(thing=1, sprite="girl", box=Box(430, 520, 170, 330), depth=0.6),
    Placed(thing=2, sprite="fox", box=Box(640, 620, 220, 270), depth=0.7, tint=-0.5),
    Placed(thing=3, sprite="red-paper-lantern", box=Box(780, 130, 110, 150), depth=0.5, ground="air"),
)


def painted(name: str, sprites: Sprites) -> Any:
    parts = SCENES.get(name) or {"backdrop": "lake", "style": PEOPLED[name], "time": "golden"}
    placed = THINGS if name in PEOPLED else ()
    layout = Layout(scene=Scene(**parts), width=1000, height=1000, horizon=600, placed=placed, seed=7)
    return Painter(layout, sprites, quality="medium").paint(Box(0, 0, 1000, 1000), SIDE / 1000)[..., :3]


@pytest.mark.parametrize("name", [*SCENES, *PEOPLED])
def test_it_still_looks_like_this(name: str, sprites: Sprites) -> None:
    kept = np.asarray(Image.open(FOLDER / f"{name}.webp").convert("RGB"))
    off = np.abs(seen(kept) - seen(painted(name, sprites))).mean(-1)
    assert off.mean() < MOST_MEAN
    assert off.reshape(SIDE // 16, 4, SIDE // 16, 4).mean((1, 3)).max() < MOST_BLOCK


def seen(pixels: Any) -> Any:
    """As from further away: the means of 4x4 pixels, which grain and lossy packing leave alone."""
    return pixels.reshape(SIDE // 4, 4, SIDE // 4, 4, 3).astype(float).mean((1, 3))


def write() -> None:
    """Keep what is painted now."""
    FOLDER.mkdir(exist_ok=True)
    sprites = Sprites.load(settings.load(None, {}).home / "models" / "illustrator" / "icons.json")
    for name in (*SCENES, *PEOPLED):
        Image.fromarray(painted(name, sprites)).save(FOLDER / f"{name}.webp", quality=92, method=6)


if __name__ == "__main__":
    write()
