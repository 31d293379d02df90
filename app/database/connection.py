"""The database as the rest of the service uses it: reads, writes and streams, each thread on its own connection."""

import math
import select
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count as numbers
from typing import TYPE_CHECKING, Any

import peewee
import psycopg2
from psycopg2 import extensions

from app.config import Settings
from app.database.connecting import GRACE_SECONDS, Connector, session_parameters
from app.database.failures import READ_ONLY, connection_is_lost, translate_error, was_undone
from app.database.pool import Pool
from app.database.watched import Session
from app.errors import InDoubt, Invalid, TimedOut, Unavailable
from app.telemetry.measures import metrics, usage

if TYPE_CHECKING:
    from app.database.replica import Replica

# Values in the order of the statement's %s, or by the names in its %(name)s.
Parameters = tuple[Any, ...] | dict[str, Any]
IN_DOUBT = (
    "The connection to the database broke while this was committed, so all of it was written or nothing. With an "
    "Idempotency-Key, repeat the request as it is; without one, look for the row, by its id for one, before you write "
    "again."
)

# A stream is read in portions: the first of few rows, the others of as many as weigh this, up to a maximum.
FIRST_PORTION_ROWS = 16
MAX_PORTION_ROWS = 1000
PORTION_BYTES = 4 * 1024 * 1024


