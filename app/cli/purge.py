"""`flask purge` and `flask idempotency purge`: removing what is old, a thousand rows in a transaction.

So callers are served meanwhile; and a purge that was interrupted goes on when it is run again.
"""

from datetime import datetime, timedelta

import click
from flask.cli import AppGroup

from app.cli.common import Duration, answer, dry_run_option, progress, with_database
from app.repositories import purging

idempotency = AppGroup("idempotency", help="The stored answers to requests with an Idempotency-Key.")


@click.command()
@click.argument("what", type=click.Choice(list(purging.PURGEABLE)))
@click.option("--older-than", "age", type=Duration(), required=True, help="12h, 180d, 26w: as long ago it was created.")
@dry_run_option
@with_database
def purge(what: str, age: timedelta, dry_run: bool, as_json: bool) -> None:
    """Delete the rows of WHAT that were created longer ago.

    It deletes a thousand rows at a time, each in a transaction of its own, so that callers are served meanwhile.
    Interrupted in the middle, it goes on when it is run again.
    """
    moment, found, deleted = _purged("Deleting", what, age, dry_run, as_json)
    document = {"what": what, "created_before": moment, "found": found, "deleted": deleted, "dry_run": dry_run}
    answer(document, as_json, _sentence(what, moment, found, deleted, dry_run))


@idempotency.command("purge")
@dry_run_option
@with_database
def purge_answers(dry_run: bool, as_json: bool) -> None:
    """Drop the answers that have expired, a thousand at a time. Interrupted, it goes on when it is run again."""
    _, found, dropped = _purged("Dropping", purging.ANSWERS, timedelta(), dry_run, as_json)
    done = f"{found:,} expired answers would be dropped." if dry_run else f"{dropped:,} expired answers dropped."
    answer({"found": found, "dropped": dropped, "dry_run": dry_run}, as_json, done)


def _purged(label: str, what: str, age: timedelta, dry_run: bool, as_json: bool) -> tuple[datetime, int, int]:
    """The moment that lies so far back, how many rows were older, and how many are gone."""
    moment = purging.moment_before_now(age)
    found, gone = purging.count_older(what, moment), 0
    with progress(label, found, as_json) as bar:
        for count in () if dry_run else purging.delete_older(what, moment):
            gone += count
            bar.update(count)
    return moment, found, gone


def _sentence(what: str, moment: datetime, found: int, deleted: int, dry_run: bool) -> str:
    created = f"created before {moment:%Y-%m-%d %H:%M:%S} UTC"
    if dry_run:
        return f"Would delete {found:,} rows of {what} {created}."
    in_use = f" {found - deleted:,} were in use and stay; run it again for them." if deleted < found else ""
    return f"Deleted {deleted:,} rows of {what} {created}.{in_use}"
