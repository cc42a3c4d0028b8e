"""Pictures drawn: seconds and memory by size, style and quality; what one costs.

    python -m bench.draw [--quick]

Through the HTTP server, one picture at a time, its bytes streamed to the client. Memory is the largest sum of the
resident sizes of all engine processes (painter, its helpers, the reader) seen while the picture is drawn, looked at
every 20 ms, and the gateway's growth beside it. Seconds are from the request to the last byte, encoding included.
"""

import http.client
import json
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import psutil

from bench.common import Service, arguments, keep, model_store, report, say, service

SCENE = "a lighthouse on a cliff and two sailing boats, a seagull, at sunset"
STYLES = ("cartoon", "flat", "3d", "watercolour", "oil", "ink", "pencil", "pixel", "neon", "papercut", "poster")
PROMPTS = {"ink": "ink wash mountains with mist, two sailing boats", "neon": "a neon city at night with two cars"}
SIZES = (1024, 2048, 4096, 8192, 16384)
AIMS_S = {(1024, "low"): 1.0, (1024, "high"): 3.0, (4096, "low"): 6.0, (16384, "low"): 90.0}
MEMORY_AIM_BYTES = 1_500_000_000
WATTS, MONEY_PER_KWH, DALLE_2_MONEY = 65.0, 0.20, 0.020
"""An assumed draw of the machine at full load, an assumed price, and OpenAI's price of a 1024² DALL·E 2 picture in
November 2022 (its pricing page of the time, as quoted in press reports)."""


class Drawn(NamedTuple):
    """One picture: seconds, its bytes, and the peak of memory of the engines and of the gateway."""

    seconds: float
    size_bytes: int
    engines_bytes: int
    gateway_bytes: int


class Watch:
    """The largest resident memory seen while it watches."""

    def __init__(self, server: Service) -> None:
        self._server, self._over = server, threading.Event()
        self.engines_bytes = self.gateway_bytes = 0
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            try:
                sizes = self._server.rss_bytes()
            except psutil.NoSuchProcess:
                continue
            self.engines_bytes = max(self.engines_bytes, sizes["engines"])
            self.gateway_bytes = max(self.gateway_bytes, sizes["gateway"])


def drawn(server: Service, prompt: str, side: int, **fields: Any) -> Drawn:
    """Draw one. Raises RuntimeError."""
    asked = {"prompt": prompt, "size": f"{side}x{side}", "response_format": "bytes", "seed": 1, **fields}
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=1800)
    with Watch(server) as watch:
        began = time.perf_counter()
        connection.request("POST", "/v1/images/generations", json.dumps(asked), headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{side} {fields}: {answer.status} {answer.read()[:300]!r}")
        size_bytes = sum(len(piece) for piece in iter(lambda: answer.read1(1 << 20), b""))
        seconds = time.perf_counter() - began
    connection.close()
    return Drawn(seconds, size_bytes, watch.engines_bytes, watch.gateway_bytes)


def cases(quick: bool) -> Iterator[tuple[str, int, str, int]]:
    """Style, side, quality, and how often: small ones several times, the median counts."""
    for style in STYLES:
        for side in SIZES[: 2 if quick else None]:
            for quality in ("low", "high"):
                if side >= 8192 and style != "cartoon" and (quality == "high" or side > 8192):
                    continue
                yield style, side, quality, 5 if side == 1024 and not quick else 1


def main() -> None:
    """Measure all of it."""
    quick = arguments(__doc__ or "").quick
    figures: list[dict[str, Any]] = []
    with service("--models", "illustrator,pp-ocr", store=model_store()) as server:
        drawn(server, SCENE, 1024, style="cartoon", quality="low")
        for style, side, quality, times in cases(quick):
            prompt = PROMPTS.get(style, SCENE)
            runs = [drawn(server, prompt, side, style=style, quality=quality) for _ in range(times)]
            figures.append(_figure(style, side, quality, runs))
            say(f"{style} {side} {quality}: {figures[-1]['value']} s, {figures[-1]['peak_bytes'] / 1e6:.0f} MB")
            keep("draw", figures, quick, NOTES)
    figures.append(_money(figures))
    report("draw", figures, quick, NOTES)


NOTES = {"scene": SCENE, "form": "png", "watts_assumed": WATTS, "money_per_kwh_assumed": MONEY_PER_KWH}


def _figure(style: str, side: int, quality: str, runs: list[Drawn]) -> dict[str, Any]:
    seconds = statistics.median(run.seconds for run in runs)
    figure: dict[str, Any] = {
        "figure": "seconds", "style": style, "side_px": side, "quality": quality, "value": round(seconds, 3),
        "unit": "s", "runs": len(runs), "file_bytes": runs[0].size_bytes,
        "peak_bytes": max(run.engines_bytes for run in runs), "gateway_bytes": max(run.gateway_bytes for run in runs),
    }  # fmt: skip
    aim_s = AIMS_S.get((side, quality))
    if aim_s is not None and style == "cartoon":
        figure |= {"aim": f"<= {aim_s:g} s", "met": seconds <= aim_s}
        figure["readme"] = f"draw {side}x{side}, {quality}: seconds ({figure['peak_bytes'] / 1e6:,.0f} MB at most)"
    if side == 16384 and style == "cartoon":
        figure["memory_met"] = figure["peak_bytes"] <= MEMORY_AIM_BYTES
    return figure


def _money(figures: list[dict[str, Any]]) -> dict[str, Any]:
    """What a 1024² picture costs in electricity, at assumed watts and an assumed price."""
    seconds = next(f["value"] for f in figures if f["side_px"] == 1024 and f["quality"] == "high")
    money = seconds * WATTS / 3.6e6 * MONEY_PER_KWH
    return {
        "figure": "money", "value": money, "unit": "$", "share_of_dalle_2": money / DALLE_2_MONEY,
        "method": f"estimated: {WATTS:g} W assumed for the whole machine, ${MONEY_PER_KWH:g} a kWh, electricity only",
        "aim": "<= 1/5 of DALL·E 2's $0.020 of 2022", "met": money <= DALLE_2_MONEY / 5,
    }  # fmt: skip


if __name__ == "__main__":
    main()
