"""The Flux DAO Service: the data layer of the Flux AI planner, as a Flask application."""

import os

from flask import Flask

from app import api, cli, database, docs, telemetry
from app.config import Settings, load_settings


def create_app(settings: Settings | None = None) -> Flask:
    """The application for these settings, by default those of the environment. Raises SettingError."""
    settings = settings or load_settings()
    if not _is_maintenance():
        settings.refuse_to_be_open_by_accident()
    app = Flask(__name__, static_folder=None)
    app.config["SETTINGS"] = settings
    telemetry.init_traces(app, settings)
    database.init_app(app, settings)
    api.init_app(app, settings)
    docs.init_app(app)
    cli.init_app(app)
    telemetry.init_app(app, settings)
    return app


def _is_maintenance() -> bool:
    """Whether the flask command made the app for its own commands, which serve nobody and need no keys."""
    return os.environ.get("FLASK_RUN_FROM_CLI") == "true"
