"""The whole way with everything real but the weights: echo in its child process, a ledger in a temporary home."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from omniwatt import settings, wiring
from omniwatt.api.parts import Parts


@asynccontextmanager
async def _build(home: Path) -> AsyncIterator[Parts]:
    flags = {
        "storage": {"home": str(home)},
        "models": {"serve": "echo", "preload": False},
        "power": {"meter": "none"},
    }
    async with wiring.build(settings.load(None, flags, {})) as parts:
        yield parts


@pytest.fixture
def way(tmp_path: Path) -> AbstractAsyncContextManager[Parts]:
    """Enter it in the test itself: what it starts belongs to the test's own task."""
    return _build(tmp_path)
