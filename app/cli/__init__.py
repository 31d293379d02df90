"""The flask commands for maintenance."""

import click
from flask import Flask

from app.cli.db import db
from app.cli.demo import demo
from app.cli.doctor import doctor
from app.cli.keys import keys
from app.cli.mcp import mcp_command
from app.cli.purge import idempotency, purge
from app.cli.settings import settings_command
from app.cli.users import users

# What Flask-Limiter and flask-smorest add.
LIBRARIES = {"limiter", "openapi"}


def init_app(app: Flask) -> None:
    """Add the commands to `flask`."""
    for command in (db, demo, doctor, idempotency, keys, mcp_command, purge, settings_command, users):
        app.cli.add_command(command)
    # They work all the same, but `flask --help` shows ours. Some are known to the app, others to the flask command.
    context = click.get_current_context(silent=True)
    for group in (app.cli, context.find_root().command if context else app.cli):
        if isinstance(group, click.Group):
            for name in group.commands.keys() & LIBRARIES:
                group.commands[name].hidden = True
