"""Things of our own that the sprite set lacks, as SVG in its manner: name -> drawing, width, height."""

from omniwatt.engines.draw.illustrator.objects.drawing import Drawing
from omniwatt.engines.draw.illustrator.objects.fireworks import FIREWORKS
from omniwatt.engines.draw.illustrator.objects.household import HOUSEHOLD

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
<path d="M10.4 19.6L21.6 19.8L20 22.6L12 22.6Z" fill="#3a2b52"/>
<path d="M44.4 19.8L55.6 19.4L54 22.6L46 22.6Z" fill="#3a2b52"/>
<ellipse cx="16" cy="22.7" rx="4.2" ry="1" fill="#b8fbff"/><ellipse cx="50" cy="22.7" rx="4.2" ry="1" fill="#b8fbff"/>
"""
_SPORTS_CAR = """
<linearGradient id="sc-hull" x1="0" x2="0" y1="2" y2="19" gradientUnits="userSpaceOnUse">
<stop stop-color="#ff6a5c"/><stop offset=".5" stop-color="#e3262f"/><stop offset="1" stop-color="#960f25"/>
</linearGradient>
<linearGradient id="sc-glass" x1="20" x2="44" y1="2" y2="10" gradientUnits="userSpaceOnUse">
<stop stop-color="#c8f1ff"/><stop offset=".5" stop-color="#3f78b0"/><stop offset="1" stop-color="#1c2a52"/>
</linearGradient>
<path d="M52 9.2L60.6 6.2L62.4 6.6L60 10Z" fill="#8f1026"/>
<path d="M1.4 15.6C1 12.6 6 11 19 9.6C24 4.6 30 2 37 2C45 2 50 6 55 9.4C59.6 10 62 12 62 15L61 18.6L2.4 19Z"
 fill="url(#sc-hull)"/>
<path d="M22 9.6C26.6 5.6 31.6 3.8 36.6 3.8C42 3.8 46.4 6.4 50 9.2C42 10.2 31 10.4 22 9.6Z" fill="url(#sc-glass)"/>
<path d="M34.6 3.9L37 10.1L35.4 10.1L33 4Z" fill="#c11d2c"/>
<path d="M24.4 9C27.4 6.4 30 5.2 32 4.7L31 7C28.6 7.4 26 8.2 24.4 9Z" fill="#ffffff" fill-opacity=".55"/>
<path d="M2.2 17L61.4 16.6L60.8 19L3.4 19.4Z" fill="#3d2433"/>
<path d="M36 11.4L50 11.2L46 13.4L38 13.4Z" fill="#7d0d22" fill-opacity=".6"/>
<path d="M3 13.2L8.6 11.8L10.4 13.6L4.4 14.9Z" fill="#fff6d0"/>
<path d="M60 11.4L62 13L61.8 14.8L59 14Z" fill="#ff9aa0"/>
<circle cx="14.4" cy="17.8" r="5.6" fill="#2b2433"/><circle cx="14.4" cy="17.8" r="3.2" fill="#c9c4d6"/>
<circle cx="14.4" cy="17.8" r="1.3" fill="#5a5468"/>
<circle cx="49.4" cy="17.8" r="5.6" fill="#2b2433"/><circle cx="49.4" cy="17.8" r="3.2" fill="#c9c4d6"/>
<circle cx="49.4" cy="17.8" r="1.3" fill="#5a5468"/>
"""
_STRIPES = ("#f2463c", "#ffb52e", "#f2463c", "#ffb52e", "#f2463c")
_HOT_AIR_BALLOON = (
    """
<linearGradient id="hb-side" x1="0" x2="44" y1="0" y2="0" gradientUnits="userSpaceOnUse">
<stop stop-color="#ffffff" stop-opacity=".35"/><stop offset=".45" stop-color="#ffffff" stop-opacity="0"/>
<stop offset="1" stop-color="#3a0a3a" stop-opacity=".38"/>
</linearGradient>
<path d="M14 44L18 55M30 44L26 55M22 46L22 55" stroke="#6b4a35" stroke-width=".7" fill="none"/>
"""
    + "".join(
        f'<path d="M22 1C{22 - x} 1 {22 - x} 30 {22 - 8 * x / 28} 47'
        f'L{22 + 8 * x / 28} 47C{22 + x} 30 {22 + x} 1 22 1Z" fill="{tint}"/>'
        for x, tint in zip((28, 20, 12.5, 6, 1.6), _STRIPES, strict=True)
    )
    + """
