"""The illustrator's own files, as `omniwatt pull illustrator` brings them."""

import tomllib
from importlib import resources

import pytest

from omniwatt import settings
from omniwatt.engines.draw.illustrator.objects import Sprites
from omniwatt.engines.draw.lettering import Faces


@pytest.fixture(scope="session")
def artifacts() -> dict[str, str]:
    card = tomllib.loads(resources.files("omniwatt.catalog").joinpath("cards/illustrator.toml").read_text())
    folder = settings.load(None, {}).home / "models" / "illustrator"
    return {one["role"]: str(folder / one["file"]) for one in card["artifacts"]}


@pytest.fixture(scope="session")
def faces(artifacts: dict[str, str]) -> Faces:
    return Faces.load(artifacts)


@pytest.fixture(scope="session")
def sprites(artifacts: dict[str, str]) -> Sprites:
    return Sprites.load(artifacts["sprites"])
