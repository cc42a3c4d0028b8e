"""What a file is to be, beside its pixels: size, quality, resolution, what it says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

from PIL import ImageCms

Step = tuple[str, tuple[float, ...]]
"""One step of an outline in pixels of the picture: M, L, C (a cubic) with their coordinates, or Z."""


@dataclass(frozen=True)
class Outline:
    """A filled shape over the pixels: a line of lettering."""

    steps: tuple[Step, ...]
    colour: str
    """#rrggbb."""


SPACE = "https://github.com/omniwatt/ns/"


@dataclass(frozen=True)
class Form:
    """Width and height in pixels, `quality` 0 to 100 for forms that lose, `dpi` (0: not said), bleed in pixels."""

    width: int
    height: int
    alpha: bool = False
    quality: int = 95
    dpi: float = 0.0
    bleed_px: tuple[float, float] = (0.0, 0.0)
    """What is to be cut off after print, of left and right each, and of top and bottom each; the pixels hold it."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """`generator`, `model`, `prompt_sha256`, ...: written where each form keeps such things."""
    icc: bytes = b""
    """A colour profile to put in; empty is sRGB. A CMYK one turns JPEG, TIFF and PDF to CMYK."""
    outlines: tuple[Outline, ...] = ()
    """PDF and SVG: lettering laid over the same lettering in the pixels, so that its edges are sharp at any size."""

    @property
    def generator(self) -> str:
        return self.provenance.get("generator", "omniwatt")


@lru_cache(maxsize=1)
def srgb() -> bytes:
    """An sRGB profile, as littleCMS makes it."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def is_cmyk(profile: bytes) -> bool:
    """Whether a profile is for four inks (ICC.1:2010, bytes 16 to 19)."""
    return profile[16:20] == b"CMYK"


def xmp(provenance: Mapping[str, str]) -> bytes:
    """An XMP packet (ISO 16684-1) with what a picture says of itself, in IPTC's words made by an algorithm."""
    parts = "".join(f" ow:{name}={quoteattr(value)}" for name, value in sorted(provenance.items()))
    tool = escape(provenance.get("generator", "omniwatt"), {'"': "&quot;"})
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f' xmlns:ow="{SPACE}" xmp:CreatorTool="{tool}"'
        ' Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"'
        f'{parts}/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def said(provenance: Mapping[str, str]) -> str:
    """One line of plain text for forms that have no better place."""
    return "; ".join(f"{name}={value}" for name, value in sorted(provenance.items()))
