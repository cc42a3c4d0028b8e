"""The operator's way to the budget: seen, changed, kept over restarts; and refused where it is none."""

import json
from pathlib import Path

import pytest

from omniwatt.power import learnt
from omniwatt.power.attribution import Learnt
from tests.faults.test_governor import until
from tests.way.test_admin import admin, ask, client
from tests.way.test_power import metered


async def test_the_budget_is_seen_and_changed_and_kept(tmp_path: Path) -> None:
    async with metered(tmp_path) as parts, admin(parts) as root:
        before = (await root.get("/admin/power")).json()
        assert {"watts", "budget_w", "idle_w", "max_w", "method", "scope"} <= before.keys()
        assert (before["object"], before["budget_w"], before["max_w"]) == ("power", None, 30.0)
        assert before["amounts"]["kwh_per_day"] == pytest.approx(before["watts"] * 0.024)
        for asked, expected_w in (("60%", 18.0), ("0.02kW", 20.0), (25, 25.0), ("none", None)):
            changed = await root.put("/admin/power", json={"budget": asked})
            assert (changed.status_code, changed.json()["budget_w"]) == (200, expected_w)
        await root.put("/admin/power", json={"budget": "70%"})
    async with metered(tmp_path) as parts, admin(parts) as root:
        assert (await root.get("/admin/power")).json()["budget_w"] == pytest.approx(21.0)
        assert (await root.put("/admin/power", json={"budget": "default"})).json()["budget_w"] is None


@pytest.mark.parametrize("budget", ["", "a lot", "-5W", "1e99", -3, float("inf"), None, ["60%"]])
async def test_what_is_no_budget_is_refused(tmp_path: Path, budget: object) -> None:
    async with metered(tmp_path) as parts, admin(parts) as root:
        raw = {"content-type": "application/json"}
        text = f'{{"budget": {"1e999" if budget == float("inf") else json.dumps(budget)}}}'
        answer = await root.put("/admin/power", content=text, headers=raw)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert parts.power.status()["budget_w"] is None


async def test_only_an_admin_sees_and_changes_it(tmp_path: Path) -> None:
    async with metered(tmp_path) as parts:
        key, _ = parts.keys.create("user")
        async with client(parts, key) as user:
            assert (await user.get("/admin/power")).status_code == 403
            assert (await user.put("/admin/power", json={"budget": "60%"})).status_code == 403


async def test_without_a_meter_there_are_no_watts_and_no_joules(tmp_path: Path) -> None:
    async with metered(tmp_path, meter="none") as parts, admin(parts) as root:
        status = (await root.get("/admin/power")).json()
        key, _ = parts.keys.create("user")
        answer = await ask(parts, key)
        refused = await root.put("/admin/power", json={"budget": "60%"})
        assert (await root.put("/admin/power", json={"budget": "none"})).status_code == 200
    assert refused.status_code == 400
    assert "power.meter is none" in refused.text
    assert (status["watts"], status["method"]) == (None, "")
    assert "energy" not in answer.json()["usage"]


async def test_joules_are_kwh_money_and_co2_by_key_and_model_and_metrics(tmp_path: Path) -> None:
    async with metered(tmp_path, price_per_kwh=0.3, g_co2_per_kwh=400.0) as parts, admin(parts) as root:
        key, _ = parts.keys.create("user")
        energy = (await ask(parts, key, tokens=20, token_s=0.01)).json()["usage"]["energy"]
        (row,) = (await root.get("/admin/usage?by=key_id,model")).json()["data"]
        await root.put("/admin/power", json={"budget": "20W"})
        text = (await root.get("/metrics")).text
    joules = energy["energy_joules"]
    assert row["energy_j"] == pytest.approx(joules)
    assert row["kwh"] == pytest.approx(joules / 3.6e6)
    assert (row["cost"], row["currency"]) == (pytest.approx(0.3 * joules / 3.6e6), "EUR")
    assert row["g_co2"] == pytest.approx(400 * joules / 3.6e6)
    assert 'omniwatt_power_watts{method="estimated",scope="node",source="cpu-time"}' in text
    assert "omniwatt_power_budget_watts 20.0" in text
    assert 'omniwatt_energy_joules_total{method="estimated",model="echo"}' in text
    assert "omniwatt_node_energy_joules_total{" in text


async def test_a_key_with_an_energy_budget_is_refused_once_it_is_used_up(tmp_path: Path) -> None:
    async with metered(tmp_path) as parts, admin(parts) as root:
        limits = {"energy_budget_j": 0.5}
        key = (await root.post("/admin/keys", json={"name": "frugal", "limits": limits})).json()["key"]
        first = await ask(parts, key, tokens=20, token_s=0.01)
        again = await ask(parts, key, tokens=1)
    assert first.json()["usage"]["energy"]["energy_joules"] > 0.5
    assert (first.status_code, again.status_code) == (200, 429)
    assert again.json()["error"]["code"] == "insufficient_quota"
    assert "energy budget" in again.json()["error"]["message"]


async def test_a_budget_for_a_while_ends_by_itself(tmp_path: Path) -> None:
    async with metered(tmp_path, budget="80%") as parts, admin(parts) as root:
        lent = (await root.put("/admin/power", json={"budget": "50%", "for_s": 0.5})).json()
        assert (lent["budget_w"], 0.0 < lent["budget_left_s"] <= 0.5) == (15.0, True)
        await until(lambda: parts.power.status()["budget_w"] == 24.0)
        assert (await root.get("/admin/power")).json()["budget_left_s"] is None
        for wrong in (-1, 1e9, "long"):
            assert (await root.put("/admin/power", json={"budget": "50%", "for_s": wrong})).status_code == 400
    assert not (tmp_path / "power_budget").exists()


async def test_what_was_learnt_of_engines_is_seen_and_kept_over_restarts(tmp_path: Path) -> None:
    rates = {"chat": Learnt({"decode": 0.5}, 7.0, 200.0, 10.0)}
    learnt.save(rates, tmp_path / "power_rates.json")
    async with metered(tmp_path) as parts, admin(parts) as root:
        (row,) = (await root.get("/admin/power")).json()["rates"]
    assert (row["engine"], row["kind"], row["joules_per_unit"], row["error_pct"]) == ("chat", "decode", 0.5, 5.0)
    assert learnt.load(tmp_path / "power_rates.json")["chat"] == rates["chat"]
