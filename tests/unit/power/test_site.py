"""The site: its books over restarts, names, orders, and what it shows."""

import os
from pathlib import Path

import msgspec
import pytest

from omniwatt import settings
from omniwatt.contract.error import BadInput, Conflict, NotFound, Overloaded
from omniwatt.power import share
from omniwatt.power.budget import Ask, Grant, Need
from omniwatt.power.site import Site

POWER = settings.Power(site_budget="1kW")


class Line:
    """A site with a clock of its own, started again at will."""

    def __init__(self, home: Path, power: settings.Power = POWER) -> None:
        self.home = home
        self.power = power
        self.now_s = 1000.0
        self.follows: dict[str, int] = {}
        self.begin()

    def begin(self) -> None:
        self.site = Site(self.power, self.home, lambda: self.now_s)

    async def ask(self, name: str, demand_w: float = 0.0, floor_w: float = 50.0, instance: str = "1") -> Grant:
        need = Need(name=name, floor_w=floor_w, demand_w={"default": demand_w})
        ask = Ask(need=need, at_s=self.now_s, follows=self.follows.get(name, 0), instance=instance, watts=floor_w)
        grant = await self.site.answer(ask)
        self.follows[name] = grant.number
        return grant

    async def settled(self) -> "Line":
        self.now_s += 3.1
        await self.ask("a")
        return self

    def row(self, name: str) -> dict[str, object]:
        return next(one for one in self.site.status()["nodes"] if one["name"] == name)


async def test_a_site_without_books_lends_nothing_for_a_lease(tmp_path) -> None:
    line = Line(tmp_path)
    grant = await line.ask("a", 100.0)
    assert (grant.watts, grant.joined, grant.why[:35]) == (0.0, False, "what was lent before is not known: ")
    assert "for 3 s" in line.site.status()["why"]
    line.begin()
    line.now_s += 2.0
    assert not (await line.ask("a", 100.0)).joined, "started again meanwhile, it still does not know"
    line.now_s += 1.1
    assert (await line.ask("a", 100.0)).watts == 150.0
    assert line.site.status()["why"] == ""


async def test_a_site_that_is_started_again_goes_on_where_it_was(tmp_path) -> None:
    line = await Line(tmp_path).settled()
    await line.ask("b", 400.0)
    before = await line.ask("a", 300.0)
    line.begin()
    assert (line.row("b")["lent_w"], line.row("b")["state"]) == (450.0, "lost")
    again = await line.ask("a", 900.0)
    assert (again.watts, again.number > before.number) == (550.0, True), "what b may still follow is kept for it"
    line.now_s += 3.1
    assert (await line.ask("a", 2000.0)).watts == 950.0
    assert line.row("b")["floor_w"] == 50.0


async def test_the_file_is_written_when_more_is_lent_and_not_otherwise(tmp_path) -> None:
    line = await Line(tmp_path).settled()
    file = tmp_path / "power_site.json"

    async def written(demand_w: float) -> bool:
        before = file.stat().st_ino, file.stat().st_mtime_ns
        await line.ask("a", demand_w)
        return before != (file.stat().st_ino, file.stat().st_mtime_ns)

    assert [await written(watts) for watts in (100.0, 100.0, 20.0, 90.0, 100.0, 101.0)] == [
        True, False, False, False, False, True,
    ]  # fmt: skip


async def test_what_cannot_be_written_down_is_not_lent(tmp_path, monkeypatch) -> None:
    line = await Line(tmp_path).settled()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(Overloaded, match="No space left"):
        await line.ask("a", 100.0)
    with pytest.raises(Overloaded):
        await line.ask("b")
    assert (await line.ask("a")).watts == 50.0, "what is written holds"
    monkeypatch.undo()
    assert (await line.ask("a", 100.0)).watts == 150.0


@pytest.mark.parametrize(
    "text", ["", "{", "null", '{"upto": -1, "nodes": {}}', '{"upto": 1, "nodes": {"a": {"watts": -5, "floor_w": 0}}}']
)
async def test_books_that_cannot_be_read_are_none(tmp_path, text) -> None:
    (tmp_path / "power_site.json").write_text(text)
    line = Line(tmp_path)
    assert not (await line.ask("a")).joined
    line.now_s += 3.1
    assert (await line.ask("a")).joined


