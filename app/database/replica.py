"""Reads that may be some seconds old: a standby answers them while it is near enough, and otherwise the primary."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from app.config import Settings
from app.database.connection import Database, Parameters, database
from app.errors import Busy, ServiceError, TimedOut, Unavailable
from app.telemetry.measures import metrics

MEASURE_INTERVAL_SECONDS = 1.0

# A standby has it from its primary, and keeps it when it is promoted.
IDENTITY = "SELECT system_identifier::text, current_database() FROM pg_control_system()"

# Seconds behind the primary; null when nobody can tell. All that came is replayed: the standby is not behind, as long
# as something still comes. A server that is no standby (any more) follows nobody, so it is not asked.
LAG_AND_IDENTITY = """
SELECT CASE
    WHEN NOT pg_is_in_recovery() THEN NULL
    WHEN pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
    -- Since its start it has replayed no transaction; greatest() would take that for no time at all.
    WHEN pg_last_xact_replay_timestamp() IS NULL THEN NULL
    ELSE greatest(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)
END::float, system_identifier::text, current_database() FROM pg_control_system()
"""

FAILURES = (ServiceError, psycopg2.Error)

log = logging.getLogger(__name__)


class Replica:
    """A standby with a pool of its own, and how far it is behind; a thread measures that while the service runs.

    Where `eventual_reads` is in force, it answers the reads of a Database.
    """

    def __init__(self, primary: Database) -> None:
        self._primary = primary
        self._standby = Database()
        self._max_lag = 0
        self.configured = False
        # By the monotonic clock: even a standby that replays nothing from its last measurement on is near until then.
        self._near_until = 0.0
        self._logged: bool | None = None
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def configure(self, settings: Settings) -> None:
        """Use the standby that the settings name, the first that lives of several, or none. Opens nothing."""
        self.close()
        self.configured = bool(settings.database_replica_url)
        if self.configured:
            self._max_lag = settings.database_replica_lag
            named = parse_dsn(settings.database_replica_url)
            self._standby.configure(settings, make_dsn(**{"target_session_attrs": "prefer-standby"} | named))

    def close(self) -> None:
        """Use no standby any more, and close the connections that nobody uses."""
        self.configured = False
        self._near_until, self._logged = 0.0, None
        self._standby.close_idle()

    def read(self, sql: str, parameters: Parameters) -> list[tuple[Any, ...]] | None:
        """The rows as the standby has them; None when the primary has to be asked. Raises TimedOut."""
        rows = None
        if self.is_near():
            try:
                rows = self._standby.read(sql, parameters)
            except TimedOut:
                # The primary would need as long.
                raise
            except FAILURES as error:
                self._note(error)
        metrics.eventual_reads.labels("primary" if rows is None else "replica").inc()
        return rows

    def stream(self, sql: str, parameters: Parameters) -> Iterator[list[Any]]:
        """The stream as the standby has it while it is near; raises Unavailable when it goes away meanwhile."""
        is_near = self.is_near()
        metrics.eventual_reads.labels("replica" if is_near else "primary").inc()
        try:
            yield from (self._standby if is_near else self._primary).stream_itself(sql, parameters)
        except Unavailable as error:
            self._note(error)
            raise

    def is_near(self) -> bool:
        """Whether the standby is at most as many seconds behind as the settings allow, as far as anyone knows."""
        return time.monotonic() < self._near_until

    def release(self) -> None:
        """Give this thread's connection back."""
        self._standby.release()

    def watch(self) -> None:
        """Begin to measure, in this process, unless that has begun."""
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="replica", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while self.configured:
            self._set_near(*self._measure())
            time.sleep(MEASURE_INTERVAL_SECONDS)
        self._standby.close_idle()

    def _measure(self) -> tuple[float, str]:
        """Until when the standby is near, by the monotonic clock, and why."""
        now = time.monotonic()
        try:
            [(lag, *identity)] = self._standby.read(LAG_AND_IDENTITY)
            # Only while it is away can another one have taken its place.
            if not self.is_near() and self._primary.read(IDENTITY) != [tuple(identity)]:
                return 0.0, "it has another database than the primary"
        except FAILURES as error:
            return 0.0, str(error).strip()
        finally:
            self._standby.release()
            self._primary.release()
        if lag is None:
            return 0.0, "it is no standby, or has replayed nothing yet"
        return now + self._max_lag - lag, f"it is {lag:.1f} s behind"

    def _note(self, error: Exception) -> None:
        """Ask a standby that is away only when it could be measured again."""
        if isinstance(error, Unavailable) and not isinstance(error, Busy):
            self._set_near(0.0, error.detail)

    def _set_near(self, until: float, why: str) -> None:
        """Log who answers from now on, when that has changed."""
        self._near_until = until
        near = self.is_near()
        if near != self._logged:
            self._logged = near
            log.warning("The %s answers reads with consistency=eventual: %s", "replica" if near else "primary", why)


replica = Replica(database)


@contextmanager
def eventual_reads() -> Iterator[None]:
    """Let the reads of this thread inside the block be answered by the replica, if there is one and it is near.

    Inside a transaction it changes nothing: what the transaction wrote must be seen.
    """
    if not replica.configured or database.in_transaction():
        yield
        return
    replica.watch()
    before = database.use_reader(replica)
    try:
        yield
    finally:
        database.use_reader(before)
        replica.release()
