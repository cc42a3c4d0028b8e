"""What a picture's file is to be: its form, resolution and bleed, its lettering as outlines, what it says of itself."""

from omniwatt import __version__
from omniwatt.contract.event import Picture
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.encode import Encoder, encoder
from omniwatt.engines.draw.encode.form import Form, said, xmp
from omniwatt.engines.draw.illustrator.layout import Layout
from omniwatt.engines.draw.illustrator.paint.outlines import outlines
from omniwatt.engines.draw.illustrator.studio import scale_of
from omniwatt.engines.draw.lettering.faces import Faces

GENERATOR = f"omniwatt {__version__}"
SHAPED = frozenset({"application/pdf", "image/svg+xml"})
"""Forms that hold lettering as outlines over the pixels."""


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