class TranslatedErrors:
    """A block in which what the driver raises becomes a ServiceError; what is not known goes on as it is."""

    def __enter__(self) -> None:
        """Nothing to prepare, so that one object serves all blocks."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> None:
        if isinstance(error, psycopg2.Error) and (meaning := translate_error(error)):
            raise meaning from error


translated_errors = TranslatedErrors()


class ThreadState(threading.local):
    """What a thread has of the database: a connection, the BEGIN and SAVEPOINTs that no statement has taken along yet,
    who answers its reads when it is not the database itself, how long it waits for an answer, and until when all of its
    work may take.
    """

    connection: Session | None = None
    reader: "Replica | None" = None
    patience = math.inf
    # By time.monotonic().
    deadline = math.inf

    def __init__(self) -> None:
        self.pending: list[str] = []
        # The cursors of the streams that are open, and what ends their transaction.
        self.streams: set[str] = set()
        self.reading = ExitStack()


class Database(peewee.PostgresqlDatabase):
    """PostgreSQL behind a pool, for Peewee: of its own, Peewee keeps the stack of transactions and what compiles SQL.

    A thread takes a connection with its first statement and gives it back with `release`.
    """

    def __init__(self) -> None:
        self._thread = ThreadState()
        super().__init__(None)
        self._configuration: tuple[Any, ...] = ()
        self.configure(Settings(), "")

    def configure(self, settings: Settings, url: str) -> None:
        """Use the database at `url`, with the pool that the settings ask for. Opens nothing; the same again is kept."""
        # The most that a page may have; a stream has any number, in portions.
        self.max_answer_bytes = settings.max_answer_bytes
        self._request_timeout = settings.request_timeout or math.inf
        session = (url, settings.database_connect_timeout, session_parameters(settings))
        pool = (settings.database_pool_size, settings.database_pool_wait)
        configuration = (session, pool, settings.database_isolation)
        if configuration == self._configuration:
            return
        if self._configuration:
            self.release()
            self.close_idle()
        self._configuration = configuration
        self._connector = Connector(*session)
        self._pool = Pool(self._connector, *pool)
        # Whether a transaction may fail because others wrote what it read or wants to write.
        self.strict = settings.database_isolation != "read committed"
        # The default says nothing, so that it costs nothing and a role or server may have a default of its own.
        level = f" ISOLATION LEVEL {settings.database_isolation.upper()}" if self.strict else ""
        self.begin_statement = f"BEGIN{level}"
        self.init(url)

    def connection(self) -> Session:
        """This thread's connection, which it takes from the pool if it has none. Raises Busy or Unavailable."""
        mine = self._thread
        if mine.connection is None:
            with translated_errors:
                mine.connection = self._pool.take()
        return mine.connection

    def is_closed(self) -> bool:
        """Whether this thread has no connection."""
        return self._thread.connection is None

    def connect(self, reuse_if_open: bool = False) -> bool:
        """Take a connection now; whether there was none yet."""
        was_closed = self.is_closed()
        self.connection()
        return was_closed

    def close(self) -> bool:
        """Give this thread's connection back; whether it had one."""
        connection = self._thread.connection
        if connection is None:
            return False
        self._thread.connection = None
        self._thread.pending.clear()
        self._pool.give_back(connection)
        return True

    def release(self, _: BaseException | None = None) -> None:
        """Give this thread's connection back, unless a transaction is open that began outside the request.

        It can be a teardown function of Flask's, which are called with the request's error.
        """
        if not self.in_transaction():
            self.close()
            self._thread.deadline = math.inf

    def begin_request(self) -> None:
        """Let the statements of this thread, until it is to `release`, take as long in all as a request may."""
        if not self.in_transaction():
            self._thread.deadline = time.monotonic() + self._request_timeout

    def abandon(self) -> None:
        """Close this thread's connection, and with it what its transaction did."""
        self.connection().close()
        self.close()

    def read(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """The rows of one SELECT. When the connection turns out to be dead, reconnects and repeats it once."""
        reader = self._thread.reader
        if reader is not None and not self.in_transaction():
            rows = reader.read(sql, parameters)
            if rows is not None:
                return rows
        with translated_errors:
            return self._send(self._in_time(sql), parameters, repeatable=not self.in_transaction()).fetchall()

    def write(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """The rows that one INSERT, UPDATE or DELETE … RETURNING gives; outside a transaction it is one by itself."""
        with translated_errors:
            return self._write(sql, parameters).fetchall()

    def change(self, sql: str, parameters: Parameters = ()) -> int:
        """How many rows one INSERT, UPDATE or DELETE changed; outside a transaction it is one by itself."""
        with translated_errors:
            return self._write(sql, parameters).rowcount

    def _write(self, sql: str, parameters: Parameters) -> extensions.cursor:
        sql = self._in_time(sql)
        if self.in_transaction():
            return self._send(sql, parameters)
        if _has_unread(self.connection()):
            # The session has ended, or says that a setting has changed: a statement that may be repeated finds out.
            self._send("SELECT 1", repeatable=True)
        try:
            return self._send(sql, parameters)
        except psycopg2.Error as error:
            if connection_is_lost(error) and not was_undone(error):
                raise InDoubt(IN_DOUBT) from error
            raise

    def _in_time(self, sql: str) -> str:
        """The statement, limited to what is left of the request's time when that is less than the limit it has anyway.

        The limit goes in the same message, and holds to the end of the transaction. Raises TimedOut.
        """
        left = self._thread.deadline - time.monotonic()
        if left + GRACE_SECONDS >= self.connection().patience:
            return sql
        if left <= 0:
            raise TimedOut(
                f"The request took longer than the {self._request_timeout} s that it may take, and what it did was "
                "undone. Ask for less at a time."
            )
        return f"SET LOCAL statement_timeout={math.ceil(left * 1000)};{sql}"

    def cursor(self, named_cursor: str | None = None) -> extensions.cursor:
        """A cursor of the driver's, for COPY for one; a BEGIN or SAVEPOINT that waits for a statement is sent first."""
        if self._thread.pending:
            self._send(self._thread.pending.pop())
        return self.connection().cursor()

    def execute_sql(self, sql: str, params: Any = None) -> extensions.cursor:
        """Peewee's own way to send a statement."""
        with translated_errors:
            return self._send(sql, params)

    def begin(self, isolation_level: str | None = None) -> None:
        """Begin a transaction, at `isolation_level` or that of the settings; a dead connection is replaced."""
        with translated_errors:
            self._send(f"BEGIN {isolation_level}" if isolation_level else self.begin_statement, repeatable=True)

    def commit(self) -> None:
        """Commit what `begin` began."""
        self.execute_sql("COMMIT")

    def rollback(self) -> None:
        """Undo what `begin` began."""
        self.execute_sql("ROLLBACK")

    def send_before_next(self, control: str) -> None:
        """Send this BEGIN or SAVEPOINT in one message with the next statement, which saves it a round trip."""
        self.connection()
        self._thread.pending.append(control)

    def append_to_pending(self, sql: str) -> None:
        """Send this in the same message as the BEGIN that waits; what it gives is not read, but it may fail."""
        self._thread.pending[-1] += f";{sql}"

    def discard_pending(self) -> bool:
        """Forget the last control that waits; False when none does, because a statement took it along."""
        pending = self._thread.pending
        return bool(pending and pending.pop())

    def _send(self, sql: str, parameters: Any = None, repeatable: bool = False) -> extensions.cursor:
        """The cursor of a statement that the database has answered, sent behind the controls that wait for it.

        It is sent once more, on a new connection, when this one turns out to be dead and nothing can have been done:
        it is `repeatable`, or was to begin a transaction, which nobody then can have committed. So it is when others
        have lost their sessions meanwhile: this one's server may have been frozen, and answer of before a failover.
        """
        # What cannot be opened now cannot be in a moment, so that is not tried again.
        session = self.connection()
        pending = self._thread.pending
        repeatable = pending[0].startswith("BEGIN") if pending else repeatable
        message, count = ";".join([*pending, sql]), 1 + len(pending)
        try:
            cursor = self._execute(message, parameters, count)
            pending.clear()
            if not repeatable or self._pool.is_current(session):
                return cursor
            session.close()
        except psycopg2.Error as error:
            pending.clear()
            self._discard_session(error)
            # Who has waited that long for an answer is not let wait again.
            if not repeatable or not connection_is_lost(error) or session.overdue:
                raise
        metrics.retries.labels("connection").inc()
        self.close()
        return self._execute(message, parameters, count)

    def _execute(self, message: str, parameters: Any, count: int) -> extensions.cursor:
        """The cursor of a message of `count` statements, once the database has answered it."""
        connection = self.connection()
        if self._connector.set_local:
            message = self._with_local_settings(message, connection)
        began = time.perf_counter()
        try:
            return connection.execute(message, parameters or None, self._thread.patience)
        except ValueError as error:
            # psycopg2 refuses a NUL, and Python's encoder a surrogate, before anything is sent.
            raise Invalid("A text holds what cannot be stored: a NUL character or half of a surrogate pair.") from error
        finally:
            usage.sent(count, began)

    def _with_local_settings(self, message: str, connection: Session) -> str:
        """The message with the settings for a pooler, where it begins a transaction or stands outside of one."""
        if connection.get_transaction_status() != extensions.TRANSACTION_STATUS_IDLE:
            return message
        if message.startswith("BEGIN"):
            begin, _, rest = message.partition(";")
            return f"{begin};{self._connector.set_local}{rest}".rstrip(";")
        return f"{self._connector.set_local}{message}"

    def _discard_session(self, error: psycopg2.Error) -> None:
        """Close what leads to a server that has gone, or that is a standby now and takes no writes any more."""
        if error.pgcode == READ_ONLY or connection_is_lost(error):
            self.connection().close()
            self._pool.renew(self.connection())

    def limit_patience(self, seconds: float) -> None:
        """Let this thread wait no longer than that for the answer to any of its statements."""
        self._thread.patience = seconds

    def use_reader(self, reader: "Replica | None") -> "Replica | None":
        """Let this thread's reads outside transactions be answered there; who answered them before."""
        before, self._thread.reader = self._thread.reader, reader
        return before

    def stream(self, sql: str, parameters: Parameters) -> Iterator[list[Any]]:
        """The first column of one SELECT's rows, in portions and from one snapshot."""
        return self.streamed(sql, parameters)()

    def streamed(self, sql: str, parameters: Parameters) -> Callable[[], Iterator[list[Any]]]:
        """A stream for later, and to be read more than once; who answers is settled now."""
        reader = None if self.in_transaction() else self._thread.reader
        return partial(reader.stream if reader else self.stream_itself, sql, parameters)

    def stream_itself(self, sql: str, parameters: Parameters) -> Generator[list[Any], None, None]:
        """The stream of this database, whoever else answers reads.

        It takes a connection of this thread when it is first asked, and gives it back at its end, or when it is
        closed because the reader has gone.
        """
        reader_has_gone = False
        count = FIRST_PORTION_ROWS
        try:
            with self._stream_cursor() as cursor:
                self.execute_sql(f"DECLARE {cursor} NO SCROLL CURSOR FOR {sql}", parameters)
                while rows := self.execute_sql(f"FETCH {count} FROM {cursor}").fetchall():
                    portion = [row[0] for row in rows]
                    # As many as weigh what a portion may, if those to come are like these.
                    count = PORTION_BYTES * len(portion) // (sum(map(len, portion)) or 1)
                    count = max(1, min(count, MAX_PORTION_ROWS))
                    try:
                        yield portion
                    except GeneratorExit:
                        reader_has_gone = True
                        if len(self._thread.streams) > 1:
                            self.execute_sql(f"CLOSE {cursor}")
                        raise
                # Inside a caller's transaction it would stay open, and the next stream there could not begin.
                self.execute_sql(f"CLOSE {cursor}")
        except Unavailable:
            # That the session was lost meanwhile is nothing to tell a reader who has gone.
            if not reader_has_gone:
                raise
        finally:
            self.release()

    @contextmanager
    def _stream_cursor(self) -> Iterator[str]:
        """A free name for a cursor, in the transaction that all streams of this thread share: the last one ends it."""
        mine = self._thread
        cursor = next(name for name in map("flux_stream_{}".format, numbers(1)) if name not in mine.streams)
        if not mine.streams:
            mine.reading.enter_context(self.atomic("READ ONLY"))
        mine.streams.add(cursor)
        try:
            yield cursor
        finally:
            mine.streams.remove(cursor)
            if not mine.streams:
                mine.reading.__exit__(*sys.exc_info())

    def is_exhausted(self) -> bool:
        """Whether all connections of the pool are in use."""
        return self._pool.is_exhausted()

    def close_idle(self) -> None:
        """Close the connections that nobody uses."""
        self._pool.close_idle()


def _has_unread(connection: Session) -> bool:
    """Whether something has come that nobody asked for. Not by select(), which takes no descriptor above 1023."""
    poller = select.poll()
    poller.register(connection, select.POLLIN)
    return bool(poller.poll(0))


database = Database()
