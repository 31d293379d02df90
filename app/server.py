"""gunicorn's threaded worker, made patient: its threads get whole requests, and slow clients wait in the main loop."""

import logging
import selectors
import socket
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http import errors, message, wsgi
from gunicorn.workers.gthread import ThreadWorker

from app import refusals
from app.api import headers, operations
from app.api.parser import JSON
from app.config import Settings
from app.connections import Connection
from app.incoming import MOST_BYTES_OF_A_HEAD
from app.telemetry.log import JsonLines
from app.telemetry.meters import meter
from app.telemetry.usage import usage

# A thousand ids in a query are 39,000 bytes, and gunicorn by itself allows no setting above 8190.
LONGEST_REQUEST_LINE = message.MAX_REQUEST_LINE = 65_536
# They break no rule, so that they need not be looked at for each answer anew.
USUAL_HEADERS = frozenset([("Content-Type", JSON), *headers.OF_ANSWERS, *headers.OF_ROWS])
# Of requests that are not whole, and of answers that are not taken, in each worker.
MOST_BYTES_KEPT = 64 * 1024 * 1024
# How long a client may go on sending when it has its last answer, so that it gets to read it (RFC 9112, section 9.6).
LINGERS_SECONDS = 2.0
LOOKS_EVERY_SECONDS = 0.25
# They are answered by threads of their own: who asks whether the worker is alive must not wait for those that work.
PROBES = (b"GET /health ", b"GET /ready ")
THREADS_FOR_PROBES = 2


class Response(wsgi.Response):
    """gunicorn's way to send an answer."""

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """As gunicorn's, which checks names and values by regular expressions; the usual headers pass without."""
        for header in headers:
            if header in USUAL_HEADERS:
                self.headers.append(header)
            else:
                super().process_headers([header])


# gunicorn's worker has no setting for it.
wsgi.Response = Response


