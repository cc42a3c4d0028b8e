"""PDF documents: what they are, their pages as pictures, their text."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import pypdfium2

from omniwatt.contract.error import BadInput
from omniwatt.engines.media import image
from omniwatt.engines.media.work import Options, Output, Quality, Side, Work, decoding

TARGETS = frozenset({*image.TARGETS, "text/plain"})
POINTS_PER_INCH = 72
_WRONG_PASSWORD = 4
_one_at_a_time = threading.Lock()
"""PDFium has global state: one thread at a time in the whole process."""


class DocumentOptions(Options, frozen=True):
    """`pages` counts from 1; absent means all. `dpi` gives way to `max_side`."""

    pages: list[Annotated[int, msgspec.Meta(ge=1)]] | None = None
    dpi: Annotated[float, msgspec.Meta(ge=18, le=600)] = 150.0
    max_side: Side | None = None
    quality: Quality = 90
    password: str = ""


def probe(data: bytes, media_type: str, work: Work) -> dict[str, Any]:
    """How many pages, and the size of the first in points. Raises BadInput."""
    work.step(len(data))
    with decoding(media_type), _one_at_a_time, _opened(data, "", work) as document:
        width, height = document[0].get_size()
        return {
            "kind": "document",
            "pages": len(document),
            "width_points": round(width, 2),
            "height_points": round(height, 2),
        }


def transcode(data: bytes, media_type: str, target: str, options: DocumentOptions, work: Work) -> Iterator[Output]:
    """One result a page, in the order asked for. Raises BadInput.

    The document is opened anew for each page: between two results nothing is held that another job waits for.
    """
    with decoding(media_type), _one_at_a_time, _opened(data, options.password, work) as document:
        have = len(document)
    numbers = options.pages or range(1, have + 1)
    if max(numbers) > have or len(numbers) > work.limits.max_pages:
        raise BadInput(f"The document has {have} pages: they cannot be had like this.", param="options")
    work.step(len(data))
    for index, number in enumerate(numbers):
        work.check()
        with (
            decoding(media_type),
            _one_at_a_time,
            _opened(data, options.password, work) as document,
            contextlib.closing(document[number - 1]) as page,
        ):
            made = _text(page, index) if target == "text/plain" else _picture(page, target, options, work, index)
        yield msgspec.structs.replace(made, facts=made.facts | {"page": number})


@contextlib.contextmanager
def _opened(data: bytes, password: str, work: Work) -> Iterator[pypdfium2.PdfDocument]:
    try:
        document = pypdfium2.PdfDocument(data, password=password or None)
    except pypdfium2.PdfiumError as error:
        if error.err_code == _WRONG_PASSWORD:
            words = "The password does not open the document." if password else "The document is encrypted."
            raise BadInput(words, param="data", code="encrypted_document") from None
        raise BadInput("The PDF document is damaged: it cannot be opened.", param="data") from None
    with contextlib.closing(document):
        pages = len(document)
        if not 1 <= pages <= work.limits.max_pages:
            raise BadInput(f"The document has {pages} pages; 1 to {work.limits.max_pages} are taken.", param="data")
        yield document


def _picture(page: Any, target: str, options: DocumentOptions, work: Work, index: int) -> Output:
    width, height = page.get_size()
    scale = options.dpi / POINTS_PER_INCH
    if options.max_side:
        scale = min(scale, options.max_side / max(width, height, 1))
    work.pixels(round(width * scale), round(height * scale), "page")
    with contextlib.closing(page.render(scale=scale, may_draw_forms=False)) as bitmap:
        return image.encode(bitmap.to_pil(), target, options.max_side, options.quality, "#ffffff", index)


def _text(page: Any, index: int) -> Output:
    with contextlib.closing(page.get_textpage()) as lines:
        text = lines.get_text_bounded(errors="replace").replace("\r\n", "\n")
    data = text.encode("utf-8", errors="replace")
    return Output(data, "text/plain", {"characters": len(text), "bytes": len(data)}, index)
