"""Reads that may be some seconds old: a standby answers them while it is near enough, and otherwise the primary."""

import logging
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any

import peewee
import psycopg2

from app.config import Settings
from app.database.connection import Database, Parameters, database
from app.errors import Busy, ServiceError, TimedOut, Unavailable
from app.telemetry.meters import meter

MEASURED_EVERY_SECONDS = 1.0

# Seconds behind the primary; null when nobody can tell. All that came is replayed: the standby is not behind, as long
# as something still comes. A server that is no standby (any more) follows nobody, so it is not asked.
LAG = """
SELECT CASE
    WHEN NOT pg_is_in_recovery() THEN NULL
    WHEN pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
    -- Since its start it has replayed no transaction; greatest() would take that for no time at all.
    WHEN pg_last_xact_replay_timestamp() IS NULL THEN NULL
    ELSE greatest(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)
END::float
"""

# A standby has it from its primary, and keeps it when it is promoted.
IDENTITY = "SELECT system_identifier::text, current_database() FROM pg_control_system()"

FAILURES = (ServiceError, psycopg2.Error, peewee.PeeweeException)

log = logging.getLogger(__name__)


class Replica:
    """A standby with a pool of its own, and how far it is behind; a thread measures that while the service runs.

    Its `read` and `stream` are what a Database asks where `eventual_reads` is in force.
    """

    def __init__(self, primary: Database) -> None:
        self._primary = primary
        self._standby = Database()
        self._most_lag = 0
        self.configured = False
        # By the monotonic clock: even a standby that replays nothing from its last measurement on is near until then.
        self._near_until = 0.0
        self._told: bool | None = None
        self._starting = threading.Lock()
        self._ended: threading.Event | None = None

    def configure(self, settings: Settings) -> None:
        """Use the standby that the settings name, or none. Opens nothing."""
        self.close()
        self.configured = bool(settings.database_replica_url)
        if self.configured:
            self._most_lag = settings.database_replica_lag
            self._standby.configure(settings, settings.database_replica_url)

    def close(self) -> None:
        """Stop measuring, and close the connections that nobody uses."""
        if self._ended:
            self._ended.set()
            self._ended = None
        self._near_until, self._told = 0.0, None
        self._standby.close_idle()

    def read(self, sql: str, parameters: Parameters) -> list[tuple[Any, ...]] | None:
        """The rows as the standby has them; None when the primary has to be asked. Raises TimedOut."""
        rows = None
        if self.is_near():
            try:
                rows = self._standby.read(sql, parameters)
            except FAILURES as error:
                self._note(error)
        meter.now.eventual_read("primary" if rows is None else "replica")
        return rows

    def stream(self, sql: str, parameters: Parameters, rows_at_once: int) -> Iterator[list[Any]]:
        """The stream as the standby has it; as the primary has it when the standby cannot begin one."""
        begun = self._begun(sql, parameters, rows_at_once) if self.is_near() else None
        meter.now.eventual_read("primary" if begun is None else "replica")
        if begun is None:
            yield from self._primary.stream_itself(sql, parameters, rows_at_once)
            return
        first, others = begun
        with closing(others):
            yield from first
            yield from others

    def is_near(self) -> bool:
        """Whether the standby is at most as many seconds behind as the settings allow, as far as anyone knows."""
        return time.monotonic() < self._near_until

    def watch(self) -> None:
        """Begin to measure, in this process, unless that has begun."""
        if self._ended:
            return
        with self._starting:
            if self._ended is None:
                self._ended = threading.Event()
                threading.Thread(target=self._measure_on, args=(self._ended,), name="replica", daemon=True).start()

    def release(self) -> None:
        """Give this thread's connection back."""
        self._standby.release()

    def lag(self) -> float | None:
        """How many seconds the standby is behind; None when nobody can tell. Raises ServiceError."""
        try:
            return self._standby.read(LAG)[0][0]
        finally:
            self._standby.release()

    def is_of_the_primary(self) -> bool:
        """Whether it is a copy of the primary's database, and not of another one. Raises ServiceError."""
        try:
            return self._standby.read(IDENTITY) == self._primary.read(IDENTITY)
        finally:
            self._standby.release()
            self._primary.release()

    def _measure_on(self, ended: threading.Event) -> None:
        while not ended.is_set():
            self._measure(ended)
            ended.wait(MEASURED_EVERY_SECONDS)
        self._standby.close_idle()

    def _measure(self, ended: threading.Event) -> None:
        began = time.monotonic()
        try:
            lag = self.lag()
            # Only while it is away can another one have taken its place.
            of_the_primary = self.is_near() or self.is_of_the_primary()
        except FAILURES as error:
            self._tell(False, str(error).strip())
            return
        if ended.is_set():
            return
        if not of_the_primary:
            self._tell(False, "it has another database than the primary")
        elif lag is None:
            self._near_until = 0.0
            self._tell(False, "it is no standby, or has replayed nothing yet")
        else:
            self._near_until = began + self._most_lag - lag
            self._tell(self.is_near(), f"it is {lag:.1f} s behind")

    def _begun(
        self, sql: str, parameters: Parameters, rows_at_once: int
    ) -> tuple[list[list[Any]], Generator[list[Any], None, None]] | None:
        """The standby's first portion, if there is one, and the others; None when it cannot begin."""
        portions = self._standby.stream_itself(sql, parameters, rows_at_once)
        try:
            return list(islice(portions, 1)), portions
        except FAILURES as error:
            self._note(error)
            return None

    def _note(self, error: Exception) -> None:
        """Do not ask a standby that is away again until it can be measured; raise what a second try would repeat."""
        if isinstance(error, TimedOut):
            raise error
        if isinstance(error, Unavailable) and not isinstance(error, Busy):
            self._near_until = 0.0
            self._tell(False, error.detail)

    def _tell(self, near: bool, why: str) -> None:
        """Log who answers from now on, when that has changed."""
        if near == self._told:
            return
        self._told = near
        if near:
            log.warning("The replica answers reads with consistency=eventual: %s.", why)
        else:
            log.warning("The primary answers reads with consistency=eventual, not the replica: %s", why)


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
    before = database.read_elsewhere(replica)
    try:
        yield
    finally:
        database.read_elsewhere(before)
        replica.release()
