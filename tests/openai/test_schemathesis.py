"""Requests made up from our own OpenAPI document: none ends in a 5xx, nor in an answer the document does not hold."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from omniwatt.api.server import ROUTES
from tests.served import Served

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
CASES = 15
TIMEOUT_S = 20
OPERATIONS = [
    (method, route.path_format) for route in ROUTES for method in sorted((route.methods or {"GET"}) - {"HEAD"})
]

# The tool imports what is deprecated, and leaves sessions to the collector.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def key(server: Served) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.key}"}


@pytest.fixture(scope="module")
def document(echo_server: Served) -> BaseSchema:
    return schemathesis.openapi.from_url(echo_server.url + "/openapi.json", headers=key(echo_server))


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_made_up_requests_are_answered_or_refused(
    document: BaseSchema, echo_server: Served, method: str, path: str
) -> None:
    @settings(
        max_examples=CASES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=document[path][method].as_strategy())
    def check(case: schemathesis.Case) -> None:
        # The document's types are the SDK's, and its embedding is the list it makes of base64.
        packed = isinstance(case.body, dict) and case.body.get("encoding_format") == "base64"
        checks = [one for one in CHECKS if not (packed and one is response_schema_conformance)]
        case.call_and_validate(checks=checks, headers=key(echo_server), timeout=TIMEOUT_S)

    check()
