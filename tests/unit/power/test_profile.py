"""Hardware profiles: every one loads, adds up, and stays within what its papers say."""

import pytest

from omniwatt.contract.error import NotFound
from omniwatt.power import profile
from omniwatt.power.profile import Device, Facility, Server

SERVERS = [name for name in profile.names() if isinstance(profile.load(name), Server)]
DEVICES = [name for name in profile.names() if isinstance(profile.load(name), Device)]


def test_the_kinds_of_hardware_are_there() -> None:
    assert {"h100", "b100", "h200", "b200", "cpu"} <= set(DEVICES)
    assert {profile.server(name).cooling for name in SERVERS} == {"air", "liquid"}
    assert isinstance(profile.load("mixed_fleet"), Facility)


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_stays_between_idle_and_its_limit(name: str) -> None:
    one = profile.device(name)
    assert 0 < one.idle_w <= one.resident_w < one.limit_least_w < one.limit_w
    for mode in one.modes.values():
        assert one.resident_w < mode.watts <= one.limit_w
        assert 0.01 <= mode.step_s <= 2.0


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_draws_more_with_more_work_and_its_supply_carries_it(name: str) -> None:
    one = profile.server(name)
    modes = sorted(set.intersection(*({*each.modes} for each in profile.devices_of(one))))
    full_w = [profile.full_w(one, {mode: 1.0}) for mode in modes]
    assert all(profile.idle_w(one) < each <= one.psu_w for each in full_w)
    assert [share for share, _ in one.psu] == sorted(share for share, _ in one.psu)


def test_the_28_kw_server_is_one() -> None:
    one = profile.server("server28kw")
    assert one.cooling == "liquid"
    assert {group.profile for group in one.devices} == {"h100", "b100"}
    assert profile.full_w(one, {"video": 1.0}) == pytest.approx(28_000, rel=0.02)


def test_eight_h100_in_air_come_to_what_was_measured() -> None:
    """8.4 kW at the wall at nearly full load (Latif et al., IEEE Access 2025)."""
    assert profile.full_w(profile.server("hgx_h100_air"), {"flux": 1.0}) == pytest.approx(8_400, rel=0.03)


def test_cooling_limits_heat() -> None:
    one = profile.server("hgx_h100_air")
    tight = Server(**{name: getattr(one, name) for name in one.__struct_fields__} | {"heat_limit_w": 5000.0})
    assert profile.full_w(tight, {"flux": 1.0}) < 0.75 * profile.full_w(one, {"flux": 1.0})


def test_supplies_lose_most_at_low_load() -> None:
    psu = profile.server("server28kw").psu
    shares = [profile.efficiency(psu, share) for share in (0.0, 0.1, 0.35, 0.5, 0.75, 1.0, 1.2)]
    assert shares == pytest.approx([0.90, 0.90, 0.95, 0.96, 0.935, 0.91, 0.91])


def test_a_hall_draws_its_servers_times_pue() -> None:
    hall = profile.load("mixed_fleet")
    assert isinstance(hall, Facility)
    servers_w = sum(
        group.count * profile.full_w(profile.server(group.profile), {"decode": 1.0}) for group in hall.servers
    )
    assert profile.facility_w(hall, {"decode": 1.0}) == pytest.approx(servers_w * hall.pue)
    assert profile.facility_w(hall, {"flux": 1.0}) > 0


@pytest.mark.parametrize("name", ["nothing", "../settings", "h100.toml"])
def test_an_unknown_profile_is_refused(name: str) -> None:
    with pytest.raises(NotFound):
        profile.load(name)
    with pytest.raises(NotFound):
        profile.server("h100")
    with pytest.raises(NotFound):
        profile.device("server28kw")
