"""flask idempotency: the stored answers to requests that may be repeated."""

from flask.cli import AppGroup

from app.cli.common import answer, dry_run_option, json_option, run_in_batches, with_database
from app.repositories import idempotency as answers

idempotency = AppGroup("idempotency", help="The stored answers to requests with an Idempotency-Key.")


@idempotency.command("purge")
@dry_run_option
@json_option
@with_database
def purge(dry_run: bool, as_json: bool) -> None:
    """Drop the answers that have expired, a thousand at a time. Stopped in the middle, it goes on when run again."""
    found = answers.count_expired()

    def report(dropped: int, stopped: bool) -> None:
        counted = {"found": found, "dropped": dropped, "dry_run": dry_run, "stopped": stopped}
        answer(counted, as_json, _sentence(found, dropped, dry_run, stopped))

    run_in_batches("Dropping", found, () if dry_run else answers.purge(), as_json, report)


def _sentence(found: int, dropped: int, dry_run: bool, stopped: bool) -> str:
    if dry_run:
        return f"{found:,} expired answers would be dropped."
    if stopped:
        return f"Stopped. {dropped:,} of {found:,} expired answers dropped. Run it again to go on."
    return f"{dropped:,} expired answers dropped."
