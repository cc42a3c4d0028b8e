"""How short watts are, and for whom."""

import pytest

from omniwatt.power.scarcity import KEPT_S, TIGHT_S, TOLD_HZ, Scarcity, share

LONG = round(TIGHT_S * TOLD_HZ)


@pytest.mark.parametrize(
    ("wanted", "slots", "tier", "expected"),
    [
        ({"default": 2.0}, None, "default", 1.0),
        ({"default": 2.0}, 0.5, "default", 0.25),
        ({"priority": 1.0, "default": 2.0}, 1.5, "priority", 1.0),
        ({"priority": 1.0, "default": 2.0}, 1.5, "default", 0.25),
        ({"priority": 1.0, "flex": 2.0}, 0.5, "flex", 0.0),
        ({"default": 2.0}, 0.5, "flex", 1.0),
        ({"default": 2.0}, 0.5, "unheard of", 0.25),
    ],
)
def test_the_tiers_above_have_theirs_first(
    wanted: dict[str, float], slots: float | None, tier: str, expected: float
) -> None:
    assert share(wanted, slots, tier) == expected


def test_nobody_is_told_of_a_moment() -> None:
    scarcity = Scarcity()
    for _ in range(LONG // 2):
        scarcity.see(0.5, {"default": 2.0})
    assert not scarcity.tight
    assert scarcity.share("default") == 1.0
    for _ in range(LONG):
        scarcity.see(0.5, {"default": 2.0})
    assert scarcity.tight
    assert scarcity.share("default") == 0.25
    for _ in range(LONG):
        scarcity.see(None, {"default": 2.0})
    assert not scarcity.tight


def test_who_comes_after_a_pause_is_told_what_the_last_one_found() -> None:
    scarcity = Scarcity()
    for _ in range(LONG):
        scarcity.see(0.5, {"default": 2.0}, 60.0)
    for _ in range(LONG):
        scarcity.see(0.0, {"default": 0.0}, 60.0)
    assert scarcity.tight
    assert scarcity.share("default") == 0.25
    for _ in range(round(KEPT_S * TOLD_HZ) + LONG):
        scarcity.see(0.0, {}, 60.0)
    assert not scarcity.tight


def test_what_was_found_under_another_budget_does_not_stay() -> None:
    scarcity = Scarcity()
    for _ in range(LONG):
        scarcity.see(0.5, {"default": 2.0}, 60.0)
    for _ in range(LONG):
        scarcity.see(0.0, {}, 90.0)
    assert not scarcity.tight
