"""What watts and joules amount to: kilowatt-hours, money, grams of CO2, laptops. Pure."""

from typing import Any

import msgspec

from omniwatt.contract.power import Joules

J_PER_KWH = 3.6e6
LAPTOP_W = 200.0
"""A large laptop and its screen at work: a measure people can picture."""


class Tariff(msgspec.Struct, frozen=True, kw_only=True):
    """What energy costs where the machine stands; None is not told."""

    price_per_kwh: float | None = None
    currency: str = "EUR"
    g_co2_per_kwh: float | None = None


class Amounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a power amounts to when it flows for a day."""

    kwh_per_day: float
    laptops: float
    cost_per_day: float | None = None
    currency: str = ""
    kg_co2_per_day: float | None = None


def a_day_of(watts: float, tariff: Tariff) -> Amounts:
    """A day at this power."""
    kwh = watts * 86_400.0 / J_PER_KWH
    return Amounts(
        kwh_per_day=kwh,
        laptops=watts / LAPTOP_W,
        cost_per_day=None if tariff.price_per_kwh is None else kwh * tariff.price_per_kwh,
        currency="" if tariff.price_per_kwh is None else tariff.currency,
        kg_co2_per_day=None if tariff.g_co2_per_kwh is None else kwh * tariff.g_co2_per_kwh / 1e3,
    )


def cost_of(joules: float, tariff: Tariff) -> dict[str, float | str]:
    """kWh of an amount of energy, and its money and grams of CO2 where the tariff tells them."""
    kwh = joules / J_PER_KWH
    found: dict[str, float | str] = {"kwh": kwh}
    if tariff.price_per_kwh is not None:
        found |= {"cost": kwh * tariff.price_per_kwh, "currency": tariff.currency}
    if tariff.g_co2_per_kwh is not None:
        found["g_co2"] = kwh * tariff.g_co2_per_kwh
    return found


def energy(joules: Joules) -> dict[str, Any]:
    """`usage.energy` as it stands in answers: what the job is charged, its share of the idle watts included."""
    total_j = joules.dynamic_j + joules.idle_j
    return {
        "energy_joules": total_j,
        "idle_joules": joules.idle_j,
        "energy_kwh": total_j / J_PER_KWH,
        "avg_power_watts": total_j / joules.duration_s if joules.duration_s > 0.0 else 0.0,
        "duration_seconds": joules.duration_s,
        "method": joules.method,
        "source": joules.source,
        "scope": joules.scope,
        "attribution": "work_units",
        "idle_included": True,
        "uncertainty_pct": joules.uncertainty_pct,
    }
