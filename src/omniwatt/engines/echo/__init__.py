"""Echo: every capability without weights, deterministic, with delays and faults on demand."""

from omniwatt.engines.echo.engine import Echo

__all__ = ["Echo"]
