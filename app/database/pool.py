"""The pool: connections to one database, at most so many, opened when they are needed and never before a fork."""

import threading
import time
from typing import NamedTuple

import psycopg2
from psycopg2 import extensions

from app.database.connecting import Connector
from app.database.watched import Session
from app.errors import Busy
from app.telemetry.measures import metrics

PROBE_AFTER_IDLE_SECONDS = 30
PROBE_PATIENCE_SECONDS = 3.0


class Idle(NamedTuple):
    """A connection that nobody uses, since a moment of the monotonic clock."""

    connection: Session
    since: float

    def is_alive(self) -> bool:
        """Whether it can be used; it is asked only after a pause."""
        if time.monotonic() - self.since < PROBE_AFTER_IDLE_SECONDS:
            return True
        try:
            self.connection.execute("SELECT 1", patience=PROBE_PATIENCE_SECONDS)
        except psycopg2.Error:
            return False
        return True


class Pool:
    """At most `size` connections; who finds all in use waits for `wait` seconds. Who takes one gives it back."""

    def __init__(self, connector: Connector, size: int, wait: int) -> None:
        self._connector = connector
        self._wait = wait
        # A place for each connection, None until it is opened; the one that was used last comes first.
        self._places: list[Idle | None] = [None] * size
        self._lock = threading.Lock()
        self._freed = threading.Condition(self._lock)
        self._waiting = 0
        # When a session was lost, by the monotonic clock; those that are older may lead to where the primary was.
        self._renewed = 0.0

    def take(self) -> Session:
        """A connection; raises Busy when none becomes free in time, and the driver's error when none can be opened."""
        idle = self._take_place()
        metrics.connections_used.inc()
        try:
            return idle.connection if idle and idle.is_alive() else self._connector.open()
        except BaseException:
            self._free_place(None)
            raise

    def give_back(self, connection: Session) -> None:
        """Let others have the connection; it is closed when it is in the middle of something, or not current."""
        idle, status = None, connection.get_transaction_status()
        if status == extensions.TRANSACTION_STATUS_IDLE and self.is_current(connection):
            idle = Idle(connection, time.monotonic())
        else:
            connection.close()
        self._free_place(idle)

    def is_exhausted(self) -> bool:
        """Whether all connections are in use."""
        return not self._places

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
        with self._lock:
            idle = [place for place in self._places if place]
            self._places = [None] * len(self._places)
        for each in idle:
            each.connection.close()

    def _take_place(self) -> Idle | None:
        with self._lock:
            return self._places.pop() if self._places else self._wait_for_place()

    def _free_place(self, idle: Idle | None) -> None:
        with self._lock:
            self._places.append(idle)
            if self._waiting:
                self._freed.notify()
        metrics.connections_used.dec()

    def _wait_for_place(self) -> Idle | None:
        self._waiting += 1
        metrics.pending_requests.inc()
        is_free = self._freed.wait_for(lambda: self._places, self._wait)
        metrics.pending_requests.dec()
        self._waiting -= 1
        if is_free:
            return self._places.pop()
        metrics.timeouts.inc()
        sentence = f"All database connections of this worker stayed in use for {self._wait} s."
        raise Busy(f"{sentence} Try again, or raise DATABASE_POOL_SIZE.")
