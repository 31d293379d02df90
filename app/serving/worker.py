"""gunicorn's threaded worker, with our own answers to requests that it cannot read.

It overrides `handle_error`, by which gunicorn answers what never reaches the app, and `set_accept_enabled`, which it
calls when a worker begins to stop; and gunicorn's log leaves requests out. Nothing else of it is ours.
"""

import contextlib
import logging
import socket
from http import HTTPStatus
from typing import Any

from gunicorn import glogging
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from app.api import headers, problems
from app.telemetry.requests import log_rejected, new_request_id

STATUSES: dict[type[Exception], HTTPStatus] = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}
HINT_FOR_LONG_URLS = "Send the query in a body: POST /api/v1/batch takes a GET with its parameters in `query`."

log = logging.getLogger(__name__)


class Worker(ThreadWorker):
    """gthread, for a service whose every error is application/problem+json."""

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer a request that breaks the rules of HTTP, or whose answer failed outside the app, with a problem."""
        with contextlib.suppress(OSError):
            client.sendall(_problem(exc))

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take connections or not. When the worker stops, whoever connects is refused at once."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                listener.close()


class Logger(glogging.Logger):
    """gunicorn's log without requests, of which the app writes a line itself."""

    def access(self, *_: Any) -> None:
        """Gather nothing, where gunicorn would gather some sixty values of each request before it drops them."""


def _problem(error: Exception) -> bytes:
    """The whole answer to a request that ended in this error, which is logged and counted."""
    request_id = new_request_id()
    if isinstance(error, errors.ParseException):
        kind, status = problems.KIND["bad-request"], STATUSES.get(type(error), HTTPStatus.BAD_REQUEST)
        detail = f"The request cannot be served: {error}."
    else:
        kind, status = problems.KIND["unforeseen"], HTTPStatus.INTERNAL_SERVER_ERROR
        detail = kind.meaning
        log.error("request %s: unforeseen", request_id, exc_info=error)
    # Not with the error's own words, which repeat what was sent, and that may be a key.
    log_rejected(request_id, status, kind.name)
    hint = HINT_FOR_LONG_URLS if status == HTTPStatus.REQUEST_URI_TOO_LONG else None
    body = problems.document(kind, detail, "/", request_id, status, hint=hint)
    fields = [
        ("Connection", "close"),
        ("Content-Type", problems.CONTENT_TYPE),
        ("Content-Length", str(len(body))),
        ("X-Request-Id", request_id),
        *headers.OF_ANSWERS,
    ]
    head = f"HTTP/1.1 {status} {status.phrase}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields)
    return head.encode("ascii") + b"\r\n" + body
