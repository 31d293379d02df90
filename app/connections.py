"""A client's connection: what it has sent of its next request, and what it has not yet taken of its last answer."""

import contextlib
import select
import socket
import time
from typing import Any

from gunicorn import http
from gunicorn.workers.gthread import TConn

from app.config import Settings
from app.incoming import Incoming

RECEIVED_AT_ONCE = 256 * 1024
# A page of the longest rows, or the largest file of the docs page. A thread waits only with more than that.
MOST_BYTES_UNSENT = 2 * 1024 * 1024
GO_AHEAD = b"HTTP/1.1 100 Continue\r\n\r\n"


class PatientSocket(socket.socket):
    """A socket that never blocks: what a client does not take at once is kept in `unsent`, to be pushed later."""

    def __init__(self, accepted: socket.socket, seconds: int) -> None:
        super().__init__(fileno=accepted.detach())
        super().setblocking(False)
        self.seconds = seconds
        self.unsent = bytearray()
        # Of the request that is being answered; the server's own answers have its ids.
        self.head = b""

    def setblocking(self, flag: bool) -> None:
        """Stay as it is; gthread would have it block during each request."""

    def settimeout(self, value: float | None) -> None:
        """Stay as it is; behind an answer that broke off, gunicorn would have a thread wait for the client to go."""

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send the data, or keep them. Raises TimeoutError when too much is kept for longer than `seconds`."""
        sent = 0 if self.unsent else self._send(data)
        if sent < len(data):
            self.unsent += memoryview(data)[sent:]
        if len(self.unsent) > MOST_BYTES_UNSENT:
            self._wait_until_taken()

    def push(self) -> None:
        """Send as much of what is kept as the client takes now."""
        del self.unsent[: self._send(self.unsent)]

    def close(self) -> None:
        """Close it. The server does so when an answer breaks off, and then nobody can push what is left."""
        self.unsent.clear()
        super().close()

    def _send(self, data: Any) -> int:
        try:
            return self.send(data)
        except BlockingIOError:
            return 0

    def _wait_until_taken(self) -> None:
        poll = select.poll()
        poll.register(self, select.POLLOUT)
        deadline = time.monotonic() + self.seconds
        while self.unsent:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                self.unsent.clear()
                raise TimeoutError
            self.push()


class Connection(TConn):
    """gthread's connection. Only the main loop receives from it; a thread finds its request there, and whole."""

    def __init__(self, cfg: Any, accepted: socket.socket, client: Any, server: Any, settings: Settings) -> None:
        self.seconds = settings.request_timeout
        super().__init__(cfg, PatientSocket(accepted, self.seconds), client, server)
        self.incoming = Incoming(settings.max_body_bytes)
        # By the performance counter, when its request was whole.
        self.arrived = 0.0
        # Whether it may bring another request.
        self.kept = True
        self.begin()
        # The parser finds a whole request and then the end, so that it never waits.
        self.data_ready = True
        self.parser = http.get_parser(cfg, (), client)

    @property
    def size(self) -> int:
        """How many bytes are kept for it."""
        return len(self.incoming.data) + len(self.sock.unsent)

    def begin(self) -> None:
        """From now on runs the time in which its request must become whole, or its answer be taken."""
        self.timeout = time.monotonic() + self.seconds

    def receive(self) -> bool:
        """Take what has come; False when the client is gone."""
        try:
            piece = self.sock.recv(RECEIVED_AT_ONCE)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.incoming.add(piece)
        return bool(piece)

    def go_ahead(self) -> None:
        """Tell a client that waits for it to send the body (RFC 9110, section 10.1.1)."""
        if self.incoming.expects_to_continue:
            self.incoming.expects_to_continue = False
            with contextlib.suppress(OSError):
                self.sock.send(GO_AHEAD)

    def init(self) -> None:
        """Give the parser the request's bytes; gthread calls this in the thread, before each request."""
        end_of_head = self.incoming.end_of_head
        request = self.incoming.take()
        self.sock.head = request[:end_of_head]
        self.parser.unreader.unread(request)
