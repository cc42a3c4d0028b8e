"""One placed sprite on a canvas in design units: its shadow or mirror image, itself in the scene's light, its glow."""

from typing import Any

import skia

from omniwatt.engines.draw.illustrator.layout import Placed
from omniwatt.engines.draw.illustrator.objects.sprites import AFLOAT, Sprites
from omniwatt.engines.draw.illustrator.paint.colours import RGB, from_oklab, mix, rgb
from omniwatt.engines.draw.illustrator.paint.light import Light

_SHINING = {
    "sun", "sun-with-face", "full-moon", "full-moon-face", "crescent-moon", "first-quarter-moon", "last-quarter-moon",
    "first-quarter-moon-face", "last-quarter-moon-face", "waxing-crescent-moon", "waning-crescent-moon",
    "waxing-gibbous-moon", "waning-gibbous-moon", "new-moon-face", "star", "glowing-star", "shooting-star", "comet",
    "sparkles", "fire", "candle", "light-bulb", "red-paper-lantern", "diya-lamp", "fireworks", "sparkler", "lantern",
    "jack-o-lantern", "flashlight", "high-voltage", "rainbow", "firecracker", "dizzy", "crystal-ball", "lava",
    "phoenix-bird", "heart-on-fire",
}  # fmt: skip
_MASSIFS = {"mountain", "snow-capped-mountain", "mount-fuji", "volcano"}
_WAVES = 14


def shines(placed: Placed) -> bool:
    """Whether it gives light itself."""
    return placed.sprite in _SHINING or "glowing" in placed.traits


def draw(
    canvas: Any, placed: Placed, sprites: Sprites, light: Light | None = None, *, rich: int = 2, cut: bool = False
) -> None:
    """Paint it with all that belongs to it. `rich`: 1 is quick, 2 has light from the side, 3 casts its own shape.

    `cut`: it is a piece of paper that lies on others, in their light.

    Things must be drawn far to near. Nothing is painted where `canvas` cannot show it.
    """
    box = placed.box
    reach = max(box.width, box.height)
    around = skia.Rect.MakeXYWH(box.x, box.y, box.width, box.height).makeOutset(reach * 1.6, reach * 1.2)
    if canvas.quickReject(around):
        return
    if cut and light is not None:
        _sprite(canvas, placed, sprites, light, 1, lifted=reach)
        return
    if light is not None:
        if shines(placed):
            _glow(canvas, placed, sprites, light)
        elif placed.ground in ("ground", "surface") and light.shadow_alpha > 0 and placed.sprite not in _MASSIFS:
            _shadow(canvas, placed, sprites, light, cast=rich >= 2 and placed.ground == "ground")
        elif placed.ground == "water":
            mirror(canvas, placed, sprites, light)
    _sprite(canvas, placed, sprites, light, rich)


def silhouette(canvas: Any, placed: Placed, sprites: Sprites) -> None:
    """It alone, without light or shadow: where it is opaque it is."""
    _sprite(canvas, placed, sprites, None, 1)


def _sprite(canvas: Any, placed: Placed, sprites: Sprites, light: Light | None, rich: int, lifted: float = 0.0) -> None:
    """`lifted`: how large a thing it is whose paper stands off the sheet below; 0 does not."""
    box = placed.box
    bounds = skia.Rect.MakeXYWH(box.x, box.y, box.width, box.height)
    canvas.save()
    if placed.turn_degrees:
        canvas.rotate(placed.turn_degrees, bounds.centerX(), bounds.centerY())
    if placed.ground == "water" and placed.sprite in AFLOAT:
        canvas.clipPath(_above_water(bounds), doAntiAlias=True)
    layered = light is not None and not shines(placed)
    if layered and light is not None:
        paint = skia.Paint(ColorFilter=_lit(light, placed.depth, placed.tint))
        if lifted:
            side, soft = -light.side(bounds.centerX()), min(0.02 * lifted, 6.0)
            paint.setImageFilter(
                skia.ImageFilters.DropShadow(3 * side, 0.9 * soft, soft, soft, _argb((0.05, 0.04, 0.12), 0.55))
            )
        canvas.saveLayer(bounds.makeOutset(box.width * 0.02 + lifted * 0.1, box.height * 0.02 + lifted * 0.1), paint)
    canvas.save()
    canvas.concat(_into(placed, sprites))
    canvas.drawPicture(sprites.picture(placed.sprite, placed.colour))
    canvas.restore()
    if layered and light is not None:
        if placed.sprite in _MASSIFS and placed.ground == "ground":
            _faded(canvas, bounds)
        if rich >= 2 and not light.ink:
            _side(canvas, bounds, light, placed.turn_degrees)
        canvas.restore()
    canvas.restore()


