"""gunicorn's threaded worker, with our problems where a request is too broken to reach the app, and its log as JSON."""

import logging
from http import HTTPStatus
from typing import Any

import uuid_utils
from gunicorn.glogging import Logger
from gunicorn.http import errors
from gunicorn.workers import base
from gunicorn.workers.gthread import ThreadWorker

from app.api import problems
from app.telemetry.log import JsonLines
from app.telemetry.requests import tell_of_unreadable

STATUS_OF_ERROR: dict[type[Exception], HTTPStatus] = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}


class Worker(ThreadWorker):
    """gthread: connections are kept alive, and those that were accepted are answered before it stops."""

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Stop at once. ThreadWorker would shut its thread pool down in here, and wait for ever for the pool's lock
        when the signal came in the moment in which the main thread held it.
        """
        base.Worker.handle_quit(self, sig, frame)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer a request that breaks the rules of HTTP, or whose answer could not be made, with a problem."""
        broken = isinstance(exc, errors.ParseException | errors.ExpectationFailed)
        request_id = str(uuid_utils.uuid7())
        status = _status(exc, broken)
        kind = problems.BAD_REQUEST if broken else problems.UNFORESEEN
        if broken:
            # The error's own words repeat what was sent, and that may be a key.
            tell_of_unreadable(request_id, status, kind.name)
        else:
            self.log.exception("request %s: unforeseen", request_id)
        detail = f"The request cannot be read: {exc}." if broken else kind.meaning
        try:
            client.sendall(_response(kind, status, detail, request_id))
        except OSError:
            self.log.debug("the client of request %s has gone", request_id)


def _status(error: Exception, broken: bool) -> HTTPStatus:
    return STATUS_OF_ERROR.get(type(error), HTTPStatus.BAD_REQUEST if broken else HTTPStatus.INTERNAL_SERVER_ERROR)


def _response(kind: problems.Kind, status: HTTPStatus, detail: str, request_id: str) -> bytes:
    body = problems.document(kind, detail, "/", request_id, status=status)
    head = (
        f"HTTP/1.1 {status} {status.phrase}\r\nConnection: close\r\nX-Request-Id: {request_id}\r\n"
        f"Content-Type: {problems.CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


class JsonLogger(Logger):
    """gunicorn's logger: what it, the app and the libraries have to say are JSON lines like those of the requests."""

    def setup(self, cfg: Any) -> None:
        """As gunicorn's, with our handler in the place of its own."""
        super().setup(cfg)
        self.error_log.handlers = [JsonLines()]
        logging.getLogger("app").setLevel(self.loglevel)
        logging.getLogger().handlers = [JsonLines()]