async def test_two_nodes_of_one_name_do_not_share_a_lease(tmp_path) -> None:
    line = await Line(tmp_path).settled()
    await line.ask("a", 100.0)
    line.now_s += 1.0
    with pytest.raises(Conflict, match=r"Another node is called 'a', and asked 1\.0 s ago"):
        await line.ask("a", instance="2")
    line.now_s += 1.5
    await line.ask("a")
    line.now_s += 3.1
    line.follows.clear()
    assert (await line.ask("a", instance="2")).joined, "the first one is gone, or this is it, started again"
    with pytest.raises(Conflict):
        await line.ask("a")


async def test_who_is_switched_off_can_be_forgotten_and_who_is_here_cannot(tmp_path) -> None:
    line = await Line(tmp_path).settled()
    await line.ask("b")
    with pytest.raises(Conflict, match="is here"):
        await line.site.forget("b")
    with pytest.raises(NotFound):
        await line.site.forget("c")
    line.now_s += 4.0
    assert line.row("b")["state"] == "lost"
    await line.site.forget("b")
    assert [row["name"] for row in line.site.status()["nodes"]] == ["a"]
    line.begin()
    assert [row["name"] for row in line.site.status()["nodes"]] == ["a"]


async def test_what_the_site_shows(tmp_path) -> None:
    line = await Line(tmp_path).settled()
    await line.ask("b", 2000.0)
    await line.ask("c", floor_w=999.0)
    status = line.site.status()
    rows = {row["name"]: (row["state"], row["lent_w"]) for row in status["nodes"]}
    assert rows == {"a": ("ok", 50.0), "b": ("short", 950.0), "c": ("waiting", 0.0)}
    assert (status["budget_w"], status["lent_w"], status["watts"]) == (1000.0, 1000.0, 50.0 + 50.0 + 999.0)
    line.site.set_budget("80W")
    assert line.site.status()["why"] == "the nodes take 100 W with nothing to do: more than the site's budget"


async def test_a_site_without_a_limit_lends_all_a_node_can_take(tmp_path) -> None:
    line = await Line(tmp_path).settled()
    line.site.set_budget("none")
    need = Need(name="b", floor_w=10, max_w=300)
    assert (await line.site.answer(Ask(need=need, at_s=line.now_s))).watts == 300.0
    assert line.site.status()["budget_w"] is None


async def test_the_budget_by_word_is_kept_and_may_be_for_a_while(tmp_path) -> None:
    line = await Line(tmp_path).settled()
    line.site.set_budget("1.5kW")
    line.begin()
    assert line.site.status()["budget_w"] == 1500.0
    line.site.set_budget("200W", 60.0)
    assert (line.site.status()["budget_w"], 59.0 < line.site.status()["budget_left_s"] <= 60.0) == (200.0, True)
    line.site.set_budget("default")
    assert line.site.status()["budget_w"] == 1000.0
    for wrong in ("60%", "lots", "-1W", "nan", ""):
        with pytest.raises(BadInput) as caught:
            line.site.set_budget(wrong)
        assert caught.value.param == "site_budget"


async def test_windows_and_events_of_the_site(tmp_path) -> None:
    always = msgspec.convert({"start": "00:00:00", "end": "23:59:59.999999", "budget": "600W"}, settings.Window)
    past = msgspec.convert({"start": "2020-01-01T00:00:00Z", "length_s": 1e9, "reduce_pct": 25}, settings.Event)
    power = settings.Power(site_budget="1kW", site_windows=(always,), site_events=(past,), budget="10W")
    assert Line(tmp_path, power).site.status()["budget_w"] == 450.0
    line = Line(tmp_path)
    line.site.reload(power)
    assert line.site.status()["budget_w"] == 450.0


@pytest.mark.parametrize(
    ("power", "says"),
    [
        ({"site_budget": "60%"}, "in watts"),
        ({"site_budget": "lots"}, "is no budget"),
        ({"site_budget": "1kW", "site_url": "https://box1"}, "say one of them"),
        ({"site_url": "https://box1", "meter": "none"}, "needs a meter"),
        ({"site_events": [{"start": "2027-01-01T00:00:00Z", "length_s": 1, "reduce_pct": 5}]}, "belong to a site"),
        ({"site_budget": "1kW", "site_windows": [{"start": "00:00:00", "end": "01:00:00", "budget": "1%"}]}, "watts"),
    ],
)
def test_settings_of_a_site_that_cannot_be_held(power, says) -> None:
    with pytest.raises(ValueError, match=says):
        share.check(msgspec.convert(power, settings.Power))
