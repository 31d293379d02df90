"""`flask demo`: data to try things out on."""

from time import monotonic

import click
from flask.cli import AppGroup

from app.cli.common import answer, dry_run_option, json_option, progress, with_database
from app.database import atomic, database
from app.database.copying import copy_rows
from app.development.demo_data import Demo
from app.errors import Conflict

ROWS_AT_ONCE = 5_000

demo = AppGroup("demo", help="Load data to try things out on.", short_help="Load data to try things out on.")


@demo.command()
@click.option("--users", default=10, show_default=True, type=click.IntRange(1), help="How many people.")
@click.option("--tasks-per-user", default=100, show_default=True, type=click.IntRange(0), help="Tasks of each.")
@click.option("--seed", default=1, show_default=True, type=int, help="The same seed makes the same people and plans.")
@dry_run_option
@json_option
@with_database
def load(users: int, tasks_per_user: int, seed: int, dry_run: bool, as_json: bool) -> None:
    """Load realistic people with goals, tasks, conversations, messages, patterns and notifications: all or nothing."""
    made = Demo(users, tasks_per_user, seed)
    started = monotonic()
    try:
        with progress("Loading", made.size, as_json) as advance, atomic(undo=dry_run):
            for table, columns, rows in made.tables():
                for count in copy_rows(database, table, columns, rows, ROWS_AT_ONCE):
                    advance(count)
    except Conflict as error:
        raise click.ClickException(f"The people of seed {seed} are there already. Choose another --seed.") from error
    if not dry_run:
        database.execute_sql("ANALYZE")
    seconds = round(monotonic() - started, 1)
    document = {"rows": made.size, "users": users, "seed": seed, "seconds": seconds, "dry_run": dry_run}
    done = "Would load" if dry_run else "Loaded"
    answer(document, as_json, f"{done} {made.size} rows of {users} people (seed {seed}) in {seconds} s.")
