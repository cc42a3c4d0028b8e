"""Things about the house and the street (and a cube) that the sprite set lacks, as SVG in its manner."""

from omniwatt.engines.draw.illustrator.objects.drawing import Drawing

_SHADE = '<linearGradient id="{id}" x1="0" x2="0" y1="{top}" y2="{foot}" gradientUnits="userSpaceOnUse">'


def _ramp(name: str, top: float, foot: float, *colours: str) -> str:
    """A gradient from top to foot through these colours."""
    stops = "".join(
        f'<stop offset="{place / (len(colours) - 1):.2f}" stop-color="{colour}"/>'
        for place, colour in enumerate(colours)
    )
    return _SHADE.format(id=name, top=top, foot=foot) + stops + "</linearGradient>"


def _rect(x: float, y: float, width: float, height: float, radius: float, fill: str, more: str = "") -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" fill="{fill}"{more}/>'


def _round(x: float, y: float, radius: float, fill: str, more: str = "") -> str:
    return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{fill}"{more}/>'


def _path(shape: str, fill: str, more: str = "") -> str:
    return f'<path d="{shape}" fill="{fill}"{more}/>'


_FRIDGE = (
    _ramp("hf-door", 0, 58, "#e6f1f7", "#b9d3e2", "#86a9c0")
    + _rect(4, 57, 5, 4, 1.2, "#4a5568")
    + _rect(25, 57, 5, 4, 1.2, "#4a5568")
    + _rect(2, 1, 30, 58, 4, "url(#hf-door)")
    + _rect(2, 20.4, 30, 1.4, 0, "#6f93ab")
    + _rect(5.4, 8, 2.4, 9.6, 1.2, "#5a6e80")
    + _rect(5.4, 25.4, 2.4, 15, 1.2, "#5a6e80")
    + _rect(28.4, 3.6, 1.6, 53, 0.8, "#f8fcff", ' fill-opacity=".55"')
    + _rect(14, 6, 6, 6, 1, "#ffd15c")
    + _round(23, 13.6, 2, "#ff6f6f")
)
_OVEN = (
    _ramp("ho-body", 0, 44, "#e4e8ef", "#b3bdca", "#7f8b9c")
    + _ramp("ho-glass", 16, 36, "#5b4636", "#2e2530")
    + _rect(4, 43, 6, 3, 1, "#3f4856")
    + _rect(34, 43, 6, 3, 1, "#3f4856")
    + _rect(1, 1, 42, 43, 3.4, "url(#ho-body)")
    + _rect(1, 1, 42, 10, 3.4, "#4c5667")
    + "".join(_round(x, 6, 2.3, "#e9edf3") + _rect(x - 0.4, 3.9, 0.8, 2.2, 0.3, "#e0475b") for x in (7, 14, 30, 37))
    + _rect(18, 3.6, 8, 4.8, 1, "#1f2836")
    + _rect(20, 5.2, 4, 1.4, 0.4, "#5dffb0")
    + _rect(6, 13.4, 32, 2.4, 1.2, "#5d6878")
    + _rect(6, 18, 32, 19, 2.4, "url(#ho-glass)")
    + _path("M12 34C12 27 17 24.6 22 24.6C27 24.6 32 27 32 34Z", "#d8974a")
    + _path("M14 30C16 26.8 19 25.8 22 25.8C20 27 17 28.6 16 31Z", "#f3c27c")
    + _rect(9, 34, 26, 1.6, 0.8, "#8d97a6")
    + _path("M9 20L14 20L10 35L8 35L8 21Z", "#fff", ' fill-opacity=".18"')
)
_MICROWAVE = (
    _ramp("hm-body", 0, 28, "#f0f3f8", "#c2cad6", "#8f9aac")
    + _ramp("hm-glass", 5, 23, "#3a4658", "#1c2330")
    + _rect(4, 27, 5, 2.6, 1, "#3f4856")
    + _rect(39, 27, 5, 2.6, 1, "#3f4856")
    + _rect(1, 1, 46, 27, 3.4, "url(#hm-body)")
    + _rect(4, 5, 28, 19, 2, "url(#hm-glass)")
    + _path("M11 20.6C11 16.4 14 14.4 18 14.4C22 14.4 25 16.4 25 20.6Z", "#ffb84f", ' fill-opacity=".8"')
    + _path("M7 7L13 7L9 22L6 22L6 8Z", "#fff", ' fill-opacity=".16"')
    + _rect(35.4, 5, 8.6, 4.4, 1, "#1f2836")
    + _rect(36.8, 6.4, 5.4, 1.6, 0.5, "#5dffb0")
    + "".join(_round(x, y, 1.3, "#6a7688") for y in (13, 16.6, 20.2) for x in (37, 39.8, 42.6))
    + _rect(32.4, 7, 1.4, 15, 0.7, "#6a7688")
)
_TOASTER = (
    _ramp("ht-body", 10, 36, "#ff8d7a", "#e5484d", "#a12343")
    + _ramp("ht-toast", 1, 12, "#e9a654", "#b9702e")
    + _path("M9 4.6C9 1.8 11.4 1 14.6 1L18.6 1C21.8 1 23 2.4 22.6 5L22.2 14L9.4 14Z", "url(#ht-toast)")
    + _path("M25.4 4.6C25.4 1.8 27.8 1 31 1L35 1C38.2 1 39.4 2.4 39 5L38.6 14L25.8 14Z", "url(#ht-toast)")
    + _path("M11 5C11 3.4 12.6 2.8 14.6 2.8L18.6 2.8C20.4 2.8 21 3.6 20.8 5L20.6 12L11.2 12Z", "#f7d49a")
    + _path("M27.4 5C27.4 3.4 29 2.8 31 2.8L35 2.8C36.8 2.8 37.4 3.6 37.2 5L37 12L27.6 12Z", "#f7d49a")
    + _rect(6, 35, 6, 2.6, 1, "#45303c")
    + _rect(36, 35, 6, 2.6, 1, "#45303c")
    + _path(
        "M3 20C3 13 7 10 13 10L35 10C41 10 45 13 45 20L45 32C45 34.6 43.6 36 41 36L7 36C4.4 36 3 34.6 3 32Z",
        "url(#ht-body)",
    )
    + _rect(8, 10.4, 15.6, 2.6, 1.3, "#5d1830")
    + _rect(24.6, 10.4, 15.6, 2.6, 1.3, "#5d1830")
    + _rect(44, 17, 4, 3.4, 1.4, "#45303c")
    + _round(38.4, 29, 2.6, "#f4e7ec")
    + _path("M6.4 19C6.8 15.4 9 13.8 12.6 13.6C9.8 15.4 8.8 18 8.8 22L8.8 29L6.4 29Z", "#fff", ' fill-opacity=".35"')
)
_SINK = (
    _ramp("hs-bowl", 20, 40, "#ffffff", "#d5dfea", "#a3b4c6")
    + _path("M19 41L29 41L27.6 58L20.4 58Z", "#c3cfdc")
    + _path("M2 22L46 22C46 34 40 42 31 42L17 42C8 42 2 34 2 22Z", "url(#hs-bowl)")
    + _rect(0, 19, 48, 5, 2.5, "#eef3f8")
    + _rect(5, 20.2, 38, 2, 1, "#9fb6cb")
    + _path(
        "M21.4 19L21.4 9C21.4 3.6 25 1 28.6 1C32.4 1 35.4 3.4 35.4 8L35.4 11L31.4 11L31.4 8"
        "C31.4 6 30.4 5 28.8 5C27 5 25.6 6.2 25.6 9L25.6 19Z",
        "#8595a8",
    )
    + _path("M33.4 12.4C34.8 14.4 35.2 15.4 35.2 16.2A1.8 1.8 0 0 1 31.6 16.2C31.6 15.4 32 14.4 33.4 12.4Z", "#4fb8f0")
    + _rect(12, 15.4, 6, 3.6, 1.4, "#8595a8")
    + _rect(13.4, 12, 3.2, 4, 1.2, "#e0475b")
)
_HYDRANT = (
    _ramp("hh-body", 4, 44, "#ff7a66", "#e2363f", "#9a1d3a")
    + _rect(3, 41, 26, 5, 2, "#a3223f")
    + _path("M8 42L8 18C8 16 9 15 11 15L21 15C23 15 24 16 24 18L24 42Z", "url(#hh-body)")
    + _rect(5, 13, 22, 4, 2, "#c92c42")
    + _path("M8 13C8 7.6 11 5 16 5C21 5 24 7.6 24 13Z", "url(#hh-body)")
    + _rect(13.4, 1, 5.2, 5, 1.6, "#c92c42")
    + _rect(2, 22, 7, 8, 2, "#c92c42")
    + _rect(23, 22, 7, 8, 2, "#c92c42")
    + _round(16, 27, 5.6, "#a3223f")
    + _round(16, 27, 3.6, "#ffd15c")
    + _rect(10, 17.6, 2, 22, 1, "#fff", ' fill-opacity=".35"')
)
_METER = (
    _ramp("hp-head", 2, 26, "#8fb2d8", "#4b739f", "#2d4a70")
    + _rect(12.4, 24, 5.2, 34, 1, "#6b7686")
    + _rect(12.4, 24, 1.6, 34, 0.8, "#a4afbd")
    + _rect(8, 57, 14, 3.4, 1.4, "#4c5564")
    + _path(
        "M3 14C3 6.4 8 1 15 1C22 1 27 6.4 27 14L25.4 26C25.2 27.4 24.4 28 23 28L7 28C5.6 28 4.8 27.4 4.6 26Z",
        "url(#hp-head)",
    )
    + _path("M6.6 13.4C6.6 8 10 4.6 15 4.6C20 4.6 23.4 8 23.4 13.4Z", "#eef4fa")
    + _path("M15 12.6L19.6 7.4L20.4 8.2L15.8 13.4Z", "#e0475b")
    + _rect(10, 16, 10, 4, 1, "#1f2836")
    + _rect(11.4, 17.2, 5, 1.6, 0.4, "#5dffb0")
    + _rect(14.2, 21.6, 1.6, 4.4, 0.6, "#1f2836")
)
_DRYER = (
    _ramp("hd-body", 2, 22, "#ff9ac0", "#e0508c", "#9a2866")
    + _path("M22 18L31 17L34.6 40C34.9 42 34 43 32.2 43L27.6 43C26 43 25 42.2 24.7 40.6Z", "#b83778")
    + _path("M12 6L22 4L22 20L12 18Z", "#5b4a6c")
    + _path("M1 4.4C1 3.4 2 3 3 3.2L12.6 6L12.6 18L3 20.8C2 21 1 20.6 1 19.6Z", "#3f3352")
    + _path(
        "M19 12C19 6 23.6 1.6 30.6 1.6C38 1.6 43 6 43 12C43 18 38 22.4 30.6 22.4C23.6 22.4 19 18 19 12Z",
        "url(#hd-body)",
    )
    + _round(33.4, 12, 6, "#7c2358")
    + "".join(_rect(29.6, y, 7.6, 1, 0.5, "#e9a7c8") for y in (9, 11.5, 14))
    + _rect(27.4, 27, 3, 6, 1.4, "#f6d5e4")
    + _path("M22 7.4C24 4.8 27 3.8 30 3.8C27 5.2 24.6 7.4 23.4 10.6Z", "#fff", ' fill-opacity=".5"')
)
_REMOTE = (
    _ramp("hr-body", 1, 56, "#5b6577", "#3a4252", "#232935")
    + _rect(2, 1, 20, 56, 5, "url(#hr-body)")
    + _round(7.4, 7.6, 2.4, "#ff5a5f")
    + _round(12, 19, 6.6, "#818da1")
    + _round(12, 19, 2.8, "#d7dee8")
    + "".join(_round(x, y, 1.9, "#c4cedb") for y in (30.6, 36.4, 42.2) for x in (6.6, 12, 17.4))
    + "".join(_round(x, 49.4, 1.9, tint) for x, tint in ((6.6, "#ff5a5f"), (12, "#ffd15c"), (17.4, "#58b4ff")))
    + _rect(4, 3.6, 1.6, 50, 0.8, "#fff", ' fill-opacity=".2"')
)
_BENCH = (
    _ramp("hb-wood", 2, 30, "#e0a263", "#b87a45", "#8f5a30")
    + _rect(6, 8, 2.6, 30, 1, "#4a4f5c")
    + _rect(55.4, 8, 2.6, 30, 1, "#4a4f5c")
    + _rect(13, 27, 2.6, 12, 1, "#363b47")
    + _rect(48.4, 27, 2.6, 12, 1, "#363b47")
    + "".join(_rect(2, y, 60, 5, 1.6, "url(#hb-wood)") for y in (2, 8.6, 15.2))
    + _path("M4 24L60 24L63.6 30L0.4 30Z", "url(#hb-wood)")
    + _rect(0.4, 29.4, 63.2, 3, 1.2, "#8f5a30")
    + _path("M2 27L62 27", "none", ' stroke="#8f5a30" stroke-width=".7"')
)
_CUBE = (
    _ramp("hc-top", 0, 20, "#8ec2ff", "#64a6f7")
    + _ramp("hc-left", 14, 52, "#3f86e8", "#2f6fd6")
    + _ramp("hc-right", 14, 52, "#2a5fbd", "#1d4590")
    + _path(
        "M24 1.4L46 12.4L24 24.6L2 12.4Z",
        "url(#hc-top)",
        ' stroke="#8ec2ff" stroke-width="1.6" stroke-linejoin="round"',
    )
    + _path(
        "M2 12.6L24 24.8L24 51.4L2 38.6Z",
        "url(#hc-left)",
        ' stroke="#3f86e8" stroke-width="1.6" stroke-linejoin="round"',
    )
    + _path(
        "M46 12.6L24 24.8L24 51.4L46 38.6Z",
        "url(#hc-right)",
        ' stroke="#2a5fbd" stroke-width="1.6" stroke-linejoin="round"',
    )
)
HOUSEHOLD = {
    "bench": Drawing(_BENCH, 64, 40),
    "cube": Drawing(_CUBE, 48, 53),
    "refrigerator": Drawing(_FRIDGE, 34, 62),
    "oven": Drawing(_OVEN, 44, 47),
    "microwave": Drawing(_MICROWAVE, 48, 30),
    "toaster": Drawing(_TOASTER, 49, 38),
    "sink": Drawing(_SINK, 48, 59),
    "fire-hydrant": Drawing(_HYDRANT, 32, 47),
    "parking-meter": Drawing(_METER, 30, 61),
    "hair-dryer": Drawing(_DRYER, 44, 44),
    "remote-control": Drawing(_REMOTE, 24, 58),
}
