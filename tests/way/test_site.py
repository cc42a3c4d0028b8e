"""The site's routes: who may ask, what is refused, what is shown; and the node beside it, which asks without HTTP."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from omniwatt.power.site import Site
from tests.faults.test_governor import until
from tests.way.test_admin import admin, client
from tests.way.test_power import metered

LEASE = "/admin/power/lease"


def asked(**need: Any) -> dict[str, Any]:
    return {"need": {"name": "box2", "floor_w": 5.0} | need, "at_s": 1.0, "instance": "x"}


async def joined(root: httpx2.AsyncClient, **need: Any) -> dict[str, Any]:
    """Ask until there is room."""
    grant: dict[str, Any] = {"joined": False}

    async def ask() -> None:
        nonlocal grant
        grant = (await root.post(LEASE, json=asked(**need))).json()

    while not grant["joined"]:
        await ask()
    return grant


@pytest.fixture(autouse=True)
def known_books(tmp_path: Path) -> None:
    """A site that knows that nothing was lent before need not wait."""
    (tmp_path / "power_site.json").write_text('{"upto": 1, "nodes": {}}')


async def test_a_node_is_lent_watts_and_shown(tmp_path: Path) -> None:
    async with metered(tmp_path, site_budget="40W", site_name="box1") as parts, admin(parts) as root:
        await until(lambda: parts.power.status()["lease"]["state"] == "lent")
        answer = await root.post(LEASE, json=asked(demand_w={"default": 10.0}, max_w=30.0))
        grant = answer.json()
        assert (answer.status_code, grant["watts"], grant["floor_w"], grant["asked_s"]) == (200, 15.0, 5.0, 1.0)
        status = (await root.get("/admin/power")).json()
        metrics = (await root.get("/metrics")).text
    assert [node["name"] for node in status["site"]["nodes"]] == ["box1", "box2"]
    assert status["lease"]["site"] == "this server"
    assert status["budget_w"] == status["lease"]["watts"] == status["site"]["nodes"][0]["lent_w"]
    for line in (
        "omniwatt_site_budget_watts 40.0",
        'omniwatt_site_node_lent_watts{node="box2"} 15.0',
        "omniwatt_power_site_lost 0.0",
    ):
        assert line in metrics


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ("{}", None),
        (json.dumps(asked(floor_w=-1)), "need.floor_w"),
        (json.dumps(asked(floor_w=1e30)), "need.floor_w"),
        (json.dumps(asked(floor_w="5")), "need.floor_w"),
        (json.dumps(asked()).replace("5.0", "NaN"), None),
        (json.dumps(asked()).replace("5.0", "1e999"), None),
        (json.dumps(asked(name="../x")), "need.name"),
        (json.dumps(asked(name="x" * 65)), "need.name"),
        (json.dumps(asked(weight=0)), "need.weight"),
        (json.dumps(asked(demand_w={"urgent": 5})), "need.demand_w"),
        (json.dumps(asked(demand_w={"flex": -5})), "need.demand_w[...]"),
        (json.dumps(asked(price=5)), "need"),
        (json.dumps(asked() | {"at_s": -1}), "at_s"),
        (json.dumps(asked() | {"follows": 1.5}), "follows"),
        (json.dumps(asked() | {"state": "x" * 1000}), "state"),
        ("[1]", None),
    ],
)
async def test_what_asks_for_no_lease_is_refused(tmp_path: Path, text: str, param: str | None) -> None:
    async with metered(tmp_path, site_budget="40W") as parts, admin(parts) as root:
        answer = await root.post(LEASE, content=text, headers={"content-type": "application/json"})
        error = answer.json()["error"]
        assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param), answer.text
        assert all(node["name"] != "box2" for node in parts.power.status()["site"]["nodes"])


async def test_only_an_admin_may_ask_and_forget(tmp_path: Path) -> None:
    async with metered(tmp_path, site_budget="40W") as parts:
        key, _ = parts.keys.create("user")
        async with client(parts, key) as user, client(parts) as nobody:
            assert (await user.post(LEASE, json=asked())).status_code == 403
            assert (await user.delete("/admin/power/nodes/box2")).status_code == 403
            assert (await nobody.post(LEASE, json=asked())).status_code == 401


async def test_a_server_that_is_no_site_says_so(tmp_path: Path) -> None:
    async with metered(tmp_path) as parts, admin(parts) as root:
        for answer in (
            await root.post(LEASE, json=asked()),
            await root.put("/admin/power", json={"site_budget": "1kW"}),
            await root.delete("/admin/power/nodes/box2"),
        ):
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (409, "no_site")
            assert "set power.site_budget to make it one" in error["message"]
        status = (await root.get("/admin/power")).json()
    assert (status["lease"], status["site"]) == (None, None)


async def test_the_sites_budget_is_changed_live_and_is_not_the_nodes(tmp_path: Path) -> None:
    async with metered(tmp_path, site_budget="40W", budget="80%") as parts, admin(parts) as root:
        changed = (await root.put("/admin/power", json={"site_budget": "30W"})).json()
        assert (changed["site"]["budget_w"], changed["budget"]) == (30.0, "80%")
        lent = (await root.put("/admin/power", json={"site_budget": 25, "for_s": 0.3})).json()["site"]
        assert (lent["budget_w"], lent["budget_left_s"] > 0.0) == (25.0, True)
        for wrong in ({"site_budget": "50%"}, {"site_budget": "-1W"}, {"site_budget": "1W", "budget": "1W"}, {}):
            answer = await root.put("/admin/power", json=wrong)
            assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
        await until(lambda: parts.power.status()["site"]["budget_w"] == 30.0)


async def test_a_name_is_one_nodes_and_is_forgotten_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with metered(tmp_path, site_budget="60W") as parts, admin(parts) as root:
        await joined(root)
        other = await root.post(LEASE, json=asked() | {"instance": "y"})
        assert (other.status_code, other.json()["error"]["code"]) == (409, "name_taken")
        assert (await root.delete("/admin/power/nodes/box2")).status_code == 409
        assert (await root.delete("/admin/power/nodes/box9")).status_code == 404
        site: Site = parts.power.site
        later = site._clock
        monkeypatch.setattr(site, "_clock", lambda: later() + 10.0)
        assert (await root.delete("/admin/power/nodes/box2")).json() == {"name": "box2", "forgotten": True}


async def test_a_site_needs_no_meter_of_its_own(tmp_path: Path) -> None:
    async with metered(tmp_path, meter="none", site_budget="60W") as parts, admin(parts) as root:
        assert (await joined(root))["watts"] == 5.0
        status = (await root.get("/admin/power")).json()
    assert (status["lease"], status["site"]["lent_w"]) == (None, 5.0)


async def test_a_lost_site_is_shown_with_what_holds(tmp_path: Path) -> None:
    (tmp_path / "site.key").write_text("sk-ow-0123456789abcdefgh")
    power = {"site_url": "http://127.0.0.1:1", "site_key_file": str(tmp_path / "site.key"), "budget": "80%"}
    async with metered(tmp_path, **power) as parts, admin(parts) as root:
        await until(lambda: parts.power.status()["lease"]["state"] == "lost")
        status = (await root.get("/admin/power")).json()
        metrics = (await root.get("/metrics")).text
        refused = await root.put("/admin/power", json={"site_budget": "1kW"})
    assert (status["lease"]["why"], status["budget_w"]) == ("connection refused", 0.0)
    assert "omniwatt_power_site_lost 1.0" in metrics
    assert "it follows http://127.0.0.1:1" in refused.json()["error"]["message"]
