"""Edits and variations with the illustrator's own words, sprites and faces."""

import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from omniwatt.contract.error import BadInput
from omniwatt.engines.draw.illustrator import editing
from omniwatt.engines.draw.illustrator.editing.opening import given as open_given
from omniwatt.engines.draw.illustrator.studio import Studio
from tests.unit.engines.draw.editing.conftest import body, hole, painted, photograph, product

pytestmark = pytest.mark.model
BOX = (150, 90, 210, 140)


def work_of(studio: Studio, prompt: str, *images: Image.Image, seed: int = 1, **fields: Any) -> editing.Work:
    asked = body(prompt, *images, **fields)
    found = open_given(asked, "")
    assert found is not None
    make = editing.varied if asked.task == "vary" else editing.edited
    return make(studio, asked, found, seed)


def array(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize(
    ("prompt", "changes", "says"),
    [
        ("add a red balloon", ["thing:balloon"], "a red balloon"),
        ("make it watercolour", ["style:watercolour"], "watercolour"),
        ("make it black and white and mirror it", ["turn:mirror", "tone:grey"], "black and white"),
        ("add snow", ["weather:snow"], "snow"),
        ("make it night and add a full moon", ["tone:night", "thing:full-moon"], "moon"),
        ("add the title “Summer”", ["text:title"], "“Summer”"),
        ("改成水彩画，加上标题“夏日”", ["text:title", "style:watercolour"], "水彩"),
        ("put a hat on the dog", ["thing:top-hat"], "dog"),
    ],
)
def test_what_was_done_is_told(studio: Studio, prompt: str, changes: list[str], says: str) -> None:
    image = photograph()
    work = work_of(studio, prompt, image)
    assert work.details["changes"] == changes
    assert says in work.described
    made = painted(work)
    assert made.size == image.size
    assert not np.array_equal(array(made), array(image))


def test_only_what_is_added_changes_pixels(studio: Studio) -> None:
    image = photograph(480, 320)
    made = painted(work_of(studio, "add a red balloon", image))
    same = (array(made) == array(image)).all(-1)
    assert 0.8 < same.mean() < 1


def test_a_mask_holds_everything_in(studio: Studio) -> None:
    image = photograph()
    for prompt in ("a cat", "make it watercolour", "make it darker", "remove the stone"):
        made = painted(work_of(studio, prompt, image, mask=hole(image.size, BOX)))
        changed = (array(made) != array(image)).any(-1)
        assert changed[95:135, 155:205].any(), prompt
        changed[84:146, 144:216] = False
        assert not changed.any(), prompt


def test_bands_meet(studio: Studio) -> None:
    image = photograph()
    for prompt, fields in (("make it watercolour", {}), ("add a cat", {"width_px": 480, "height_px": 320})):
        work = work_of(studio, prompt, image, **fields)
        apart = np.abs(array(painted(work)).astype(int) - array(painted(work, 48)).astype(int))
        # Skia rounds blurred edges by where a surface begins; no seam is to be seen.
        assert (apart.max(-1) > 3).mean() < 0.002, prompt


def test_a_size_of_another_shape_keeps_the_middle_and_says_when_it_is_enlarged(studio: Studio) -> None:
    small = work_of(studio, "make it warmer", photograph(), width_px=96, height_px=96)
    assert (small.size, small.details["enlarged"]) == ((96, 96), False)
    large = work_of(studio, "make it warmer", photograph(), width_px=960, height_px=640)
    assert (painted(large).size, large.details["enlarged"]) == ((960, 640), True)


def test_backgrounds(studio: Studio) -> None:
    cut = work_of(studio, "remove the background", product())
    assert cut.see_through
    assert painted(cut).getpixel((2, 2))[3] == 0  # type: ignore[index]
    placed = painted(work_of(studio, "replace the background by a forest", product()))
    assert placed.getpixel((60, 60))[:3] == (192, 24, 24)  # type: ignore[index]
    assert placed.getpixel((2, 2)) != (255, 255, 255, 255)
    behind = painted(work_of(studio, "use the second image as background", product(), photograph()))
    assert behind.getpixel((60, 60))[:3] == (192, 24, 24)  # type: ignore[index]
    assert behind.getpixel((3, 110))[:3] != (255, 255, 255)  # type: ignore[index]


def test_further_pictures_are_placed_or_stand_beside(studio: Studio) -> None:
    work = work_of(studio, "put the second picture on the left", photograph(), product())
    made = array(painted(work)).astype(int)
    red = (made[..., 0] > 150) & (made[..., 1] < 60)
    assert red[:, :120].sum() > 100 > red[:, 120:].sum()
    row = work_of(studio, "side by side", photograph(), photograph(160, 160), product())
    assert row.details["changes"] == ["collage:row"]
    assert row.size[0] > 2 * row.size[1]


@pytest.mark.parametrize(
    ("prompt", "images", "param", "says"),
    [
        ("remove the dog", 1, "mask", "mask"),
        ("replace the background by a beach", 1, "mask", "border"),
        ("make it more meaningful", 1, "prompt", "Nothing in this prompt"),
        ("crop to the face", 1, "prompt", "size"),
        ("make a collage", 1, "image", "more than one"),
    ],
)
def test_what_cannot_be_done_is_refused(studio: Studio, prompt: str, images: int, param: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        work_of(studio, prompt, *[photograph()] * images)
    assert caught.value.param == param


def test_variations_differ_and_are_the_same_for_the_same_seed(studio: Studio) -> None:
    made = [painted(work_of(studio, "", photograph(), task="vary", seed=seed)).tobytes() for seed in range(6)]
    assert len(set(made)) == 6
    assert made[3] == painted(work_of(studio, "", photograph(), task="vary", seed=3)).tobytes()
    styled = work_of(studio, "", photograph(), task="vary", seed=1, style="ink")
    assert styled.details["style"] == "ink"


OWN = {"prompt": "a cat on a meadow with the title “Katze”", "seed": "5", "style": "cartoon", "quality": "low"}


def redrawn(studio: Studio, prompt: str, said: dict[str, str], **fields: Any) -> editing.Redrawn | None:
    image = Image.new("RGBA", (96, 64))
    task = fields.pop("task", "edit")
    found = editing.Given(image, fields.pop("others", ()), fields.pop("mask", None), said)
    return editing.redrawn(studio, body(prompt, image, task=task, **fields), found)


def test_our_own_are_drawn_anew_edit_after_edit(studio: Studio) -> None:
    said = dict(OWN)
    for prompt in ("make it night with snow", "add two red balloons", "remove the cat and add a dog", "make it oil",
                   "change the title to “Hund”"):  # fmt: skip
        found = redrawn(studio, prompt, said)
        assert found is not None
        assert (found.seed, found.body.width_px, found.body.quality) == (5, 96, "low")
        said["edits"] = json.dumps(found.edits)
    scene = found.scene
    assert [(thing.sprite, thing.count) for thing in scene.things] == [("balloon", 2), ("dog", 1)]
    assert (scene.time, scene.weather, scene.style) == ("night", ("snow",), "oil")
    assert [text.text for text in scene.texts] == ["Hund"]
    again = redrawn(studio, "", said, task="vary")
    assert again is not None
    assert (again.scene.things, again.seed) == (scene.things, None)


def test_a_thing_that_is_there_is_meant_again(studio: Studio) -> None:
    said = {"prompt": "a dog and a cat", "seed": "1"}
    for prompt, things in (
        ("make the cat red", [("dog", 1, ""), ("cat", 1, "#d8312b")]),
        ("add two cats", [("dog", 1, ""), ("cat", 3, "")]),
        ("put a hat on the dog", [("dog", 1, ""), ("cat", 1, ""), ("top-hat", 1, "")]),
    ):
        found = redrawn(studio, prompt, said)
        assert found is not None
        assert [(one.sprite, one.count, one.colour) for one in found.scene.things] == things


def test_when_pixels_are_changed_instead(studio: Studio) -> None:
    mask = Image.new("L", (96, 64), 255)
    assert redrawn(studio, "add a dog", OWN, mask=mask) is None
    assert redrawn(studio, "add a dog", OWN, others=(mask,)) is None
    assert redrawn(studio, "add a dog", OWN, input_fidelity="high") is None
    assert redrawn(studio, "make it warmer", OWN) is None
    assert redrawn(studio, "more meaning", OWN) is None
    assert redrawn(studio, "add a dog", {"edit": "add a cat", "seed": "5"}) is None
    broken = redrawn(studio, "add a dog", OWN | {"edits": "no json", "seed": "x" * 40})
    assert broken is not None
    assert (broken.seed, broken.edits) == (None, ("add a dog",))
