"""What the service tells about itself while it runs: log lines, metrics, traces and timings."""

from typing import TYPE_CHECKING

from flask import Flask

from app.config import SettingError, Settings
from app.telemetry.requests import MeasuredRequests

if TYPE_CHECKING:
    from app.telemetry.spans import Spans


def init_app(app: Flask, settings: Settings) -> None:
    """Measure each request of the app. Raises SettingError when traces are asked for and their packages are missing."""
    app.wsgi_app = MeasuredRequests(app.wsgi_app, settings.log_level, make_spans(settings))  # type: ignore[method-assign]


def make_spans(settings: Settings) -> "Spans | None":
    """What sends spans, when the settings name a collector. Raises SettingError when the packages are missing."""
    endpoint = settings.otel_exporter_otlp_endpoint
    if not endpoint:
        return None
    try:
        from app.telemetry.spans import Spans
    except ImportError as error:
        raise SettingError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set, but the packages for traces are not installed ({error}). "
            "Install them with pip install -r requirements-otel.txt, or leave the setting empty."
        ) from None
    return Spans(endpoint)
