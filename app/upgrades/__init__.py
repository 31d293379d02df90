"""What `flask db upgrade` and `downgrade` do: recognize the database, migrate it or take it over, and close it."""

from dataclasses import dataclass, field, replace

from app.config import Settings
from app.database import atomic, migrations, open_database
from app.database.failures import sentence
from app.errors import Conflict, ServiceError
from app.upgrades import access, log, take_over
from app.upgrades.recognition import Found, recognize, tables_of
from app.upgrades.take_over import BrokenRows, Plan, Report

__all__ = [
    "BrokenRows", "Found", "Plan", "Reverted", "downgrade", "fault", "plan", "recognize", "take_over_from", "to_revert",
    "upgrade",
]  # fmt: skip


@dataclass(frozen=True)
class Reverted:
    """What a downgrade undid: migrations, and perhaps a taking over; `left` is what had to stay as it is."""

    migrations: list[str]
    taking_over: bool = False
    left: list[str] = field(default_factory=list)


def upgrade(target: str | None = None) -> list[str]:
    """Apply what is pending, up to `target`, and close the database to others, all or nothing; the names applied.

    Raises Conflict when the database is neither empty nor one of ours.
    """
    with migrations.alone() as runner:
        found = recognize()
        if found.kind not in ("empty", "ours"):
            raise Conflict(found.sentence)
        applied = runner.up(migrations.known(target))
        access.close()
        return applied


def plan() -> Plan:
    """What `take_over_from` would do to this existing database. Changes nothing."""
    with atomic(undo=True):
        return take_over.plan(_generation())


def take_over_from(report: Report, mend: bool = False, lock_timeout: int = 10) -> Plan | None:
    """Make the database of an older Flux program ours, all or nothing; what was done. `report` gets a line a step.

    None when another process has done so in the meantime. Raises BrokenRows; Busy when others use the tables for longer
    than `lock_timeout` seconds; and Conflict when something of our names is in the way.
    """
    with migrations.alone():
        if recognize().kind == "ours":
            return None
        generation = _generation()
        take_over.lock(tables_of(generation), report, lock_timeout)
        planned = take_over.plan(generation)
        take_over.refuse_broken(planned.broken, mend)
        take_over.execute(planned, report)
        access.close()
        return planned


def downgrade(target: str | None = None) -> Reverted:
    """Revert the newest migration, or all that came after `target`, all or nothing.

    What a taking over brought is reverted together, and leaves the older programs' database with the rows made since.
    """
    with migrations.alone() as runner:
        steps = to_revert(target)
        if steps.migrations:
            runner.down(steps.migrations[-1])
        if not steps.taking_over:
            return steps
        access.withdraw()
        return replace(steps, left=log.undo_all())


def fault(settings: Settings) -> str | None:
    """What is wrong with the settings' database, as sentences; None when it is there and current."""
    try:
        with open_database(settings):
            found = recognize()
            return migrations.not_ready_reason() if found.kind == "ours" else found.sentence
    except ServiceError as error:
        return sentence(error)


def to_revert(target: str | None = None) -> Reverted:
    """What `downgrade` would undo. Changes nothing."""
    steps = migrations.to_revert(target)
    taken_over = log.taken_over() if steps else None
    later = [name for name in steps if not taken_over or name > taken_over[1]]
    return Reverted(later, taking_over=later != steps)


def _generation() -> str:
    found = recognize()
    if found.kind != "existing" or not found.generation:
        raise Conflict(found.sentence)
    return found.generation