def _faded(canvas: Any, bounds: Any) -> None:
    """What stands at the horizon has no foot to be seen: it goes over into the haze."""
    shader = skia.GradientShader.MakeLinear(
        [skia.Point(0, bounds.top() + 0.62 * bounds.height()), skia.Point(0, bounds.bottom() - 0.02 * bounds.height())],
        [_argb((0, 0, 0), 1.0), _argb((0, 0, 0), 0.0)],
    )
    canvas.drawRect(bounds.makeOutset(2, 2), skia.Paint(Shader=shader, BlendMode=skia.BlendMode.kDstIn))


def _above_water(bounds: Any) -> Any:
    """All but what is below the water line, which ripples."""
    level, ripple, waves = bounds.bottom() - 0.07 * bounds.height(), 0.014 * bounds.height(), 9
    step = bounds.width() / waves
    path = skia.Path()
    path.moveTo(bounds.left(), bounds.top() - bounds.height())
    path.lineTo(bounds.left(), level)
    for wave in range(waves):
        x = bounds.left() + wave * step
        path.quadTo(x + step / 2, level + (ripple if wave % 2 else -ripple), x + step, level)
    path.lineTo(bounds.right(), bounds.top() - bounds.height())
    path.close()
    return path


def _into(placed: Placed, sprites: Sprites) -> Any:
    """The matrix from the sprite's units into its box: the ink fills the box."""
    left, top, right, bottom = sprites.ink(placed.sprite)
    box = placed.box
    matrix = skia.Matrix.Translate(box.x, box.y)
    if placed.flip:
        matrix.preTranslate(box.width, 0)
        matrix.preScale(-1, 1)
    matrix.preScale(box.width / (right - left), box.height / (bottom - top))
    matrix.preTranslate(-left, -top)
    return matrix


def _lit(light: Light, depth: float, tint: float = 0.0) -> Any:
    """Multiplied with the ambient light, then veiled by the haze before it; drained of colour in an ink picture.

    `tint` -1 is darker and warmer, 1 paler.
    """
    veil = 0.8 * light.haze_at(depth)
    ambient, haze = mix(rgb(light.ambient), (1.0, 1.0, 1.0), 0.25), rgb(light.haze)
    rows: list[float] = []
    keep = (0.8 if light.ink else 1.0) * (1.0 - 0.4 * max(tint, 0.0))
    own = [1.0 + (0.14 * tint if tint > 0 else gain * tint) for gain in (0.12, 0.18, 0.21)]
    luma = (0.2126, 0.7152, 0.0722)
    for channel in range(3):
        gain = own[channel] * ambient[channel] * (1 - veil)
        row = [gain * (1 - keep) * part for part in luma]
        row[channel] += gain * keep
        rows += [*row, 0.0, haze[channel] * veil]
    return skia.ColorFilters.Matrix([*rows, 0, 0, 0, 1, 0])


def _side(canvas: Any, bounds: Any, light: Light, turn_degrees: float) -> None:
    """Light from its side, shade on the other, within what the layer holds."""
    side = light.side(bounds.centerX())
    if abs(turn_degrees) > 60:
        side = -side
    bright, dark = 0.20 * light.strength * abs(side), 0.26 * light.strength * (0.35 + 0.65 * abs(side))
    from_x, to_x = (bounds.right(), bounds.left()) if side > 0 else (bounds.left(), bounds.right())
    from_y, to_y = bounds.top(), bounds.bottom() if light.height > 0.3 else bounds.centerY()
    colours = [_argb(rgb(light.colour), bright), _argb(rgb(light.colour), 0), _argb(rgb(light.shadow), 0)]
    shader = skia.GradientShader.MakeLinear(
        [skia.Point(from_x, from_y), skia.Point(to_x, to_y)],
        [*colours, _argb(rgb(light.shadow), dark)],
        [0.0, 0.42, 0.55, 1.0],
    )
    canvas.drawRect(bounds.makeOutset(2, 2), skia.Paint(Shader=shader, BlendMode=skia.BlendMode.kSrcATop))


def _shadow(canvas: Any, placed: Placed, sprites: Sprites, light: Light, cast: bool) -> None:
    """A dark contact under the foot, and the thing's own shape laid on the ground away from the light."""
    box = placed.box
    middle, foot = box.x + box.width / 2, box.y + box.height
    colour, alpha = rgb(light.shadow), light.shadow_alpha * (1 - 0.7 * light.haze_at(placed.depth))
    if cast and not light.ink:
        _cast(canvas, placed, sprites, light, alpha * 0.8)
    flat = 0.085 if placed.ground == "ground" else 0.05
    radius = box.width * 0.5
    canvas.save()
    canvas.translate(middle, foot - box.width * 0.012)
    canvas.scale(1.0, max(flat * box.width / radius, 0.01))
    stops = [_argb(colour, alpha * 1.35), _argb(colour, alpha * 0.8), _argb(colour, 0)]
    shader = skia.GradientShader.MakeRadial(skia.Point(0, 0), radius, stops, [0.0, 0.55, 1.0])
    canvas.drawCircle(0, 0, radius, skia.Paint(Shader=shader, AntiAlias=True))
    canvas.restore()


