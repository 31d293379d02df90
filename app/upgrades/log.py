"""What taking over a database changed, statement by statement, so that it can be undone."""

from collections.abc import Sequence

from app.database import database
from app.upgrades.changes import Change

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


def write(generation: str, newest_migration: str, changes: Sequence[Change]) -> None:
    """Keep these for the day of the downgrade; `newest_migration` is the last that the taking over brought."""
    database.execute_sql(CREATE)
    for step, change in enumerate(each for each in changes if each.undo):
        database.change(INSERT, (step, generation, newest_migration, change.undo, change.unless, str(change)))


def taken_over() -> tuple[str, str] | None:
    """The generation that the database was taken over from, and the newest migration of then; None when it was not."""
    if not database.read(f"SELECT to_regclass('public.{LOG}') IS NOT NULL")[0][0]:
        return None
    return database.read(f"SELECT generation, newest_migration FROM {LOG} LIMIT 1")[0]


def undo_all() -> list[str]:
    """Undo every change, the last one first; what was left as it is, since rows made since are in its way."""
    left = []
    for statement, summary, unless in database.read(f"SELECT undo, told, unless FROM {LOG} ORDER BY step DESC"):
        if unless and database.read(unless)[0][0]:
            left.append(summary)
        else:
            database.execute_sql(statement)
    database.execute_sql(f"DROP TABLE {LOG}")
    return left