class Worker(ThreadWorker):
    """gthread: connections are kept alive, and those that were accepted are answered before it stops.

    gthread's threads wait for the bytes of a request and for room to send an answer, so that as many slow clients as
    there are threads would stop it. Here connections do both in the main loop, and no longer than REQUEST_TIMEOUT.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Beside gthread's keepalived_conns, from which nothing has come, and pending_conns, from which too little has:
        # those that have not taken their answer, and those that have taken their last one.
        self.sending_conns: deque[Connection] = deque()
        self.lingering_conns: deque[Connection] = deque()
        # Requests that wait for a thread, the oldest first, and some that have one or are answered by now.
        self.handed_over: deque[tuple[Connection, Future[Any]]] = deque()
        self.next_look = 0.0
        self.told_to_stop: float | None = None
        self.told_to_quit = False
        self.probe_threads = ThreadPoolExecutor(THREADS_FOR_PROBES, thread_name_prefix="probe")

    @property
    def settings(self) -> Settings:
        """The service's."""
        return self.wsgi.config["SETTINGS"]

    def enqueue_req(self, conn: Connection) -> None:
        """Give a request that is whole to a thread."""
        conn.arrived = time.perf_counter()
        if conn.incoming.data.startswith(PROBES):
            self._hand_over(conn, self.probe_threads)
        else:
            self.handed_over.append((conn, self._hand_over(conn, self.tpool)))

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Begin to stop, in the main loop."""
        if self.told_to_stop is None:
            self.told_to_stop = time.monotonic()
            self.method_queue.defer(lambda: None)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Stop at once, from the main loop. Here the main thread may be in the middle of starting a thread, or hold the
        pool's lock, and then the interpreter would wait for ever at its end.
        """
        self.told_to_quit = True
        self.method_queue.defer(lambda: None)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """As gthread's. After a TERM it goes on for DRAIN_SECONDS, in which /ready sends balancers away."""
        if self.told_to_stop is None:
            super().wait_for_and_dispatch_events(timeout)
        else:
            super().wait_for_and_dispatch_events(min(timeout, LOOKS_EVERY_SECONDS))
        if self.told_to_stop is not None:
            self.wsgi.config[operations.STOPPING] = True
            if time.monotonic() >= self.told_to_stop + self.settings.drain_seconds:
                self.alive = False
        if self.told_to_quit:
            raise SystemExit

    def accept(self, listener: socket.socket) -> bool:
        """Take a new connection, and wait for its first request; False when there is none."""
        try:
            client_socket, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        self.nr_conns += 1
        conn = Connection(self.cfg, client_socket, client, listener.getsockname(), self.settings)
        self._wait(conn, self.pending_conns)
        return True

    def on_client_socket_readable(self, conn: Connection, waiting: deque[Connection], _: Any) -> None:
        """Take what has come of a request; a thread gets it when it is whole."""
        self._stop_waiting(conn, waiting)
        if not conn.incoming.data:
            conn.begin()
        if conn.receive():
            self._proceed(conn)
        else:
            self._drop(conn)

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """As gthread's. A client that does not take its answer in time is left."""
        usage.arrived = conn.arrived
        if conn.incoming.cut or self.told_to_stop is not None:
            req.force_close()
        try:
            return super().handle_request(req, conn)
        except TimeoutError:
            self._tell_not_taken(conn)
            return False

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer a request that breaks the rules of HTTP, or whose answer could not be made, with a problem."""
        answer = refusals.refusal(exc, client.head, self.settings.cors_origins)
        try:
            client.sendall(answer)
        except OSError:
            self.log.debug("%s has gone before it was refused", addr)

    def finish_request(self, conn: Connection, fs: Future[Any]) -> None:
        """After a request: send the rest of its answer, then wait for the connection's next one, or end it."""
        conn.kept = not fs.exception() and bool(fs.result())
        if conn.sock.unsent:
            conn.begin()
            self._wait(conn, self.sending_conns)
        else:
            self._answered(conn)

    def murder_pending(self) -> None:
        """End what takes too long: requests to come, answers to be taken, and clients to go after their last answer."""
        now = time.monotonic()
        if now < self.next_look:
            return
        self.next_look = now + LOOKS_EVERY_SECONDS
        for conn in self._overdue(self.pending_conns, now):
            self._refuse(conn, refusals.TooSlow(f"it was not whole after {conn.seconds} s"))
        for conn in self._overdue(self.sending_conns, now):
            self._tell_not_taken(conn)
            self._drop(conn)
        for conn in self._overdue(self.lingering_conns, now):
            self._drop(conn)
        self._find_threads_for_the_overdue()
        self._tell_how_many_wait()
        self._bound_memory()

    def _hand_over(self, conn: Connection, threads: ThreadPoolExecutor) -> Future[Any]:
        def finish(work: Future[Any]) -> None:
            if not work.cancelled():
                self.method_queue.defer(self.finish_request, conn, work)

        work = threads.submit(self.handle, conn)
        work.add_done_callback(finish)
        return work

    def _tell_how_many_wait(self) -> None:
        waiting = sum(not work.running() and not work.done() for _, work in self.handed_over)
        meter.now.requests_waiting(waiting)

    def _find_threads_for_the_overdue(self) -> None:
        """Let the threads for probes answer what waited too long for one of the others; see api/overload.py."""
        longest_ago = time.perf_counter() - self.settings.database_pool_wait
        while self.handed_over:
            conn, work = self.handed_over[0]
            if not work.running() and not work.done():
                if conn.arrived >= longest_ago:
                    return
                if work.cancel():
                    self._hand_over(conn, self.probe_threads)
            self.handed_over.popleft()

    def _cap_keepalive(self, deadline: float) -> None:
        """When stopping: listen no more, and wait no longer for those that have not begun a request."""
        self._stop_listening()
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            if not conn.incoming.data:
                conn.timeout = min(conn.timeout, deadline)

    def _stop_listening(self) -> None:
        """Take who has connected already, and nobody after that: who connects to a socket that is only closed at the
        end, after the last answer, would wait until then and get none.
        """
        for listener in self.sockets:
            while self.nr_conns < self.worker_connections and self.accept(listener):
                pass
            listener.close()

    def _proceed(self, conn: Connection) -> None:
        """Give a request that is whole to a thread; wait for the rest of any other."""
        try:
            whole = conn.incoming.is_whole()
        except errors.ParseException as error:
            self._refuse(conn, error)
            return
        if whole:
            self.enqueue_req(conn)
            return
        conn.go_ahead()
        self._wait(conn, self.pending_conns)

    def _answered(self, conn: Connection) -> None:
        if not conn.kept:
            self._linger(conn)
        elif conn.incoming.data:
            conn.begin()
            self._proceed(conn)
        else:
            conn.timeout = time.monotonic() + (self.cfg.keepalive if self.alive else LINGERS_SECONDS)
            self._wait(conn, self.keepalived_conns)

    def _refuse(self, conn: Connection, error: errors.ParseException) -> None:
        if conn.incoming.data:
            conn.sock.head = bytes(conn.incoming.data[:MOST_BYTES_OF_A_HEAD])
            self.handle_error(None, conn.sock, conn.client, error)
        self._linger(conn)

    def _linger(self, conn: Connection) -> None:
        """End our side. Were the connection closed while the client still sends, it could not read its last answer."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
            return
        conn.timeout = time.monotonic() + LINGERS_SECONDS
        self._wait(conn, self.lingering_conns)

    def _wait(self, conn: Connection, waiting: deque[Connection]) -> None:
        """Have the main loop look after the connection, until its timeout."""
        waiting.append(conn)
        event = selectors.EVENT_READ
        then = self.on_client_socket_readable
        if waiting is self.sending_conns:
            event, then = selectors.EVENT_WRITE, self._on_writable
        elif waiting is self.lingering_conns:
            then = self._on_lingering_readable
        self.poller.register(conn.sock, event, partial(then, conn, waiting))

    def _stop_waiting(self, conn: Connection, waiting: deque[Connection]) -> None:
        waiting.remove(conn)
        self.poller.unregister(conn.sock)

    def _overdue(self, waiting: deque[Connection], now: float) -> list[Connection]:
        """The connections whose time is over, which wait no more."""
        overdue = [conn for conn in waiting if conn.timeout <= now]
        for conn in overdue:
            self._stop_waiting(conn, waiting)
        return overdue

    def _on_writable(self, conn: Connection, waiting: deque[Connection], _: Any) -> None:
        try:
            conn.sock.push()
        except OSError:
            self._stop_waiting(conn, waiting)
            self._drop(conn)
            return
        if not conn.sock.unsent:
            self._stop_waiting(conn, waiting)
            self._answered(conn)

    def _on_lingering_readable(self, conn: Connection, waiting: deque[Connection], _: Any) -> None:
        conn.incoming.data.clear()
        if not conn.receive():
            self._stop_waiting(conn, waiting)
            self._drop(conn)

    def _tell_not_taken(self, conn: Connection) -> None:
        self.log.warning("%s did not take its answer within %s s", conn.client, conn.seconds)

    def _drop(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    def _bound_memory(self) -> None:
        """End the largest of what is under way while all of it together is too large."""
        under_way = [(conn, waiting) for waiting in (self.pending_conns, self.sending_conns) for conn in waiting]
        excess = sum(conn.size for conn, _ in under_way) - MOST_BYTES_KEPT
        if excess <= 0:
            return
        for conn, waiting in sorted(under_way, key=lambda each: each[0].size, reverse=True):
            excess -= conn.size
            self._stop_waiting(conn, waiting)
            if waiting is self.pending_conns:
                self._refuse(conn, refusals.TooMuchUnfinished("too much is under way at the same time"))
            else:
                self._drop(conn)
            if excess <= 0:
                return


class JsonLogger(Logger):
    """gunicorn's logger: what it, the app and the libraries have to say are JSON lines like those of the requests."""

    def setup(self, cfg: Any) -> None:
        """As gunicorn's, with our handler in the place of its own."""
        super().setup(cfg)
        self.error_log.handlers = [JsonLines()]
        logging.getLogger("app").setLevel(self.loglevel)
        logging.getLogger().handlers = [JsonLines()]