def _cast(canvas: Any, placed: Placed, sprites: Sprites, light: Light, alpha: float) -> None:
    box = placed.box
    middle, foot = box.x + box.width / 2, box.y + box.height
    length = 0.16 + 0.22 * (1 - light.height)
    image = sprites.image(placed.sprite)
    paint = skia.Paint(Color=_argb(rgb(light.shadow), alpha), AntiAlias=True)
    paint.setColorFilter(skia.ColorFilters.Blend(_argb(rgb(light.shadow), 1.0), skia.BlendMode.kSrcIn))
    paint.setImageFilter(skia.ImageFilters.Blur(box.width * 0.012, box.width * 0.008))
    canvas.save()
    canvas.translate(middle, foot - box.height * 0.015)
    # Upside down would be a mirror: the shape leans back and to the side, as seen from above the ground.
    lean = light.shadow_slant(middle) * 0.55
    canvas.concat(skia.Matrix.MakeAll(1, -lean, 0, 0, length, 0, 0, 0, 1))
    if placed.flip:
        canvas.scale(-1, 1)
    _image(canvas, image, skia.Rect.MakeXYWH(-box.width / 2, -box.height, box.width, box.height), paint)
    canvas.restore()


def mirror(canvas: Any, placed: Placed, sprites: Sprites, light: Light, strength: float = 0.5) -> None:
    """Its image in water or on a wet street: upside down, shorter, rippled, fading away from the foot."""
    box = placed.box
    image = sprites.image(placed.sprite, placed.colour, 256)
    foot, tall = box.y + box.height * (0.95 if placed.sprite in AFLOAT else 1.0), box.height * 0.62
    area = skia.Rect.MakeXYWH(box.x - box.width * 0.1, foot - box.height * 0.03, box.width * 1.2, tall)
    canvas.saveLayer(area, skia.Paint(ColorFilter=_lit(light, placed.depth * 0.7)))
    for wave in range(_WAVES):
        top, bottom = area.top() + tall * wave / _WAVES, area.top() + tall * (wave + 1) / _WAVES
        shift = box.width * 0.035 * (wave / _WAVES + 0.25) * (1 if wave % 2 else -1)
        canvas.save()
        canvas.clipRect(skia.Rect.MakeLTRB(area.left(), top, area.right(), bottom + 0.02 * tall))
        canvas.translate(shift + box.x + box.width / 2, area.top())
        canvas.scale(-1 if placed.flip else 1, -1)
        _image(canvas, image, skia.Rect.MakeXYWH(-box.width / 2, -tall, box.width, tall), skia.Paint())
        canvas.restore()
    fade = skia.GradientShader.MakeLinear(
        [skia.Point(0, area.top()), skia.Point(0, area.bottom())],
        [_argb((0, 0, 0), strength), _argb((0, 0, 0), strength * 0.45), 0],
        [0.0, 0.5, 1.0],
    )
    canvas.drawRect(area, skia.Paint(Shader=fade, BlendMode=skia.BlendMode.kDstIn))
    canvas.restore()


def _glow(canvas: Any, placed: Placed, sprites: Sprites, light: Light) -> None:
    """Light around what shines: strong at night, a breath by day."""
    box = placed.box
    main = sprites.main(placed.sprite)
    colour = mix(rgb(placed.colour), (1.0, 1.0, 1.0), 0.2) if placed.colour else _main_rgb(main)
    strength = 0.75 if light.dark else 0.35
    radius = max(box.width, box.height) * (1.25 if light.dark else 0.95)
    stops = [(0.0, strength), (0.35, strength * 0.42), (0.65, strength * 0.13), (1.0, 0.0)]
    x, y = box.x + box.width / 2, box.y + box.height / 2
    shader = skia.GradientShader.MakeRadial(
        skia.Point(x, y), radius, [_argb(colour, alpha) for _, alpha in stops], [place for place, _ in stops]
    )
    canvas.drawCircle(x, y, radius, skia.Paint(Shader=shader, BlendMode=skia.BlendMode.kScreen, Dither=True))


def _main_rgb(main: Any) -> RGB:
    return from_oklab((main.light, main.green_red, main.blue_yellow))


def _image(canvas: Any, image: Any, into: Any, paint: Any) -> None:
    canvas.drawImageRect(image, into, skia.SamplingOptions(skia.CubicResampler.Mitchell()), paint)


def _argb(colour: RGB, alpha: float) -> int:
    parts = [round(255 * min(max(part, 0.0), 1.0)) for part in (alpha, *colour)]
    return parts[0] << 24 | parts[1] << 16 | parts[2] << 8 | parts[3]
