"""OpenTelemetry spans of each request and its statements. Needs requirements-otel.txt."""

import re
import threading
import time
from collections.abc import Sequence
from time import perf_counter
from typing import Protocol

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
    set_span_in_context,
)

from app.telemetry.trace_context import TraceContext
from app.telemetry.usage import SentStatement, usage

NANOSECONDS = 1_000_000_000
# Behind a pooler the limits stand before what was asked; see database/connecting.py.
OPERATION = re.compile(r"(?:SET LOCAL [^;]*;)*\s*(\w+)")


class TracedRequest(Protocol):
    """What a span tells of a request."""

    began: float
    environ: dict[str, object]
    failed: bool
    route: str | None
    status: int
    trace: TraceContext


class Spans:
    """Makes spans when a request has ended, and sends them to the collector at `endpoint` from a thread of its own."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint.rstrip("/") + "/v1/traces"
        self._lock = threading.Lock()
        self._tracer: Tracer | None = None

    def tell(self, request: TracedRequest, seconds: float, trail: Sequence[SentStatement]) -> None:
        """Make the request's span and, below it, its statements'."""
        method = str(request.environ["REQUEST_METHOD"])
        # Spans are dated by the clock, and durations are measured by the performance counter.
        offset = time.time_ns() - int(perf_counter() * NANOSECONDS)
        began = offset + int(request.began * NANOSECONDS)
        span = self._made_tracer().start_span(
            f"{method} {request.route}" if request.route else method,
            context=_parent(request),
            kind=SpanKind.SERVER,
            attributes=_attributes(request, method),
            start_time=began,
        )
        if request.failed or request.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        if span.is_recording():
            for statement in trail:
                self._tell_statement(span, statement, offset)
        span.end(began + int(seconds * NANOSECONDS))

    def _tell_statement(self, parent: Span, statement: SentStatement, offset: int) -> None:
        operation = OPERATION.match(statement.sql)
        began = offset + int(statement.began * NANOSECONDS)
        self._made_tracer().start_span(
            operation[1] if operation else "SQL",
            context=set_span_in_context(parent),
            kind=SpanKind.CLIENT,
            attributes={"db.system.name": "postgresql", "db.query.text": statement.sql},
            start_time=began,
        ).end(began + int(statement.seconds * NANOSECONDS))

    def _made_tracer(self) -> Tracer:
        """The tracer, made with the first request: its thread must begin after gunicorn has forked."""
        with self._lock:
            if self._tracer is None:
                # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before our name.
                resource = Resource({SERVICE_NAME: "flux-dao-service"}).merge(OTELResourceDetector().detect())
                provider = TracerProvider(resource=resource, id_generator=OurTraceIds())
                provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(self._endpoint)))
                self._tracer = provider.get_tracer("app.telemetry")
            return self._tracer


class OurTraceIds(RandomIdGenerator):
    """A trace that begins here has the id that the log has already told."""

    def generate_trace_id(self) -> int:
        """The id of this thread's request."""
        return int(usage.trace_id, 16) if usage.trace_id else super().generate_trace_id()


def _parent(request: TracedRequest) -> Context:
    trace = request.trace
    if trace.parent_id is None:
        return Context()
    state = TraceState.from_header([str(request.environ.get("HTTP_TRACESTATE", ""))])
    parent = SpanContext(int(trace.trace_id, 16), int(trace.parent_id, 16), True, TraceFlags(trace.flags), state)
    return set_span_in_context(NonRecordingSpan(parent), Context())


def _attributes(request: TracedRequest, method: str) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "http.response.status_code": request.status,
        "url.scheme": str(request.environ["wsgi.url_scheme"]),
        "flux.request_id": str(usage.request_id),
    }
    if request.route:
        attributes["http.route"] = request.route
    return attributes
