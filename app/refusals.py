"""The answers to requests that Flask never sees: they break the rules of HTTP, take too long, or fail in the server."""

import logging
import re
from collections.abc import Collection
from http import HTTPStatus

from gunicorn.http import errors

from app.api import headers, problems
from app.errors import Busy
from app.incoming import BodyTooLarge
from app.telemetry.requests import request_id_of, tell_of_unreadable
from app.telemetry.trace_context import trace_context

HEEDED = re.compile(rb"\r\n(X-Request-Id|traceparent|Origin):[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)", re.IGNORECASE)

log = logging.getLogger(__name__)


class TooSlow(errors.ParseException):
    """The request was not whole when its time was over."""


class TooMuchUnfinished(errors.ParseException):
    """Requests and answers that are under way fill the memory that is meant for them."""


ANSWERS: dict[type[Exception], tuple[problems.Kind, HTTPStatus]] = {
    TooSlow: (problems.TOO_SLOW, HTTPStatus.REQUEST_TIMEOUT),
    TooMuchUnfinished: (problems.BUSY, HTTPStatus.SERVICE_UNAVAILABLE),
    BodyTooLarge: (problems.TOO_LARGE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    errors.LimitRequestLine: (problems.BAD_REQUEST, HTTPStatus.REQUEST_URI_TOO_LONG),
    errors.LimitRequestHeaders: (problems.BAD_REQUEST, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    errors.ExpectationFailed: (problems.BAD_REQUEST, HTTPStatus.EXPECTATION_FAILED),
    errors.UnsupportedTransferCoding: (problems.BAD_REQUEST, HTTPStatus.NOT_IMPLEMENTED),
}


def refusal(error: Exception, head: bytes, cors_origins: Collection[str]) -> bytes:
    """The whole answer to a request that ends in this error, which is logged. `head` is what has come of its head."""
    given = _heeded(head)
    broken = isinstance(error, errors.ParseException | errors.ExpectationFailed)
    request_id, traceparent = request_id_of(given.get("x-request-id")), given.get("traceparent")
    kind, status = _kind(error, broken)
    if broken:
        # The error's own words repeat what was sent, and that may be a key.
        tell_of_unreadable(request_id, trace_context(traceparent).trace_id if traceparent else None, status, kind.name)
    else:
        log.error("request %s: unforeseen", request_id, exc_info=error)
    detail = f"The request cannot be served: {error}." if broken else kind.meaning
    body = problems.document(kind, detail, "/", request_id, status=status)
    return _response(status, body, request_id, headers.readable_by(given.get("origin"), cors_origins))


def _heeded(head: bytes) -> dict[str, str]:
    """The headers, as far as they have come, that an answer depends on which no handler gives."""
    fields = head.partition(b"\r\n\r\n")[0] + b"\r\n"
    return {name.decode().lower(): value.decode("latin-1") for name, value in HEEDED.findall(fields)}


def _kind(error: Exception, broken: bool) -> tuple[problems.Kind, HTTPStatus]:
    if not broken:
        return problems.UNFORESEEN, HTTPStatus.INTERNAL_SERVER_ERROR
    return ANSWERS.get(type(error), (problems.BAD_REQUEST, HTTPStatus.BAD_REQUEST))


def _response(status: HTTPStatus, body: bytes, request_id: str, more: headers.Headers) -> bytes:
    lines = [
        ("Connection", "close"),
        ("Content-Type", problems.CONTENT_TYPE),
        ("Content-Length", str(len(body))),
        ("X-Request-Id", request_id),
        *headers.OF_ANSWERS,
        *more,
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        lines.append(("Retry-After", str(Busy.retry_after)))
    head = f"HTTP/1.1 {status} {status.phrase}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines)
    return head.encode("ascii") + b"\r\n" + body
