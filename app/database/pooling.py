"""Whether a session stays this program's own or a pooler lends it to others, and the way past such a pooler."""

from contextlib import closing

import psycopg2
from psycopg2.extensions import connection, make_dsn, parse_dsn

from app.database.connection import database
from app.database.failures import driver_error, failing_in_our_words
from app.errors import ServiceError

LOOKS = 5

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
    identity, url = database.identity(), _url_of_server()
    database.move(url)
    try:
        arrived = database.identity() == identity and not sessions_are_lent()
    except ServiceError as error:
        reason = str(driver_error(error) or error).splitlines()[0]
        raise _no_way(f"Where the pooler reaches the database, it does not serve this command: {reason}.") from error
    if not arrived:
        raise _no_way("Where the pooler reaches the database, another one answers this command.")


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
