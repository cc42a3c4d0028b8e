"""The way of tests/way, for what needs an extra's libraries."""

from tests.way.conftest import way

__all__ = ["way"]
