"""The memory a request needs, known before its first byte: by its size, or by the pictures it brings."""

import io

from PIL import Image

from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.illustrator import estimate
from omniwatt.engines.draw.illustrator.studio import Studio, quality_of, size_of
from omniwatt.engines.source import part_bytes

OPENED_BYTES = 50 * 1024 * 1024


def needed_bytes(body: DrawBody, studio: Studio, blobs_dir: str, limit_bytes: int) -> int:
    """What one picture of it takes at most; several come one after the other. Raises BadInput above the limit."""
    if body.task == "generate":
        scene = studio.scene(body)
        size = size_of(body, scene)
        return estimate.check(estimate.asked(scene, quality_of(body, size), size, body), limit_bytes)
    return estimate.check_given(body, given_pixels(body, blobs_dir), limit_bytes)


def given_pixels(body: DrawBody, blobs_dir: str) -> int:
    """Pixels of the largest picture that was given, by its header; 0 where none can be read."""
    most = 0
    for part in body.images:
        try:
            with Image.open(io.BytesIO(part_bytes(part, blobs_dir, OPENED_BYTES))) as image:
                most = max(most, image.width * image.height)
        except Exception:  # noqa: BLE001, S112 - what cannot be read is refused, with its reason, where it is opened
            continue
    return most
