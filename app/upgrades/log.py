"""What taking over a database changed, statement by statement, so that it can be undone."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.database import database

LOG = "take_over_log"

CREATE = f"""
CREATE TABLE {LOG} (
    step integer PRIMARY KEY,
    generation text NOT NULL,
    newest_migration text NOT NULL,
    undo text NOT NULL,
    unless text,
    told text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE {LOG} ENABLE ROW LEVEL SECURITY
"""

INSERT = f"INSERT INTO {LOG} (step, generation, newest_migration, undo, unless, told) VALUES (%s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True)
class Undo:
    """The statement that undoes the change `summary`; left out where `unless`, a SELECT, gives true."""

    statement: str
    summary: str
    unless: str | None = None


def write(generation: str, newest_migration: str, undos: Sequence[Undo]) -> None:
    """Keep these for the day of the downgrade; `newest_migration` is the last that the taking over brought."""
    database.execute_sql(CREATE)
    for step, undo in enumerate(undos):
        database.change(INSERT, (step, generation, newest_migration, undo.statement, undo.unless, undo.summary))


def taken_over() -> tuple[str, str] | None:
    """The generation that the database was taken over from, and the newest migration of then; None when it was not."""
    if not database.read(f"SELECT to_regclass('public.{LOG}') IS NOT NULL")[0][0]:
        return None
    return database.read(f"SELECT generation, newest_migration FROM {LOG} LIMIT 1")[0]


def undo_all() -> list[str]:
    """Undo every change, the last one first; what was left as it is, since rows made since are in its way."""
    left = []
    for undo in newest_first():
        if undo.unless and database.read(undo.unless)[0][0]:
            left.append(undo.summary)
        else:
            database.execute_sql(undo.statement)
    database.execute_sql(f"DROP TABLE {LOG}")
    return left


def newest_first() -> list[Undo]:
    """All that was kept, the last change first."""
    return [Undo(*row) for row in database.read(f"SELECT undo, told, unless FROM {LOG} ORDER BY step DESC")]
