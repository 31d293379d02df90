"""What PostgreSQL tells of itself: its connections and its indexes. Cheap to ask."""

from time import monotonic

from app.database.connection import database

INDEXES = """
SELECT c.relname, i.indisvalid FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
WHERE t.relnamespace = 'public'::regnamespace
"""

# Triggers whose function says REFRESH, with the materialized views whose names it holds.
REFRESHING = """
SELECT t.tgname::text, t.tgrelid::regclass::text,
    ARRAY(SELECT v.oid::regclass::text FROM pg_class v
          WHERE v.relkind = 'm' AND p.prosrc ~ ('\\m' || v.relname || '\\M') ORDER BY 1)
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND p.prosrc ~* 'refresh\\s+materialized\\s+view'
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
    return bool(database.connection().info.backend_pid != process)


def refreshing_triggers() -> list[tuple[str, str, list[str]]]:
    """Triggers that refresh materialized views with every change of a table: trigger, table, views."""
    return database.read(REFRESHING)


def seconds_to_compute(views: list[str]) -> float:
    """How long the queries of these views take now."""
    started = monotonic()
    for view in views:
        [(definition,)] = database.read("SELECT pg_get_viewdef(%s::regclass)", (view,))
        database.read(f"SELECT count(*) FROM ({definition.rstrip().rstrip(';')}) AS computed")
    return monotonic() - started
