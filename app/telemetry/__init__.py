"""What the service tells about itself while it runs: log lines, metrics, traces and timings."""

from flask import Flask

from app.config import SettingError, Settings
from app.telemetry.requests import MeasuredRequests


def init_app(app: Flask, settings: Settings) -> None:
    """Measure each request of the app, around everything else that answers it."""
    app.wsgi_app = MeasuredRequests(app.wsgi_app, settings.log_level)  # type: ignore[method-assign]


def init_traces(app: Flask, settings: Settings) -> None:
    """Trace each request when the settings name a collector. Raises SettingError when the packages are missing.

    Before the app has hooks that answer requests, since none runs after those.
    """
    if not settings.otel_exporter_otlp_endpoint:
        return
    try:
        from app.telemetry import tracing
    except ImportError as error:
        raise SettingError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set, but the packages for traces are not installed ({error}). "
            "Install them with pip install -r requirements-otel.txt, or leave the setting empty."
        ) from None
    tracing.instrument(app, settings.otel_exporter_otlp_endpoint)
