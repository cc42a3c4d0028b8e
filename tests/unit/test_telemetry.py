"""Traces: one span per request, with times and conventional names; a clear word when the extra is missing."""

import sys
from typing import Any

import pytest

from omniwatt.contract.record import Record
from omniwatt.telemetry import Telemetry, TelemetryError


class Tracer:
    """Keeps what OpenTelemetry's own tracer would send."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []

    def start_span(self, name: str, **known: Any) -> "Tracer":
        self.spans.append({"name": name, **known, "events": []})
        return self

    def add_event(self, name: str, timestamp: int) -> None:
        self.spans[-1]["events"].append((name, timestamp))

    def end(self, end_time: int) -> None:
        self.spans[-1]["end_time"] = end_time


RECORD = Record(
    id="req_1",
    time=100.0,
    key_id="k1",
    project="red",
    capability="chat",
    asked="gpt-4",
    card="echo",
    model="echo-1",
    state="done",
    status=200,
    prompt_tokens=3,
    completion_tokens=4,
    first_token_s=0.5,
    total_s=2.0,
)


def test_a_request_is_one_span() -> None:
    tracer, closed = Tracer(), []
    telemetry = Telemetry(tracer, lambda: closed.append(True))
    telemetry.opened()
    telemetry.ended(RECORD)
    telemetry.close()
    [span] = tracer.spans
    assert (span["name"], span["start_time"], span["end_time"]) == ("chat echo", 100 * 10**9, 102 * 10**9)
    assert span["events"] == [("first token", 100 * 10**9 + 5 * 10**8)]
    found = span["attributes"]
    assert found["gen_ai.operation.name"] == "chat"
    assert found["gen_ai.request.model"] == "gpt-4"
    assert found["gen_ai.response.model"] == "echo-1"
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (3, 4)
    assert "omniwatt.energy_j" not in found
    assert "error.type" not in found
    assert closed == [True]


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(TelemetryError, match=r"install omniwatt\[otel\]"):
        Telemetry.to("http://localhost:4318")
