"""Pictures drawn: seconds and memory by size, style and quality, how right estimates are, what a picture costs.

    python -m bench.draw [--quick] [--resume] [--minutes 24]

Through the HTTP server, one picture at a time, its bytes streamed to the client. Memory is the largest sum of the
resident sizes of all engine processes (painter, its helpers, the reader) seen while the picture is drawn, looked at
every 20 ms, and the gateway's growth beside it. Seconds are from the request to the last byte, encoding included.
Before each picture its estimate is asked for. What matters most comes first, and it stops when the minutes are over;
`--resume` goes on where a run of the same day stopped; each figure says which commit it is of.
"""

import argparse
import http.client
import json
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import psutil

from bench.common import RESULTS, Service, keep, machine, model_store, report, say, service

SCENE = "a lighthouse on a cliff and two sailing boats, a seagull, at sunset"
STYLES = (
    "cartoon", "flat", "3d", "watercolour", "oil", "ink", "pencil", "pixel", "neon", "papercut", "poster",
    "calligraphy",
)  # fmt: skip
PROMPTS = {
    "ink": "ink wash mountains with mist, two sailing boats",
    "calligraphy": "ink wash mountains with mist, two sailing boats",
    "neon": "a neon city at night with two cars",
}
DEFAULT = "cartoon"
FINE = ("3d", "oil")
"""Styles whose largest pictures are measured at high quality too, beside the default one."""
SIZES = (1024, 2048, 4096, 8192, 16384)
TIMES = {1024: 3}
AIMS_S = {(1024, "low"): 1.0, (1024, "high"): 3.0, (4096, "low"): 6.0, (16384, "low"): 90.0}
MEMORY_AIM_BYTES = 1_500_000_000
WATTS, MONEY_PER_KWH, DALLE_2_MONEY = 65.0, 0.20, 0.020
"""An assumed draw of the machine at full load, an assumed price of electricity, and OpenAI's price of a picture of
1024x1024 by DALL·E 2 since its API opened in November 2022 (developers.openai.com/api/docs/models/dall-e-2)."""


class Drawn(NamedTuple):
    """One picture: seconds, its bytes, the peak of memory of the engines and of the gateway, and what was foretold."""

    seconds: float
    size_bytes: int
    engines_bytes: int
    gateway_bytes: int
    estimated_s: float


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
    asked = {"prompt": prompt, "size": f"{side}x{side}", "seed": 1, **fields}
    foretold = json.loads(_answer(server, "/v1/images/estimate", asked)[1])
    row = next(
        row for row in foretold["estimates"] if (row["style"], row["quality"]) == (fields["style"], fields["quality"])
    )
    with Watch(server) as watch:
        began = time.perf_counter()
        size_bytes, _ = _answer(server, "/v1/images/generations", asked | {"response_format": "bytes"})
        seconds = time.perf_counter() - began
    return Drawn(seconds, size_bytes, watch.engines_bytes, watch.gateway_bytes, row["seconds"])


