"""What PostgreSQL tells of itself: its version, its clock, its indexes, dead rows, slow statements. Cheap to ask."""

from dataclasses import dataclass
from time import monotonic

from psycopg2 import errors

from app.database.connection import database

LEAST_DEAD_ROWS = 10_000
DEAD_SHARE = 0.2
SLOW_MILLISECONDS = 100
MOST_STATEMENTS = 5
LEAST_ROOM_WASTED = 32 * 1024 * 1024
TIMES_THE_ROOM = 2
# Of a row: its header, its place in the page, and what is lost to alignment, about.
BYTES_BESIDE_VALUES = 36

# It is not loaded by the server, not for this role to read, or older than the server, as after pg_upgrade.
CANNOT_TELL = (errors.ObjectNotInPrerequisiteState, errors.InsufficientPrivilege, errors.UndefinedColumn)

INDEXES = """
SELECT c.relname, i.indisvalid FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
WHERE t.relnamespace = 'public'::regnamespace
"""

DEAD_ROWS = """
SELECT relname, n_dead_tup, n_live_tup FROM pg_stat_user_tables
WHERE n_dead_tup >= %s AND n_dead_tup > %s * (n_dead_tup + n_live_tup) ORDER BY n_dead_tup DESC
"""

# What a table takes, and what its rows would need, by what the last ANALYZE found of their number and widths.
BLOATED = f"""
SELECT relname, taken, needed FROM (
    SELECT c.relname, pg_relation_size(c.oid) AS taken,
        (c.reltuples * ({BYTES_BESIDE_VALUES} + w.width))::bigint AS needed
    FROM pg_class c JOIN (
        SELECT tablename, sum((1 - null_frac) * avg_width) AS width FROM pg_stats WHERE schemaname = 'public' GROUP BY 1
    ) w ON w.tablename = c.relname
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.reltuples >= 0
) t WHERE taken - needed >= %s AND taken >= %s * needed ORDER BY taken - needed DESC
"""

# Wherever the extension was created, written so that it is found from here.
STATEMENTS = "SELECT oid::regclass::text FROM pg_class WHERE relname = 'pg_stat_statements'"

# Those that EXPLAIN takes; how long a backup or an ANALYZE needs is another matter.
SLOW = """
SELECT left(regexp_replace(query, '\\s+', ' ', 'g'), 100), queryid, calls, mean_exec_time FROM {statements}
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND mean_exec_time > %s
    AND query ~* '^\\s*(select|insert|update|delete|merge|with|declare)\\M'
ORDER BY total_exec_time DESC LIMIT %s
"""


# Triggers whose function says REFRESH, with the materialized views whose names it holds.
REFRESHING = """
SELECT t.tgname::text, t.tgrelid::regclass::text,
    ARRAY(SELECT v.oid::regclass::text FROM pg_class v
          WHERE v.relkind = 'm' AND p.prosrc ~ ('\\m' || v.relname || '\\M') ORDER BY 1)
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND p.prosrc ~* 'refresh\\s+materialized\\s+view'
"""


@dataclass(frozen=True)
class RefreshingTrigger:
    """A trigger on a table that refreshes views, which take so many seconds to compute."""

    name: str
    table: str
    views: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class DeadRows:
    """How many rows of a table are dead and how many live, as PostgreSQL estimates."""

    table: str
    dead: int
    live: int


@dataclass(frozen=True)
class Bloat:
    """How many bytes a table takes, and how many its rows need, as PostgreSQL estimates."""

    table: str
    taken: int
    needed: int


@dataclass(frozen=True)
class SlowStatement:
    """The beginning of a statement's text, without values, its number in pg_stat_statements, how often it ran and its
    mean time in milliseconds.
    """

    text: str
    id: int
    calls: int
    milliseconds: float


def server_version() -> tuple[int, str]:
    """The server's major version, and the whole of it as PostgreSQL writes it."""
    [(number, written)] = database.read(
        "SELECT current_setting('server_version_num')::int, current_setting('server_version')"
    )
    return number // 10_000, written


def clock() -> float:
    """The database's time, in seconds since 1970."""
    return float(database.read("SELECT extract(epoch FROM clock_timestamp())")[0][0])


def connections_allowed() -> int:
    """How many connections the server takes from roles without privileges."""
    allowed = "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    return database.read(allowed)[0][0]


def indexes() -> dict[str, bool]:
    """Every index of the service's schema, and whether it is valid: one that broke off while it was made is not."""
    return dict(database.read(INDEXES))


def refreshing_triggers() -> list[RefreshingTrigger]:
    """Triggers that refresh materialized views with every change of a table, and how long the views take to compute."""
    return [
        RefreshingTrigger(name, table, tuple(views), _seconds_to_compute(views))
        for name, table, views in database.read(REFRESHING)
    ]


def _seconds_to_compute(views: list[str]) -> float:
    started = monotonic()
    for view in views:
        [(definition,)] = database.read("SELECT pg_get_viewdef(%s::regclass)", (view,))
        database.read(f"SELECT count(*) FROM ({definition.rstrip().rstrip(';')}) AS computed")
    return monotonic() - started


def dead_rows() -> list[DeadRows]:
    """The tables in which many rows, and a large share of all, are dead, the worst first."""
    return [DeadRows(*row) for row in database.read(DEAD_ROWS, (LEAST_DEAD_ROWS, DEAD_SHARE))]


def bloat() -> list[Bloat]:
    """The tables that take far more room than their rows need, the worst first."""
    return [Bloat(*row) for row in database.read(BLOATED, (LEAST_ROOM_WASTED, TIMES_THE_ROOM))]


def slow_statements() -> list[SlowStatement] | None:
    """The slow statements that took the most time; None where pg_stat_statements is not there to tell."""
    places = database.read(STATEMENTS)
    if not places:
        return None
    slow = SLOW.format(statements=places[0][0])
    try:
        return [SlowStatement(*row) for row in database.read(slow, (SLOW_MILLISECONDS, MOST_STATEMENTS))]
    except CANNOT_TELL:
        return None
