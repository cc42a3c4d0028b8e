"""Pictures by way of a provider: our body as OpenAI's images API takes it, and its answer as events. Pure."""

import base64
import binascii
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from PIL import Image

from omniwatt.contract.error import UnsupportedField, UpstreamFailed
from omniwatt.contract.event import ChoiceEnd, Picture, Usage
from omniwatt.contract.request import DrawBody, MediaPart
from omniwatt.engines.sniff import sniff
from omniwatt.engines.upstream.asking import Json

PIECE_BYTES = 192 * 1024
PNG = "image/png"
MAX_PIXELS = 64 * 1024 * 1024
ROUTES = {"generate": "images/generations", "edit": "images/edits", "vary": "images/variations"}
_FORMATS = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}
Files = tuple[tuple[str, tuple[str, bytes, str]], ...]
"""Field name, and file name, bytes and media type: what a multipart form carries."""


class Made(NamedTuple):
    """A picture, or a sketch of one, as it came."""

    picture: Picture
    data: bytes

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.picture.width_px, self.picture.height_px


def asked(body: DrawBody, sizes: Sequence[str] = ()) -> Json:
    """The fields of a request. Only what was asked for is sent: providers refuse what they do not know.

    `sizes` are those that the provider makes: the nearest in shape is asked for. A form that providers do not know is
    asked for as PNG. Both are then made of the answer here: see `finish`.
    """
    if body.explain:
        raise UnsupportedField("A relayed model cannot say beforehand what a picture costs.", param="model")
    if body.color_space != "srgb":
        raise UnsupportedField("A relayed model does not make pictures in four inks.", param="color_space")
    form = body.media_type if body.media_type in _FORMATS else PNG
    avoid = f"\n\nLeave out: {body.avoid}." if body.avoid else ""
    optional: Json = {
        "size": nearest(sizes, body.width_px, body.height_px) if body.width_px and body.height_px else None,
        "quality": None if body.quality == "auto" else body.quality,
        "style": body.style or None,
        "background": None if body.background == "auto" else body.background,
        "output_format": None if form == PNG else _FORMATS[form],
        "output_compression": None if form == PNG else body.compression,
        "n": body.n if body.n > 1 else None,
        "seed": body.seed,
        "input_fidelity": body.input_fidelity if body.task == "edit" and body.input_fidelity == "high" else None,
    }
    fields: Json = {} if body.task == "vary" else {"prompt": body.prompt + avoid}
    if body.partial_images:
        fields |= {"stream": True, "partial_images": body.partial_images}
    else:
        fields["response_format"] = "b64_json"
    return fields | {name: value for name, value in optional.items() if value is not None}


def nearest(sizes: Sequence[str], width_px: int, height_px: int) -> str:
    """Of these sizes the nearest in shape to what is wanted, the largest of several; without any, what is wanted."""
    wanted = f"{width_px}x{height_px}"
    if not sizes or wanted in sizes:
        return wanted

    def distance(size: str) -> tuple[float, int]:
        width, _, height = size.partition("x")
        return round(abs(math.log(int(width) / int(height) * height_px / width_px)), 3), -int(width) * int(height)

    return min(sizes, key=distance)


def finish(body: DrawBody, made: Made, model: str, sizes: Sequence[str]) -> tuple[Picture, Iterator[bytes]] | None:
    """The picture, with its file in pieces, that the caller wants, where that is not what came: another size, of a
    provider whose sizes are known, or another form. Raises UpstreamFailed."""
    resized = bool(sizes and body.width_px and not body.bare)
    size = (body.width_px, body.height_px) if resized else made.size
    if made.picture.partial is not None or (size == made.size and body.media_type in _FORMATS):
        return None
    # Only what is written anew needs them.
    from omniwatt.engines.draw.rewrite import provenance, rewritten

    details = made.picture.details | {"enlarged": size[0] * size[1] > made.size[0] * made.size[1]}
    details |= {"painted_size": f"{made.size[0]}x{made.size[1]}"} if size != made.size else {}
    said = provenance(model, body.prompt, body.media_type)
    picture = msgspec.structs.replace(
        made.picture, width_px=size[0], height_px=size[1], media_type=body.media_type, details=details
    )
    return picture, rewritten(opened(made.data), size, body.media_type, body.compression, said)


