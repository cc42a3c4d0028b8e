"""What a picture's file is to be: its form, resolution and bleed, its lettering as outlines, what it says of itself."""

from omniwatt import __version__
from omniwatt.contract.event import Picture
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.encode import Encoder, encoder
from omniwatt.engines.draw.encode.form import Form
from omniwatt.engines.draw.illustrator.layout import Layout
from omniwatt.engines.draw.illustrator.paint.outlines import outlines
from omniwatt.engines.draw.illustrator.studio import scale_of
from omniwatt.engines.draw.lettering.faces import Faces

GENERATOR = f"omniwatt {__version__}"
SHAPED = frozenset({"application/pdf", "image/svg+xml"})
"""Forms that hold lettering as outlines over the pixels."""
PRINT = "print-"
PRINT_DPI = 300.0
BLEED_MM = 3.0
MM_PER_INCH = 25.4


def sheet(
    body: DrawBody,
    picture: Picture,
    provenance: dict[str, str],
    layout: Layout | None = None,
    faces: Faces | None = None,
    *,
    alpha: bool | None = None,
) -> Encoder:
    """What takes the pixels of `picture` from top to bottom and gives the file's bytes. Raises UnsupportedField."""
    size = (picture.width_px, picture.height_px)
    printed = body.preset.startswith(PRINT)
    shaped = body.media_type in SHAPED and layout is not None and faces is not None
    return encoder(
        body.media_type,
        Form(
            *size,
            alpha=body.background == "transparent" if alpha is None else alpha,
            quality=body.compression,
            dpi=PRINT_DPI if printed else 0.0,
            bleed_px=round(BLEED_MM / MM_PER_INCH * PRINT_DPI) if printed else 0,
            provenance={"generator": GENERATOR} | provenance,
            outlines=outlines(layout, faces, scale_of(size)) if shaped and layout and faces else (),
        ),
    )
