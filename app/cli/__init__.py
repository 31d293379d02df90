"""The flask commands for maintenance."""

from flask import Flask

from app.cli.db import db
from app.cli.demo import demo
from app.cli.doctor import doctor
from app.cli.idempotency import idempotency
from app.cli.keys import keys
from app.cli.mcp import mcp_command
from app.cli.purge import purge
from app.cli.settings import settings_command
from app.cli.users import users


def init_app(app: Flask) -> None:
    """Add the commands to `flask`."""
    for command in (db, demo, doctor, idempotency, keys, mcp_command, purge, settings_command, users):
        app.cli.add_command(command)
