"""The Flux DAO Service: the data layer of the Flux AI planner, as a Flask application."""

import os
from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response
from werkzeug.routing import MapAdapter

from app import api, cli, database, telemetry
from app.api.blueprint import ACCEPT_PATCH
from app.config import Settings, load_settings


class Service(Flask):
    """Flask, less two things of each request that this service has no use for."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: no view is a coroutine."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """The router for a request's path. Hosts do not matter, so that their names need no decoding."""
        if request is None:
            return None
        return MapAdapter(self.url_map, "", "/", "", "http", request.path, request.method)

    def make_default_options_response(self) -> Response:
        """The answer to OPTIONS: the methods of the path, and what its PATCH takes (RFC 5789, section 3.1)."""
        response = super().make_default_options_response()
        if "PATCH" in response.allow:
            response.headers["Accept-Patch"] = ACCEPT_PATCH
        return response


def create_app(settings: Settings | None = None) -> Flask:
    """The application for these settings, by default those of the environment. Raises SettingError."""
    settings = settings or load_settings()
    if not _is_maintenance():
        settings.refuse_to_be_open_by_accident()
    app = Service(__name__, static_folder=None)
    database.init_app(app, settings)
    api.init_app(app, settings)
    cli.init_app(app, settings)
    telemetry.init_app(app, settings)
    return app


def _is_maintenance() -> bool:
    """Whether the flask command made the app for its own commands, which serve nobody and need no keys."""
    return os.environ.get("FLASK_RUN_FROM_CLI") == "true"
