"""How sessions begin, and what holds in them: UTC, and how long PostgreSQL may take and wait.

It is said with the connection's start, which costs nothing later. Poolers in transaction mode refuse that or forget
it; there it goes in one message with each BEGIN and each statement outside a transaction, by SET LOCAL.
"""

import math
import os
import time

import psycopg2
from psycopg2 import extensions

from app.config import Settings
from app.database.watched import Session, Watch
from app.errors import Unavailable

JSON_OID = 114
# A network that fell silent is noticed within half a minute; by the system's own default it would take hours.
KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4, "tcp_user_timeout": 30_000}
# A server that works ends a statement at its timeout, and has so many seconds to say so.
GRACE_SECONDS = 3.0
STANDBY = (
    "DATABASE_URL leads to a standby, which takes no writes. Wait until it leads to the primary, or name all servers "
    "in it and target_session_attrs=read-write."
)


def session_parameters(settings: Settings) -> dict[str, str]:
    """What PostgreSQL is to keep in a session, by the names of its own settings."""
    return {
        "statement_timeout": str(settings.database_statement_timeout * 1000),
        "lock_timeout": str(settings.database_lock_timeout * 1000),
        "idle_in_transaction_session_timeout": str(settings.database_idle_transaction_timeout * 1000),
        "TimeZone": "UTC",
        # Whatever the role or the database has as its own: on Supabase `auth` has a table of users too. The team's own
        # triggers may need what Supabase keeps in `extensions`.
        "search_path": "public,extensions",
    }


class Connector:
    """Opens sessions of the database at `url`; a connect may take `timeout` seconds.

    `set_local` is what has to go before each statement, where sessions do not keep the `parameters`.
    """

    def __init__(self, url: str, timeout: int, parameters: dict[str, str]) -> None:
        self._url = url
        self._timeout = timeout
        self._parameters = parameters
        self.set_local = ""
        self._watch = Watch()
        self._patience = _patience(parameters["statement_timeout"])
        parts = extensions.parse_dsn(url)
        # Who says it has libpq look.
        self._refuses_standbys = "target_session_attrs" not in parts
        self._others_options = parts.get("options") or os.environ.get("PGOPTIONS", "")

    def open(self) -> Session:
        """A new connection; raises the driver's error, or Unavailable when it leads to a standby."""
        if self.set_local:
            return self._connect()
        try:
            session = self._connect(options=self._options())
        except psycopg2.OperationalError as error:
            if not _refuses_options(error):
                raise
        else:
            if self._keeps_parameters(session):
                return session
            session.close()
        self.set_local = "".join(f"SET LOCAL {name}={value};" for name, value in self._parameters.items())
        return self._connect()

    def _connect(self, **options: str) -> Session:
        connection = psycopg2.connect(
            self._url,
            connection_factory=Session,
            connect_timeout=self._timeout,
            client_encoding="UTF8",
            fallback_application_name="flux-dao",
            **KEEPALIVES,
            **options,
        )
        connection.autocommit = True
        # Rows leave the database as JSON documents and travel on as the bytes they are.
        connection.string_types[JSON_OID] = extensions.BYTES
        connection.opened = time.monotonic()
        connection.patience = self._patience
        self._watch.add(connection)
        if self._refuses_standbys and _is_standby(connection):
            connection.close()
            raise Unavailable(STANDBY)
        return connection

    def _options(self) -> str:
        """libpq's `options`: ours, and then what the URL or PGOPTIONS says, which goes before our limits."""
        ours = " ".join(f"-c {name}={value}" for name, value in self._parameters.items())
        return f"{ours} {self._others_options} -c TimeZone=UTC"

    def _keeps_parameters(self, session: Session) -> bool:
        """Whether a session has what its start asked for; then its own limit, which the URL may name, holds."""
        rows = session.execute("SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", (list(self._parameters),))
        found = dict(rows.fetchall())
        session.patience = _patience(found["statement_timeout"])
        expected = {name: value for name, value in self._parameters.items() if name not in self._others_options}
        return expected.items() <= found.items()


def _patience(statement_timeout: str) -> float:
    """How many seconds an answer is waited for, with a limit of so many milliseconds; 0 is none."""
    return int(statement_timeout) / 1000 + GRACE_SECONDS if int(statement_timeout) else math.inf


def _is_standby(connection: Session) -> bool:
    """Whether it leads to a standby. The server says so by itself; a pooler, what it was when it first connected."""
    if connection.info.parameter_status("in_hot_standby") != "on":
        return False
    return bool(connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,))


def _refuses_options(error: Exception) -> bool:
    """Whether a pooler refused the connection because of `options`. Such a refusal comes without a SQLSTATE."""
    return "startup parameter" in str(error) and "options" in str(error)
