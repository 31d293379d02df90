"""Whether a session stays this program's own or a pooler lends it to others, and the way past such a pooler."""

import select
import time
from contextlib import closing

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, connection, make_dsn, parse_dsn

from app.database.connection import database
from app.database.failures import failing_in_our_words, first_line
from app.errors import Busy, ServiceError

LOOKS = 3
SERVES_WITHIN_SECONDS = 5

# One running server, a database of it, and a role: copies of a server share the identifier, and not the rest.
ANSWERED_BY = """
SELECT system_identifier, pg_postmaster_start_time(), pg_is_in_recovery(), current_database(), current_user
FROM pg_control_system()
"""
# Where the pooler reaches the server: by TCP, or in a folder of sockets, which not every role may see.
ADDRESS = """
SELECT current_database(),
    coalesce(host(inet_server_addr()), split_part(sockets.setting, ',', 1)),
    coalesce(inet_server_port()::text, current_setting('port'))
FROM (VALUES (1)) AS always LEFT JOIN pg_settings AS sockets ON sockets.name = 'unix_socket_directories'
"""


def leave_pooler() -> None:
    """Go on with the database itself where a pooler lends sessions: locks and settings of a session do not stay in it
    there, but reach whoever gets it next. The way is the address at which the pooler reaches the server.

    Raises ServiceError when that is no way from here.
    """
    if not sessions_are_lent():
        return
    answered_by, url = database.read(ANSWERED_BY), _url_of_server()
    database.move(url)
    try:
        arrived = database.read(ANSWERED_BY) == answered_by and not sessions_are_lent()
    except ServiceError as error:
        reason = first_line(error) or error.detail
        raise _no_way(f"Where the pooler reaches the database, it does not serve this command: {reason}.") from error
    if not arrived:
        raise _no_way("From here its address leads to another one, or to the same with another role.")


def _url_of_server() -> str:
    name, host, port = database.read(ADDRESS)[0]
    if not host:
        raise _no_way("The server tells this role no address of its own.")
    rest = {key: value for key, value in parse_dsn(database.database).items() if key not in ("hostaddr", "service")}
    return make_dsn(**rest | {"dbname": name, "host": host, "port": port})


def _no_way(reason: str) -> ServiceError:
    return ServiceError(
        "A pooler in transaction mode stands before the database and would give the session of this command to "
        f"others. {reason} Name the database itself in DATABASE_URL for this command."
    )


def sessions_are_lent() -> bool:
    """Whether a pooler in transaction mode stands before the database. Mostly one statement."""
    with failing_in_our_words:
        ours = database.connection()
        # Poolers tell clients of a process that is none. In session mode that is all there is to notice.
        if _process(ours) == ours.info.backend_pid:
            return False
        with closing(psycopg2.connect(database.database, async_=True)) as another:
            return _shares_processes(ours, another)


def _shares_processes(one: connection, another: connection) -> bool:
    """Whether two sessions that are open at the same time have, in turn, the same processes."""
    deadline = time.monotonic() + SERVES_WITHIN_SECONDS
    _wait(another, deadline)
    ones: set[int] = set()
    others: set[int] = set()
    for _ in range(LOOKS):
        # Twice in a row, or a pooler that takes the processes in turn would give each the same one again and again.
        ones.add(_process(one))
        others |= {_process(another, deadline), _process(another, deadline)}
    return len(ones) > 1 or len(others) > 1 or bool(ones & others)


def _process(session: connection, deadline: float | None = None) -> int:
    with session.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        if deadline is not None:
            _wait(session, deadline)
        return int(cursor.fetchall()[0][0])


def _wait(session: connection, deadline: float) -> None:
    """Wait for an asynchronous session; raises Busy when the pooler does not serve it in time."""
    while (state := session.poll()) != POLL_OK:
        ready = select.poll()
        ready.register(session, select.POLLIN if state == POLL_READ else select.POLLOUT)
        if not ready.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise Busy(
                "A pooler stands before the database, and has no second session for this command, which would tell "
                "whether it lends them. Try again, or name the database itself in DATABASE_URL."
            )
