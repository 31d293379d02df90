"""flask idempotency: the stored answers to requests that may be repeated."""

import click
from flask.cli import AppGroup

from app.cli.common import with_database
from app.repositories import idempotency as answers

AT_ONCE = 1000

idempotency = AppGroup("idempotency", help="The stored answers to requests with an Idempotency-Key.")


@idempotency.command("purge")
@click.option("--dry-run", is_flag=True, help="Only tell how many there are.")
@with_database
def purge(dry_run: bool) -> None:
    """Drop the answers that have expired."""
    if dry_run:
        click.echo(f"{answers.count_expired()} expired answers would be dropped.")
        return
    dropped = 0
    while portion := answers.purge(AT_ONCE):
        dropped += portion
    click.echo(f"{dropped} expired answers dropped.")
