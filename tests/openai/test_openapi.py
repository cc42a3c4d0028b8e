"""Requests made from our own OpenAPI document, right and wrong ones: never a 5xx, every error in OpenAI's shape."""

from collections import Counter

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

CALM = settings(
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
ERROR_KEYS = {"message", "type", "param", "code"}


@pytest.fixture(scope="module")
def schema(echo_server):
    headers = {"authorization": f"Bearer {echo_server.key}"}
    document = httpx2.get(echo_server.url + "/openapi.json", headers=headers).json()
    found = schemathesis.openapi.from_dict(document)
    found.config.update(base_url=echo_server.url)
    return found


def operations(schema):
    return [result.ok() for result in schema.get_all_operations()]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("mode", "examples"), [(GenerationMode.POSITIVE, 12), (GenerationMode.NEGATIVE, 12)])
def test_no_request_of_the_document_fails_the_server(echo_server, schema, mode, examples):
    statuses = Counter()
    headers = {"authorization": f"Bearer {echo_server.key}"}

    def check(case):
        answer = case.call(headers=headers, timeout=20)
        statuses[case.operation.path, answer.status_code] += 1
        assert answer.status_code < 500, (case.operation.label, case.body, answer.text)
        if answer.status_code >= 400:
            assert answer.json()["error"].keys() == ERROR_KEYS

    for operation in operations(schema):
        try:
            strategy = operation.as_strategy(generation_mode=mode)
            settings(CALM, max_examples=examples)(given(case=strategy)(check))()
        except schemathesis.errors.InvalidSchema:
            assert mode is GenerationMode.NEGATIVE
    assert statuses["/v1/chat/completions", 400]
    if mode is GenerationMode.POSITIVE:
        for path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings"):
            assert statuses[path, 200], statuses
