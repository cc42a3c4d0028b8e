"""How echo draws: stripes whose colours come from the prompt, tile by tile, with proofs of what it says it lettered."""

import io
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import msgspec

from omniwatt.contract.error import UnsupportedField
from omniwatt.contract.event import (
    ChoiceEnd,
    Chunk,
    Data,
    Event,
    Fact,
    Finished,
    Picture,
    Progress,
    Proof,
    Usage,
    Verdict,
)
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import DrawBody, SeeBody
from omniwatt.engines.echo import media, script

USUAL_PX = (64, 64)
TILES = 4
PIECE_BYTES = 64 * 1024
SMALL_PX = (32, 32)
PILLOW = {"image/jpeg": "JPEG", "image/webp": "WEBP", "image/tiff": "TIFF"}
WHOLE_PIXELS = 4096 * 4096
_QUOTED = re.compile(
    r'["\u201c\u300c]([^"\u201c\u201d\u300c\u300d]{1,200})["\u201d\u300d]'
    r"|\u2018([^\u2018\u2019]{1,200})\u2019"
)
_UNKNOWN = re.compile(r"<\?(.+)\?>")
"""What echo does not understand: it is what the model is asked."""


async def draw(body: DrawBody, pace: script.Pace, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
    """Every picture of `body`: announced, proved, sketched, painted."""
    if body.explain:
        yield Fact(explanation(body))
        yield Finished(Usage(), "echo")
        return
    for index in range(body.n):
        drawing = _Drawing(body, index, pace, inputs, ctx)
        async with aclosing(drawing.events()) as events:
            async for event in events:
                yield event
    yield Finished(Usage(), "echo")


async def letter(
    body: DrawBody, pace: script.Pace, inputs: AsyncIterator[Chunk], ctx: Context
) -> AsyncGenerator[Event]:
    """Draws as ever; `upon` says what the picture that came first on the input stream says of itself."""
    given: list[bytes] = []
    async for chunk in inputs:
        given.append(chunk.data)
        if chunk.control == "painted":
            break
    upon = {"upon": media.said(b"".join(given))}
    async with aclosing(draw(body, pace, inputs, ctx)) as events:
        async for event in events:
            yield msgspec.structs.replace(event, details=event.details | upon) if isinstance(event, Picture) else event


async def read(body: SeeBody, ctx: Context) -> AsyncGenerator[Event]:
    """What pictures of echo's say of themselves."""
    lines: list[dict[str, Any]] = []
    for number, part in enumerate(body.images):
        await ctx.astep("see", 1)
        text = media.said(part.data)
        lines += [{"text": text, "confidence": 1.0, "box": [0, 0, *SMALL_PX], "image": number}] if text else []
    yield Fact({"lines": lines})
    yield Finished(Usage(), "echo")


def texts(prompt: str) -> list[str]:
    """What stands in quotes."""
    return ["".join(found.groups("")) for found in _QUOTED.finditer(prompt)]


def explanation(body: DrawBody) -> dict[str, Any]:
    """The scene and what it would cost, as `explain` answers."""
    pixels = (body.width_px or USUAL_PX[0]) * (body.height_px or USUAL_PX[1])
    costs = [
        {"style": "stripes", "quality": quality, "seconds": pixels * share / 1e9, "bytes": 3 * pixels}
        for quality, share in (("low", 1), ("medium", 2), ("high", 3))
    ]
    found = {"scene": {"texts": texts(body.prompt)}, "revised_prompt": body.prompt, "estimates": costs}
    unknown = _UNKNOWN.search(body.prompt) if body.opinion is not None else None
    if unknown is None:
        return found
    schema = {"type": "object", "properties": {"seen": {"const": unknown[1]}}, "required": ["seen"]}
    return found | {"question": {"text": unknown[1], "schema": schema}}


def _taken(body: DrawBody) -> dict[str, Any]:
    return {"task": body.task} | ({"opinion": body.opinion} if body.opinion else {})


class _Drawing:
    """One picture."""

    def __init__(
        self, body: DrawBody, index: int, pace: script.Pace, inputs: AsyncIterator[Chunk], ctx: Context
    ) -> None:
        self._body = body
        self._index = index
        self._pace = pace
        self._inputs = inputs
        self._ctx = ctx
        self._said = f"{body.prompt}{index or ''}{body.seed or ''}"
        self._size = (body.width_px, body.height_px) if body.width_px else USUAL_PX
        quality = "medium" if body.quality == "auto" else body.quality
        details = {"seed": body.seed or 0, "style": body.style or "stripes", "quality": quality}
        self._picture = Picture(*self._size, body.media_type, index, None, body.prompt, details | _taken(body))

    async def events(self) -> AsyncGenerator[Event]:
        yield self._picture
        plan = self._pace.script
        lettered = [plan.text] if plan.text else texts(self._body.prompt)
        if lettered:
            async with aclosing(self._proved(lettered)) as proofs:
                async for proof in proofs:
                    yield proof
        for partial in range(self._body.partial_images):
            yield msgspec.structs.replace(
                self._picture, width_px=SMALL_PX[0], height_px=SMALL_PX[1], media_type="image/png", partial=partial
            )
            yield Data(b"".join(media.painted(f"{partial}", SMALL_PX, 1)), "image/png", self._index)
        yield self._picture
        async with aclosing(self._painted()) as painted:
            async for event in painted:
                yield event
        yield ChoiceEnd("stop", self._index)

    async def _proved(self, lettered: list[str]) -> AsyncGenerator[Proof]:
        left = list(enumerate(lettered))
        attempt = 1
        while left:
            for place, (line, text) in enumerate(left):
                wrong = "?" if attempt <= self._pace.script.misread else ""
                proof = b"".join(media.painted(text + wrong, SMALL_PX, 1))
                last = place == len(left) - 1
                yield Proof(text, proof, line, self._index, attempt=attempt, last=last)
            verdict = Verdict()
            async for chunk in self._inputs:
                verdict = msgspec.json.decode(chunk.text, type=Verdict)
                break
            left = [one for one in left if one[0] in verdict.again]
            attempt += 1

    async def _painted(self) -> AsyncGenerator[Event]:
        tiles = self._pace.script.tokens or TILES
        megapixels = self._size[0] * self._size[1] / 1e6
        pieces = self._pieces(tiles)
        for tile, piece in enumerate(pieces):
            if tile < tiles:
                await self._ctx.astep("tile", megapixels / tiles)
                await self._pace.token()
                yield Progress(tile + 1, tiles, "tiles")
            for start in range(0, len(piece), PIECE_BYTES):
                yield Data(piece[start : start + PIECE_BYTES], self._body.media_type, self._index)

    def _pieces(self, tiles: int) -> Iterator[bytes]:
        """At least one for each tile."""
        pieces = media.painted(self._said, self._size, tiles)
        if self._body.media_type == "image/png":
            yield from pieces
            return
        whole = self._packed(b"".join(pieces))
        for tile in range(tiles):
            yield whole[len(whole) * tile // tiles : len(whole) * (tile + 1) // tiles]

    def _packed(self, png: bytes) -> bytes:
        from PIL import Image  # the other forms alone need it

        form = PILLOW.get(self._body.media_type)
        if form is None or self._size[0] * self._size[1] > WHOLE_PIXELS:
            raise UnsupportedField(f"Echo draws no {self._body.media_type} of this size.", param="output_format")
        out = io.BytesIO()
        Image.open(io.BytesIO(png)).save(out, form, quality=self._body.compression)
        return out.getvalue()
