"""The pool: connections to one database, at most so many, opened when they are needed and never before a fork."""

import contextlib
import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from weakref import WeakSet

import psycopg2
from psycopg2 import extensions

from app.config import Settings
from app.database.limits import TimeLimits, refuses_startup_options
from app.errors import Busy, Unavailable
from app.telemetry.meters import meter

# libpq sends it when it connects, as poolers in transaction mode allow; a SET afterwards they would not keep.
os.environ["PGTZ"] = "UTC"

JSON_OID = 114
PROBE_AFTER_IDLE_SECONDS = 30
# A network that fell silent is noticed within half a minute; by the system's own default it would take hours.
NOTICE_SILENCE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4, "tcp_user_timeout": 30_000}


@dataclass(frozen=True)
class PoolSettings:
    """Where the database is, how many connections there may be, and how many seconds all may take."""

    url: str
    size: int
    wait: int
    connect_timeout: int
    limits: TimeLimits

    @classmethod
    def of(cls, settings: Settings, url: str) -> "PoolSettings":
        """What the settings ask for, for the database at `url`."""
        size, wait = settings.database_pool_size, settings.database_pool_wait
        return cls(url, size, wait, settings.database_connect_timeout, TimeLimits.of(settings))


class Pool:
    """The connections of this process to one database. Who takes one gives it back, replaces or abandons it."""

    def __init__(self, settings: PoolSettings) -> None:
        self._settings = settings
        # A semaphore by a queue, whose waiting and waking are the interpreter's own.
        self._places: SimpleQueue[None] = SimpleQueue()
        for _ in range(settings.size):
            self._places.put(None)
        self._idle: deque[tuple[float, extensions.connection]] = deque()
        # How sessions learn of the limits; None until the first connection has shown what the server or pooler takes.
        self._limits_last: bool | None = None
        # What goes behind each BEGIN and before each read, where sessions do not keep the limits.
        self.set_limits = ""
        self._dialled_connections: WeakSet[extensions.connection] = WeakSet()
        self._dialled_lock = threading.Lock()

    def take(self) -> extensions.connection:
        """A connection; raises Busy when none becomes free in time, and the driver's error when none can be opened."""
        self._take_place()
        try:
            return self._take_idle() or self._open()
        except BaseException:
            self._leave_place()
            raise

    def give_back(self, connection: extensions.connection) -> None:
        """Let others have the connection; it is closed if it is in no state for that."""
        usable = not connection.closed and connection.get_transaction_status() == extensions.TRANSACTION_STATUS_IDLE
        if usable:
            self._idle.append((time.monotonic(), connection))
        else:
            connection.close()
        self._leave_place()

    def abandon(self, connection: extensions.connection) -> None:
        """Close the connection, which may be in the middle of something."""
        connection.close()
        self._leave_place()

    def replace(self, dead: extensions.connection) -> extensions.connection:
        """A new connection in the place of a dead one."""
        dead.close()
        # What ended this connection, a restart for one, has most likely ended the others too.
        self.close_idle()
        return self._open()

    def close_idle(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            self._idle.pop()[1].close()

    def cancel(self) -> None:
        """Break off what the database does for this process, from any thread; who waits for it gets an error."""
        with self._dialled_lock:
            connections = list(self._dialled_connections)
        for connection in connections:
            with contextlib.suppress(psycopg2.Error):
                connection.cancel()

    def _take_place(self) -> None:
        """Take one of the places, or wait for it; raises Busy when that takes too long."""
        try:
            self._places.get(block=False)
        except Empty:
            self._wait_for_place()
        meter.now.connection_taken()

    def _wait_for_place(self) -> None:
        meter.now.waiting_began()
        try:
            self._places.get(timeout=self._settings.wait)
        except Empty:
            meter.now.waiting_ended(in_vain=True)
            raise Busy(
                f"All database connections of this worker stayed in use for {self._settings.wait} s. "
                "Try again, or raise DATABASE_POOL_SIZE."
            ) from None
        meter.now.waiting_ended(in_vain=False)

    def _leave_place(self) -> None:
        self._places.put(None)
        meter.now.connection_returned()

    def _take_idle(self) -> extensions.connection | None:
        """The connection that was used last, if one is idle and alive; asked whether it is only after a pause."""
        while self._idle:
            try:
                since, connection = self._idle.pop()
            except IndexError:
                return None
            if time.monotonic() - since < PROBE_AFTER_IDLE_SECONDS or _answers(connection):
                return connection
            connection.close()
        return None

    def _open(self) -> extensions.connection:
        connection = self._connected()
        if connection.info.parameter_status("TimeZone") not in ("UTC", "Etc/UTC"):
            connection.close()
            raise Unavailable(
                "The database's sessions are not in UTC, and the pooler before it does not pass the setting on. "
                "Run ALTER ROLE … SET timezone = 'UTC' for the service's role."
            )
        # Rows leave the database as JSON documents and travel on as the bytes they are.
        connection.string_types[JSON_OID] = extensions.BYTES
        return connection

    def _connected(self) -> extensions.connection:
        """A connection on which the limits hold, or will with each transaction where a pooler lets no others."""
        if self._limits_last is False:
            return self._dialled()
        limits, url = self._settings.limits, self._settings.url
        try:
            connection = self._dialled(options=limits.startup_options(url))
        except psycopg2.OperationalError as error:
            if not refuses_startup_options(error):
                raise
            self._send_limits_along()
            return self._dialled()
        if self._limits_last is None and not limits.are_kept(connection, url):
            self._send_limits_along()
        else:
            self._limits_last = True
        return connection

    def _dialled(self, **options: str) -> extensions.connection:
        connection = psycopg2.connect(
            self._settings.url,
            connect_timeout=self._settings.connect_timeout,
            client_encoding="UTF8",
            fallback_application_name="flux-dao",
            **NOTICE_SILENCE,
            **options,
        )
        connection.autocommit = True
        with self._dialled_lock:
            self._dialled_connections.add(connection)
        return connection

    def _send_limits_along(self) -> None:
        self._limits_last = False
        self.set_limits = self._settings.limits.set_local()


def _answers(connection: extensions.connection) -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error:
        return False
    return True
