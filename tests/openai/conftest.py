"""Live servers for the client's-eye tests: echo for shapes, the fast and the default model for words."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from omniwatt import settings
from omniwatt.catalog.catalog import Catalog
from omniwatt.settings import Models
from tests.served import Served, served, share_models


@pytest.fixture(scope="session")
def echo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The echo engine alone, under every name a client may use."""
    home = tmp_path_factory.mktemp("echo")
    (home / "omniwatt.toml").write_text('[models]\nserve = ["echo"]\ndefault = "echo"\nfast = "echo"\nembed = "echo"\n')
    with served(home, "--log-level", "warning") as server:
        yield server


@pytest.fixture(scope="session")
def fast_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The 0.5B under every chat alias, with a window so short that a script without a limit ends."""
    home = share_models(tmp_path_factory.mktemp("fast"))
    (home / "cards").mkdir()
    name = Models().fast
    file = Catalog.open(settings.load(None, {})).spec(name).artifacts["model"]
    card = f'base = "{name}"\ncontext_window = 400\n'
    card += f'[[artifacts]]\nrole = "model"\nfile = "model.gguf"\npath = "{file}"\n'
    (home / "cards" / "brief.toml").write_text(card)
    (home / "omniwatt.toml").write_text('[models]\ndefault = "brief"\nserve = ["brief", "embed"]\n')
    with served(home, "--log-level", "warning", ready="/readyz") as server:
        yield server


@pytest.fixture(scope="session")
def default_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The default model, the 1.5B."""
    home = share_models(tmp_path_factory.mktemp("default"))
    with served(home, "--models", "default", "--log-level", "warning", ready="/readyz") as server:
        yield server


@pytest.fixture(scope="module")
def talking_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The fast model, with ears and a voice."""
    home = share_models(tmp_path_factory.mktemp("talking"))
    with served(home, "--models", "fast,hear,speak", "--log-level", "warning", ready="/readyz") as server:
        yield server


@pytest.fixture(scope="module")
def drawing_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The illustrator and the reader; URLs of pictures live for one second."""
    home = share_models(tmp_path_factory.mktemp("drawing"))
    (home / "omniwatt.toml").write_text("[draw]\nurl_s = 1\n")
    with served(home, "--models", "draw,see", "--log-level", "warning", ready="/readyz") as server:
        yield server


def client_of(server: Served) -> OpenAI:
    """The official client, without its retries: a test wants to see the first answer."""
    return OpenAI(base_url=server.url + "/v1", api_key=server.key, max_retries=0, timeout=100.0)


@pytest.fixture
def fast_client(fast_server: Served) -> Iterator[OpenAI]:
    with client_of(fast_server) as client:
        yield client


@pytest.fixture
def default_client(default_server: Served) -> Iterator[OpenAI]:
    with client_of(default_server) as client:
        yield client


@pytest.fixture
def echo_client(echo_server: Served) -> Iterator[OpenAI]:
    with client_of(echo_server) as client:
        yield client


@pytest.fixture
def drawing_client(drawing_server: Served) -> Iterator[OpenAI]:
    with client_of(drawing_server) as client:
        yield client
