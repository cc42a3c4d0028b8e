"""Variations of pictures that do not say how they were drawn: framed, mirrored, toned and painted otherwise."""

from typing import Any, Literal

from PIL import Image

from omniwatt.contract.error import UnsupportedField
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.enlarge import shaped
from omniwatt.engines.draw.illustrator.editing import pixels, say
from omniwatt.engines.draw.illustrator.editing.opening import Given
from omniwatt.engines.draw.illustrator.editing.say import Done
from omniwatt.engines.draw.illustrator.editing.work import Work
from omniwatt.engines.draw.illustrator.paint.chance import chance
from omniwatt.engines.draw.illustrator.scene import Scene
from omniwatt.engines.draw.illustrator.studio import MOODS, Studio

MANNERS: tuple[Literal["watercolour", "oil", "pencil", "poster", "flat", "papercut"], ...] = (
    "watercolour", "oil", "pencil", "poster", "flat", "papercut",
)  # fmt: skip
TONES = ("warmer", "cooler", "vivid", "pale", "contrast")


def varied(studio: Studio, body: DrawBody, found: Given, seed: int) -> Work:
    """A variation; the seed chooses: every second one is painted in another manner, all are framed anew."""
    roll = chance(seed, "vary")
    image = found.image
    size = (body.width_px, body.height_px) if body.width_px else image.size
    done = Done()
    manner: Any = body.style if body.style and body.style not in MOODS else ""
    if not manner and seed % 2 == 0:
        manner = MANNERS[seed // 2 % len(MANNERS)]
    share = roll.uniform(0.8, 0.95)
    whole = shaped(image, size)
    image = _framed(whole, share, roll.random(), roll.random())
    changes = ["crop"]
    if roll.random() < 0.5:
        image = pixels.turned(image, ("mirror",))
        changes.append("mirror")
    if not manner:
        tone = TONES[seed // 2 % len(TONES)]
        image = pixels.toned(image, (tone,))
        changes.append(tone)
    if manner in pixels.SOLID:
        raise UnsupportedField(f"Pixels tell of no solids: a given picture cannot be made {manner}.", param="style")
    image = pixels.shaped_for(image, manner)
    done.varied, done.style = tuple(changes), manner
    scene = Scene(style=manner, transparent=True) if manner else None
    work = Work(studio, size, image, seed, scene, styled=bool(manner))
    work.described = say.told(done, scene or Scene(), "en")
    # Framing takes away less than a fifth: what is larger than that was enlarged.
    enlarged = size[0] * size[1] > 1.05 * whole.width * whole.height
    work.details = {"style": manner or "as given", "task": "vary", "changes": done.names(), "enlarged": enlarged}
    return work


def _framed(image: Image.Image, share: float, across: float, down: float) -> Image.Image:
    """A part of the picture of its own shape."""
    width, height = max(1, round(image.width * share)), max(1, round(image.height * share))
    left, top = round((image.width - width) * across), round((image.height - height) * down)
    return image.crop((left, top, left + width, top + height))
