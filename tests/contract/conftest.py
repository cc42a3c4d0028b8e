"""The engines of `subjects.py`, each inside this process and in a host of its own."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.contract.engine_bench import Bench, in_host, in_process
from tests.contract.subjects import SUBJECTS


@pytest.fixture(
    params=[
        pytest.param((subject, where), id=f"{subject.name}-{where}", marks=subject.marks)
        for subject in SUBJECTS
        for where in ("inside", "host")
    ]
)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    subject, where = request.param
    async with aclosing(in_process(subject) if where == "inside" else in_host(subject, tmp_path)) as benches:  # type: ignore[type-var]
        async for one in benches:
            yield one
