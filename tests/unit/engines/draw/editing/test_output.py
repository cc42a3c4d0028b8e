"""What a file says of itself, however long the prompt was."""

import io

import numpy as np
import pytest
from PIL import Image

from omniwatt.contract.event import Picture
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.illustrator.editing import provenance_of
from omniwatt.engines.draw.illustrator.output import sheet


def written(media_type: str, prompt: str) -> Image.Image:
    said = {"prompt": prompt, "prompt_sha256": "ab" * 32, "seed": "5", "model": "illustrator"}
    made = sheet(DrawBody(prompt, media_type=media_type), Picture(16, 16, media_type), said)
    data = made.rows(np.full((16, 16, 4), 200, np.uint8)) + made.end()
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "tiff"])
@pytest.mark.parametrize("prompt", ['a "cat" & <dog>\n「猫」', "山" * 32_000, "&" * 32_000])
def test_every_form_holds_what_it_can(form: str, prompt: str) -> None:
    found = provenance_of(written(f"image/{form}", prompt))
    assert (found["prompt_sha256"], found["seed"], found["model"]) == ("ab" * 32, "5", "illustrator")
    if form == "png" or len(prompt) < 100:
        assert found["prompt"] == prompt
    if form == "jpeg" and len(prompt) > 100:
        assert "prompt" not in found