<path d="M22 1C-6 1 -6 30 14 47L30 47C50 30 50 1 22 1Z" fill="url(#hb-side)"/>
<path d="M13.6 45.4L30.4 45.4L29.6 48.2L14.4 48.2Z" fill="#7d3a2c"/>
<path d="M16.6 54.4L27.4 54.4L26.4 62C26.3 63 25.6 63.6 24.6 63.6L19.4 63.6C18.4 63.6 17.7 63 17.6 62Z" fill="#b87a45"/>
<path d="M16.2 53.6L27.8 53.6L27.6 56L16.4 56Z" fill="#8a5530"/>
<path d="M17.2 58.4L26.9 58.4M17.5 61L26.6 61" stroke="#8a5530" stroke-width=".6"/>
"""
)
_LIGHTHOUSE = """
<linearGradient id="lh-side" x1="6" x2="26" y1="0" y2="0" gradientUnits="userSpaceOnUse">
<stop stop-color="#ffffff" stop-opacity=".25"/><stop offset=".5" stop-color="#ffffff" stop-opacity="0"/>
<stop offset="1" stop-color="#2a1a4a" stop-opacity=".34"/>
</linearGradient>
<path d="M1 64C3 58 8 57 16 57C24 57 29 58 31 64Z" fill="#7d7486"/>
<path d="M4 64C6 60.6 10 60 14 60L12 64Z" fill="#968d9f"/>
<path d="M10.6 20L21.4 20L24.8 59L7.2 59Z" fill="#fbf7ff"/>
<path d="M10 26.6L22 26.6L22.7 34.2L9.3 34.2Z" fill="#e83a3f"/>
<path d="M8.6 42L23.4 42L24.1 50L7.9 50Z" fill="#e83a3f"/>
<path d="M10.6 20L21.4 20L24.8 59L7.2 59Z" fill="url(#lh-side)"/>
<path d="M14 59L14 54.4C14 52 18 52 18 54.4L18 59Z" fill="#5a3f45"/>
<path d="M14.6 37.6h2.8v3.2h-2.8zM14.8 22.4h2.4v2.8h-2.4z" fill="#4a5a82"/>
<path d="M8.6 17.6L23.4 17.6L23 20.6L9 20.6Z" fill="#4d4763"/>
<path d="M11.4 9.6L20.6 9.6L20.6 17.8L11.4 17.8Z" fill="#ffe27a"/>
<path d="M12.8 9.6L14 9.6L14 17.8L12.8 17.8ZM18 9.6L19.2 9.6L19.2 17.8L18 17.8Z" fill="#4d4763"/>
<circle cx="16" cy="13.6" r="2.6" fill="#fffbe6"/>
<path d="M10 9.8C11 5.4 13.6 3.6 16 3.6C18.4 3.6 21 5.4 22 9.8Z" fill="#e83a3f"/>
<path d="M15.5.6h1v3.4h-1z" fill="#4d4763"/>
"""
_WINDMILL = """
<linearGradient id="wm-side" x1="14" x2="40" y1="0" y2="0" gradientUnits="userSpaceOnUse">
<stop stop-color="#ffffff" stop-opacity=".25"/><stop offset=".5" stop-color="#ffffff" stop-opacity="0"/>
<stop offset="1" stop-color="#2a1a3a" stop-opacity=".32"/>
</linearGradient>
<path d="M20 24L34 24L39 62L15 62Z" fill="#f3e6d0"/><path d="M16.2 52L37.8 52L39 62L15 62Z" fill="#b06a4a"/>
<path d="M20 24L34 24L39 62L15 62Z" fill="url(#wm-side)"/>
<path d="M18.6 25C19.6 18 23 15 27 15C31 15 34.4 18 35.4 25Z" fill="#a8452f"/>
<path d="M24 62L24 54.6C24 51.4 30 51.4 30 54.6L30 62Z" fill="#6b3f2c"/><path d="M25 34h4v5h-4z" fill="#5a7fb0"/>
<g transform="rotate(20 27 21.6)">
<path d="M26.2 21.6L26.2 1L27.8 1L27.8 42L26.2 42ZM6.4 20.8L47.6 20.8L47.6 22.4L6.4 22.4Z" fill="#6b4a35"/>
<path d="M28 2L33 2L32 18L28 18Z" fill="#fffaf0"/><path d="M26 41L21 41L22 25L26 25Z" fill="#fffaf0"/>
<path d="M7 20.6L7 15.6L23 16.6L23 20.6Z" fill="#fffaf0"/><path d="M47 22.6L47 27.6L31 26.6L31 22.6Z" fill="#fffaf0"/>
</g>
<circle cx="27" cy="21.6" r="2.4" fill="#4d3528"/>
"""
_OPEN_BOX = """
<linearGradient id="ob-side" x1="0" x2="0" y1="12" y2="40" gradientUnits="userSpaceOnUse">
<stop stop-color="#e0ad78"/><stop offset="1" stop-color="#b57d4c"/>
</linearGradient>
<path d="M8 12L40 12L38.6 39C38.5 40 37.8 40.6 36.8 40.6L11.2 40.6C10.2 40.6 9.5 40 9.4 39Z" fill="url(#ob-side)"/>
<path d="M8 12L1 19.6L6.6 22L10 14Z" fill="#c48d5a"/><path d="M40 12L47 19.6L41.4 22L38 14Z" fill="#a87243"/>
<path d="M8 12L40 12L42.6 21.6L5.4 21.6Z" fill="#eec393"/><path d="M8 12L40 12L40.3 13.2L7.7 13.2Z" fill="#f8dcb8"/>
<path d="M21 21.6h6v6.4h-6z" fill="#9a6a4c" fill-opacity=".8"/><path d="M30.6 31h5.4v5.4h-5.4z" fill="#e9e2f0"/>
"""


def _one_line(svg: str) -> str:
    return svg.replace("\n", " ")


OWN = (
    HOUSEHOLD
    | FIREWORKS
    | {
        "hover-car": Drawing(_one_line(_HOVER_CAR), 67, 24),
        "sports-car": Drawing(_one_line(_SPORTS_CAR), 64, 24),
        "hot-air-balloon": Drawing(_one_line(_HOT_AIR_BALLOON), 44, 64),
        "lighthouse": Drawing(_one_line(_LIGHTHOUSE), 32, 64),
        "windmill": Drawing(_one_line(_WINDMILL), 54, 64),
        "open-box": Drawing(_one_line(_OPEN_BOX), 48, 42),
    }
)