def _answer(server: Service, path: str, asked: dict[str, Any]) -> tuple[int, bytes]:
    """How many bytes came, and the first of them."""
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=1800)
    connection.request("POST", path, json.dumps(asked), headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{path} {asked}: {answer.status} {answer.read()[:300]!r}")
    size_bytes, first = 0, b""
    while piece := answer.read1(1 << 20):
        size_bytes += len(piece)
        first = first + piece if len(first) < 1 << 20 else first
    connection.close()
    return size_bytes, first


def cases(quick: bool) -> Iterator[tuple[str, int, str, int]]:
    """Style, side, quality, and how often (the median counts): the aims first, then by size."""
    if quick:
        for style in (DEFAULT, "oil"):
            yield from ((style, side, quality, 1) for side in SIZES[:2] for quality in ("low", "high"))
        return
    first = [(DEFAULT, side, quality) for side in (1024, 4096, 16384) for quality in ("low", "high")]
    rest = [
        (style, side, quality)
        for side in SIZES
        for quality in ("low", "high")
        for style in STYLES
        if side < 8192 or quality == "low" or style in (DEFAULT, *FINE)
    ]
    for style, side, quality in dict.fromkeys((*first, *rest)):
        yield style, side, quality, 5 if (style, side) == (DEFAULT, 1024) else TIMES.get(side, 1)


def main() -> None:
    """Measure all of it."""
    given = _arguments()
    figures = _kept() if given.resume else []
    known = {(one["style"], one["side_px"], one["quality"]) for one in figures}
    missing = 0
    with service("--models", "illustrator,pp-ocr", store=model_store()) as server:
        drawn(server, SCENE, 1024, style=DEFAULT, quality="high")
        until = time.monotonic() + 60 * given.minutes
        for style, side, quality, times in cases(given.quick):
            if (style, side, quality) in known:
                continue
            if time.monotonic() > until:
                missing += 1
                continue
            prompt = PROMPTS.get(style, SCENE)
            runs = [drawn(server, prompt, side, style=style, quality=quality) for _ in range(times)]
            figures.append(_figure(style, side, quality, runs))
            told = figures[-1]
            say(
                f"{style:11} {side:5} {quality:6} {told['value']:7.2f} s (foretold {told['estimated_s']:.2f}), "
                f"{told['peak_bytes'] / 1e6:5.0f} MB, file {told['file_bytes'] / 1e6:.1f} MB"
            )
            keep("draw", figures, given.quick, NOTES)
    if missing:
        say(f"{missing} cases were not reached in {given.minutes:g} minutes: go on with --resume")
    if figures:
        report("draw", [*figures, _estimates(figures), *_money(figures)], given.quick, NOTES)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two styles to 2048; the result is not kept")
    parser.add_argument("--resume", action="store_true", help="go on where today's run stopped")
    parser.add_argument("--minutes", type=float, default=24.0, help="begin no picture after so many (default 24)")
    return parser.parse_args()


def _kept() -> list[dict[str, Any]]:
    """What a run of this day has measured already on this machine."""
    cpu, today = machine()["cpu"], time.strftime("%Y-%m-%d", time.gmtime())
    for path in RESULTS.glob(f"draw_*_{today}.json"):
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["bench"] == "draw" and found["machine"]["cpu"] == cpu:
            return [one for one in found["figures"] if one["figure"] == "seconds"]
    return []


NOTES = {
    "scene": SCENE, "other_scenes": PROMPTS, "form": "png", "watts_assumed": WATTS,
    "money_per_kwh_assumed": MONEY_PER_KWH, "dalle_2_money": DALLE_2_MONEY,
}  # fmt: skip


def _figure(style: str, side: int, quality: str, runs: list[Drawn]) -> dict[str, Any]:
    seconds = statistics.median(run.seconds for run in runs)
    figure: dict[str, Any] = {
        "figure": "seconds", "style": style, "side_px": side, "quality": quality, "value": round(seconds, 3),
        "unit": "s", "runs": len(runs), "estimated_s": runs[-1].estimated_s,
        "estimate_errors": [round(abs(run.estimated_s / run.seconds - 1), 3) for run in runs],
        "file_bytes": runs[0].size_bytes, "peak_bytes": max(run.engines_bytes for run in runs),
        "gateway_bytes": max(run.gateway_bytes for run in runs), "commit": machine()["commit"],
    }  # fmt: skip
    aim_s = AIMS_S.get((side, quality))
    if aim_s is not None and style == DEFAULT:
        figure |= {"aim": f"<= {aim_s:g} s", "met": seconds <= aim_s}
        figure["readme"] = f"draw {side}x{side}, {quality}: seconds ({figure['peak_bytes'] / 1e6:,.0f} MB at most)"
    if side == 16384:
        figure["memory_met"] = figure["peak_bytes"] <= MEMORY_AIM_BYTES
    return figure


def _estimates(figures: list[dict[str, Any]]) -> dict[str, Any]:
    """How far estimates were from what pictures took, the median of all; first pictures of a style included."""
    errors = [error for one in figures for error in one["estimate_errors"]]
    first = [one["estimate_errors"][0] for one in figures]
    return {
        "figure": "estimate_error", "value": round(statistics.median(errors), 3), "unit": "of the seconds taken",
        "runs": len(errors), "first_of_each": round(statistics.median(first), 3), "worst": max(errors),
        "readme": "draw: median error of estimated seconds",
    }  # fmt: skip


def _money(figures: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What a picture of 1024x1024 costs in electricity, at assumed watts and an assumed price."""
    for figure in figures:
        if figure["side_px"] == 1024 and figure["style"] == DEFAULT:
            joules = figure["value"] * WATTS
            money = joules / 3.6e6 * MONEY_PER_KWH
            yield {
                "figure": "money", "quality": figure["quality"], "value": money, "unit": "$",
                "joules": round(joules, 1),
                "share_of_dalle_2": money / DALLE_2_MONEY,
                "method": f"estimated: {WATTS:g} W assumed for the whole machine, ${MONEY_PER_KWH:g} a kWh, "
                "electricity only",
                "aim": "<= 1/5 of DALL·E 2's $0.020 of 2022", "met": money <= DALLE_2_MONEY / 5,
            }  # fmt: skip


if __name__ == "__main__":
    main()
