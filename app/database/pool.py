"""The pool: connections to one database, at most so many, opened when they are needed and never before a fork."""

import contextlib
import time
from queue import Empty, LifoQueue
from typing import NamedTuple

import psycopg2
from psycopg2 import extensions

from app.database.connecting import Connector
from app.errors import Busy
from app.telemetry.meters import meter

PROBE_AFTER_IDLE_SECONDS = 30


class Idle(NamedTuple):
    """A connection that nobody uses, since a moment of the monotonic clock."""

    connection: extensions.connection
    since: float

    def is_alive(self) -> bool:
        """Whether it can be used; it is asked only after a pause."""
        if time.monotonic() - self.since < PROBE_AFTER_IDLE_SECONDS:
            return True
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except psycopg2.Error:
            return False
        return True


class Pool:
    """At most `size` connections; who finds all in use waits for `wait` seconds. Who takes one gives it back."""

    def __init__(self, connector: Connector, size: int, wait: int) -> None:
        self._connector = connector
        self._wait = wait
        # A place for each connection, None until it is opened; the one that was used last comes first.
        self._places: LifoQueue[Idle | None] = LifoQueue()
        for _ in range(size):
            self._places.put(None)

    def take(self) -> extensions.connection:
        """A connection; raises Busy when none becomes free in time, and the driver's error when none can be opened."""
        idle = self._take_place()
        meter.now.connection_taken()
        try:
            return idle.connection if idle and idle.is_alive() else self._connector.open()
        except BaseException:
            self._places.put(None)
            meter.now.connection_returned()
            raise

    def give_back(self, connection: extensions.connection) -> None:
        """Let others have the connection; it is closed when it is in the middle of something."""
        idle = None
        if not connection.closed and connection.get_transaction_status() == extensions.TRANSACTION_STATUS_IDLE:
            idle = Idle(connection, time.monotonic())
        else:
            connection.close()
        self._places.put(idle)
        meter.now.connection_returned()

    def is_exhausted(self) -> bool:
        """Whether all connections are in use."""
        return self._places.empty()

    def close_idle(self) -> None:
        """Close the connections that nobody uses."""
        taken = []
        with contextlib.suppress(Empty):
            while True:
                taken.append(self._places.get_nowait())
        for idle in taken:
            if idle:
                idle.connection.close()
            self._places.put(None)

    def _take_place(self) -> Idle | None:
        with contextlib.suppress(Empty):
            return self._places.get_nowait()
        meter.now.wait_began()
        try:
            idle = self._places.get(timeout=self._wait)
        except Empty:
            meter.now.wait_ended(timed_out=True)
            sentence = f"All database connections of this worker stayed in use for {self._wait} s."
            raise Busy(f"{sentence} Try again, or raise DATABASE_POOL_SIZE.") from None
        meter.now.wait_ended(timed_out=False)
        return idle
