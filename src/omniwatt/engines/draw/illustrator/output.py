"""What a picture's file is to be: its form, resolution and bleed, its lettering as outlines, what it says of itself."""

from omniwatt import __version__
from omniwatt.contract.event import Picture
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.encode import Encoder, encoder
from omniwatt.engines.draw.encode.form import Form, said, xmp
from omniwatt.engines.draw.encode.paper import bleed, dpi
from omniwatt.engines.draw.illustrator.layout import Layout
from omniwatt.engines.draw.illustrator.paint.outlines import outlines
from omniwatt.engines.draw.illustrator.studio import scale_of
from omniwatt.engines.draw.lettering.faces import Faces

GENERATOR = f"omniwatt {__version__}"
SHAPED = frozenset({"application/pdf", "image/svg+xml"})
"""Forms that hold lettering as outlines over the pixels."""
SEGMENT_BYTES = 60_000
"""What a JPEG's segment takes (64 KiB) with room for the rest of it."""
WORDS = ("edits", "edit", "prompt")


def fitting(provenance: dict[str, str], media_type: str) -> dict[str, str]:
    """What a file of this kind has room to say of itself: where the prompt is too long for it, its hash must do."""
    found = dict(provenance)
    for word in WORDS if media_type == "image/jpeg" else ():
        if max(len(xmp(found)), len(said(found).encode())) > SEGMENT_BYTES:
            found.pop(word, None)
    return found


def sheet(
    body: DrawBody,
    picture: Picture,
    provenance: dict[str, str],
    layout: Layout | None = None,
    faces: Faces | None = None,
    *,
    alpha: bool | None = None,
    inks: bytes = b"",
) -> Encoder:
    """What takes the pixels of `picture` from top to bottom and gives the file's bytes. Raises UnsupportedField.

    `inks`: the profile for a picture that is wanted in four inks.
    """
    size = (picture.width_px, picture.height_px)
    shaped = body.media_type in SHAPED and layout is not None and faces is not None
    return encoder(
        body.media_type,
        Form(
            *size,
            alpha=body.background == "transparent" if alpha is None else alpha,
            quality=body.compression,
            dpi=dpi(body.preset),
            bleed_px=bleed(body.preset, size),
            provenance=fitting({"generator": GENERATOR} | provenance, body.media_type),
            icc=inks if body.color_space == "cmyk" else b"",
            outlines=outlines(layout, faces, scale_of(size)) if shaped and layout and faces else (),
        ),
    )
