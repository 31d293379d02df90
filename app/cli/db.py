"""`flask db`: the schema's migrations."""

import click
from flask.cli import AppGroup

from app.cli.common import with_database
from app.database import migrations

db = AppGroup("db", help="Migrate the database's schema.", short_help="Migrate the database's schema.")


@db.command()
@click.argument("target", required=False)
@with_database
def upgrade(target: str | None) -> None:
    """Apply what is pending, up to TARGET if given; safe when several start at once."""
    _tell("Applied", migrations.upgrade(target))


@db.command()
@click.argument("target", required=False)
@with_database
def downgrade(target: str | None) -> None:
    """Revert the newest migration, or all back to TARGET. What the tables held is gone."""
    _tell("Reverted", migrations.downgrade(target))


@db.command()
@with_database
def status() -> None:
    """List the migrations; exits with 1 when one is pending."""
    steps = migrations.status()
    for step in steps:
        click.echo(f"{step.name}  {f'applied {step.applied:%Y-%m-%d %H:%M:%S}' if step.applied else 'pending'}")
    if any(step.applied is None for step in steps):
        raise click.exceptions.Exit(1)


@db.command()
@click.argument("name")
@with_database
def revision(name: str) -> None:
    """Write an empty migration with the next number, called NAME."""
    click.echo(f"Wrote {migrations.revision(name)}. Fill in up() and down().")


def _tell(done: str, names: list[str]) -> None:
    for name in names:
        click.echo(f"{done} {name}.")
    if not names:
        click.echo("Nothing to do.")
