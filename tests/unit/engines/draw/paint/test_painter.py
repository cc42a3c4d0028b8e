"""The painter: every ground and look paints; tiles, scales and seeds keep their word; light and colours."""

from typing import Any, get_args

import numpy as np
import pytest

from omniwatt.engines.draw.illustrator.layout import Box, Layout, Line, Placed
from omniwatt.engines.draw.illustrator.objects import Sprites
from omniwatt.engines.draw.illustrator.paint.colours import code, lightness, mix, rgb
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


def peopled(style: str) -> Layout:
    """A place with things in it that touch, shine and hover."""
    scene = Scene(backdrop="lake", style=style, time="golden")  # type: ignore[arg-type]
    placed = (
        Placed(thing=0, sprite="fox", box=Box(380, 560, 190, 260), depth=0.5),
        Placed(thing=1, sprite="cat", box=Box(520, 640, 260, 250), depth=0.7, colour="#202020", flip=True),
        Placed(thing=2, sprite="full-moon", box=Box(600, 90, 120, 120), depth=0.5, ground="air"),
    )
    return Layout(scene=scene, width=1000, height=1000, horizon=520, placed=placed, seed=3)


@pytest.mark.parametrize("quality", ["low", "high"])
@pytest.mark.parametrize("style", STYLES)
def test_things_meet_across_tiles(style: str, quality: str, sprites: Sprites) -> None:
    """As grounds do; masks and blurs of things look over the edges of their tiles."""
    made = peopled(style)
    scale = 0.5
    whole = Painter(made, sprites, quality=quality).tile(150, 250, 300, 200, scale)
    part = Painter(made, sprites, quality=quality).tile(219, 291, 150, 130, scale)
    off = apart(part, whole[41:171, 69:219]).max(-1)
    assert off.mean() < 0.1
    assert np.mean(off > 6) < 0.002


@pytest.mark.parametrize(("style", "most"), [("3d", 2.5), ("papercut", 2.5), ("ink", 2.5), ("neon", 4.0)])
def test_things_are_the_same_at_twice_the_scale(style: str, most: float, sprites: Sprites) -> None:
    """Neon differs most: its tubes are about as thin as a pixel there, and brighter than white in their middle."""
    painter = Painter(peopled(style), sprites, quality="medium")
    one = painter.tile(0, 0, 500, 500, 0.5).astype(float)
    two = painter.tile(0, 0, 1000, 1000, 1.0).astype(float).reshape(500, 2, 500, 2, 4).mean((1, 3))
    assert np.abs(one - two).mean() < most


def test_bokeh_softens_what_is_far_and_not_what_is_near() -> None:
    sharp, soft = (layout(backdrop="street", light=light) for light in ((), ("bokeh",)))
    far, near = Box(300, 380, 400, 200), Box(300, 900, 400, 100)

    def edges(made: Layout, region: Box) -> float:
        seen = Painter(made, quality="low").paint(region, 0.5)[..., :3].astype(float)
        return float((np.diff(seen, axis=1) ** 2).mean())

    assert edges(soft, far) < 0.5 * edges(sharp, far)
    assert edges(soft, near) == pytest.approx(edges(sharp, near), rel=0.02)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("backdrop", "scale", "most", "share"),
    [
        ("lake", 0.2, 0.05, 0.002),
        ("lake", 2.4, 0.03, 0.001),
        ("night_city", 0.2, 0.25, 0.007),
        ("night_city", 2.4, 0.12, 0.0035),
    ],
)
def test_a_tile_is_a_cut_of_the_whole(style: str, backdrop: str, scale: float, most: float, share: float) -> None:
    """Nearly everywhere: Skia clips shapes to a tile first, and a pixel at an edge can come out otherwise.

    The town is the worst there is: thousands of windows and tubes, at 0.2 all narrower than a pixel; `share` is that of
    pixels more than 6 levels off. Seen: 0.20 and 0.6 % for the poster of it, 0.09 and 0.3 % for neon at 2.4.
    """
    painter = Painter(layout(3, backdrop=backdrop, style=style, time="night"), quality="medium")
    side = round(170 * min(scale, 1.0) * 3)
    x, y = round(430 * scale), round(470 * scale)
    whole = painter.tile(x, y, side, side, scale)
    part = Painter(painter.layout, quality="medium").tile(x + 21, y + 13, side - 40, side - 50, scale)
    off = apart(part, whole[13 : side - 37, 21 : side - 19]).max(-1)
    assert off.mean() < most
    assert np.mean(off > 6) < share


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
