"""What the gateway costs: the echo engine behind the full way, against a floor and two peers, all in one run.

The full way is auth, plan, admission, a child process, ledger and metrics. The floor is bench/floor.py. LiteLLM's
proxy and nginx stand in front of the same floor. The load generator shares the machine with what it measures.
Every request's energy is metered, as it is by default; what that costs is told by a second server without a meter.
"""

import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from bench import peers
from bench.common import (
    ROOT,
    Service,
    arguments,
    free_port,
    load,
    report,
    running,
    say,
    service,
    wait_http,
)

CLIENTS = (1, 16, 64)
STREAMS, RATE = 64, 50.0
BODY = {"model": "echo", "messages": [{"role": "user", "content": "ping"}], "max_tokens": 8}
SLOW_PEER = "litellm"
LEARNT_S = 8.0
"""After so much work the joules a unit are learnt: until then each request asks the governor what it has cost."""
ROUNDS = 10
"""Short turns and many: the machine's own drift within seconds is larger than what metering costs."""
UNMETERED = '[power]\nmeter = "none"\n'


def main() -> None:
    """Measure everything; --quick does a tenth."""
    quick = arguments(__doc__ or "").quick
    seconds = 1.0 if quick else 8.0
    figures: list[dict[str, Any]] = []
    with ExitStack() as stack:
        ours = stack.enter_context(service("--models", "echo"))
        floor_port = free_port()
        floor = stack.enter_context(running([sys.executable, "-m", "bench.floor", str(floor_port)]))
        wait_http(f"http://127.0.0.1:{floor_port}/", floor)
        targets: dict[str, dict[str, Any]] = {
            "floor": {"port": floor_port},
            "omniwatt": {"port": ours.port, "key": ours.key},
        }
        for name, start in (("nginx", peers.nginx), ("litellm", peers.litellm)):
            port = stack.enter_context(start(floor_port))
            if port is None:
                figures.append({"figure": "absent", "of": name})
            else:
                targets[name] = {"port": port, "key": peers.KEY}
        before, sent = ours.ledger_rows(), 0
        sent += warm(targets)
        costs, more = metering(ours, seconds / 10)
        sent += more
        figures += costs
        closed, more = closed_loop(targets, seconds)
        sent += more
        figures += closed
        half, more = half_load(targets, closed, seconds)
        sent += more
        figures += half
        streams, more = streaming(ours, 3.0 if quick else 15.0)
        sent += more
        figures += streams
        memory, more = flat_memory(ours, 3_000 if quick else 100_000)
        sent += more
        figures += memory
        rows = ours.ledger_rows() - before
        figures.append(
            {"figure": "ledger_rows_per_request", "value": rows / sent, "rows": rows, "sent": sent, "met": rows == sent}
            | {"readme": "ledger rows for each request sent", "aim": "1"}
        )
    report("gateway", figures, quick, {"clients_share_the_machine": True, "root": ROOT.name})


def warm(targets: dict[str, dict[str, Any]]) -> int:
    """Open every path once; returns what our own server got."""
    for name, where in targets.items():
        load(**where, body=BODY, clients=4, requests=20 if name == SLOW_PEER else 400)
    return 400 + int(load(**targets["omniwatt"], body=BODY, clients=1, seconds=LEARNT_S)["sent"])


