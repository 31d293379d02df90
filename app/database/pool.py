"""The pool: connections to one database, at most so many, opened when they are needed and never before a fork."""

import time
from queue import Empty, SimpleQueue

import psycopg2
from psycopg2 import extensions

from app.database.connecting import Connector
from app.database.watched import Session
from app.errors import Busy
from app.telemetry.measures import metrics

PROBE_AFTER_IDLE_SECONDS = 30
PROBE_PATIENCE_SECONDS = 3.0


class Pool:
    """At most `size` connections; who finds all in use waits for `wait` seconds. Who takes one gives it back."""

    def __init__(self, connector: Connector, size: int, wait: int) -> None:
        self._connector = connector
        self._wait = wait
        # As many as may still be taken; of what the standard library has for that, the one that is written in C.
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(size):
            self._free.put(None)
        # The one that was used last comes last, and is taken first. A list's append and pop need no lock.
        self._idle: list[Session] = []
        # When a session was lost, by the monotonic clock; those that are older may lead to where the primary was.
        self._renewed = 0.0

    def take(self) -> Session:
        """A connection; raises Busy when none becomes free in time, and the driver's error when none can be opened."""
        try:
            self._free.get_nowait()
        except Empty:
            self._wait_for_one()
        metrics.connections_used.inc()
        try:
            idle = self._pop_idle()
            # One may have come back in the moment in which another turned out to be lost.
            if idle and self.is_current(idle) and _is_alive(idle):
                return idle
            return self._connector.open()
        except BaseException:
            self._free_one()
            raise

    def give_back(self, connection: Session) -> None:
        """Let others have the connection; it is closed when it is in the middle of something, or not current."""
        status = connection.get_transaction_status()
        if status == extensions.TRANSACTION_STATUS_IDLE and self.is_current(connection):
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.close()
        self._free_one()

    def is_exhausted(self) -> bool:
        """Whether all connections are in use."""
        return self._free.empty()

    def is_current(self, connection: Session) -> bool:
        """Whether no session was lost since it was opened."""
        return connection.opened > self._renewed

    def renew(self, lost: Session) -> None:
        """Use no session any more that was opened before this one turned out to be lost."""
        if self.is_current(lost):
            self._renewed = time.monotonic()
            self.close_idle()

    def close_idle(self) -> None:
        """Close the connections that nobody uses."""
        while idle := self._pop_idle():
            idle.close()

    def _pop_idle(self) -> Session | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _free_one(self) -> None:
        self._free.put(None)
        metrics.connections_used.dec()

    def _wait_for_one(self) -> None:
        metrics.pending_requests.inc()
        try:
            self._free.get(timeout=self._wait)
        except Empty:
            metrics.timeouts.inc()
            sentence = f"All database connections of this worker stayed in use for {self._wait} s."
            raise Busy(f"{sentence} Try again, or raise DATABASE_POOL_SIZE.") from None
        finally:
            metrics.pending_requests.dec()


def _is_alive(connection: Session) -> bool:
    """Whether an idle one can be used; it is asked only after a pause."""
    if time.monotonic() - connection.idle_since < PROBE_AFTER_IDLE_SECONDS:
        return True
    try:
        connection.execute("SELECT 1", patience=PROBE_PATIENCE_SECONDS)
    except psycopg2.Error:
        return False
    return True
