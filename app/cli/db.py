"""`flask db`: the schema's migrations, and backups of the whole database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import click
from flask.cli import AppGroup

from app.cli import upgrades
from app.cli.common import answer, dry_run_option, json_option, progress, with_database
from app.cli.files import whole_file
from app.cli.stopping import stopping_by_itself, told_to_stop
from app.database import atomic, backups, migrations
from app.database.pooling import leave_pooler
from app.errors import ServiceError
from app.upgrades import access

PURPOSE = "Migrate the database's schema; back the database up and restore it."

db = AppGroup("db", help=PURPOSE, short_help=PURPOSE)


for command in (upgrades.upgrade, upgrades.downgrade, upgrades.status, upgrades.mended):
    db.add_command(command)


@db.command()
@click.argument("name")
@with_database
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
    leave_pooler()
    with whole_file(file) as output, _table_by_table("Backing up", backups.table_sizes(), as_json) as advance:
        backups.back_up(Path(output.name), advance)
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
    tables = backups.tables_in(file)
    leave_pooler()
    backups.refuse_if_not_empty()
    after = Aftermath(pending=[])
    if not dry_run:
        with _table_by_table("Restoring", dict.fromkeys(tables, 1), as_json) as advance:
            backups.restore(file, advance)
        # A restore grants nothing of what was granted, but what a new function gives to everybody.
        with atomic():
            access.close()
        after = _look_after()
    _tell_restored(file, tables, after, dry_run, as_json)


@dataclass
class Aftermath:
    """What became of a database whose rows are restored: `pending` are migrations, or None when nobody could ask."""

    analyzed: bool = False
    pending: list[str] | None = None


def _look_after() -> Aftermath:
    """Do what comes after a restore, which stays whole when this is stopped, or the database is lost meanwhile."""
    after = Aftermath()
    with stopping_by_itself(), suppress(ServiceError):
        after.pending = migrations.pending()
        if not told_to_stop():
            backups.analyze()
            after.analyzed = True
    return after


def _tell_restored(file: Path, tables: list[str], after: Aftermath, dry_run: bool, as_json: bool) -> None:
    name = click.format_filename(file)
    counted = {"tables": tables, "dry_run": dry_run, "pending_migrations": after.pending, "analyzed": after.analyzed}
    sentences = [f"{'Would restore' if dry_run else 'Restored'} {len(tables)} tables from {name}."]
    if not dry_run:
        sentences += _hints(after)
    answer({"file": name, **counted}, as_json, " ".join(sentences))


def _hints(after: Aftermath) -> Iterator[str]:
    if not after.analyzed:
        yield "The statistics are missing, without which statements are slow: run ANALYZE in the database."
    if after.pending is None:
        yield "Run flask db status, which tells whether a migration is pending."
    elif after.pending:
        yield f"Run flask db upgrade: {', '.join(after.pending)} is pending."


@contextmanager
def _table_by_table(label: str, sizes: dict[str, int], as_json: bool) -> Iterator[Callable[[str], None]]:
    """A bar that takes the name of each table when its rows begin, and so knows that the one before is done."""
    before: list[str] = []
    with progress(label, sum(sizes.values()), as_json) as advance:

        def begin(table: str) -> None:
            if before:
                advance(sizes.get(before[-1], 0))
            before.append(table)

        yield begin
