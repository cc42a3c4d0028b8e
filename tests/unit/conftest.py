"""What unit tests of several subjects begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from omniwatt.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "omniwatt.db") as database:
        yield database
