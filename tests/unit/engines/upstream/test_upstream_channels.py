"""Which channel is taken: weights, standbys, cool-downs, probes and names."""

import random
from collections import Counter
from typing import Any

import pytest

from omniwatt.contract.error import EngineFailed
from omniwatt.engines.upstream.channels import Channel, Health, channels_from, choose, name_sent, soonest_s

A, B, C = (Channel(name=name, url="http://h/v1", weight=weight) for name, weight in (("a", 3), ("b", 1), ("c", 0)))
COOLING = Health(3, cool_until_s=100.0)


def taken(health: dict[str, Health], now_s: float = 0.0, without: tuple[str, ...] = ()) -> Counter[str]:
    rng = random.Random(7)
    picks = (choose((A, B, C), health, now_s, rng, without) for _ in range(4000))
    return Counter(pick.name if pick else "" for pick in picks)


def test_weights_hold_in_the_long_run() -> None:
    counts = taken({})
    assert set(counts) == {"a", "b"}
    assert 0.72 < counts["a"] / 4000 < 0.78


@pytest.mark.parametrize(
    ("health", "now_s", "without", "names"),
    [
        ({"a": COOLING}, 50.0, (), {"b"}),
        ({"a": COOLING}, 100.0, (), {"a", "b"}),
        ({"a": COOLING.claimed()}, 100.0, (), {"b"}),
        ({"a": COOLING, "b": COOLING}, 50.0, (), {"c"}),
        ({}, 0.0, ("a", "b"), {"c"}),
        ({"a": COOLING, "b": COOLING, "c": COOLING}, 50.0, (), {""}),
        ({}, 0.0, ("a", "b", "c"), {""}),
    ],
)
def test_only_usable_channels(
    health: dict[str, Health], now_s: float, without: tuple[str, ...], names: set[str]
) -> None:
    assert set(taken(health, now_s, without)) == names


def test_cooling_doubles_up_to_a_minute_and_a_first_byte_ends_it() -> None:
    health = Health()
    until = []
    for _ in range(9):
        health = health.failed(0.0)
        until.append(health.cool_until_s)
    assert until == [0.0, 0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    well = health.answered()
    assert not well.suspect
    assert well.cool_until_s == 0.0
    assert well.failed(10.0).cool_until_s == 12.0


def test_a_limited_channel_is_left_alone_but_not_suspect() -> None:
    health = Health().throttled(10.0, 5.0)
    assert (health.cool_until_s, health.suspect, health.released().limited) == (15.0, False, True)
    assert Health().throttled(0.0, 10_000).cool_until_s == 60.0


def test_soonest() -> None:
    assert soonest_s((A, B), {"a": COOLING, "b": Health(3, 30.0)}, 10.0) == 20.0
    assert soonest_s((A,), {"a": COOLING}, 99.9) == 1.0


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("gpt-4o", "GPT4"),
        ("gpt-4o-mini", "small"),
        ("gpt-5", "gpt-5"),
        ("plain", "plain"),
        ("org/tail", "tail"),
        ("unknown", None),
        ("", None),
    ],
)
def test_name_sent(model: str, sent: str | None) -> None:
    models = {"gpt-4o": "GPT4", "gpt-*": "", "gpt-4o-*": "small", "plain": "", "org/*": "*"}
    assert name_sent(Channel(name="a", url="http://h", models=models), model) == sent


@pytest.mark.parametrize(
    ("url", "base", "root"),
    [
        ("http://h:1", "http://h:1/v1", "http://h:1"),
        ("http://h:1/", "http://h:1/v1", "http://h:1"),
        ("https://h/v1/", "https://h/v1", "https://h"),
        ("https://h/api/paas/v4", "https://h/api/paas/v4", "https://h/api/paas/v4"),
    ],
)
def test_addresses(url: str, base: str, root: str) -> None:
    channel = Channel(name="a", url=url)
    assert (channel.base, channel.root) == (base, root)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://h"},
        {"url": "http://"},
        {"url": "http://user:secret@h/v1"},
        {"url": "http://h/v1?key=secret"},
        {"url": "http://h", "api_key": "secret\nx"},
        {"url": "http://h", "api_key": "sécret"},
        {"url": "http://h", "weight": -1},
        {"url": "http://h", "retries": -1},
        {"url": "http://h", "timeout_s": 0},
        {"url": "http://h", "models": "secret"},
        {},
    ],
)
def test_a_channel_that_cannot_work_stops_the_load_and_shows_no_secret(wrong: dict[str, Any]) -> None:
    with pytest.raises(EngineFailed) as caught:
        channels_from({"channels": [{"name": "a"} | wrong]})
    assert "secret" not in caught.value.message


def test_channels_need_to_be_some_and_of_different_names() -> None:
    with pytest.raises(EngineFailed, match="no upstream channel"):
        channels_from({})
    with pytest.raises(EngineFailed, match="same name"):
        channels_from({"channels": [{"name": "a", "url": "http://h"}] * 2})


def test_a_channel_does_not_print_its_key() -> None:
    assert "secret" not in repr(Channel(name="a", url="http://h", api_key="secret"))
