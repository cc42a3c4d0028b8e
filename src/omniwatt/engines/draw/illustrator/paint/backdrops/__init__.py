"""One file for each backdrop: `behind(stage)` draws what is behind the objects, `front(stage)` what is before them."""

import importlib
from types import ModuleType

_ALIASES: dict[str, str] = {}


def named(name: str) -> ModuleType:
    """The module of this backdrop."""
    return importlib.import_module(f"{__name__}.{_ALIASES.get(name, name)}")
