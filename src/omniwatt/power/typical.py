"""What answers of one sort have taken so far, a unit of their size: for headers that leave before the end is known."""

from typing import Any

from omniwatt.contract.request import DrawBody, Request, SpeakBody

WEIGHT = 0.2
"""Of the newest answer in the running mean."""
SIDE_PX = 1024
"""Taken where the painter chooses the size."""


def extent(request: Request) -> tuple[str, float] | None:
    """What sort of answer it is and how large: characters to say, megapixels to paint. None for any other. Pure."""
    match request.body:
        case SpeakBody(text=text) if text:
            return "spoken", float(len(text))
        case DrawBody(explain=False) as body:
            width_px, height_px = body.width_px or SIDE_PX, body.height_px or SIDE_PX
            return f"{body.task} {body.quality} {body.style}", body.n * width_px * height_px / 1e6
    return None


class Typical:
    """Joules a unit, by card and sort of answer."""

    def __init__(self) -> None:
        self._rates: dict[tuple[str, str], float] = {}

    def expect(self, card: str, request: Request) -> float | None:
        """Joules the answer will take if it is like those before it; None where there was none."""
        found = extent(request)
        rate = self._rates.get((card, found[0])) if found else None
        return None if found is None or rate is None else rate * found[1]

    def learn(self, card: str, request: Request, energy: dict[str, Any] | None) -> None:
        """What one took, as `usage.energy`."""
        found = extent(request)
        if found is None or energy is None or found[1] <= 0.0:
            return
        key, rate = (card, found[0]), energy["energy_joules"] / found[1]
        before = self._rates.get(key, rate)
        self._rates[key] = before + WEIGHT * (rate - before)
