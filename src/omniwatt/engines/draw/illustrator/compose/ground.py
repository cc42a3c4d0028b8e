"""What each backdrop offers: where its horizon is, what lies below it, what its colours do to letters."""

from typing import NamedTuple

from omniwatt.engines.draw.illustrator.compose.nature import Nature
from omniwatt.engines.draw.illustrator.layout import Box
from omniwatt.engines.draw.illustrator.paint.colours import lightness, rgb
from omniwatt.engines.draw.illustrator.scene import Scene

_MIDDLE = 0.68
"""Perceived lightness below which letters are light."""


class Ground(NamedTuple):
    """`horizon` is a share of the height; `water` where it begins and ends, as shares of what lies below that."""

    horizon: float
    water: tuple[float, float] = (0.0, 0.0)
    dark: bool = False
    """The upper part is dark at any time of day."""
    kind: str = "land"
    """`land`, `deep` (all of it is water), `space` (nothing to stand on), `page` (things stand where they are put)."""
    share: float = 1.0
    """How much of the usual share of the picture things take: less where the place itself is to be seen."""


_GROUNDS: dict[str, Ground] = {
    "ink_mountains": Ground(0.66, (0.25, 1.0), share=0.55),
    "night_city": Ground(0.66, dark=True, share=0.4),
    "city": Ground(0.64, share=0.4),
    "sea": Ground(0.52, (0.0, 1.0)),
    "underwater": Ground(0.86, dark=True, kind="deep"),
    "forest": Ground(0.62),
    "snow": Ground(0.56),
    "desert": Ground(0.54),
    "starry_sky": Ground(0.76, dark=True),
    "meadow": Ground(0.56),
    "mountains": Ground(0.66, share=0.55),
    "lake": Ground(0.54, (0.0, 0.8), share=0.55),
    "beach": Ground(0.44, (0.0, 0.34)),
    "garden": Ground(0.52),
    "street": Ground(0.58, share=0.55),
    "room": Ground(0.68),
    "space": Ground(1.0, dark=True, kind="space"),
    "gradient": Ground(1.0, kind="page"),
    "festival": Ground(0.74, dark=True),
    "paper": Ground(1.0, kind="page"),
    "plain": Ground(1.0, kind="page"),
}
_VIEWS = {"wide": 0.04, "close": -0.06, "aerial": -0.26, "portrait": -0.02, "auto": 0.0}


def ground_of(scene: Scene) -> Ground:
    """The backdrop's ground, its horizon moved by the view that was asked for."""
    found = _GROUNDS[scene.backdrop]
    if found.kind != "land":
        return found
    share = min(max(found.horizon + _VIEWS[scene.view], 0.2), 0.82)
    return found._replace(horizon=share)


def dark_above(scene: Scene) -> bool:
    """Whether letters in the upper part must be light."""
    ground = ground_of(scene)
    if scene.backdrop == "plain" and scene.palette:
        return lightness(rgb(scene.palette[0])) < _MIDDLE
    if scene.backdrop in ("paper", "plain", "room", "gradient", "ink_mountains"):
        return False
    return ground.dark or scene.time in ("night", "dusk") or "storm" in scene.weather


def zone(nature: Nature, ground: Ground, width: float, height: float, horizon: float) -> Box:
    """Where such a thing's foot (or middle, in the air) may be."""
    below = height - horizon
    if ground.kind in ("page", "space"):
        return Box(0, height * 0.1, width, height * 0.82)
    if ground.kind == "deep":
        top = horizon if nature.home in ("land", "table", "water") else height * 0.1
        return Box(0, top, width, (height * 0.96 - top) if top == horizon else horizon - top)
    if nature.home == "sky":
        return Box(0, height * 0.08, width, max(horizon * 0.86 - height * 0.08, 1.0))
    start, end = ground.water
    if nature.home in ("water", "deep") and end > start:
        return Box(0, horizon + below * max(start, 0.1), width, below * (min(end, 0.88) - max(start, 0.1)))
    dry = horizon + below * (end if 0 < end < 1 else 0.16)
    return Box(0, dry, width, height * 0.95 - dry)
