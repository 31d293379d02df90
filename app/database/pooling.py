"""Whether a session stays this program's own, or a pooler lends it to others between two transactions."""

from contextlib import closing

import psycopg2
from psycopg2.extensions import connection

from app.database.connection import database
from app.database.failures import failing_in_our_words
from app.errors import ServiceError

LOOKS = 5


def refuse_lent_sessions() -> None:
    """Raise ServiceError where sessions are lent: locks and settings of a session do not stay in it there, but reach
    whoever gets it next.
    """
    if sessions_are_lent():
        raise ServiceError(
            "A pooler in transaction mode stands before the database and would give the session of this command to "
            "others. Name the database itself in DATABASE_URL for this command."
        )


def sessions_are_lent() -> bool:
    """Whether a pooler in transaction mode stands before the database. Mostly one statement."""
    with failing_in_our_words:
        ours = database.connection()
        # Poolers tell clients of a process that is none. In session mode that is all there is to notice.
        if _process(ours) == ours.info.backend_pid:
            return False
        with closing(psycopg2.connect(database.database)) as another:
            another.autocommit = True
            return _shares_processes(ours, another)


def _shares_processes(one: connection, another: connection) -> bool:
    """Whether two sessions that are open at the same time have, in turn, the same processes."""
    seen = [(_process(one), _process(another)) for _ in range(LOOKS)]
    ones, others = ({pair[at] for pair in seen} for at in (0, 1))
    return len(ones) > 1 or bool(ones & others)


def _process(session: connection) -> int:
    with session.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchall()[0][0])
