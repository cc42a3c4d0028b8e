"""Depth of field: what is far off, behind the things, out of focus."""

import numpy as np
import skia
from PIL import Image, ImageFilter

from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, pixels
from omniwatt.engines.draw.illustrator.scene import Scene

_SCALE = 0.5
"""Pixels a unit of the blurred picture: it holds nothing finer."""
_PAGES = frozenset({"paper", "plain", "gradient", "ink_mountains", "space"})
_SHARP = frozenset({"flat", "papercut", "pixel", "ink", "calligraphy", "pencil", "neon", "watercolour"})
BLEND = """
uniform shader far; uniform float start, end;
half4 main(float2 p) {
  float k = 1.0 - smoothstep(start, end, p.y);
  return far.eval(p) * half(k);
}
"""


def unsharp(scene: Scene, rich: int) -> float:
    """Radius in design units of the blur far off; 0 where everything is in focus.

    Asked for (`bokeh`) it is strong; in 3d it is there as soon as there is something to look at, and in high quality
    a little of it.
    """
    if "bokeh" in scene.light and scene.backdrop != "plain":
        return 11.0
    if (
        not scene.things
        or scene.backdrop in _PAGES
        or scene.backdrop == "night_city"
        or scene.style in _SHARP
        or scene.view == "wide"
    ):
        return 0.0
    return 6.0 if scene.style == "3d" else 2.4 if rich == 3 else 0.0


def far_blur(stage: Stage, radius: float) -> None:
    """Blurs what was drawn so far, wholly above the horizon and less and less towards the viewer."""
    so_far = stage.finish()
    stage.canvas.drawPicture(so_far)
    seen = pixels(so_far, stage.box(), _SCALE).toarray(colorType=skia.kRGBA_8888_ColorType)
    soft = Image.fromarray(seen[..., :3]).filter(ImageFilter.GaussianBlur(radius * _SCALE)).convert("RGBA")
    image = skia.Image.fromarray(np.ascontiguousarray(np.asarray(soft)), skia.kRGBA_8888_ColorType)
    place = skia.Matrix.Translate(-MARGIN, -MARGIN).preScale(1 / _SCALE, 1 / _SCALE)
    sampling = skia.SamplingOptions(skia.FilterMode.kLinear)
    far = image.makeShader(skia.TileMode.kClamp, skia.TileMode.kClamp, sampling, place)
    deep = stage.height - stage.horizon
    stage.over(BLEND, stage.box(), {"far": far}, start=stage.horizon + 0.04 * deep, end=stage.horizon + 0.5 * deep)
