"""PDF 1.4 and SVG 1.1: the picture as bands of JPEG, the lettering over it as outlines."""

import base64
import re
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from omniwatt.engines.draw.encode.form import Form, is_cmyk, srgb, xmp
from omniwatt.engines.draw.encode.jpeg import Jpeg
from omniwatt.engines.draw.encode.png import Png
from omniwatt.engines.draw.encode.separate import to_inks

_BAND_PIXELS, _BAND_ROWS, _UNDER_ROWS = 4 << 20, 64, 4
_POINTS = 72.0
_USUAL_DPI = 300.0
_CLOSING = b'"/>\n'


class _Bands:
    """Cuts rows into JPEGs of their own, one for each band, which reaches under the next: no seam shows at any size."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._rows = max(_BAND_ROWS, _BAND_PIXELS // form.width)
        self._waiting = np.zeros((0, form.width, 4), np.uint8)
        self._top = 0

    def take(self, pixels: NDArray[np.uint8], *, last: bool = False) -> list[tuple[bytes, int, int]]:
        """Bands that are full: their JPEG, the row they begin at and how many they have."""
        self._waiting = np.concatenate([self._waiting, pixels])
        out = []
        while len(self._waiting) >= self._rows + _UNDER_ROWS or (last and len(self._waiting)):
            band = self._waiting[: self._rows + _UNDER_ROWS]
            self._waiting = self._waiting[self._rows :]
            form = Form(self._form.width, len(band), self._form.alpha, max(self._form.quality, 90), icc=self._form.icc)
            jpeg = Jpeg(form)
            out.append((jpeg.rows(band) + jpeg.end(), self._top, len(band)))
            self._top += self._rows
        return out


class Pdf:
    """One page of the picture's size at its dpi (300 where not said); TrimBox within BleedBox where there is bleed."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._bands = _Bands(form)
        self._places: list[int] = []
        self._written = 0
        self._images: list[tuple[int, int, int]] = []
        self._started = False

    def rows(self, pixels: NDArray[np.uint8]) -> bytes:
        return self._pieces(self._bands.take(pixels))

    def end(self) -> bytes:
        out = self._pieces(self._bands.take(np.zeros((0, self._form.width, 4), np.uint8), last=True))
        return out + self._tail()

    def _pieces(self, bands: list[tuple[bytes, int, int]]) -> bytes:
        out = b""
        if not self._started:
            self._started = True
            out = self._count(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
            out += self._profile()
        for data, top, rows in bands:
            number = len(self._places) + 1
            self._images.append((number, top, rows))
            four = is_cmyk(self._form.icc)
            decode = "/Decode [1 0 1 0 1 0 1 0]" if four else ""
            head = (
                f"/Type /XObject /Subtype /Image /Width {self._form.width} /Height {rows} /BitsPerComponent 8 "
                f"/ColorSpace [/ICCBased 1 0 R] /Filter /DCTDecode {decode}"
            )
            out += self._stream(head, data)
        return out

    def _profile(self) -> bytes:
        profile = self._form.icc or srgb()
        return self._stream(f"/N {4 if is_cmyk(profile) else 3} /Filter /FlateDecode", zlib.compress(profile))

    def _tail(self) -> bytes:
        form, unit = self._form, _POINTS / (self._form.dpi or _USUAL_DPI)
        wide, high = form.width * unit, form.height * unit
        content, names = [], []
        for index, (number, top, rows) in enumerate(self._images):
            foot = high - (top + rows) * unit
            content.append(f"q {wide:.4f} 0 0 {rows * unit:.4f} 0 {foot:.4f} cm /I{index} Do Q")
            names.append(f"/I{index} {number} 0 R")
        content.append(f"q {unit:.6f} 0 0 {-unit:.6f} 0 {high:.4f} cm {_operators(form)} Q")
        page_content = len(self._places) + 1
        out = self._stream("/Filter /FlateDecode", zlib.compress("\n".join(content).encode()))
        aside, above = (pixels * unit for pixels in form.bleed_px)
        boxes = f"/MediaBox [0 0 {wide:.4f} {high:.4f}] /BleedBox [0 0 {wide:.4f} {high:.4f}]"
        boxes += f" /TrimBox [{aside:.4f} {above:.4f} {wide - aside:.4f} {high - above:.4f}]"
        page, pages, info, meta, root = (page_content + step for step in range(1, 6))
        out += self._object(
            f"<< /Type /Page /Parent {pages} 0 R {boxes} /Resources << /XObject << {' '.join(names)} >> "
            f"/ColorSpace << /C [/ICCBased 1 0 R] >> >> /Contents {page_content} 0 R >>"
        )
        out += self._object(f"<< /Type /Pages /Kids [{page} 0 R] /Count 1 >>")
        said = " ".join(f"/{_name(key)} {_text(value)}" for key, value in sorted(form.provenance.items()))
        out += self._object(f"<< /Producer {_text(form.generator)} {said} >>")
        out += self._stream("/Type /Metadata /Subtype /XML", xmp(form.provenance))
        out += self._object(f"<< /Type /Catalog /Pages {pages} 0 R /Metadata {meta} 0 R >>")
        table = "".join(f"{place:010d} 00000 n \n" for place in self._places)
        count = len(self._places) + 1
        tail = f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n"
        tail += f"<< /Size {count} /Root {root} 0 R /Info {info} 0 R >>\n"
        return out + (tail + f"startxref\n{self._written}\n%%EOF\n").encode()

    def _stream(self, head: str, data: bytes) -> bytes:
        return self._object(f"<< {head} /Length {len(data)} >>\nstream\n", data, "\nendstream")

    def _object(self, head: str, data: bytes = b"", tail: str = "") -> bytes:
        self._places.append(self._written)
        return self._count(f"{len(self._places)} 0 obj\n{head}".encode() + data + f"{tail}\nendobj\n".encode())

    def _count(self, data: bytes) -> bytes:
        self._written += len(data)
        return data


class Svg:
    """The bands as embedded JPEGs (one PNG where there is alpha, base64 as it comes), the lettering as paths."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._bands = _Bands(form)
        self._whole: Any = None
        if form.alpha:
            self._whole = Png(Form(form.width, form.height, True))
        self._rest = b""
        self._head = self._preamble()
        if form.alpha:
            self._head += _opening("png", form.width, form.height, 0)

    def rows(self, pixels: NDArray[np.uint8]) -> bytes:
        if self._whole is not None:
            return self._text(self._whole.rows(pixels))
        return self._pieces(self._bands.take(pixels))

    def end(self) -> bytes:
        if self._whole is not None:
            out = self._text(self._whole.end()) + base64.b64encode(self._rest) + _CLOSING
        else:
            out = self._pieces(self._bands.take(np.zeros((0, self._form.width, 4), np.uint8), last=True))
        return out + self._paths() + b"</svg>\n"

    def _text(self, data: bytes) -> bytes:
        """More of the PNG, as far as it comes to whole groups of three bytes."""
        data = self._rest + data
        end = len(data) - len(data) % 3
        self._rest = data[end:]
        out, self._head = self._head + base64.b64encode(data[:end]), b""
        return out

    def _preamble(self) -> bytes:
        form = self._form
        unit = 25.4 / (form.dpi or _USUAL_DPI)
        packet = re.sub(rb"<\?xpacket.*?\?>", b"", xmp(form.provenance))
        return (
            (
                '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
                f' width="{form.width * unit:.3f}mm"'
                f' height="{form.height * unit:.3f}mm" viewBox="0 0 {form.width} {form.height}">\n<metadata>'
            ).encode()
            + packet
            + b"</metadata>\n"
        )

    def _pieces(self, bands: list[tuple[bytes, int, int]]) -> bytes:
        out, self._head = self._head, b""
        for data, top, rows in bands:
            out += _opening("jpeg", self._form.width, rows, top) + base64.b64encode(data) + _CLOSING
        return out

    def _paths(self) -> bytes:
        out = []
        for shape in self._form.outlines:
            steps = "".join(kind + " ".join(f"{part:.2f}" for part in points) for kind, points in shape.steps)
            out.append(f'<path d="{steps}" fill="{shape.colour}"/>\n')
        return "".join(out).encode()


def _opening(kind: str, width: int, rows: int, top: int) -> bytes:
    return (
        f'<image x="0" y="{top}" width="{width}" height="{rows}" preserveAspectRatio="none"'
        f' xlink:href="data:image/{kind};base64,'
    ).encode()


def _operators(form: Form) -> str:
    """The outlines as PDF's path operators."""
    letters = {"M": "m", "L": "l", "C": "c", "Z": "h"}
    out = ["/C cs"]
    for shape in form.outlines:
        colour = bytes.fromhex(shape.colour[1:7])
        if is_cmyk(form.icc):
            colour = to_inks(form.icc)(Image.new("RGB", (1, 1), tuple(colour))).tobytes()
        out.append(" ".join(f"{part / 255:.4f}" for part in colour) + " sc")
        out += [" ".join(f"{part:.2f}" for part in points) + f" {letters[kind]}" for kind, points in shape.steps]
        out.append("f")
    return "\n".join(out)


def _name(text: str) -> str:
    """A PDF name: only letters and digits of ASCII."""
    return re.sub("[^A-Za-z0-9]", "", text) or "Note"


def _text(text: str) -> str:
    """A PDF string, as UTF-16 in hexadecimal digits."""
    return "<FEFF" + text.encode("utf-16-be").hex().upper() + ">"
