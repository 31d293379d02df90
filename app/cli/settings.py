"""`flask settings`: every setting, its value and where it came from."""

import click
from flask.cli import with_appcontext

from app.config import show_settings


@click.command("settings")
@with_appcontext
def settings_command() -> None:
    """List every setting, its value with secrets masked, and its source: environment, .env or default."""
    shown = show_settings()
    name_width = max(len(each.name) for each in shown)
    value_width = max(len(each.value) for each in shown)
    for each in shown:
        click.echo(f"{each.name:{name_width}}  {each.value:{value_width}}  {each.source:11}  {each.help}")
