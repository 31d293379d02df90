"""`flask db`: the schema's migrations, and backups of the whole database."""

from pathlib import Path
from time import monotonic

import click
from flask import current_app
from flask.cli import AppGroup

from app.cli import upgrades
from app.cli.common import answer, dry_run_option, json_option, readable_errors, whole_file, with_database
from app.database import atomic, backups, migrations
from app.upgrades import access

PURPOSE = "Migrate the database's schema; back the database up and restore it."

db = AppGroup("db", help=PURPOSE, short_help=PURPOSE)


for command in (upgrades.upgrade, upgrades.downgrade, upgrades.status, upgrades.mended):
    db.add_command(command)


@db.command()
@click.argument("name")
@readable_errors
def revision(name: str) -> None:
    """Write an empty migration with the next number, called NAME."""
    click.echo(f"Wrote {migrations.revision(name)}. Fill in up() and down().")


@db.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
@with_database
def backup(file: Path, as_json: bool) -> None:
    """Write the whole database to FILE, in pg_dump's custom format and as of one moment.

    FILE appears, or is replaced, when the backup is whole. Callers are served meanwhile.
    """
    started = monotonic()
    with whole_file(file) as unfinished:
        backups.back_up(current_app.config["SETTINGS"], unfinished)
    size, seconds = file.stat().st_size, round(monotonic() - started, 1)
    name = click.format_filename(file)
    document = {"file": name, "bytes": size, "seconds": seconds}
    answer(document, as_json, f"Wrote {size:,} bytes to {name} in {seconds} s.")


@db.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@dry_run_option
@json_option
@with_database
def restore(file: Path, dry_run: bool, as_json: bool) -> None:
    """Fill the database, which must be empty, from the backup in FILE: all of it or nothing."""
    settings = current_app.config["SETTINGS"]
    tables = backups.tables_in(settings, file)
    if not dry_run:
        backups.restore(settings, file)
        # A restore grants nothing of what was granted, but what a new function gives to everybody.
        with atomic():
            access.close()
    pending = [] if dry_run else migrations.pending()
    name = click.format_filename(file)
    sentences = [f"{'Would restore' if dry_run else 'Restored'} {len(tables)} tables from {name}."]
    if pending:
        sentences.append(f"Run flask db upgrade: {', '.join(pending)} is pending.")
    document = {"file": name, "tables": tables, "dry_run": dry_run, "pending_migrations": pending}
    answer(document, as_json, " ".join(sentences))
