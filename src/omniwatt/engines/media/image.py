"""Pictures: what they are, and as PNG, JPEG or WebP of another size."""

import contextlib
import io
import struct
import warnings
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from PIL import Image, ImageOps

from omniwatt.contract.error import BadInput
from omniwatt.engines.deep import shallow
from omniwatt.engines.media.work import Options, Output, Quality, Side, Work, decoding

_FORMATS = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/avif": "AVIF",
}
TARGETS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_ORIENTATION = 0x0112


class ImageOptions(Options, frozen=True):
    """`max_side` shrinks, never grows. `background` lies behind transparent pixels of a JPEG."""

    max_side: Side | None = None
    quality: Quality = 90
    background: Annotated[str, msgspec.Meta(pattern="^#[0-9a-fA-F]{6}$")] = "#ffffff"
    frame: Annotated[int, msgspec.Meta(ge=0)] = 0


def guard(max_pixels: int) -> None:
    """Set Pillow's own alarm too, for the whole process: some decoders find out a picture's size only on the way."""
    Image.MAX_IMAGE_PIXELS = max_pixels // 2  # it raises at twice this
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def probe(data: bytes, media_type: str, work: Work) -> dict[str, Any]:
    """Size as shown (EXIF orientation applied), frames and transparency. Raises BadInput."""
    with decoding(media_type), _opened(data, media_type, work) as image:
        frames = _frames(image, data, media_type, work)
        image.load()
        work.pixels(*image.size)
        orientation = image.getexif().get(_ORIENTATION, 1)
        width, height = image.size[::-1] if orientation in {5, 6, 7, 8} else image.size
        return {
            "kind": "image",
            "width": width,
            "height": height,
            "frames": frames,
            "transparent": image.has_transparency_data,
            "mode": image.mode,
            "orientation": orientation if orientation in range(1, 9) else 1,
        }


def transcode(data: bytes, media_type: str, target: str, options: ImageOptions, work: Work) -> Iterator[Output]:
    """One frame, upright, in the target's form. Raises BadInput."""
    with decoding(media_type), _opened(data, media_type, work) as image:
        if options.frame:
            _seek(image, options.frame, work)
        if options.max_side:
            image.draft(None, (options.max_side, options.max_side))
        image.load()
        work.pixels(*image.size)
        work.check()
        picture = ImageOps.exif_transpose(image)
        yield encode(picture, target, options.max_side, options.quality, options.background)


def encode(
    picture: Image.Image, target: str, max_side: int | None, quality: int, background: str, index: int = 0
) -> Output:
    """The picture in the target's form, no side longer than `max_side`."""
    picture = _plain(picture)
    if max_side and max(picture.size) > max_side:
        picture.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    if target == "image/jpeg":
        picture = _flat(picture, background)
    if target == "image/webp" and max(picture.size) > 16_383:
        raise BadInput("A WebP picture has at most 16383 pixels a side; set max_side.", param="options")
    if target == "image/jpeg" and max(picture.size) > 65_500:
        raise BadInput("A JPEG picture has at most 65500 pixels a side; set max_side.", param="options")
    out = io.BytesIO()
    extra: dict[str, Any] = {} if target == "image/png" else {"quality": quality}
    picture.save(out, TARGETS[target], **extra)
    facts = {"width": picture.width, "height": picture.height, "bytes": out.tell()}
    return Output(out.getvalue(), target, facts, index)


@contextlib.contextmanager
def _opened(data: bytes, media_type: str, work: Work) -> Iterator[Image.Image]:
    """The picture with its size checked and nothing decoded yet. Only the sniffed format's decoder sees the bytes."""
    if media_type not in _FORMATS:
        raise BadInput(f"There is no decoder for {media_type} here.", param="data", code="unsupported_media_type")
    work.step(len(data))
    try:
        with Image.open(io.BytesIO(data), formats=(_FORMATS[media_type],)) as image:
            work.pixels(*image.size)
            yield image
    except Image.DecompressionBombError:
        raise BadInput(f"The picture has more than {work.limits.max_pixels} pixels.", param="data") from None


def _frames(image: Image.Image, data: bytes, media_type: str, work: Work) -> int:
    counted = {"image/gif": _gif_frames, "image/tiff": _tiff_frames}.get(media_type)
    frames = counted(data, work.limits.max_frames) if counted else getattr(image, "n_frames", 1)
    if frames > work.limits.max_frames:
        raise BadInput(f"The picture has more than {work.limits.max_frames} frames.", param="data")
    return int(frames)


def _gif_frames(data: bytes, limit: int) -> int:
    """Count image blocks without decoding one: Pillow's own count takes minutes on a file made for it."""
    at = 13 + _colour_table(data[10])
    frames = 0
    while at < len(data) and frames <= limit:
        block = data[at]
        if block == 0x21:
            at = _skip_blocks(data, at + 2)
        elif block == 0x2C:
            frames += 1
            at = _skip_blocks(data, at + 11 + _colour_table(data[at + 9] if at + 9 < len(data) else 0))
        else:
            break
    return max(frames, 1)


def _tiff_frames(data: bytes, limit: int) -> int:
    """Follow the chain of directories; it may run in a circle. Pillow's own count is quadratic in its length."""
    order = "<" if data.startswith(b"II") else ">"
    at = struct.unpack_from(f"{order}I", data, 4)[0]
    seen: set[int] = set()
    while at and at not in seen and len(seen) <= limit:
        seen.add(at)
        entries = struct.unpack_from(f"{order}H", data, at)[0]
        at = struct.unpack_from(f"{order}I", data, at + 2 + 12 * entries)[0]
    return max(len(seen), 1)


def _colour_table(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1


def _seek(image: Image.Image, frame: int, work: Work) -> None:
    """One frame after the other: each may build on the last."""
    try:
        for number in range(1, min(frame, work.limits.max_frames) + 1):
            work.check()
            image.seek(number)
    except EOFError:
        raise BadInput(f"The picture has no frame {frame}.", param="options") from None


def _plain(picture: Image.Image) -> Image.Image:
    """Eight bits a channel, in a mode that every target knows."""
    picture = shallow(picture)
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture.copy() if picture.mode in {"L", "RGB"} else picture.convert("L" if picture.mode == "1" else "RGB")


def _flat(picture: Image.Image, background: str) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    ground = Image.new("RGB", picture.size, background)
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground
