"""One budget for three servers, each a process of its own: what they may draw together never passes it, whoever is
held, killed or started again, and watts go where the work is."""

import asyncio
import contextlib
import signal
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from omniwatt.auth import Keys
from omniwatt.database import Database
from tests.served import Served, free_port

SETTINGS = """
[models]
serve = ["busy"]
default = "busy"
preload = false
[power]
meter = "estimate"
idle_w = 10.0
max_w = 30.0
"""
BUSY = 'base = "echo"\n[options]\nburn = 1\n'
BUDGET_W, LOWER_W = 54.0, 44.0
FLOOR_W = 12.0
"""10 W idle, and a tenth of the 20 W above that."""
TTL_S = 3.0
TLS = ssl.create_default_context()
"""Made once: it takes longer than a look."""


class Node:
    """A server of the site, and what it told of its lease."""

    def __init__(self, home: Path, power: str) -> None:
        (home / "cards").mkdir(parents=True)
        home.chmod(0o700)
        (home / "cards" / "busy.toml").write_text(BUSY)
        (home / "omniwatt.toml").write_text(SETTINGS + f'site_name = "{home.name}"\n{power}')
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.lease: dict[str, Any] | None = None
        self.heard_s = 0.0
        self.gone = False
        """It cannot be asked now: stopped, or killed."""

    def start(self) -> None:
        self.served = Served(self.home, port=self.port)

    def signal(self, number: int) -> None:
        """Stop, kill or continue it."""
        self.gone = number != signal.SIGCONT
        self.served.process.send_signal(number)
        if number == signal.SIGKILL:
            self.served.process.wait()

    def end(self) -> None:
        if self.served.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)

    async def admin(self, method: str, path: str, **more: Any) -> Any:
        transport = httpx2.AsyncHTTPTransport(uds=str(self.home / "run" / "admin.sock"), verify=TLS)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=5.0) as client:
            answer = await client.request(method, path, **more)
        assert answer.is_success, answer.text
        return answer.json()

    async def look(self) -> float:
        """What it may draw now; of who cannot answer, by what it said last."""
        if not self.gone:
            with contextlib.suppress(httpx2.HTTPError):
                self.lease, self.heard_s = (await self.admin("GET", "/admin/power"))["lease"], time.monotonic()
        if self.lease is None:
            return 0.0
        left_s = self.lease["left_s"] - (time.monotonic() - self.heard_s)
        return float(self.lease["watts"] if left_s > 0.0 or not self.gone else self.lease["floor_w"])

    async def work(self) -> None:
        """Keep one core busy until cancelled."""
        body = {"model": "busy", "messages": [{"role": "user", "content": 'echo: {"tokens": 9999, "token_s": 0.05}'}]}
        headers = {"authorization": f"Bearer {self.served.key}"}
        async with httpx2.AsyncClient(timeout=60.0) as client:
            await client.post(f"{self.url}/v1/chat/completions", json=body, headers=headers)


class Watch:
    """Looks at everybody again and again. What each may draw does not change between two looks but once, so the
    smaller of two looks in a row held while the others were looked at: their sum was really lent at once."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.budget_w = BUDGET_W
        self.most_w = 0.0
        self.looks = 0

    async def run(self) -> None:
        before = [await node.look() for node in self.nodes]
        while True:
            now = [await node.look() for node in self.nodes]
            together_w = sum(map(min, before, now))
            self.most_w = max(self.most_w, together_w)
            assert together_w <= self.budget_w + 1e-6, (before, now)
            before, self.looks = now, self.looks + 1
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def three(folder: Path) -> AsyncIterator[tuple[list[Node], Watch]]:
    """The site, which is a node itself, and two that follow it; all of them working in the end."""
    nodes = [Node(folder / "box1", f'site_budget = "{BUDGET_W}W"\n')]
    with Database(nodes[0].home / "omniwatt.db") as database:
        key, _ = Keys(database, nodes[0].home).create("nodes", admin=True)
    (folder / "site.key").write_text(key + "\n")
    follow = f'site_url = "{nodes[0].url}"\nsite_key_file = "{folder / "site.key"}"\n'
    nodes += [Node(folder / name, follow) for name in ("box2", "box3")]
    try:
        for node in nodes:
            node.start()
        for node in nodes:
            await asyncio.to_thread(node.served.wait)
        watch = Watch(nodes)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(watch.run())
            yield nodes, watch
            watching.cancel()
    finally:
        for node in nodes:
            node.end()


@contextlib.asynccontextmanager
async def at_work(node: Node) -> AsyncIterator[None]:
    task = asyncio.create_task(node.work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(true: Callable[[], bool], limit_s: float) -> float:
    """Wait; how long it took."""
    begun_s = time.monotonic()
    while not true():
        assert time.monotonic() - begun_s < limit_s, "it never came to that"
        await asyncio.sleep(0.02)
    return time.monotonic() - begun_s


def watts(*nodes: Node) -> list[float]:
    """What is lent to each, by what they said last."""
    return [node.lease["watts"] if node.lease else 0.0 for node in nodes]


async def told(site: Node, name: str) -> Any:
    """The site's row of a node."""
    rows = (await site.admin("GET", "/admin/power"))["site"]["nodes"]
    return next(one for one in rows if one["name"] == name)


@pytest.mark.timeout(100)
async def test_three_servers_keep_one_budget(tmp_path: Path) -> None:
    async with three(tmp_path) as (nodes, watch):
        site, second, third = nodes
        await until(lambda: min(watts(*nodes)) >= FLOOR_W - 0.01, 15)
        await watts_follow_work(second, third)
        async with at_work(second), at_work(third):
            await a_lowered_budget_holds(site, watch)
            await who_is_stopped_leaves_its_watts(site, second, third)
            await a_site_that_dies_leaves_the_floors(site, second, third)
        assert watch.looks > 40
        assert watch.most_w > LOWER_W


async def watts_follow_work(second: Node, third: Node) -> None:
    async with at_work(second):
        await until(lambda: watts(second)[0] > 20.0, 6)
    async with at_work(third):
        assert await until(lambda: watts(third)[0] > 20.0 and watts(second)[0] < 18.0, 6) < 4.0


async def a_lowered_budget_holds(site: Node, watch: Watch) -> None:
    await until(lambda: sum(watts(*watch.nodes)) > 50.0, 6)
    await site.admin("PUT", "/admin/power", json={"site_budget": f"{LOWER_W}W"})
    await until(lambda: sum(watts(*watch.nodes)) <= LOWER_W + 1e-6, TTL_S)
    watch.budget_w = LOWER_W


async def who_is_stopped_leaves_its_watts(site: Node, second: Node, third: Node) -> None:
    """All but its floor go to the other one that works; once it goes on, they share again."""
    await until(lambda: max(watts(second, third)) < 17.0, 6)
    third.signal(signal.SIGSTOP)
    await until(lambda: watts(second)[0] > 19.5, TTL_S + 3)
    row = await told(site, "box3")
    assert (row["state"], row["lent_w"]) == ("lost", pytest.approx(FLOOR_W))
    third.signal(signal.SIGCONT)
    await until(lambda: min(watts(second, third)) > 15.0, 6)


async def a_site_that_dies_leaves_the_floors(site: Node, second: Node, third: Node) -> None:
    """And gives again what was lent when it is back, whoever asks first; a node warns once, not once a second."""
    site.signal(signal.SIGKILL)
    await until(lambda: [one.lease["state"] for one in (second, third) if one.lease] == ["lost"] * 2, TTL_S + 2)
    assert watts(second, third) == pytest.approx([FLOOR_W] * 2)
    assert "connect" in str(second.lease and second.lease["why"])
    site.start()
    site.gone = False
    await until(lambda: min(watts(second, third)) > 15.0, 15)
    assert second.served.said.count("lends this node") == 1
    assert second.served.said.count("lends again") == 1
    assert "sk-ow" not in second.served.said
