"""How a site looks: what is lent to a node, a site that is lost, and the table of nodes."""

import pytest
from rich.console import Console

from omniwatt.cli.power_site import lease_lines, site_lines

LEASE = {
    "name": "box2", "site": "https://box1:8080", "state": "lent", "why": "", "watts": 95.0, "left_s": 2.4,
    "floor_w": 50.0, "wants_w": 50.0, "heard_s_ago": 0.6,
}  # fmt: skip
NODE = {
    "name": "box1", "watts": 45.2, "lent_w": 82.3, "wants_w": 50.0, "floor_w": 50.0, "max_w": 140.0, "weight": 1.0,
    "heard_s_ago": 0.4, "state": "ok", "why": "",
}  # fmt: skip
SITE = {"budget_w": 240.0, "budget": "240W", "budget_left_s": None, "lent_w": 177.3, "watts": 140.2, "why": ""}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["95.0 W are lent to it, as box2, by https://box1:8080"]),
        ({"wants_w": 140.0}, ["95.0 W are lent to it, as box2, by https://box1:8080; its work wants 140 W"]),
        (
            {"why": "it does not answer"},
            ["95.0 W are lent to it, as box2, by https://box1:8080; it does not answer, 2 s left"],
        ),
        ({"state": "asking"}, ["asks https://box1:8080 for watts"]),
        (
            {"state": "waiting", "why": "what was lent before is not known: nothing is lent for 2 s"},
            [("nothing is lent to it yet, as box2, by https://box1:8080: what was lent before is not known: nothing is "
             "lent for 2 s")],
        ),
        (
            {"state": "waiting", "why": "there is no room for the 50.0 W this node always takes"},
            [("nothing is lent to it yet, as box2, by https://box1:8080: there is no room for the 50.0 W this node "
             "always takes"),
             "→ at the site: omniwatt power shows who has what; omniwatt power set 2kW --site gives more"],
        ),
        (
            {"state": "lost", "why": "connection refused", "heard_s_ago": 300.0},
            ["site lost: https://box1:8080 (connection refused) for 5 min",
             "→ it holds its floor of 50.0 W and asks on: start the site again, or look why it cannot be reached"],
        ),
        (
            {"state": "lost", "why": "it answers 403: This needs an admin key.", "heard_s_ago": 5.0},
            ["site lost: https://box1:8080 (it answers 403: This needs an admin key.) for 5 s",
             ("→ it holds its floor of 50.0 W and asks on: make a key there (omniwatt keys create --admin --name "
             "nodes) and put it where power.site_key_file says")],
        ),
    ],
)  # fmt: skip
def test_what_is_lent(changes, expected) -> None:
    assert [line.plain for line in lease_lines(LEASE | changes)] == expected


def test_where_there_is_no_site_nothing_is_said() -> None:
    assert lease_lines(None) == []
    assert site_lines(None) == []


def shown(site: dict[str, object]) -> list[str]:
    console = Console(width=110, no_color=True)
    with console.capture() as capture:
        for line in site_lines(site):
            console.print(line)
    return [line.rstrip() for line in capture.get().splitlines() if line.strip()]


def test_a_row_for_each_node() -> None:
    nodes = [
        NODE,
        NODE | {"name": "box2", "watts": 95.0, "lent_w": 95.0, "wants_w": 140.0, "state": "short"},
        NODE | {"name": "box3", "watts": None, "wants_w": 0.0, "heard_s_ago": 7200.0, "state": "lost"},
        NODE | {"name": "box5", "watts": 95.0},
        NODE | {"name": "box4", "lent_w": 0.0, "floor_w": 0.0, "state": "waiting", "why": "the meter is silent"},
    ]
    assert shown(SITE | {"nodes": nodes, "budget_left_s": 120.0}) == [
        "site: 140 W of 240 W for 2 min more, 177 W lent",
        "NODE     NOW    LENT   WANTS   FLOOR      HEARD",
        "box1  45.2 W  82.3 W  50.0 W  50.0 W        now  ok",
        "box2  95.0 W  95.0 W   140 W  50.0 W        now  wants more",
        "box3       -  82.3 W   0.0 W  50.0 W  2.0 h ago  silent: its floor is kept",
        "box5  95.0 W  82.3 W  50.0 W  50.0 W        now  takes more than it is lent",
        "box4  45.2 W   0.0 W  50.0 W   0.0 W        now  no room for it yet; the meter is silent",
        "→ switched off for good? omniwatt power forget box3 frees its floor",
    ]


def test_a_site_without_nodes_or_limit() -> None:
    assert shown(SITE | {"nodes": [], "budget_w": None, "why": "too much"}) == [
        "site: 140 W without a limit, 177 W lent   too much",
        "no node has asked yet",
    ]
