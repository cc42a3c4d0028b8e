"""A door with nothing behind it but a pipeline that says what it is told to."""

import pytest

from tests.unit.api.asgi import Client, FakePipeline, make_parts


@pytest.fixture
def pipeline():
    return FakePipeline()


@pytest.fixture
def client(pipeline, tmp_path):
    return Client(make_parts(pipeline, tmp_path))
