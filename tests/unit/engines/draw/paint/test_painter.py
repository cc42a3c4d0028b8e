"""The painter: every ground and look paints; tiles, scales and seeds keep their word; light and colours."""

from typing import Any, get_args

import numpy as np
import pytest

from omniwatt.engines.draw.illustrator.layout import Box, Layout, Line
from omniwatt.engines.draw.illustrator.paint.colours import code, lightness, mix, rgb
from omniwatt.engines.draw.illustrator.paint.cost import RATES, calibrate, cost
from omniwatt.engines.draw.illustrator.paint.light import light_of
from omniwatt.engines.draw.illustrator.paint.region import Painter, Pixels
from omniwatt.engines.draw.illustrator.scene import Backdrop, Scene, Style, Weather

BACKDROPS, STYLES, WEATHERS = get_args(Backdrop), get_args(Style), get_args(Weather)


def layout(seed: int = 1, width: float = 1000, horizon: float = 600, **scene: Any) -> Layout:
    return Layout(scene=Scene(**scene), width=width, height=1000, horizon=horizon, seed=seed)


def small(made: Layout, quality: str = "low", side: int = 96) -> Pixels:
    scale = side / 1000
    return Painter(made, quality=quality).paint(Box(0, 0, made.width, made.height), scale)


def apart(one: Pixels, other: Pixels) -> Any:
    return np.abs(one.astype(int) - other.astype(int))


@pytest.mark.parametrize("backdrop", BACKDROPS)
def test_every_ground_paints_is_opaque_and_repeats(backdrop: str) -> None:
    made = layout(backdrop=backdrop, style="cartoon")
    one = small(made)
    assert one.shape == (96, 96, 4)
    assert one[..., 3].min() == 255
    assert apart(one, small(made)).max() == 0
    if backdrop != "plain":
        assert one[..., :3].std() > 3
        assert apart(one, small(layout(2, backdrop=backdrop, style="cartoon"))).mean() > 0.5


@pytest.mark.parametrize("style", STYLES)
def test_every_look_is_its_own(style: str) -> None:
    looks = {each: small(layout(backdrop="lake", style=each)) for each in {style, "cartoon", "ink"}}
    for other, picture in looks.items():
        if other != style:
            assert apart(picture, looks[style]).mean() > 0.4


@pytest.mark.parametrize("weather", WEATHERS)
@pytest.mark.parametrize("time", ["day", "night"])
def test_weather_changes_the_picture(weather: str, time: str) -> None:
    plain = small(layout(backdrop="meadow", time=time))
    changed = small(layout(backdrop="meadow", time=time, weather=(weather,)))
    assert apart(plain, changed).mean() > (0.0 if weather in ("clear", "aurora") else 0.1) or weather == "clear"


@pytest.mark.parametrize("time", ["dawn", "golden", "dusk", "night"])
def test_the_hour_changes_the_picture(time: str) -> None:
    assert apart(small(layout(backdrop="sea")), small(layout(backdrop="sea", time=time))).mean() > 4


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("scale", [0.2, 2.4])
def test_a_tile_is_a_cut_of_the_whole(style: str, scale: float) -> None:
    """Nearly everywhere: Skia clips shapes to a tile first, and a pixel at an edge can come out otherwise."""
    painter = Painter(layout(3, backdrop="night_city", style=style, time="night"), quality="medium")
    side = round(170 * min(scale, 1.0) * 3)
    x, y = round(430 * scale), round(470 * scale)
    whole = painter.tile(x, y, side, side, scale)
    part = Painter(painter.layout, quality="medium").tile(x + 21, y + 13, side - 40, side - 50, scale)
    off = apart(part, whole[13 : side - 37, 21 : side - 19]).max(-1)
    assert off.mean() < 0.15
    assert np.mean(off > 6) < 0.004


@pytest.mark.parametrize("style", ["cartoon", "3d", "oil", "watercolour", "ink", "pixel"])
def test_twice_the_scale_is_the_same_picture(style: str) -> None:
    painter = Painter(layout(3, backdrop="lake", style=style), quality="medium")
    one = painter.tile(0, 0, 240, 240, 0.24).astype(float)
    four = painter.tile(0, 0, 960, 960, 0.96).astype(float).reshape(240, 4, 240, 4, 4).mean((1, 3))
    assert np.abs(one - four).mean() < 3.5


