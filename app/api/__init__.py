"""HTTP: one blueprint an entity, the errors, the keys and the docs page, put together for the app."""

from flask import Flask

from app.api import (
    auth,
    batch,
    conversations,
    dispatch_log,
    documentation,
    goals,
    headers,
    in_progress,
    messages,
    notification_log,
    operations,
    patterns,
    problems,
    tasks,
    users,
)
from app.api.responses import Answer
from app.config import Settings

PREFIX = auth.PROTECTED
BLUEPRINTS = (
    users.blueprint,
    goals.blueprint,
    tasks.blueprint,
    conversations.blueprint,
    messages.blueprint,
    patterns.blueprint,
    notification_log.blueprint,
    dispatch_log.blueprint,
    batch.blueprint,
    operations.blueprint,
)


def init_app(app: Flask, settings: Settings) -> None:
    """Give the app everything that answers requests."""
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    # Paths answer with and without a slash at the end, and are never redirected.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.response_class = Answer
    problems.init_app(app)
    if settings.rate_limit:
        # Here, so that a service without a limit does not load what counts.
        from app.api import rate_limit

        rate_limit.init_app(app, settings)
    auth.init_app(app, settings)
    in_progress.init_app(app, settings)
    documentation.init_app(app, BLUEPRINTS, PREFIX)
    headers.init_app(app, settings)
