"""What a picture takes, known before: rates by style, ground and size, what is learnt, and what does not fit."""

from itertools import pairwise
from typing import get_args

import pytest

from omniwatt.contract.error import BadInput
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.illustrator import estimate, tiles
from omniwatt.engines.draw.illustrator.estimate import Asked, Pace
from omniwatt.engines.draw.illustrator.paint import cost
from omniwatt.engines.draw.illustrator.scene import Backdrop, Scene, Style

GB = 1_000_000_000
SIDES = (512, 1024, 2048, 4096, 8192, 16384)


def asked(style: str = "cartoon", side: int = 1024, quality: str = "low", media_type: str = "image/png") -> Asked:
    return Asked(style, "lake", quality, (side, side), media_type)


def test_every_style_on_every_ground_was_measured() -> None:
    assert set(cost.rates().looks) == set(get_args(Style))
    assert set(cost.rates().grounds) == set(get_args(Backdrop))
    for style in get_args(Style):
        for ground in get_args(Backdrop):
            assert estimate.bare_seconds(Asked(style, ground, "high", (1024, 1024))), (style, ground)


@pytest.mark.parametrize("quality", cost.QUALITIES)
def test_larger_pictures_take_longer(quality: str) -> None:
    times = [estimate.bare_seconds(asked(side=side, quality=quality)) or 0.0 for side in SIDES if side != 2048]
    assert all(a < b for a, b in pairwise(times)), times


def test_high_quality_is_dearer_where_it_is_painted_twice_as_large() -> None:
    low, high = (cost.cost("cartoon", "lake", quality, (1024, 1024)) for quality in ("low", "high"))
    assert low is not None
    assert high is not None
    assert high.shared_s > 3 * low.shared_s
    assert cost.painted("cartoon", "high", (2048, 2048)) == cost.painted("cartoon", "low", (2048, 2048))
    assert cost.painted("pixel", "high", (1024, 1024)) == cost.painted("pixel", "low", (1024, 1024))


def test_helpers_that_must_be_started_first_take_their_time() -> None:
    for side, more in ((1024, 0.0), (8192, estimate.START_S)):
        warm, cold = (Asked("flat", "lake", "low", (side, side), resting=resting) for resting in (2, 0))
        assert (estimate.bare_seconds(cold) or 0.0) - (estimate.bare_seconds(warm) or 0.0) == pytest.approx(more)


def test_what_was_not_measured_has_no_estimate() -> None:
    assert estimate.seconds(asked("crayon"), Pace()) is None
    assert estimate.faster(asked("crayon"), Pace()) == {}
    Pace().learn(asked("crayon"), 1.0)


def test_a_machine_half_as_fast_takes_twice_as_long() -> None:
    one, two = (estimate.seconds(asked(), Pace(slower)) or 0.0 for slower in (1.0, 2.0))
    assert two == pytest.approx(2 * one)


def test_the_pace_is_learnt_from_what_pictures_took() -> None:
    pace = Pace()
    plain = estimate.seconds(asked("ink"), pace) or 0.0
    pace.learn(asked("ink"), 3 * plain)
    assert estimate.seconds(asked("ink"), pace) == pytest.approx(3 * plain, rel=0.2), "the first one is believed"
    other = pace.factor(asked("oil"))
    assert 1.0 < other < 2.0, "one slow style says a little of the others"
    assert pace.factor(asked("oil", 8192)) == 1.0, "and nothing of what several processes do"
    for _ in range(20):
        pace.learn(asked("ink"), plain)
    assert estimate.seconds(asked("ink"), pace) == pytest.approx(plain, rel=0.05)
    assert pace.factor(asked("oil")) < other
    pace.learn(asked("ink"), 0.0)


def test_a_slow_hour_makes_no_style_look_simpler_than_it_is() -> None:
    pace = Pace()
    before = estimate.faster(asked("pencil"), pace)
    assert before["style"] in estimate.SIMPLE
    for _ in range(5):
        pace.learn(asked("pencil"), 3 * (estimate.bare_seconds(asked("pencil")) or 0.0))
        pace.learn(asked("ink"), 3 * (estimate.bare_seconds(asked("ink")) or 0.0))
    after = estimate.faster(asked("pencil"), pace)
    assert after["times"] == pytest.approx(before["times"], abs=0.1)
    assert after["seconds"] > 2 * before["seconds"]


