"""Pictures by way of a provider: our body as OpenAI's images API takes it, and its answer as events. Pure."""

import base64
import binascii
import io
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from PIL import Image

from omniwatt.contract.error import UnsupportedField, UpstreamFailed
from omniwatt.contract.event import ChoiceEnd, Data, Event, Picture, Usage
from omniwatt.contract.request import DrawBody, MediaPart
from omniwatt.engines.sniff import sniff
from omniwatt.engines.upstream.asking import Json

PIECE_BYTES = 192 * 1024
ROUTES = {"generate": "images/generations", "edit": "images/edits", "vary": "images/variations"}
_FORMATS = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}
Files = tuple[tuple[str, tuple[str, bytes, str]], ...]
"""Field name, and file name, bytes and media type: what a multipart form carries."""


def asked(body: DrawBody) -> Json:
    """The fields of a request. Only what was asked for is sent: providers refuse what they do not know."""
    if body.explain:
        raise UnsupportedField("A relayed model cannot say beforehand what a picture costs.", param="model")
    if body.media_type not in _FORMATS:
        raise UnsupportedField(f"A relayed model does not make {body.media_type}.", param="output_format")
    if body.color_space != "srgb":
        raise UnsupportedField("A relayed model does not make pictures in four inks.", param="color_space")
    optional: Json = {
        "size": f"{body.width_px}x{body.height_px}" if body.width_px and body.height_px else None,
        "quality": None if body.quality == "auto" else body.quality,
        "style": body.style or None,
        "background": None if body.background == "auto" else body.background,
        "output_format": None if body.media_type == "image/png" else _FORMATS[body.media_type],
        "output_compression": None if body.media_type == "image/png" else body.compression,
        "n": body.n if body.n > 1 else None,
        "seed": body.seed,
        "input_fidelity": body.input_fidelity if body.task == "edit" and body.input_fidelity == "high" else None,
    }
    fields: Json = {} if body.task == "vary" else {"prompt": body.prompt}
    if body.partial_images:
        fields |= {"stream": True, "partial_images": body.partial_images}
    else:
        fields["response_format"] = "b64_json"
    return fields | {name: value for name, value in optional.items() if value is not None}


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

    def events(self, piece: bytes) -> Iterator[Event]:
        """Raises UpstreamFailed for what is no picture."""
        try:
            tree = msgspec.json.decode(piece)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamFailed("The provider's answer is not JSON.") from None
        if not isinstance(tree, dict):
            raise UpstreamFailed("The provider's answer holds no picture.")
        kind = str(tree.get("type", ""))
        if kind.endswith(".partial_image"):
            number = tree.get("partial_image_index")
            yield from self._picture(tree, number if isinstance(number, int) else 0)
            return
        found = [tree] if kind.endswith(".completed") else tree.get("data")
        for one in found if isinstance(found, list) else []:
            yield from self._picture(one if isinstance(one, dict) else {}, None)
            yield ChoiceEnd("stop", self._made)
            self._made += 1
        self.usage = usage_of(tree.get("usage")) if tree.get("usage") else self.usage

    def close(self) -> None:
        """Raises UpstreamFailed when fewer pictures came than were asked for."""
        if self._made < self._body.n:
            raise UpstreamFailed(f"The provider made {self._made} of {self._body.n} pictures.")

    def _picture(self, answer: Json, partial: int | None) -> Iterator[Event]:
        data = _bytes(answer)
        media_type = sniff(data)
        try:
            with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
                width, height = image.size
        except Exception as error:  # decoders raise anything at all on bytes made to break them
            raise UpstreamFailed("The provider's answer holds no picture.") from error
        revised = answer.get("revised_prompt")
        words = revised if isinstance(revised, str) and revised else self._body.prompt
        yield Picture(width, height, media_type, self._made, partial, words, {"quality": self._body.quality})
        for start in range(0, len(data), PIECE_BYTES):
            yield Data(data[start : start + PIECE_BYTES], media_type, self._made)


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


def _bytes(answer: Json) -> bytes:
    """Addresses are not followed: they may lead anywhere."""
    text = answer.get("b64_json")
    if not isinstance(text, str) or not text:
        raise UpstreamFailed("The provider answered with no picture, or with an address instead of one.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UpstreamFailed("The provider's picture is damaged.") from None
