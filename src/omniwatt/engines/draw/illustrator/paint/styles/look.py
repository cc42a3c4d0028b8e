"""Styles as whole looks: each is what is done to a scene once it stands, under the lettering.

A look sees three pictures of the scene, all addressed in design units: `pic`, native at the scale being painted;
`mid`, at two pixels a unit above three, so that what is looked up around a place stays the same; and `soft`, blurred
over about 14 units. A source declares `soft` itself where it needs it, and likewise `who`, whose alpha is where things
are, and `puff`, that mask swollen like a cushion. What it adds of its own (grain, hatching, tubes) it makes at the
native scale.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from omniwatt.engines.draw.illustrator.paint.stage import Stage

Children = Callable[[Stage], Mapping[str, Any]]
Uniforms = Callable[[Stage], Mapping[str, Any]]


@dataclass(frozen=True)
class Look:
    """How a style finishes a scene. Empty `source`: as it was drawn."""

    source: str = ""
    """SkSL that defines `look(p)`; HEAD says what it may use."""
    halo: float = 0.0
    """Design units it looks beyond a place, in `pic`: at large scales each of them is many pixels painted twice."""
    reach: float = 0.0
    """The same in `mid`."""
    children: Children = lambda _: {}
    uniforms: Uniforms = lambda _: {}
    over: Callable[[Stage, Any, Any], None] | None = None
    """Draws on the stage, over the scene, given scene and things as images of half a pixel a unit (with margins)."""
    sheets: bool = False
    """Whether outdoor grounds are laid in sheets of one colour."""
    cut: bool = False
    """Whether things are cut out and cast a shadow on the sheet below them."""
    cells: int = 0
    """Above 0: painted as this many square cells along the shorter side."""


HEAD = """
uniform shader pic, mid; uniform float u; uniform float2 size, sun;
float luma(float3 c) { return dot(c, float3(0.299, 0.587, 0.114)); }
float3 vivid(float3 c, float k) { float l = luma(c); return clamp(float3(l) + (c - l) * k, 0.0, 1.0); }
float rim(float2 p, float r) {
  float a = luma(mid.eval(p + float2(r, 0)).rgb) - luma(mid.eval(p - float2(r, 0)).rgb);
  float b = luma(mid.eval(p + float2(0, r)).rgb) - luma(mid.eval(p - float2(0, r)).rgb);
  return sqrt(a * a + b * b);
}
"""
EDGE = """
uniform shader who;
float edge(float2 p, float r) {
  float a = who.eval(p + float2(r, 0)).a - who.eval(p - float2(r, 0)).a;
  float b = who.eval(p + float2(0, r)).a - who.eval(p - float2(0, r)).a;
  return min(sqrt(a * a + b * b), 1.0);
}
"""
"""For sources that draw the things' outlines: 1 within r of one, 0 away from them."""
TAIL = """
half4 main(float2 p) {
  float a = pic.eval(p).a;
  return half4(half3(clamp(look(p), 0.0, 1.0)) * a, a);
}
"""


def source_of(look: Look) -> str:
    """The whole shader of a look."""
    return HEAD + look.source + TAIL
