"""Removing rows by their age, a few at a time, so that no caller waits for it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from time import sleep
from typing import Any

from peewee import SQL, Select, fn

from app import models
from app.database import database
from app.database.statements import Statement, compiled, parameter

# The models that are marked so, by the names that their paths have.
PURGEABLE = {table.replace("_", "-"): model for table, model in models.ENTITIES.items() if model.purgeable}
BEFORE_NOW = compiled(Select(columns=[fn.now() - parameter("age")]))
ROWS_AT_ONCE = 1000
PAUSE_SECONDS = 0.05


def moment_before_now(age: timedelta) -> datetime:
    """The moment that lies so far back, by the database's clock."""
    return database.read(*BEFORE_NOW.bind({"age": age}))[0][0]


def count_older(what: str, moment: datetime) -> int:
    """How many rows were created before the moment."""
    return database.read(*_count(PURGEABLE[what]).bind({"moment": moment}))[0][0]


def delete_older(what: str, moment: datetime) -> Iterator[int]:
    """Delete the rows that were created before the moment, oldest first; gives how many each transaction deleted.

    Rows that another transaction has locked are passed over. Stopped in the middle, it can simply be begun again.
    """
    statement = _delete(PURGEABLE[what])
    # Each transaction goes on where the one before ended: what that deleted is still in the index, and slow to pass.
    since = datetime.min.replace(tzinfo=UTC)
    while True:
        times = database.write(*statement.bind({"since": since, "moment": moment}))
        yield len(times)
        if len(times) < ROWS_AT_ONCE:
            return
        since = max(time for (time,) in times)
        sleep(PAUSE_SECONDS)


@lru_cache
def _count(model: type[models.Row]) -> Statement:
    return compiled(model.select(fn.COUNT(SQL("*"))).where(model.created_at < parameter("moment")))


@lru_cache
def _delete(model: type[models.Row]) -> Statement:
    found: Any = model.alias("found")
    old = (found.created_at >= parameter("since")) & (found.created_at < parameter("moment"))
    oldest = found.select(found.id).where(old).order_by(found.created_at).limit(ROWS_AT_ONCE)
    # As an array it is looked up once; joined, the planner may look it up again and take other rows.
    ids = fn.ARRAY(oldest.for_update("FOR UPDATE SKIP LOCKED"))
    return compiled(model.delete().where(model.id == fn.ANY(ids)).returning(model.created_at))