def files(body: DrawBody, fetch: Callable[[MediaPart], bytes]) -> Files:
    """The pictures that go along; empty when a picture is made from words alone."""
    name = "image" if len(body.images) == 1 else "image[]"
    parts = [(name, part) for part in body.images] + ([("mask", body.mask)] if body.mask else [])
    return tuple((field, _file(field, fetch(part))) for field, part in parts)


def _file(field: str, data: bytes) -> tuple[str, bytes, str]:
    media_type = sniff(data)
    return (f"{field.removesuffix('[]')}.{_FORMATS.get(media_type, 'bin')}", data, media_type)


class Pictures:
    """Reads an answer, whole or streamed, piece by piece."""

    def __init__(self, body: DrawBody) -> None:
        self._body = body
        self._made = 0
        self.usage = Usage()

    def made(self, piece: bytes, fetched: Mapping[str, bytes]) -> Iterator[Made | ChoiceEnd]:
        """What a piece of the answer brings; `fetched` holds what lies at its addresses. Raises UpstreamFailed."""
        tree = _tree(piece)
        kind = str(tree.get("type", ""))
        if kind.endswith(".partial_image"):
            number = tree.get("partial_image_index")
            yield self._picture(tree, fetched, number if isinstance(number, int) else 0)
            return
        for one in _pictures(tree):
            yield self._picture(one, fetched, None)
            yield ChoiceEnd("stop", self._made)
            self._made += 1
        self.usage = usage_of(tree.get("usage")) if tree.get("usage") else self.usage

    def close(self) -> None:
        """Raises UpstreamFailed when fewer pictures came than were asked for."""
        if self._made < self._body.n:
            raise UpstreamFailed(f"The provider made {self._made} of {self._body.n} pictures.")

    def _picture(self, answer: Json, fetched: Mapping[str, bytes], partial: int | None) -> Made:
        data = _bytes(answer, fetched)
        width, height = opened(data).size
        revised = answer.get("revised_prompt")
        words = revised if isinstance(revised, str) and revised else self._body.prompt
        details = {"quality": self._body.quality}
        return Made(Picture(width, height, sniff(data), self._made, partial, words, details), data)


def addresses(piece: bytes) -> list[str]:
    """Where the pictures of this piece lie that are not in it."""
    found = [one.get("url") for one in _pictures(_tree(piece)) if not one.get("b64_json")]
    return [address for address in found if isinstance(address, str) and address]


def opened(data: bytes) -> Image.Image:
    """The picture, not decoded yet. Raises UpstreamFailed for what is none, or has too many pixels."""
    try:
        image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP"))
    except Exception as error:  # decoders raise anything at all on bytes made to break them
        raise UpstreamFailed("The provider's answer holds no picture.") from error
    if image.width * image.height > MAX_PIXELS:
        raise UpstreamFailed("The provider's picture has too many pixels to take.")
    return image


def _tree(piece: bytes) -> Json:
    try:
        tree = msgspec.json.decode(piece)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamFailed("The provider's answer is not JSON.") from None
    if not isinstance(tree, dict):
        raise UpstreamFailed("The provider's answer holds no picture.")
    return tree


def _pictures(tree: Json) -> list[Json]:
    """The finished pictures of an answer or an event."""
    found = [tree] if str(tree.get("type", "")).endswith(".completed") else tree.get("data")
    return [one if isinstance(one, dict) else {} for one in found] if isinstance(found, list) else []


def usage_of(found: Any) -> Usage:
    """OpenAI's usage of a picture; zeros where a provider says nothing of the kind."""
    given = found if isinstance(found, dict) else {}
    details = given.get("input_tokens_details")
    image = _count(details, "image_tokens")
    made = _count(given, "output_tokens")
    return Usage(_count(given, "input_tokens"), made, image_tokens=image, image_output_tokens=made)


def _count(given: Any, name: str) -> int:
    value = given.get(name) if isinstance(given, dict) else None
    return value if isinstance(value, int) and value >= 0 else 0


def _bytes(answer: Json, fetched: Mapping[str, bytes]) -> bytes:
    text = answer.get("b64_json")
    if not isinstance(text, str) or not text:
        address = answer.get("url")
        if isinstance(address, str) and address in fetched:
            return fetched[address]
        raise UpstreamFailed("The provider answered with no picture.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UpstreamFailed("The provider's picture is damaged.") from None
