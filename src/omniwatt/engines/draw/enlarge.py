"""Pixels made larger than they are, band by band: for painters that cannot paint at the size asked for."""

from collections.abc import Iterator

from PIL import Image

BAND_PX = 256


def bands(picture: Image.Image, width_px: int, height_px: int, band_px: int = BAND_PX) -> Iterator[Image.Image]:
    """The enlarged picture in bands of its full width, from top to bottom (Lanczos; Duchon 1979).

    Seamless: a band's rows are made of rows beyond its edges too. Widened first and as a whole, since the order of
    the two passes shows where a kernel overshoots.
    """
    wide = picture.resize((width_px, picture.height), Image.Resampling.LANCZOS)
    for top in range(0, height_px, band_px):
        bottom = min(height_px, top + band_px)
        rows = (wide.height * top / height_px, wide.height * bottom / height_px)
        box = (0.0, rows[0], float(width_px), rows[1])
        yield wide.resize((width_px, bottom - top), Image.Resampling.LANCZOS, box=box)


def enlarged(picture: Image.Image, width_px: int, height_px: int) -> Image.Image:
    """The whole of it at once."""
    whole = Image.new(picture.mode, (width_px, height_px))
    top = 0
    for band in bands(picture, width_px, height_px):
        whole.paste(band, (0, top))
        top += band.height
    return whole