def metering(ours: Service, seconds: float) -> tuple[list[dict[str, Any]], int]:
    """Latency and requests/s with and without a meter, in turns; the medians of ROUNDS each."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "unmetered.toml"
        settings.write_text(UNMETERED, encoding="utf-8")
        with service("--models", "echo", "--config", str(settings)) as unmetered:
            return _in_turns(ours, unmetered, seconds)


def _in_turns(ours: Service, unmetered: Service, seconds: float) -> tuple[list[dict[str, Any]], int]:
    figures, sent = [], 0
    load(port=unmetered.port, key=unmetered.key, body=BODY, clients=4, requests=400)
    load(port=unmetered.port, key=unmetered.key, body=BODY, clients=1, seconds=LEARNT_S)
    for clients in CLIENTS[:2]:
        got: dict[str, list[dict[str, Any]]] = {"metered": [], "unmetered": []}
        for turn in range(2 * ROUNDS):
            # Each of them goes first as often as second.
            name = "metered" if turn % 4 in (0, 3) else "unmetered"
            one = ours if name == "metered" else unmetered
            got[name].append(load(port=one.port, key=one.key, body=BODY, clients=clients, seconds=seconds))
        sent += sum(one["sent"] for one in got["metered"])
        p50 = {name: median(one["latency_s"]["p50"] for one in each) * 1e3 for name, each in got.items()}
        rate = {name: median(one["per_second"] for one in each) for name, each in got.items()}
        figures += _metering(clients, p50, rate)
    return figures, sent


def _metering(clients: int, p50: dict[str, float], rate: dict[str, float]) -> list[dict[str, Any]]:
    slower, fewer = p50["metered"] / p50["unmetered"], rate["metered"] / rate["unmetered"]
    say(f"metering, {clients:2} clients: p50 {p50['metered']:.3f} ms, without {p50['unmetered']:.3f} ({slower:.2f}); "
        f"{rate['metered']:.0f}/s, without {rate['unmetered']:.0f} ({fewer:.2f})")  # fmt: skip
    common = {"of": "omniwatt", "clients": clients, "rounds": ROUNDS}
    share = f"with every request's energy metered, as a share of without, {clients} client{'s' * (clients > 1)}"
    with_p50 = {"metered_ms": p50["metered"], "unmetered_ms": p50["unmetered"], "aim": "<= 1.1", "met": slower <= 1.1}
    with_rate = {"metered": rate["metered"], "unmetered": rate["unmetered"], "aim": ">= 0.9", "met": fewer >= 0.9}
    return [
        {"figure": "metering_p50", "value": slower, "unit": "of unmetered", **common, **with_p50}
        | {"readme": f"omniwatt: p50 {share}"},
        {"figure": "metering_requests_per_second", "value": fewer, "unit": "of unmetered", **common, **with_rate}
        | {"readme": f"omniwatt: requests/s {share}"},
    ]


def closed_loop(targets: dict[str, dict[str, Any]], seconds: float) -> tuple[list[dict[str, Any]], int]:
    """Requests/s and latency with 1, 16 and 64 clients that each wait for their answer."""
    figures, ours = [], 0
    for clients in CLIENTS:
        floor: dict[str, Any] = {}
        for name, where in targets.items():
            got = load(**where, body=BODY, clients=clients, seconds=seconds)
            ours += got["sent"] if name == "omniwatt" else 0
            floor = got if name == "floor" else floor
            say(f"{name:9} {clients:3} clients: {got['per_second']:8.0f}/s  p50 {got['latency_s']['p50'] * 1e3:.2f} ms")
            figures += _throughput(name, clients, got, floor)
    return figures, ours


def _throughput(name: str, clients: int, got: dict[str, Any], floor: dict[str, Any]) -> list[dict[str, Any]]:
    share = got["per_second"] / floor["per_second"]
    common = {"of": name, "clients": clients}
    figure = {"figure": "requests_per_second", "value": got["per_second"], "unit": "1/s", "of_floor": share, **common}
    if clients == 16 or name == "omniwatt":
        plural = "client" if clients == 1 else "clients"
        figure["readme"] = f"{name}: requests/s, {clients} {plural}"
    if name == "omniwatt":
        figure |= {"aim": f">= 0.35 of the floor; it is {share:.2f}", "met": share >= 0.35}
    latency = {"figure": "latency", "value": got["latency_s"]["p50"] * 1e3, "unit": "ms", **common}
    latency |= {"p99_ms": got["latency_s"]["p99"] * 1e3, "max_ms": got["latency_s"]["max"] * 1e3}
    latency["added_p50_ms"] = (got["latency_s"]["p50"] - floor["latency_s"]["p50"]) * 1e3
    latency["added_p99_ms"] = (got["latency_s"]["p99"] - floor["latency_s"]["p99"]) * 1e3
    return [figure, latency]


def half_load(
    targets: dict[str, dict[str, Any]], closed: list[dict[str, Any]], seconds: float
) -> tuple[list[dict[str, Any]], int]:
    """Latency added at half of what we can do with 16 clients, at a steady rate; the floor gets the same rate."""
    best = next(f["value"] for f in closed if f["of"] == "omniwatt" and f.get("clients") == 16)
    got = {
        name: load(**targets[name], body=BODY, clients=16, seconds=seconds, rate=best / 2)
        for name in ("floor", "omniwatt")
    }
    figures = []
    for part, aim_ms in (("p50", 1.0), ("p99", 5.0)):
        added = (got["omniwatt"]["latency_s"][part] - got["floor"]["latency_s"][part]) * 1e3
        figure = {"figure": f"added_{part}_at_half_load", "of": "omniwatt", "value": added, "unit": "ms"}
        figure |= {"rate_per_s": best / 2, "aim": f"<= {aim_ms:.0f} ms", "met": added <= aim_ms}
        figures.append(figure | {"readme": f"omniwatt: latency added at half load, {part}"})
        say(f"added {part} at {best / 2:.0f}/s: {added:.2f} ms")
    return figures, got["omniwatt"]["sent"]


def streaming(ours: Service, seconds: float) -> tuple[list[dict[str, Any]], int]:
    """64 streams of 50 tokens/s: how far a gap strays from 20 ms, and what CPU a token costs."""
    tokens = int(seconds * RATE)
    words = f'echo: {{"tokens": {tokens}, "token_s": {1 / RATE}}}'
    body = {"model": "echo", "messages": [{"role": "user", "content": words}], "stream": True}
    before = ours.cpu_s()
    got = load(port=ours.port, key=ours.key, body=body, clients=STREAMS, requests=STREAMS, stream=True)
    spent = {name: value - before[name] for name, value in ours.cpu_s().items()}
    jitter = (got["gap_s"]["p99"] - 1 / RATE) * 1e3
    events = max(1, got["events"])
    say(f"{STREAMS} streams: {got['events']} tokens, gap p99 {got['gap_s']['p99'] * 1e3:.1f} ms")
    return [
        {"figure": "stream_jitter_p99", "of": "omniwatt", "value": jitter, "unit": "ms", "streams": STREAMS}
        | {"gap_p50_ms": got["gap_s"]["p50"] * 1e3, "gap_max_ms": got["gap_s"]["max"] * 1e3, "events": got["events"]}
        | {"readme": f"omniwatt: inter-token jitter p99, {STREAMS} streams of {RATE:.0f} tokens/s"}
        | {"aim": "<= 5 ms", "met": jitter <= 5.0},
        {"figure": "cpu_per_1000_streamed_tokens", "of": "omniwatt", "value": spent["gateway"] / events * 1e6}
        | {"unit": "ms", "engine_ms": spent["engines"] / events * 1e6}
        | {"readme": "omniwatt: gateway CPU for 1,000 streamed tokens"},
    ], got["sent"]


def flat_memory(ours: Service, requests: int) -> tuple[list[dict[str, Any]], int]:
    """Resident memory before and after many requests, the first of which only warm up."""
    first = load(port=ours.port, key=ours.key, body=BODY, clients=16, requests=max(500, requests // 20))
    before = ours.rss_bytes()
    began = time.monotonic()
    second = load(port=ours.port, key=ours.key, body=BODY, clients=16, requests=requests)
    time.sleep(1.0)
    grown = {name: (value - before[name]) / 1e6 for name, value in ours.rss_bytes().items()}
    say(f"{requests} requests in {time.monotonic() - began:.0f} s: gateway grew {grown['gateway']:.1f} MB")
    figure = {"figure": "memory_growth", "of": "omniwatt", "value": grown["gateway"], "unit": "MB"}
    figure |= {"requests": requests, "engines_mb": grown["engines"], "before_mb": before["gateway"] / 1e6}
    figure |= {"readme": f"omniwatt: gateway memory growth over {requests:,} requests", "aim": "flat (<= 5 MB)"}
    return [figure | {"met": grown["gateway"] <= 5.0}], first["sent"] + second["sent"]


if __name__ == "__main__":
    main()
