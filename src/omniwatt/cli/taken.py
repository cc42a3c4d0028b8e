"""What an answer has taken, in a few words for the last line of a command."""

from collections.abc import Mapping
from typing import Any

from omniwatt.cli.units import joules


def taken(energy: object) -> str:
    """`usage.energy` as `38 J estimated`; "" where the server said nothing of it."""
    if not isinstance(energy, Mapping) or not isinstance(energy.get("energy_joules"), int | float):
        return ""
    return f"{joules(energy['energy_joules'])} {energy.get('method', '')}".strip()


def by_headers(headers: Any) -> str:
    """The same by the headers of an answer that has no `usage`.

    A body that is sent while it is made has no length yet: its joules are what such answers took before.
    """
    try:
        energy = {"energy_joules": float(headers["x-energy-joules"]), "method": headers["x-energy-method"]}
    except (KeyError, ValueError):
        return ""
    return ("" if "content-length" in headers else "about ") + taken(energy)
