"""gunicorn's threaded worker, with our problems where a request is too broken to reach the app."""

from http import HTTPStatus
from typing import Any

import uuid_utils
from gunicorn.http import errors, message
from gunicorn.workers import base
from gunicorn.workers.gthread import ThreadWorker

from app.api import problems

# A thousand ids in a query are 39,000 bytes, and gunicorn by itself allows no setting above 8190.
LONGEST_REQUEST_LINE = message.MAX_REQUEST_LINE = 65_536

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
        if broken:
            self.log.warning("request %s from %s: %s", request_id, addr, exc)
        else:
            self.log.exception("request %s: unforeseen", request_id)
        try:
            client.sendall(_response(exc, broken, request_id))
        except OSError:
            self.log.debug("the client of request %s has gone", request_id)


def _response(error: Exception, broken: bool, request_id: str) -> bytes:
    status = STATUS_OF_ERROR.get(type(error), HTTPStatus.BAD_REQUEST if broken else HTTPStatus.INTERNAL_SERVER_ERROR)
    kind = problems.BAD_REQUEST if broken else problems.UNFORESEEN
    detail = f"The request cannot be read: {error}." if broken else kind.meaning
    body = problems.document(kind, detail, "/", request_id, status=status)
    head = (
        f"HTTP/1.1 {status} {status.phrase}\r\nConnection: close\r\n"
        f"Content-Type: {problems.CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
