"""Pictures to change, and what changes them."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from omniwatt.contract.request import DrawBody, MediaPart
from omniwatt.engines.draw.illustrator import editing
from omniwatt.engines.draw.illustrator.scene import Scene
from omniwatt.engines.draw.illustrator.studio import Studio


def part(image: Image.Image, form: str = "PNG") -> MediaPart:
    out = io.BytesIO()
    image.save(out, form)
    return MediaPart("image", data=out.getvalue(), media_type=f"image/{form.lower()}")


def photograph(width: int = 240, height: int = 160) -> Image.Image:
    """Sky over ground, both uneven: nobody's drawing."""
    noise = Image.fromarray(np.random.default_rng(7).normal(128, 26, (height, width)).clip(0, 255).astype(np.uint8))
    sky, ground = Image.new("RGB", (width, height), "#6fa8dc"), Image.new("RGB", (width, height), "#5b8c3a")
    ground.paste(sky.crop((0, 0, width, height // 2)))
    return Image.blend(ground, Image.merge("RGB", [noise] * 3), 0.18)


def hole(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    """A mask that lets the box change."""
    mask = Image.new("RGBA", size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), box)
    return mask


def product(size: int = 120) -> Image.Image:
    """A red disc on white."""
    image = Image.new("RGB", (size, size), "white")
    ImageDraw.Draw(image).ellipse((size // 4, size // 4, 3 * size // 4, 3 * size // 4), fill="#c01818")
    return image


@pytest.fixture(scope="session")
def studio(artifacts: dict[str, str]) -> Studio:
    return Studio.load(artifacts)


def body(prompt: str, *images: Image.Image, mask: Image.Image | None = None, **fields: Any) -> DrawBody:
    task = fields.pop("task", "edit")
    parts = tuple(part(image) for image in images)
    return DrawBody(prompt, task=task, images=parts, mask=part(mask) if mask else None, **fields)


def painted(work: editing.Work, rows: int = 0) -> Image.Image:
    """The whole of a work, in bands of so many rows."""
    layout = work.layout(work.scene or Scene(transparent=True), work.region[2:], work.seed, {})
    whole = work.whole(layout, "low")
    width, height = work.size
    made = Image.new("RGBA", work.size)
    for top in range(0, height, rows or height):
        made.paste(Image.fromarray(whole.tile(0, top, width, min(rows or height, height - top))), (0, top))
    return made
