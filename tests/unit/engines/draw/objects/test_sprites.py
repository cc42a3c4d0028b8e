"""Sprites: found, read whole, in the colour asked for, drawn where their box is."""

import numpy as np
import pytest
import skia

from omniwatt.engines.draw.illustrator.layout import Box, Layout, Placed
from omniwatt.engines.draw.illustrator.objects.draw import draw
from omniwatt.engines.draw.illustrator.objects.own import OWN
from omniwatt.engines.draw.illustrator.objects.recolour import Main, recolour
from omniwatt.engines.draw.illustrator.objects.sprites import Sprites
from omniwatt.engines.draw.illustrator.paint.colours import oklab, rgb
from omniwatt.engines.draw.illustrator.paint.light import light_of
from omniwatt.engines.draw.illustrator.scene import Scene

ORANGE = Main(0.75, 0.06, 0.12, 0.7)


def pixels(image) -> np.ndarray:
    return image.toarray(colorType=skia.kRGBA_8888_ColorType)


def test_recolouring_moves_the_main_colour_and_leaves_the_others():
    body = '<path fill="#e8a050"/><path fill="#2030c0"/><path fill="#101010"/><path fill="#ffffff"/>'
    made = recolour(body, ORANGE, "#2266dd")
    assert 'fill="#101010"' in made
    assert 'fill="#ffffff"' in made
    first = made.split('"')[1]
    assert abs(oklab(rgb(first))[2] - oklab(rgb("#2266dd"))[2]) < 0.06


def test_shading_survives_recolouring():
    light, dark = (recolour(f'<a fill="{one}"/>', ORANGE, "#2266dd").split('"')[1] for one in ("#f4b870", "#b06c20"))
    assert oklab(rgb(light))[0] > oklab(rgb(dark))[0] + 0.1


def test_a_thing_without_a_main_colour_stays_as_it_is():
    assert recolour('<a fill="#e8a050"/>', Main(0.5, 0, 0, 0.0), "#2266dd") == '<a fill="#e8a050"/>'


SET = (
    b'{"prefix":"t","width":32,"height":32,"icons":{"bar":{"body":"<rect x=\\"4\\" y=\\"8\\" width=\\"24\\" '
    b'height=\\"6\\" fill=\\"#e8a050\\"/>"}},"aliases":{"rab":{"parent":"bar","vFlip":true}}}'
)


def test_a_sprite_is_as_large_as_its_ink():
    sprites = Sprites(SET)
    assert sprites.ink("bar") == (4.0, 8.0, 28.0, 14.0)
    assert sprites.sizes["bar"] == 4.0
    assert sprites.ink("rab") == (4.0, 18.0, 28.0, 24.0)
    assert sprites.names() - set(OWN) == {"bar", "rab"}
    with pytest.raises(KeyError):
        sprites.svg("none")


@pytest.mark.parametrize("turn", [False, True])
def test_the_ink_fills_the_box(turn):
    surface = skia.Surface(200, 200)
    placed = Placed(thing=0, sprite="bar", box=Box(40, 60, 100, 50), depth=1.0, flip=turn, ground="air")
    draw(surface.getCanvas(), placed, Sprites(SET))
    rows, columns = np.nonzero(pixels(surface.makeImageSnapshot())[..., 3] > 128)
    assert (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1) == (40, 140, 60, 110)


@pytest.mark.parametrize("ground", ["ground", "water", "air", "surface"])
def test_what_is_cast_lies_below_the_foot(ground):
    layout = Layout(scene=Scene(), width=300, height=300, horizon=100)
    surface = skia.Surface(300, 300)
    placed = Placed(thing=0, sprite="bar", box=Box(100, 100, 100, 60), depth=0.9, ground=ground)
    draw(surface.getCanvas(), placed, Sprites(SET), light_of(layout))
    alpha = pixels(surface.makeImageSnapshot())[..., 3]
    assert (alpha[162:168].max() > 0) == (ground != "air")
    assert alpha[:95].max() == 0


@pytest.mark.model
def test_every_sprite_can_be_read(sprites):
    assert len(sprites.names()) > 3100
    for name in sorted(sprites.names())[::60]:
        left, top, right, bottom = sprites.ink(name)
        assert right - left > 2
        assert bottom - top > 2


@pytest.mark.model
@pytest.mark.parametrize("sprite", ["dog", "cat", "automobile", "elephant", "rose", "butterfly", "umbrella", "balloon"])
@pytest.mark.parametrize("colour", ["#2255dd", "#d02020", "#22aa44", "#111111", "#ffffff", "#d4af37"])
def test_a_coloured_thing_looks_its_colour(sprites, sprite, colour):
    seen = pixels(sprites.image(sprite, colour))
    inked = seen[seen[..., 3] > 200][:, :3] / 255
    target = np.array(oklab(rgb(colour)))
    near = [np.hypot(*(np.array(oklab(tuple(one)))[1:] - target[1:])) < 0.12 for one in inked[::23]]
    tone = [abs(oklab(tuple(one))[0] - target[0]) < 0.35 for one in inked[::23]]
    assert np.mean(np.logical_and(near, tone)) > 0.4


@pytest.mark.model
def test_references_within_a_sprite_are_drawn(sprites):
    """`href` without its old prefix is not known to Skia: the keycap's letters would be missing."""
    seen = pixels(sprites.image("cl-button"))
    white = (seen[..., :3] > 235).all(axis=-1) & (seen[..., 3] > 200)
    assert white.mean() > 0.05


@pytest.mark.parametrize("name", ["fox", "girl", "man", "astronaut", "princess", "unicorn", "robot", "panda"])
def test_who_has_a_head_has_a_body(name: str, sprites: Sprites) -> None:
    """The set's drawing ends at 32 units; what hangs below it is ours, and a colour asked for reaches it."""
    assert sprites.ink(name)[3] > 45
    assert sprites.svg(name, "#2060d0") != sprites.svg(name)


@pytest.mark.parametrize("name", sorted(OWN))
def test_our_own_things_can_be_drawn(name: str, sprites: Sprites) -> None:
    left, top, right, bottom = sprites.ink(name)
    assert right - left > 0.6 * OWN[name].width
    assert bottom - top > 0.6 * OWN[name].height
