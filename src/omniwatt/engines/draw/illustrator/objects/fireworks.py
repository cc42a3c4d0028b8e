"""Fireworks without the square of sky that the sprite set puts behind them."""

import math

from omniwatt.engines.draw.illustrator.objects.drawing import Drawing

_BURSTS = (
    (26.0, 22.0, 20.0, 18, "#ffd15c", "#ff7a4d"),
    (50.0, 38.0, 13.0, 14, "#8fe9ff", "#4f8bff"),
    (13.0, 44.0, 11.0, 12, "#ffb3dd", "#e8559d"),
)
"""Middle, reach, rays, and the colours of rays and sparks."""


def _burst(x: float, y: float, reach: float, rays: int, inner: str, outer: str) -> str:
    parts = [f'<circle cx="{x}" cy="{y}" r="{reach * 0.09:.2f}" fill="#fffbe6"/>']
    for ray in range(rays):
        angle = 2 * math.pi * ray / rays
        dx, dy = math.cos(angle), math.sin(angle)
        far = reach * (1.0 if ray % 2 else 0.78)
        ends = [(x + dx * part, y + dy * part) for part in (reach * 0.2, far * 0.84, far)]
        (x1, y1), (x2, y2), (x3, y3) = ends
        parts.append(
            f'<path d="M{x1:.2f} {y1:.2f}L{x2:.2f} {y2:.2f}" stroke="{inner if ray % 2 else outer}" '
            f'stroke-width="{reach * 0.062:.2f}" stroke-linecap="round" fill="none"/>'
            f'<circle cx="{x3:.2f}" cy="{y3:.2f}" r="{reach * 0.055:.2f}" fill="{outer if ray % 2 else inner}"/>'
        )
    return "".join(parts)


FIREWORKS = {"fireworks": Drawing("".join(_burst(*burst) for burst in _BURSTS), 64, 58)}
