"""How long PostgreSQL may take and wait for us, and the two ways to tell it.

With the connection's start, which costs nothing later. Poolers in transaction mode refuse that or forget it; there the
limits go in one message with each BEGIN and each read outside a transaction, by SET LOCAL.
"""

import os
from dataclasses import dataclass

from psycopg2 import extensions

from app.config import Settings


@dataclass(frozen=True)
class TimeLimits:
    """Seconds for a statement, for the wait for a lock, and for a transaction that stands still; 0 is no limit."""

    statement: int
    lock: int
    idle_transaction: int

    @classmethod
    def of(cls, settings: Settings) -> "TimeLimits":
        """The limits that the settings ask for."""
        return cls(
            settings.database_statement_timeout,
            settings.database_lock_timeout,
            settings.database_idle_transaction_timeout,
        )

    def startup_options(self, url: str) -> str:
        """What libpq's `options` says: the limits, and then what the URL or PGOPTIONS says, which goes before them."""
        ours = " ".join(f"-c {name}={milliseconds}" for name, milliseconds in self._parameters().items())
        return f"{ours} {_given_options(url)}".strip()

    def set_local(self) -> str:
        """The statements for a pooler, with a semicolon at the end."""
        return "".join(f"SET LOCAL {name}={milliseconds};" for name, milliseconds in self._parameters().items())

    def are_kept(self, connection: extensions.connection, url: str) -> bool:
        """Whether the session has what its start asked for. One statement."""
        given = _given_options(url)
        expected = {name: str(value) for name, value in self._parameters().items() if name not in given}
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", (list(expected),))
            return dict(cursor.fetchall()) == expected

    def _parameters(self) -> dict[str, int]:
        """The limits in PostgreSQL's words, in milliseconds."""
        return {
            "statement_timeout": self.statement * 1000,
            "lock_timeout": self.lock * 1000,
            "idle_in_transaction_session_timeout": self.idle_transaction * 1000,
        }


def _given_options(url: str) -> str:
    return extensions.parse_dsn(url).get("options") or os.environ.get("PGOPTIONS", "")


def refuses_startup_options(error: Exception) -> bool:
    """Whether a pooler refused the connection because of `options`. Such a refusal comes without a SQLSTATE."""
    return "startup parameter" in str(error) and "options" in str(error)
