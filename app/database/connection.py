"""The database as the rest of the service uses it: reads, writes and streams, each thread on its own connection."""

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import peewee
import psycopg2
from psycopg2 import extensions

from app.config import Settings
from app.database.failures import connection_is_lost, failing_in_our_words
from app.database.pool import Pool, PoolSettings
from app.errors import Unavailable
from app.telemetry.meters import meter
from app.telemetry.usage import usage

# Values in the order of the statement's %s, or by the names in its %(name)s.
Parameters = tuple[Any, ...] | dict[str, Any]


class Waiting(threading.local):
    """The BEGIN and SAVEPOINTs of this thread's blocks that no statement has taken along yet."""

    def __init__(self) -> None:
        self.controls: list[str] = []


class Elsewhere(Protocol):
    """Whoever answers reads in the database's place: the replica, see replica.py."""

    def read(self, sql: str, parameters: Parameters) -> list[tuple[Any, ...]] | None:
        """The rows; None when the database itself has to be asked."""

    def stream(self, sql: str, parameters: Parameters, rows_at_once: int) -> Iterator[list[Any]]:
        """The same as Database.stream."""


class Reading(threading.local):
    """Who answers this thread's reads when it is not the database itself."""

    elsewhere: Elsewhere | None = None


class Database(peewee.PostgresqlDatabase):
    """PostgreSQL behind a pool. A thread takes a connection with its first statement and gives it back with `close`."""

    # Peewee's own: this thread's connection, and the blocks that are open on it.
    _state: Any

    def __init__(self) -> None:
        super().__init__(None)
        # Peewee holds this lock while it connects, so that one slow connect would stop every thread;
        # what it guards is per thread already.
        self._lock = contextlib.nullcontext()
        self._waiting = Waiting()
        self._reading = Reading()
        self.begin_statement = "BEGIN"
        # Whether a transaction may fail because others wrote what it read or wants to write.
        self.strict = False
        self._configuration: tuple[Any, ...] = ()
        self._pool = Pool(PoolSettings.of(Settings(), url=""))

    def configure(self, settings: Settings, url: str) -> None:
        """Use the database at `url`, with the pool that the settings ask for. Opens nothing; the same again is kept."""
        self._use(PoolSettings.of(settings, url), settings.database_isolation)

    def move(self, url: str) -> None:
        """Use the database at `url`, otherwise as configured."""
        pool, isolation = self._configuration
        self._use(replace(pool, url=url), isolation)

    def _use(self, pool: PoolSettings, isolation: str) -> None:
        if (pool, isolation) == self._configuration:
            return
        self.release()
        self.close_idle()
        self._pool = Pool(pool)
        self.begin_statement = _begin_statement(isolation)
        self.strict = self.begin_statement != "BEGIN"
        self._configuration = (pool, isolation)
        self.init(pool.url)

    def connection(self) -> extensions.connection:
        """This thread's connection, which it takes from the pool if it has none."""
        state = self._state
        if state.conn is None:
            # The first of all tells Peewee the server's version.
            if self.server_version is None:
                self.connect()
            else:
                # Peewee's own way also makes the lists of open blocks anew, which are empty between two of them.
                state.conn, state.closed = self._connect(), False
        return state.conn

    def read(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """The rows of one SELECT. When the connection turns out to be dead, reconnects and repeats it once."""
        if self._reading.elsewhere is not None and not self.in_transaction():
            rows = self._reading.elsewhere.read(sql, parameters)
            if rows is not None:
                return rows
        with failing_in_our_words:
            return self._send(sql, parameters, repeatable=True).fetchall()

    def write(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """The rows that one INSERT, UPDATE or DELETE … RETURNING gives."""
        with failing_in_our_words:
            return self._send(sql, parameters).fetchall()

    def change(self, sql: str, parameters: Parameters = ()) -> int:
        """How many rows one INSERT, UPDATE or DELETE changed."""
        with failing_in_our_words:
            return self._send(sql, parameters).rowcount

    def cursor(self, named_cursor: str | None = None) -> extensions.cursor:
        """A cursor of the driver's, for COPY for one; a BEGIN or SAVEPOINT that waits for a statement is sent first."""
        if self._waiting.controls:
            self._send(self._waiting.controls.pop())
        return super().cursor(named_cursor)

    def execute_sql(self, sql: str, params: Any = None) -> extensions.cursor:
        """Peewee's own way to send a statement, with the driver's errors as they are."""
        return self._send(sql, params)

    def send_with_next(self, control: str) -> None:
        """Send this BEGIN or SAVEPOINT in one message with the next statement, which saves it a round trip."""
        self.connection()
        self._waiting.controls.append(control)

    def send_along(self, sql: str) -> None:
        """Send this in the same message as the BEGIN that waits; what it gives is not read, but it may fail."""
        self._waiting.controls[-1] += f";{sql}"

    def take_back(self) -> bool:
        """Forget the last control that waits; False when none does, because a statement took it along."""
        if not self._waiting.controls:
            return False
        self._waiting.controls.pop()
        return True

    def read_elsewhere(self, elsewhere: Elsewhere | None) -> Elsewhere | None:
        """Let this thread's reads outside transactions be answered there; who answered them before."""
        before, self._reading.elsewhere = self._reading.elsewhere, elsewhere
        return before

    def stream(self, sql: str, parameters: Parameters, rows_at_once: int) -> Iterator[list[Any]]:
        """The first column of one SELECT's rows, in portions and from one snapshot."""
        return self.streamed(sql, parameters, rows_at_once)()

    def streamed(self, sql: str, parameters: Parameters, rows_at_once: int) -> Callable[[], Iterator[list[Any]]]:
        """The same for later, and to be read more than once; who answers is settled now."""
        elsewhere = None if self.in_transaction() else self._reading.elsewhere
        source = elsewhere.stream if elsewhere else self.stream_itself
        return partial(source, sql, parameters, rows_at_once)

    def stream_itself(self, sql: str, parameters: Parameters, rows_at_once: int) -> Generator[list[Any], None, None]:
        """The stream of this database, whoever else answers reads.

        It takes a connection of this thread when it is first asked, and gives it back at its end, or when it is
        closed because the reader has gone.
        """
        reader_has_gone = False
        try:
            with failing_in_our_words, self.atomic("READ ONLY"):
                self.execute_sql(f"DECLARE flux_stream NO SCROLL CURSOR FOR {sql}", parameters)
                while rows := self.execute_sql(f"FETCH {rows_at_once} FROM flux_stream").fetchall():
                    try:
                        yield [row[0] for row in rows]
                    except GeneratorExit:
                        reader_has_gone = True
                        raise
                # Inside a caller's transaction it would stay open, and the next stream there could not begin.
                self.execute_sql("CLOSE flux_stream")
        except Unavailable:
            # That the session was lost meanwhile is nothing to tell a reader who has gone.
            if not reader_has_gone:
                raise
        finally:
            self.release()

    def begin(self, isolation_level: str | None = None) -> None:
        """BEGIN, as told or as the settings isolate; on a connection that turns out to be dead, on a new one."""
        self._send(f"BEGIN {isolation_level}" if isolation_level else self.begin_statement, repeatable=True)

    def abandon(self) -> None:
        """Close this thread's connection, and with it what its transaction did."""
        connection = self._state.conn
        self._waiting.controls.clear()
        self._state.reset()
        if connection is not None:
            self._pool.abandon(connection)

    def _send(self, sql: str, parameters: Any = None, repeatable: bool = False) -> extensions.cursor:
        """Run a statement behind the controls that wait for it.

        It is repeated once on a new connection when this one turns out to be dead and nothing can have been done: it
        only reads outside a transaction, or was to begin one, which nobody then can have committed.
        """
        connection = self._state.conn or self.connection()
        controls = self._waiting.controls
        if controls:
            repeatable = controls[0].startswith("BEGIN")
            sql = f"{';'.join(controls)};{sql}"
        elif repeatable:
            repeatable = not self._state.transactions
        count = 1 + len(controls)
        if self._pool.set_limits:
            sql = self._with_limits(sql, connection)
        try:
            cursor = _execute(connection, sql, parameters, count)
        except psycopg2.Error as error:
            if not repeatable or not connection_is_lost(error):
                controls.clear()
                raise
            meter.now.retried("connection")
            cursor = _execute(self._replaced_connection(), sql, parameters, count)
        controls.clear()
        return cursor

    def _with_limits(self, sql: str, connection: extensions.connection) -> str:
        """The statement with the limits for a pooler, where it begins a transaction or stands outside of one."""
        if connection.get_transaction_status() != extensions.TRANSACTION_STATUS_IDLE:
            return sql
        if sql.startswith("BEGIN"):
            begin, _, rest = sql.partition(";")
            return f"{begin};{self._pool.set_limits}{rest}".rstrip(";")
        return f"{self._pool.set_limits}{sql}"

    def _replaced_connection(self) -> extensions.connection:
        """A new connection in the place of a dead one."""
        self._state.conn = self._pool.replace(self._state.conn)
        return self._state.conn

    def release(self) -> None:
        """Give this thread's connection back, unless a transaction is open that began outside the request."""
        state = self._state
        if state.conn is not None and not state.transactions:
            try:
                self._close(state.conn)
            finally:
                state.conn, state.closed = None, True

    def cancel(self) -> None:
        """Break off what the database does for this process, from any thread; who waits for it gets an error."""
        self._pool.cancel()

    def close_idle(self) -> None:
        """Close the connections that nobody uses."""
        self._pool.close_idle()

    def _connect(self) -> extensions.connection:
        return self._pool.take()

    def _close(self, connection: extensions.connection) -> None:
        self._pool.give_back(connection)


def _begin_statement(isolation: str) -> str:
    # The default says nothing, so that it costs nothing and a role or server may have a default of its own.
    return "BEGIN" if isolation == "read committed" else f"BEGIN ISOLATION LEVEL {isolation.upper()}"


def _execute(connection: extensions.connection, sql: str, parameters: Any, count: int) -> extensions.cursor:
    """The cursor of a message of `count` statements, once the database has answered it."""
    cursor = connection.cursor()
    began = time.perf_counter()
    try:
        cursor.execute(sql, parameters or None)
    finally:
        usage.sent(sql, count, began)
    return cursor


database = Database()
