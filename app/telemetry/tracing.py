"""Traces: OpenTelemetry's own instrumentation of Flask and psycopg2. Needs requirements-otel.txt."""

from typing import Any

from flask import Flask
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.psycopg2 import Psycopg2Instrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, format_trace_id

from app.telemetry.measures import usage


def instrument(app: Flask, endpoint: str) -> None:
    """Make a span of each request and of each of its statements, and send them to the collector at `endpoint`."""
    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before our name.
    resource = Resource({SERVICE_NAME: "flux-dao-service"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    FlaskInstrumentor.instrument_app(app, request_hook=_describe, tracer_provider=provider, enable_commenter=False)
    Psycopg2Instrumentor().instrument(tracer_provider=provider)


def _describe(span: Span, _: dict[str, Any]) -> None:
    """Let the span and the log line of a request name each other."""
    usage.trace_id = format_trace_id(span.get_span_context().trace_id)
    span.set_attribute("flux.request_id", str(usage.request_id))
