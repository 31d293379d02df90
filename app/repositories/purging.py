"""Removing rows by their age, a few at a time, so that no caller waits for it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from time import sleep
from typing import Any

from peewee import SQL, Select, Tuple, fn

from app import models
from app.database import database
from app.database.statements import Statement, compiled, parameter

# The entities that are marked so, by the names that their paths have, and the time by which their rows are old.
PURGEABLE: dict[str, Any] = {
    table.replace("_", "-"): model.created_at for table, model in models.ENTITIES.items() if model.purgeable
}
ANSWERS = "stored answers"
TIMES = PURGEABLE | {ANSWERS: models.IdempotencyKey.expires_at}
BEFORE_NOW = compiled(Select(columns=[fn.now() - parameter("age")]))
ROWS_AT_ONCE = 1000
PAUSE_SECONDS = 0.05


def moment_before_now(age: timedelta) -> datetime:
    """The moment that lies so far back, by the database's clock."""
    return database.read(*BEFORE_NOW.bind({"age": age}))[0][0]


def count_older(what: str, moment: datetime) -> int:
    """How many rows of PURGEABLE, or of the ANSWERS to repeated requests, are of the moment or older."""
    return database.read(*_count(what).bind({"moment": moment}))[0][0]


def delete_older(what: str, moment: datetime) -> Iterator[int]:
    """Delete those rows, oldest first; gives how many each transaction deleted.

    Rows that another transaction has locked are passed over. Stopped in the middle, it can simply be begun again.
    """
    # Each transaction goes on where the one before ended: what that deleted is still in the index, and slow to pass.
    since = datetime.min.replace(tzinfo=UTC)
    while True:
        times = database.write(*_delete(what).bind({"since": since, "moment": moment}))
        yield len(times)
        if len(times) < ROWS_AT_ONCE:
            return
        since = max(time for (time,) in times)
        sleep(PAUSE_SECONDS)


@cache
def _count(what: str) -> Statement:
    time = TIMES[what]
    return compiled(time.model.select(fn.COUNT(SQL("*"))).where(time <= parameter("moment")))


@cache
def _delete(what: str) -> Statement:
    time = TIMES[what]
    keys = time.model._meta.get_primary_keys()
    old = time.model.select(*keys).where((time >= parameter("since")) & (time <= parameter("moment")))
    oldest = old.order_by(time).limit(ROWS_AT_ONCE).for_update(skip_locked=True)
    # Looked up once; joined, the planner may look it up again and take other rows.
    chosen = oldest.cte("chosen", materialized=True)
    gone = Select([chosen], [chosen.c[key.column_name] for key in keys])
    return compiled(time.model.delete().where(Tuple(*keys).in_(gone)).with_cte(chosen).returning(time))
