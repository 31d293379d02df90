"""The schema's history: Peewee's own runner, one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg2.errors
from playhouse.migrations import Migration, Runner

from app.config import PROJECT
from app.database.connection import Database, database
from app.database.transactions import atomic
from app.errors import Conflict, NotFound, ServiceError, Unavailable

FOLDER = PROJECT / "migrations"
TABLE = "schema_migration"
# What `downgrade` takes for the database without any migration.
BASE = "base"
# Any number will do, if it is always the same: who migrates holds the advisory lock of this number.
LOCK = 4_631_207

HIDDEN = (
    "Row level security hides every row from this role. Make it a member of flux_service, as docs/database-role.md "
    "says, and run flask db upgrade as the owner of the tables."
)


def to_apply(target: str | None = None) -> list[str]:
    """What `upgrade` would apply. One statement."""
    last = known(target)
    return [name for name in pending() if last is None or name <= last]


def to_revert(target: str | None = None) -> list[str]:
    """What `downgrade` would revert: the newest, or all that came after `target`. Raises ServiceError."""
    seen = sorted(applied(), reverse=True)
    last = target if target == BASE else known(target)
    if last not in (None, BASE, *seen):
        raise NotFound(f"{last} is not applied, so there is nothing to revert. flask db status lists what is.")
    steps = seen[:1] if last is None else [name for name in seen if last == BASE or name > last]
    if strange := set(steps) - set(names()):
        raise Conflict(f"This code does not bring {', '.join(sorted(strange))}. Revert with the newer code that does.")
    return steps


def status() -> list[Migration]:
    """Every migration in order; `applied` is None while it is pending."""
    return list(_runner().status())


def revision(name: str) -> Path:
    """A new, empty migration file with the next number."""
    return Path(_runner().create(name))


def not_ready_reason(source: Database = database) -> str | None:
    """Why the database cannot serve this code now, as a sentence; None when it can. Gives its connection back."""
    try:
        missing = pending(source)
    except ServiceError as error:
        return error.detail
    finally:
        source.release()
    return f"The database lacks migrations: {', '.join(missing)}. Run `flask db upgrade`." if missing else None


def pending(source: Database = database) -> list[str]:
    """The names of the migrations that this code brings and the database has not seen. One statement."""
    seen = applied(source)
    return [name for name in names() if name not in seen]


def unknown() -> list[str]:
    """The names of the migrations that the database has seen and this code does not bring. One statement."""
    return sorted(applied() - set(names()))


def applied(source: Database = database) -> set[str]:
    """The names of the migrations that the database has seen. One statement where there are some.

    Raises Unavailable when row level security hides them from this role, and with them every other row.
    """
    try:
        seen = {name for (name,) in source.read(f"SELECT name FROM {TABLE}")}
        if not seen and source.read(f"SELECT row_security_active('{TABLE}')")[0][0]:
            raise Unavailable(HIDDEN)
        return seen
    except psycopg2.errors.UndefinedTable:
        return set()


@cache
def names() -> tuple[str, ...]:
    """The migrations that this code brings, in order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("[0-9]*.py")))


def build(schema: str) -> None:
    """Make all that the migrations make, their history included, in a new schema. Needs a transaction around it."""
    database.execute_sql(f"CREATE SCHEMA {schema}; SET LOCAL search_path = {schema}")
    Runner(database, str(FOLDER), TABLE, schema).up()


@contextmanager
def alone() -> Iterator[Runner]:
    """The runner in one transaction, while no other process migrates: Peewee's takes no lock of its own.

    The lock is the transaction's, not the session's, so that a pooler in transaction mode may stand between.
    """
    with atomic():
        # Stricter ones would not see what another has migrated while this one waited.
        database.execute_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        yield _runner()


def _runner() -> Runner:
    return Runner(database, str(FOLDER), TABLE)


def known(target: str | None) -> str | None:
    """The name of the migration that is called so, or has this number; raises NotFound when this code brings none."""
    if target is None:
        return None
    for name in names():
        if target in (name, name.partition("_")[0]):
            return name
    raise NotFound(f"There is no migration {target}. There are: {', '.join(names())}.")
