"""`flask purge`: removing what is old from the tables that grow with every day."""

from datetime import datetime, timedelta

import click

from app.cli.common import Duration, answer, dry_run_option, json_option, progress, with_database
from app.repositories import purging


@click.command()
@click.argument("what", type=click.Choice(list(purging.PURGEABLE)))
@click.option("--older-than", "age", type=Duration(), required=True, help="12h, 180d, 26w: as long ago it was created.")
@dry_run_option
@json_option
@with_database
def purge(what: str, age: timedelta, dry_run: bool, as_json: bool) -> None:
    """Delete the rows of WHAT that were created longer ago.

    It deletes a thousand rows at a time, each in a transaction of its own, so that callers are served meanwhile.
    Interrupted in the middle, it goes on when it is run again.
    """
    moment = purging.moment_before_now(age)
    found, deleted = purging.count_older(what, moment), 0
    with progress("Deleting", found, as_json) as bar:
        for count in () if dry_run else purging.delete_older(what, moment):
            deleted += count
            bar.update(count)
    document = {"what": what, "created_before": moment, "found": found, "deleted": deleted, "dry_run": dry_run}
    answer(document, as_json, _sentence(what, moment, found, deleted, dry_run))


def _sentence(what: str, moment: datetime, found: int, deleted: int, dry_run: bool) -> str:
    created = f"created before {moment:%Y-%m-%d %H:%M:%S} UTC"
    if dry_run:
        return f"Would delete {found:,} rows of {what} {created}."
    in_use = f" {found - deleted:,} were in use and stay; run it again for them." if deleted < found else ""
    return f"Deleted {deleted:,} rows of {what} {created}.{in_use}"
