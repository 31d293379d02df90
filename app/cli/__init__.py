"""The flask commands for maintenance."""

from flask import Flask

from app.cli.db import db
from app.cli.demo import demo
from app.cli.keys import keys
from app.cli.settings import settings_command
from app.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Add the commands to `flask`."""
    app.config["SETTINGS"] = settings
    app.cli.add_command(db)
    app.cli.add_command(demo)
    app.cli.add_command(keys)
    app.cli.add_command(settings_command)