def test_a_simpler_style_is_named_only_when_it_is_much_faster() -> None:
    pace = Pace()
    for _ in range(9):
        for style, slower in (("cartoon", 1.5), ("flat", 1.0), ("oil", 4.0), ("ink", 1.0)):
            pace.learn(asked(style), slower * (estimate.bare_seconds(asked(style)) or 0.0))
    found = estimate.faster(asked("oil"), pace)
    assert found["style"] == "flat"
    assert found["times"] >= estimate.FASTER
    assert found["times"] == pytest.approx(
        (estimate.seconds(asked("oil"), pace) or 0.0) / (estimate.seconds(asked("flat"), pace) or 1.0), rel=0.05
    )
    assert estimate.faster(asked("flat"), pace) == {}


def test_lines_of_an_estimate() -> None:
    lines = estimate.estimates(asked(), 2, Pace())
    assert len(lines) == len(get_args(Style)) * len(cost.QUALITIES)
    assert all(line["seconds"] > 0 and line["bytes"] > 0 and line["memory_bytes"] > 0 for line in lines)
    assert not any("energy_joules" in line for line in lines), "nobody knows the watts"
    takes = estimate.Takes(idle_w=10.0, core_w=20.0)
    for line, known in zip(lines, estimate.estimates(asked(), 2, Pace(), takes), strict=True):
        watts = 10 + 20 * tiles.hands_for(line["style"], line["quality"], asked().size)
        assert known["energy_joules"] == pytest.approx(watts * line["seconds"], abs=0.1)
        assert known["energy_method"] == "estimated"


def test_memory_is_bounded_in_forms_that_are_written_as_they_come() -> None:
    for form in ("image/png", "image/jpeg", "image/tiff", "application/pdf"):
        for style in get_args(Style):
            assert estimate.memory_bytes(asked(style, 16384, "high", form)) < 1.5 * GB, (style, form)
    assert estimate.memory_bytes(asked(side=16368, media_type="image/webp")) > 9 * GB


def test_what_does_not_fit_is_refused_with_the_largest_that_does() -> None:
    one = Asked("cartoon", "lake", "low", (8192, 4096), "image/webp")
    limit = 1 * GB
    with pytest.raises(BadInput, match=r"8192x4096 needs \d\.\d GB of memory.* 1\.0 GB here") as caught:
        estimate.check(one, limit)
    assert (caught.value.param, caught.value.code) == ("size", "image_too_large")
    width, height = map(int, caught.value.details["largest"].split("x"))
    assert (width % 16, height % 16, width) == (0, 0, 2 * height)
    fitting = Asked("cartoon", "lake", "low", (width, height), "image/webp")
    assert estimate.check(fitting, limit) == estimate.memory_bytes(fitting) <= limit
    larger = Asked("cartoon", "lake", "low", (width + 32, height + 16), "image/webp")
    assert estimate.memory_bytes(larger) > limit
    with pytest.raises(BadInput, match="none of this shape fits"):
        estimate.check(one, 1000)


def test_pictures_that_are_brought_are_held_whole() -> None:
    body = DrawBody("x", task="edit", width_px=4096, height_px=4096)
    assert estimate.check_given(body, 1000, 10 * GB) > 4096 * 4096 * 4
    with pytest.raises(BadInput, match=r"16777216 pixels needs 906 MB.* at most ") as caught:
        estimate.check_given(body, 1000, GB // 2)
    assert caught.value.param == "size"
    with pytest.raises(BadInput) as caught:
        estimate.check_given(DrawBody("x", task="edit"), 10**8, GB // 2)
    assert caught.value.param == "image"


def test_what_is_asked_of_a_scene() -> None:
    scene = Scene(style="ink", backdrop="lake")
    one = estimate.asked(scene, "high", (64, 48), DrawBody("x", media_type="image/webp", compression=80))
    assert (one.style, one.ground, one.quality, one.lossless, one.lines) == ("ink", "lake", "high", False, 0)


@pytest.mark.parametrize("quality", ["low", "high"])
@pytest.mark.parametrize("size", [(16, 16), (1024, 1024), (1504, 1600), (4096, 4096), (16384, 16384), (32768, 10928)])
def test_tiles_cover_the_picture(size: tuple[int, int], quality: str) -> None:
    rows = tiles.grid("watercolour", quality, size)
    factor = 2 if quality == "high" and min(size) < 1300 else 1
    y = 0
    for row in rows:
        x = 0
        for tile in row:
            assert (tile.x, tile.y, tile.height) == (x, y, row[0].height)
            assert tile.x % 16 == tile.y % 16 == 0
            assert tile.width * tile.height * factor**2 <= tiles.LARGE_PIXELS
            x += tile.width
        assert x == size[0]
        assert size[0] * row[0].height <= tiles.BAND_PIXELS
        y += row[0].height
    assert y == size[1]
