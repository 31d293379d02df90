"""flask idempotency: the stored answers to requests that may be repeated."""

from datetime import timedelta

from flask.cli import AppGroup

from app.cli.common import answer, dry_run_option, json_option, progress, with_database
from app.repositories import purging

idempotency = AppGroup("idempotency", help="The stored answers to requests with an Idempotency-Key.")


@idempotency.command("purge")
@dry_run_option
@json_option
@with_database
def purge(dry_run: bool, as_json: bool) -> None:
    """Drop the answers that have expired, a thousand at a time. Interrupted, it goes on when it is run again."""
    now = purging.moment_before_now(timedelta())
    found, dropped = purging.count_older(purging.ANSWERS, now), 0
    with progress("Dropping", found, as_json) as bar:
        for count in () if dry_run else purging.delete_older(purging.ANSWERS, now):
            dropped += count
            bar.update(count)
    done = f"{found:,} expired answers would be dropped." if dry_run else f"{dropped:,} expired answers dropped."
    answer({"found": found, "dropped": dropped, "dry_run": dry_run}, as_json, done)
