"""`flask demo`: data to try things out on."""

from time import monotonic

import click
from flask.cli import AppGroup

from app.cli.common import answer, dry_run_option, progress, with_database
from app.config import PROJECT
from app.database import atomic, database
from app.errors import Conflict

STATEMENTS = PROJECT / "app" / "development" / "demo.sql"

demo = AppGroup("demo", help="Load data to try things out on.", short_help="Load data to try things out on.")


@demo.command()
@click.option("--users", default=10, show_default=True, type=click.IntRange(1), help="How many people.")
@click.option("--tasks-per-user", default=100, show_default=True, type=click.IntRange(0), help="Tasks of each.")
@click.option("--seed", default=1, show_default=True, type=int, help="The same seed makes the same people and plans.")
@dry_run_option
@with_database
def load(users: int, tasks_per_user: int, seed: int, dry_run: bool, as_json: bool) -> None:
    """Load realistic people with goals, tasks, conversations, messages, patterns and notifications: all or nothing."""
    statements = STATEMENTS.read_text().split(";\n\n")
    parameters = {"users": users, "tasks": tasks_per_user, "seed": seed}
    started, rows = monotonic(), 0
    try:
        with progress("Loading", len(statements), as_json) as bar, atomic(undo=dry_run):
            for statement in statements:
                # What defines a function counts no rows.
                rows += max(0, database.change(statement, parameters))
                bar.update(1)
    except Conflict as error:
        raise click.ClickException(f"The people of seed {seed} are there already. Choose another --seed.") from error
    if not dry_run:
        database.execute_sql("ANALYZE")
    seconds = round(monotonic() - started, 1)
    document = {"rows": rows, "users": users, "seed": seed, "seconds": seconds, "dry_run": dry_run}
    done = "Would load" if dry_run else "Loaded"
    answer(document, as_json, f"{done} {rows} rows of {users} people (seed {seed}) in {seconds} s.")
