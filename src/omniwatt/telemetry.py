"""OpenTelemetry, when the `otel` extra is installed and `log.otel_endpoint` is set: one span per request.

Names follow OpenTelemetry's conventions for generative AI. No prompt, no answer and no key is ever an attribute.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from omniwatt.contract.record import Record


class TelemetryError(Exception):
    """Traces are asked for and cannot be sent; the message says what to install or to change."""


OPERATIONS = {"chat": "chat", "complete": "text_completion", "embed": "embeddings"}


class Telemetry:
    """An Observer that makes each ended request a span; spans leave in batches, from a thread of their own."""

    def __init__(self, tracer: Any, stop: Callable[[], None], kind: Any = None) -> None:
        """`kind` is OpenTelemetry's kind of a span that answers a request."""
        self._tracer = tracer
        self._kind = kind
        self._stop = stop

    @classmethod
    def to(cls, endpoint: str) -> "Telemetry":
        """Send to an OTLP/HTTP collector, such as http://localhost:4318. Raises TelemetryError without the extra."""
        try:
            exporter = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
            resources = import_module("opentelemetry.sdk.resources")
            sdk = import_module("opentelemetry.sdk.trace")
            trace = import_module("opentelemetry.trace")
            batches = import_module("opentelemetry.sdk.trace.export")
        except ImportError as error:
            raise TelemetryError(
                f"log.otel_endpoint is set, but OpenTelemetry is not installed ({error.name} is missing): "
                "install omniwatt[otel]"
            ) from error
        url = endpoint if endpoint.endswith("/v1/traces") else endpoint.rstrip("/") + "/v1/traces"
        provider = sdk.TracerProvider(resource=resources.Resource.create({"service.name": "omniwatt"}))
        provider.add_span_processor(batches.BatchSpanProcessor(exporter.OTLPSpanExporter(endpoint=url)))
        return cls(provider.get_tracer("omniwatt"), provider.shutdown, trace.SpanKind.SERVER)

    def opened(self) -> None:
        """A span is made when its request has ended."""

    def ended(self, record: Record) -> None:
        """One span, from arrival to end."""
        start_ns = int(record.time * 1e9)
        operation = OPERATIONS.get(record.capability, record.capability)
        span = self._tracer.start_span(
            f"{operation} {record.card}".rstrip(),
            kind=self._kind,
            start_time=start_ns,
            attributes=attributes(record, operation),
        )
        if record.first_token_s is not None:
            span.add_event("first token", timestamp=start_ns + int(record.first_token_s * 1e9))
        span.end(end_time=start_ns + int((record.total_s or 0.0) * 1e9))

    def close(self) -> None:
        """Send what waits; takes as long as the collector does, up to the exporter's own limit."""
        self._stop()


def attributes(record: Record, operation: str) -> dict[str, str | int | float]:
    """What a span says of a request; only what is known."""
    found: dict[str, str | int | float | None] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "omniwatt",
        "gen_ai.request.model": record.asked,
        "gen_ai.response.model": record.model or None,
        "gen_ai.response.id": record.id,
        "gen_ai.usage.input_tokens": record.prompt_tokens,
        "gen_ai.usage.output_tokens": record.completion_tokens,
        "error.type": record.code,
        "http.response.status_code": record.status,
        "omniwatt.state": record.state,
        "omniwatt.project": record.project,
        "omniwatt.key_id": record.key_id,
        "omniwatt.tier": record.tier,
        "omniwatt.queue_s": record.queue_s,
        "omniwatt.energy_j": record.energy_j,
        "omniwatt.energy_method": record.method,
    }
    return {name: value for name, value in found.items() if value is not None}
