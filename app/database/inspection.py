"""What PostgreSQL tells of itself: its connections and its indexes. Cheap to ask."""

from app.database.connection import database
from app.database.failures import translated_errors

INDEXES = """
SELECT c.relname, i.indisvalid FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
WHERE t.relnamespace = 'public'::regnamespace
"""


def connections_allowed() -> int:
    """How many connections the server takes from roles without privileges."""
    allowed = "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    return database.read(allowed)[0][0]


def indexes() -> dict[str, bool]:
    """Every index of the service's schema, and whether it is valid: one that broke off while it was made is not."""
    return dict(database.read(INDEXES))


def behind_a_pooler() -> bool:
    """Whether a pooler stands before the database: those tell their clients of a process that is none."""
    [(process,)] = database.read("SELECT pg_backend_pid()")
    with translated_errors:
        return bool(database.connection().info.backend_pid != process)
