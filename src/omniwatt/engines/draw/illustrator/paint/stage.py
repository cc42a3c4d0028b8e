"""What a backdrop draws on: a recording canvas in design units, with the layout, its light and its chance at hand.

A recording holds vectors and procedures, no pixels, so it is played back at any scale. `fine` is the level of detail:
at 4 and 16 the same shapes get smaller octaves; each draws from chance of its own, so nothing that was there moves.
"""

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import skia

from omniwatt.engines.draw.illustrator.layout import Layout
from omniwatt.engines.draw.illustrator.paint.chance import chance, number
from omniwatt.engines.draw.illustrator.paint.colours import RGB, from_oklab, mix, oklab, rgb, shade
from omniwatt.engines.draw.illustrator.paint.light import LAMPS, Light, light_of

MARGIN = 60.0
"""Design units drawn beyond every edge: filters look over it, and it is the bleed of print."""
Stops = Sequence[tuple[float, RGB, float]]
"""Place (0 to 1), colour, opacity."""


def argb(colour: RGB, alpha: float = 1.0) -> int:
    """Skia's 0xAARRGGBB."""
    parts = [round(255 * min(max(part, 0.0), 1.0)) for part in (alpha, *colour)]
    return parts[0] << 24 | parts[1] << 16 | parts[2] << 8 | parts[3]


@lru_cache(maxsize=64)
def effect(source: str) -> Any:
    """A compiled SkSL shader; raises ValueError with the compiler's words."""
    made = skia.RuntimeEffect.MakeForShader(source)
    if made is None:
        raise ValueError("the shader does not compile")
    return made


def shader(source: str, children: Mapping[str, Any], uniforms: Mapping[str, Any], local: Any = None) -> Any:
    """A shader of this SkSL source; a colour uniform is three floats."""
    builder = skia.RuntimeShaderBuilder(effect(source))
    for name, child in children.items():
        builder.setChild(name, child)
    for name, value in uniforms.items():
        builder.setUniform(name, [float(part) for part in value] if isinstance(value, tuple) else float(value))
    return builder.makeShader(local) if local is not None else builder.makeShader()


def noise(wavelength: float, octaves: int, seed: int, stretch: float = 1.0) -> Any:
    """Fractal noise (Perlin 1985) around 0.5 in its alpha, the coarsest waves this many units long."""
    return skia.PerlinNoiseShader.MakeFractalNoise(1 / (wavelength * stretch), 1 / wavelength, octaves, float(seed))


def even(stops: Stops) -> tuple[list[int], list[float]]:
    """Colours and places with mixed colours between, so that Skia's straight mixing stays even to the eye."""
    colours, places = [], []
    for (start, one, alpha), (end, two, beta) in itertools.pairwise(stops):
        for part in range(6):
            share = part / 6
            colours.append(argb(mix(one, two, share), alpha + (beta - alpha) * share))
            places.append(start + (end - start) * share)
    last = stops[-1]
    return [*colours, argb(last[1], last[2])], [*places, last[0]]


def along(x0: float, y0: float, x1: float, y1: float, stops: Stops) -> Any:
    """A straight gradient from one point to another."""
    colours, places = even(stops)
    return skia.GradientShader.MakeLinear([skia.Point(x0, y0), skia.Point(x1, y1)], colours, places)


def around(x: float, y: float, radius: float, stops: Stops) -> Any:
    """A round gradient from the centre out."""
    colours, places = even(stops)
    return skia.GradientShader.MakeRadial(skia.Point(x, y), max(radius, 0.01), colours, places)


def pixels(recording: Any, box: Any, scale: float) -> Any:
    """A recording's part in `box` (a skia.Rect in design units) as an image."""
    size = (max(1, round(box.width() * scale)), max(1, round(box.height() * scale)))
    surface = skia.Surface.MakeRaster(skia.ImageInfo.MakeN32Premul(*size))
    canvas = surface.getCanvas()
    canvas.scale(scale, scale)
    canvas.translate(-box.left(), -box.top())
    canvas.drawPicture(recording)
    return surface.makeImageSnapshot()


