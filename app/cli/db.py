"""`flask db`: the schema's migrations, where it stands, and backups of the whole database."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from app import upgrades
from app.cli.common import answer, dry_run_option, readable_errors, whole_file, with_database
from app.database import atomic, backups, migrations
from app.errors import Invalid
from app.repositories import mended_rows
from app.upgrades import access
from app.upgrades.rules import Broken

PURPOSE = "Migrate the database's schema; back the database up and restore it."

db = AppGroup("db", help=PURPOSE, short_help=PURPOSE)


@db.command()
@click.argument("target", required=False)
@click.option("--mend", is_flag=True, help="Change rows that break a rule, keeping each as it was in mended_rows.")
@dry_run_option
@with_database
def upgrade(target: str | None, mend: bool, dry_run: bool, as_json: bool) -> None:
    """Apply what is pending, up to TARGET: all of it or nothing. Safe when several start at once.

    The database of an older Flux program is taken over in place: nothing in it is lost, and that program goes on
    working. Rows that break a rule stop this before anything is changed, without --mend.
    """
    found = upgrades.recognize()
    if found.kind == "foreign":
        raise Invalid(found.sentence)
    if found.kind == "existing":
        if target:
            raise Invalid("An older program's database is taken over whole. Leave out the name of a migration.")
        click.echo(f"Found: {found.sentence.partition('.')[0]}.", err=True)
        if plan := upgrades.plan() if dry_run else _taken_over(mend, as_json):
            _report_taking_over(plan, dry_run, as_json)
            return
    names = migrations.to_apply(target) if dry_run else upgrades.upgrade(target)
    lines = [f"{'Would apply' if dry_run else 'Applied'} {name}." for name in names] or ["Nothing to do."]
    answer({"applied": names, "dry_run": dry_run}, as_json, "\n".join(lines))


@db.command()
@click.argument("target", required=False)
@click.option("--yes", is_flag=True, help="Do not ask first.")
@dry_run_option
@with_database
def downgrade(target: str | None, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Revert the newest migration, or all that came after TARGET (base: all there are), all of it or nothing.

    What the tables held is gone, so it asks first. Where an older program's database was taken over, that is reverted
    as a whole, and its rows stay.
    """
    done = upgrades.to_revert(target)
    names = [*done.migrations, *(["what taking the database over brought"] if done.taking_over else [])]
    if names and not dry_run:
        if not yes:
            question = f"Revert {', '.join(names)}, and lose what its tables hold? --yes answers this"
            click.confirm(question, abort=True, err=True)
        done = upgrades.downgrade(target)
    lines = [f"{'Would revert' if dry_run else 'Reverted'} {name}." for name in done.migrations]
    if done.taking_over:
        gave = "Would give" if dry_run else "Gave"
        lines.append(f"{gave} the database back to the older program: what taking it over changed is undone.")
    lines += [f"Left as it is, since rows made since are in the way: {left}." for left in done.left]
    answer(
        {"reverted": done.migrations, "gave_back": done.taking_over, "left": done.left, "dry_run": dry_run},
        as_json,
        "\n".join(lines or ["Nothing to do."]),
    )


@db.command()
@with_database
def status(as_json: bool) -> None:
    """Say which database this is and list the migrations; exits with 1 when one is pending."""
    found = upgrades.recognize()
    steps = migrations.status() if found.kind in ("empty", "ours") else []
    lines = [
        f"{step.name}  {f'applied {step.applied:%Y-%m-%d %H:%M:%S}' if step.applied else 'pending'}" for step in steps
    ]
    document = {
        "database": asdict(found),
        "migrations": [{"name": step.name, "applied": step.applied} for step in steps],
    }
    answer(document, as_json, "\n".join([found.sentence, *lines]))
    if not steps or any(step.applied is None for step in steps):
        raise click.exceptions.Exit(1)


@db.command()
@with_database
def mended(as_json: bool) -> None:
    """List the rows that flask db upgrade --mend changed, as they were, with the rule that each broke: one a line."""
    if as_json:
        click.echo('{"mended":[', nl=False)
    for number, row in enumerate(mended_rows.list_all()):
        click.echo((b"," if as_json and number else b"") + row, nl=not as_json)
    if as_json:
        click.echo("]}")


@db.command()
@click.argument("name")
@readable_errors
def revision(name: str) -> None:
    """Write an empty migration with the next number, called NAME."""
    click.echo(f"Wrote {migrations.revision(name)}. Fill in up() and down().")


@db.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
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


def _taken_over(mend: bool, as_json: bool) -> upgrades.Plan | None:
    try:
        timeout = current_app.config["SETTINGS"].database_lock_timeout
        return upgrades.take_over_from(lambda line: click.echo(line, err=True), mend, timeout)
    except upgrades.BrokenRows as error:
        answer({"broken": _broken(error.broken)}, as_json, "\n".join(_table_of_broken(error.broken)))
        raise click.ClickException(str(error)) from None


def _report_taking_over(plan: upgrades.Plan, dry_run: bool, as_json: bool) -> None:
    sentences = [*plan.lines(), *_table_of_broken(plan.broken)] if dry_run else []
    done = "Would take over" if dry_run else "Took over"
    sentences.append(f"{done} the database of generation {plan.generation}, {len(plan.tables)} tables.")
    document = {
        "generation": plan.generation,
        "tables": plan.tables,
        "changes": plan.lines(),
        "broken": _broken(plan.broken),
        "dry_run": dry_run,
    }
    answer(document, as_json, "\n".join(sentences))


def _broken(broken: list[Broken]) -> list[dict[str, Any]]:
    return [
        {
            "table": each.rule.table,
            "rule": each.rule.name,
            "rows": each.rows,
            "ids": each.ids,
            "mend": each.rule.summary,
        }
        for each in broken
    ]


def _table_of_broken(broken: list[Broken]) -> Iterator[str]:
    for each in broken:
        yield f"{each.rule.table}  {each.rule.name}"
        yield f"    {each.rows:,} rows, such as {', '.join(each.ids)}"
        yield f"    --mend {each.rule.summary}"
