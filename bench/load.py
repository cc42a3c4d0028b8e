"""The load generator: HTTP/1.1 over raw sockets, in a process of its own so that it never shares a loop with a server.

Run as `python -m bench.load SPEC`, SPEC being JSON; prints one JSON object. Closed loop unless `rate` (requests/s) is
given; then each request is timed from when it was due, so that a server that falls behind shows it.
"""

import asyncio
import json
import re
import sys
import time
from typing import Any

import msgspec
import uvloop

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
ERROR = re.compile(rb'^\s*(data: )?\{"error"')


class Spec(msgspec.Struct, kw_only=True):
    """What to send, how often and from how many connections."""

    host: str = "127.0.0.1"
    port: int
    path: str = "/v1/chat/completions"
    key: str = ""
    body: dict[str, Any]
    clients: int = 1
    seconds: float = 0.0
    requests: int = 0
    rate: float = 0.0
    stream: bool = False

    def raw(self) -> bytes:
        """The whole request as bytes, the same for every connection."""
        body = json.dumps(self.body, separators=(",", ":")).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Tally:
    """What came back, and who may still send."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.began = time.perf_counter()
        self.until = self.began + spec.seconds if spec.seconds else float("inf")
        self.left = spec.requests or 1 << 62
        self.sent = 0
        self.latencies_s: list[float] = []
        self.first_s: list[float] = []
        self.gaps_s: list[float] = []
        self.events = 0
        self.failures: list[str] = []

    def next_due(self) -> float | None:
        """When the next request is due, or None when enough were sent."""
        now = time.perf_counter()
        due = self.began + self.sent / self.spec.rate if self.spec.rate else now
        if self.sent >= self.left or max(due, now) >= self.until:
            return None
        self.sent += 1
        return due


class Plain(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, tally: Tally, raw: bytes, done: asyncio.Future[None]) -> None:
        self.tally, self.raw, self.done = tally, raw, done
        self.transport: asyncio.Transport
        self.buffer = b""
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.send()

    def send(self) -> None:
        due = self.tally.next_due()
        if due is None:
            self.transport.close()
            return
        self.due = due
        wait = due - time.perf_counter()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self.transport.write, self.raw)
        else:
            self.transport.write(self.raw)

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = LENGTH.search(self.buffer, 0, head + 2)
        if length is None or len(self.buffer) < head + 4 + int(length[1]):
            return
        self.tally.latencies_s.append(time.perf_counter() - self.due)
        if self.buffer[9:12] != b"200":
            self.tally.failures.append(self.buffer[:400].decode("utf-8", "replace"))
        self.buffer = b""
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.buffer or exc:
            self.tally.failures.append(f"connection lost: {exc}")
        if not self.done.done():
            self.done.set_result(None)


class Streamed(Plain):
    """One connection whose answers are event streams; notes when each event came."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.last = 0.0
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        pieces = data.count(b'"content":"') - data.count(b'"content":""')
        if pieces:
            if self.last:
                # Several events in one read arrived together: the first after the gap, the others with none.
                self.tally.gaps_s.extend([now - self.last] + [0.0] * (pieces - 1))
            else:
                self.tally.first_s.append(now - self.due)
            self.tally.events += pieces
            self.last = now
        self.buffer = (self.buffer + data)[-400:]
        if ERROR.match(data) or (b" 200 " not in data[:20] and data.startswith(b"HTTP/")):
            self.tally.failures.append(data[:400].decode("utf-8", "replace"))
        if self.buffer.endswith(b"0\r\n\r\n"):
            self.tally.latencies_s.append(now - self.due)
            self.buffer, self.last = b"", 0.0
            self.send()


async def measure(spec: Spec) -> dict[str, Any]:
    """Run the load; seconds everywhere."""
    tally, raw = Tally(spec), spec.raw()
    loop = asyncio.get_running_loop()
    kind = Streamed if spec.stream else Plain
    ends = []
    for _ in range(spec.clients):
        end: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda end=end: kind(tally, raw, end), spec.host, spec.port)
        ends.append(end)
    await asyncio.gather(*ends)
    took = time.perf_counter() - tally.began
    return {
        "sent": tally.sent,
        "answered": len(tally.latencies_s),
        "failed": len(tally.failures),
        "failure": tally.failures[0] if tally.failures else "",
        "seconds": took,
        "per_second": len(tally.latencies_s) / took,
        "latency_s": quantiles(tally.latencies_s),
        "first_s": quantiles(tally.first_s),
        "gap_s": quantiles(tally.gaps_s),
        "events": tally.events,
    }


def quantiles(values: list[float]) -> dict[str, float]:
    """Mean, median, 99th percentile and worst; empty without values."""
    if not values:
        return {}
    ranked = sorted(values)
    at = lambda share: ranked[min(len(ranked) - 1, int(share * len(ranked)))]  # noqa: E731
    return {"mean": sum(ranked) / len(ranked), "p50": at(0.5), "p99": at(0.99), "max": ranked[-1]}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(measure(msgspec.json.decode(sys.argv[1], type=Spec)))))
