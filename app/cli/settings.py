"""`flask settings`: every setting, its value and where it came from, or the table that README.md has."""

import click

from app.cli.common import answer, in_columns, json_option, readable_errors
from app.config import settings_table, show_settings


@click.command("settings")
@click.option("--markdown", is_flag=True, help="Write the table of README.md instead: names, defaults and what for.")
@json_option
@readable_errors
def settings_command(markdown: bool, as_json: bool) -> None:
    """List every setting, its value with secrets masked, and its source: environment, .env or default."""
    if markdown:
        click.echo(settings_table())
        return
    shown = show_settings()
    answer({"settings": shown}, as_json, in_columns([list(each.values()) for each in shown]))
