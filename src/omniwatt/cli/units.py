"""Watts, spans and joules as people write them."""


def watts(value: float | None) -> str:
    """Watts as people write them."""
    if value is None:
        return "-"
    if value >= 10_000:
        return f"{value / 1000:.2f} kW"
    return f"{value:.0f} W" if value >= 100 else f"{value:.1f} W"


def span(seconds: float) -> str:
    """Seconds, minutes or hours: what reads best."""
    if seconds >= 5400.0:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90.0 else f"{seconds:.0f} s"


def joules(value: float) -> str:
    """Joules, kJ or kWh: what reads best."""
    if value >= 1e6:
        return f"{value / 3.6e6:.3f} kWh"
    return f"{value / 1e3:.1f} kJ" if value >= 1e4 else f"{value:.0f} J" if value >= 10 else f"{value:.2f} J"
