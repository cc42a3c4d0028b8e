"""Things of our own that the sprite set lacks, as SVG in its manner: name -> drawing, width, height."""

from typing import NamedTuple


class Drawing(NamedTuple):
    """`body` is SVG within a box of this size, its upper left corner at the origin."""

    body: str
    width: float
    height: float


_HOVER_CAR = """
<linearGradient id="hc-hull" x1="0" x2="0" y1="2" y2="20" gradientUnits="userSpaceOnUse">
<stop stop-color="#ff8fb4"/><stop offset=".45" stop-color="#e8376f"/><stop offset="1" stop-color="#8f1848"/>
</linearGradient>
<linearGradient id="hc-glass" x1="20" x2="52" y1="0" y2="9" gradientUnits="userSpaceOnUse">
<stop stop-color="#bff2ff"/><stop offset=".4" stop-color="#2c5f9e"/><stop offset="1" stop-color="#101c3f"/>
</linearGradient>
<path d="M54 9L63.4 2.6L66 3.2L62 11Z" fill="#b02359"/>
<path d="M1.6 13.2C5 9.6 14 8.4 21 7.4C27 2.6 34.6 1.2 42 2C50 2.8 55.6 6.6 60.6 9.2C64.6 10.6 65 14.4 62.6 16.4
C58 19.4 49 19.8 43 19.8L19 19.8C10 19.8 3.6 18.6 1.8 16.6C.9 15.6.9 14.2 1.6 13.2Z" fill="url(#hc-hull)"/>
<path d="M22.4 8.2C27.4 4 34.4 2.8 41 3.5C46.6 4.1 51 6.6 54 8.8C44 9.8 32 9.4 22.4 8.2Z" fill="url(#hc-glass)"/>
<path d="M36 3.3L38.2 9.2L36.8 9.1L34.8 3.4Z" fill="#c92a62"/>
<path d="M24.6 7.6C28 5 31.6 4.2 33.4 4L32 6.2C29.4 6.4 26.6 7 24.6 7.6Z" fill="#fff" fill-opacity=".6"/>
<path d="M3 16.9C12 18.2 50 18.6 62 16.8C58 19.4 49 19.8 43 19.8L19 19.8C11 19.8 5.4 19 3 16.9Z" fill="#2a1c3c"/>
<path d="M8 13.4C22 12.2 44 12.4 61.6 13.2L61.4 14.1C44 13.6 22 13.5 8.2 14.5Z" fill="#9ff6ff"/>
<path d="M1.6 13.4L7.2 11.9L8.6 13.9L2.4 15.2Z" fill="#fffbe0"/>
<path d="M60.4 10.4L63.8 11.9L63.6 14.8L60.8 13.4Z" fill="#ff3b4e"/>
<path d="M10.4 19.6L21.6 19.8L20 22.6L12 22.6Z" fill="#3a2b52"/><path d="M44.4 19.8L55.6 19.4L54 22.6L46 22.6Z" fill="#3a2b52"/>
<ellipse cx="16" cy="22.7" rx="4.2" ry="1" fill="#b8fbff"/><ellipse cx="50" cy="22.7" rx="4.2" ry="1" fill="#b8fbff"/>
"""
OWN = {"hover-car": Drawing(_HOVER_CAR.replace("\n", " "), 67, 24)}