@dataclass
class Stage:
    """One recording in the making."""

    layout: Layout
    fine: int = 1
    rich: int = 2
    """Quality: 1 low, 2 medium, 3 high; more of what is small and many."""
    light: Light = field(init=False)
    canvas: Any = field(init=False)
    _recorder: Any = field(init=False)

    def __post_init__(self) -> None:
        self.light = light_of(self.layout)
        self._begin()

    def _begin(self) -> None:
        self._recorder = skia.PictureRecorder()
        self.canvas = self._recorder.beginRecording(self.box())

    def finish(self) -> Any:
        """The recording; the stage begins an empty one."""
        made = self._recorder.finishRecordingAsPicture()
        self._begin()
        return made

    def mirror(self, scale: float = 0.6) -> Any:
        """A shader of all that was drawn so far, as pixels at this scale: what water and wet streets show."""
        so_far = self.finish()
        self.canvas.drawPicture(so_far)
        image = pixels(so_far, self.box(), scale)
        place = skia.Matrix.Translate(-MARGIN, -MARGIN).preScale(1 / scale, 1 / scale)
        sampling = skia.SamplingOptions(skia.FilterMode.kLinear)
        return image.makeShader(skia.TileMode.kClamp, skia.TileMode.kClamp, sampling, place)

    @property
    def width(self) -> float:
        return self.layout.width

    @property
    def height(self) -> float:
        return self.layout.height

    @property
    def horizon(self) -> float:
        """Where ground meets sky; kept inside the picture, for backdrops that need both."""
        return min(max(self.layout.horizon, 0.18 * self.height), 0.86 * self.height)

    @property
    def time(self) -> str:
        return self.layout.scene.time

    @property
    def season(self) -> str:
        """As asked for; falling snow makes it winter."""
        return "winter" if self.has("snow") else self.layout.scene.season

    def has(self, *words: str) -> bool:
        """Whether one of these was asked for as weather, light, feature or mood, and none of them excluded."""
        scene = self.layout.scene
        asked = {*scene.weather, *scene.light, *scene.features, *scene.mood} - set(scene.without)
        return bool(asked.intersection(words))

    @property
    def has_lamp(self) -> bool:
        """Whether sun or moon stand there as a thing: the sky paints none."""
        return any(placed.sprite in LAMPS for placed in self.layout.placed)

    def roll(self, *names: object) -> random.Random:
        return chance(self.layout.seed, self.layout.scene.backdrop, *names)

    def number(self, *names: object) -> int:
        return number(self.layout.seed, self.layout.scene.backdrop, *names)

    def tone(self, usual: str, share: float = 0.6) -> RGB:
        """This colour, drawn towards the palette that was asked for, keeping its lightness."""
        colour = rgb(usual)
        palette = self.layout.scene.palette
        if not palette:
            return colour
        one, other = oklab(colour), oklab(rgb(palette[number(1, usual) % len(palette)]))
        return from_oklab((one[0], one[1] + (other[1] - one[1]) * share, one[2] + (other[2] - one[2]) * share))

    def lit(self, colour: RGB, amount: float = 1.0) -> RGB:
        """This colour in the scene's ambient light."""
        ambient = rgb(self.light.ambient)
        dim = (colour[0] * ambient[0], colour[1] * ambient[1], colour[2] * ambient[2])
        return mix(colour, dim, amount)

    def far(self, colour: RGB, depth: float) -> RGB:
        """This colour with the haze before it, at this depth (0 far, 1 near)."""
        return mix(colour, rgb(self.light.haze), self.light.haze_at(depth))

    def box(self) -> Any:
        return skia.Rect.MakeLTRB(-MARGIN, -MARGIN, self.width + MARGIN, self.height + MARGIN)

    def rect(self, top: float, bottom: float) -> Any:
        return skia.Rect.MakeLTRB(-MARGIN, top, self.width + MARGIN, bottom)

    def wash(self, stops: Stops, top: float, bottom: float, cover: Any = None, blend: Any = None) -> None:
        """A vertical gradient over the whole width (or `cover`)."""
        paint = skia.Paint(Shader=along(0, top, 0, bottom, stops), Dither=True)
        if blend is not None:
            paint.setBlendMode(blend)
        self.canvas.drawRect(cover or self.rect(top, bottom), paint)

    def glow(self, x: float, y: float, radius: float, colour: RGB, alpha: float = 1.0, blend: Any = None) -> None:
        """A soft light: falls off as 1/r² would, and is nothing at the radius."""
        stops = [(0.0, colour, alpha), (0.12, colour, alpha * 0.62), (0.3, colour, alpha * 0.27)]
        stops += [(0.55, colour, alpha * 0.09), (1.0, colour, 0.0)]
        paint = skia.Paint(Shader=around(x, y, radius, stops), Dither=True)
        paint.setBlendMode(skia.BlendMode.kScreen if blend is None else blend)
        self.canvas.drawCircle(x, y, radius, paint)

    def fill(self, path: Any, colour: RGB, alpha: float = 1.0) -> None:
        self.canvas.drawPath(path, skia.Paint(Color=argb(colour, alpha), AntiAlias=True))

    def shaded(self, path: Any, shade_: Any) -> None:
        self.canvas.drawPath(path, skia.Paint(Shader=shade_, AntiAlias=True, Dither=True))

    def upright(self, path: Any, stops: Stops) -> None:
        """A shape filled with a gradient from its top to its bottom."""
        bounds = path.getBounds()
        self.shaded(path, along(0, bounds.top(), 0, bounds.bottom(), stops))

    def line(self, path: Any, colour: RGB, width: float, alpha: float = 1.0) -> None:
        paint = skia.Paint(Color=argb(colour, alpha), AntiAlias=True, Style=skia.Paint.kStroke_Style)
        paint.setStrokeWidth(width)
        paint.setStrokeCap(skia.Paint.kRound_Cap)
        paint.setStrokeJoin(skia.Paint.kRound_Join)
        self.canvas.drawPath(path, paint)

    def over(self, source: str, cover: Any, children: Mapping[str, Any], /, blend: Any = None, **uniforms: Any) -> None:
        """A procedure over a rectangle."""
        paint = skia.Paint(Shader=shader(source, children, uniforms), Dither=True)
        if blend is not None:
            paint.setBlendMode(blend)
        self.canvas.drawRect(cover, paint)

    def shades(self, colour: RGB, lighter: float, darker: float) -> Stops:
        """Top to bottom, from lighter to darker."""
        return [(0.0, shade(colour, lighter), 1.0), (1.0, shade(colour, -darker), 1.0)]