def test_quality_adds_and_does_not_move() -> None:
    low, high = (small(layout(backdrop="mountains", style="cartoon"), quality, 160) for quality in ("low", "high"))
    assert 0 < apart(low, high).mean() < 6


def test_a_wide_and_a_tall_picture_paint() -> None:
    assert small(layout(width=3000, backdrop="city", style="flat")).shape == (96, 288, 4)
    tall = Layout(scene=Scene(backdrop="festival"), width=1000, height=3000, horizon=3000, seed=1)
    assert small(tall).shape == (288, 96, 4)


@pytest.mark.parametrize("style", ["cartoon", "watercolour", "pixel", "neon"])
def test_a_see_through_ground_stays_so(style: str) -> None:
    assert small(layout(backdrop="meadow", style=style, transparent=True))[..., 3].max() == 0


def test_the_palette_asked_for_is_seen() -> None:
    red = small(layout(backdrop="gradient", style="cartoon", palette=("#d01010",))).reshape(-1, 4).mean(0)
    blue = small(layout(backdrop="gradient", style="cartoon", palette=("#1020d0",))).reshape(-1, 4).mean(0)
    assert red[0] > blue[0] + 60
    assert blue[2] > red[2] + 60


def test_no_banding_in_a_sky() -> None:
    """Neighbouring rows of a clear sky never jump by more than two levels: no band is wider than its dither."""
    painter = Painter(layout(backdrop="starry_sky", style="cartoon", time="night"), quality="low")
    strip = painter.tile(0, 0, 64, 900, 2.0)[..., 2].astype(float).mean(1)
    smooth = np.convolve(strip, np.ones(15) / 15, "valid")
    assert np.abs(np.diff(smooth)).max() < 1.5


def test_light_is_a_value_of_the_scene() -> None:
    noon, night = light_of(layout(backdrop="sea")), light_of(layout(backdrop="sea", time="night"))
    assert not noon.dark
    assert night.dark
    assert lightness(rgb(night.ambient)) < lightness(rgb(noon.ambient))
    assert light_of(layout(backdrop="sea")) == noon
    assert noon.haze_at(0.0) > noon.haze_at(0.5) > noon.haze_at(1.0) == 0.0
    assert noon.side(noon.x - 400) > 0 > noon.side(noon.x + 400)
    assert noon.shadow_slant(noon.x + 400) > 0
    fog = light_of(layout(backdrop="sea", weather=("fog",)))
    assert fog.haze_far > noon.haze_far
    assert fog.strength < noon.strength
    assert light_of(layout(backdrop="meadow", style="ink")).ink


def test_colours_mix_as_seen() -> None:
    assert code(mix(rgb("#000000"), rgb("#ffffff"), 0.0)) == "#000000"
    assert code(mix(rgb("#123456"), rgb("#fedcba"), 1.0)) == "#fedcba"
    assert 0.45 < lightness(mix(rgb("#000000"), rgb("#ffffff"), 0.5)) < 0.55
    assert rgb("#abc") == rgb("#aabbcc") == rgb("#aabbcc80")


def test_without_faces_lines_are_left_out() -> None:
    line = Line("words", Box(100, 100, 400, 60), "face", 60.0)
    bare = layout(backdrop="paper")
    lettered = Layout(bare.scene, 1000, 1000, 600, lines=(line,), seed=1)
    assert apart(small(bare), small(lettered)).max() == 0


def test_what_it_costs_grows_with_pixels_and_falls_with_helpers() -> None:
    small_one, large = (cost("cartoon", "low", (side, side)) for side in (1024, 4096))
    shared = cost("cartoon", "low", (4096, 4096), helpers=2)
    assert small_one is not None
    assert large is not None
    assert shared is not None
    assert small_one.seconds < shared.seconds < large.seconds
    assert small_one.memory_bytes < large.memory_bytes < shared.memory_bytes < 1_500_000_000
    high = cost("cartoon", "high", (1024, 1024), slower=2.0)
    assert high is not None
    assert high.seconds > 2 * small_one.seconds
    assert cost("unheard of", "low", (1024, 1024)) is None
    assert set(STYLES) == set(RATES)


def test_the_calibration_is_a_factor() -> None:
    assert 0.05 < calibrate() < 50
