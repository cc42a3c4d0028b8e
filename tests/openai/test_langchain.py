"""LangChain's own integration suite, through its OpenAI adapter, against our server."""

import httpx2
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests
from openai import DefaultAsyncHttpx2Client, DefaultHttpx2Client

from tests.served import Served

# The adapter never closes its clients: a connection that is not kept needs no closing.
ONCE = httpx2.Limits(max_keepalive_connections=0)


# The adapter warns of its own habits.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
CONTENT = pytest.mark.xfail(strict=True, reason="asks for sense, and echo has none; run on a model below")


def chat_model(server: Served, name: str) -> ChatOpenAI:
    return ChatOpenAI(**parameters(server, name))  # type: ignore[arg-type]


def parameters(server: Served, name: str = "gpt-4o") -> dict[str, object]:
    return {
        "model": name,
        "base_url": server.url + "/v1",
        "api_key": server.key,
        "timeout": 60,
        "stream_usage": True,
        "http_client": DefaultHttpx2Client(limits=ONCE),
        "http_async_client": DefaultAsyncHttpx2Client(limits=ONCE),
    }


class TestShapes(ChatModelIntegrationTests):
    """The whole suite on the echo engine: what counts here is the shape of every message."""

    server: Served

    @pytest.fixture(autouse=True)
    def _address(self, echo_server: Served) -> None:
        type(self).server = echo_server

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, object]:
        return parameters(self.server)

    @property
    def supports_json_mode(self) -> bool:
        return True

    @CONTENT
    def test_tool_calling(self, model: BaseChatModel) -> None:
        super().test_tool_calling(model)

    @CONTENT
    async def test_tool_calling_async(self, model: BaseChatModel) -> None:
        await super().test_tool_calling_async(model)

    @CONTENT
    def test_json_mode(self, model: BaseChatModel) -> None:
        super().test_json_mode(model)

    @CONTENT
    def test_agent_loop(self, model: BaseChatModel) -> None:
        super().test_agent_loop(model)

    @CONTENT
    def test_unicode_tool_call_integration(self, model: BaseChatModel) -> None:
        super().test_unicode_tool_call_integration(model)


@pytest.mark.model
@pytest.mark.parametrize("name", ["test_tool_calling", "test_json_mode", "test_unicode_tool_call_integration"])
def test_sense_on_the_fast_model(fast_server: Served, name: str) -> None:
    suite = TestShapes()
    getattr(ChatModelIntegrationTests, name)(suite, chat_model(fast_server, "gpt-4o"))
