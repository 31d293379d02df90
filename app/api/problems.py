"""Errors over HTTP: the one place where an exception becomes application/problem+json (RFC 9457)."""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson
import uuid_utils
from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app import errors
from app.database.failures import in_our_words

CONTENT_TYPE = "application/problem+json"
HARMLESS_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """One kind of problem: its name in the type URI, its HTTP status, its title, and what it means to a caller."""

    name: str
    status: int
    title: str
    meaning: str

    @property
    def uri(self) -> str:
        """What `type` says; stable for ever."""
        return f"urn:flux:problem:{self.name}"


NOT_JSON = Kind("not-json", 400, "The body is not JSON", "Send the body as UTF-8 JSON text.")
BAD_REQUEST = Kind("bad-request", 400, "The request is malformed", "It breaks the rules of HTTP; correct the client.")
UNAUTHORIZED = Kind(
    "unauthorized", 401, "A key is needed", "Send a known key as X-Flux-Service-Key or as Authorization: Bearer."
)
NOT_FOUND = Kind("not-found", 404, "There is no such row", "The id is of no row, or the row has been deleted.")
NO_SUCH_PATH = Kind("no-such-path", 404, "There is no such path", "Look the path up in /openapi.json.")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "The path has no such method", "Use one that Allow names.")
TOO_SLOW = Kind(
    "too-slow", 408, "The request took too long to arrive", "Send it again, and all of it within the time told."
)
VALUE_TAKEN = Kind(
    "value-taken", 409, "A unique value is taken", "Another row has it; `errors` names the fields that must be unique."
)
MISSING_REFERENCE = Kind(
    "missing-reference", 409, "A referenced row does not exist", "`errors` names the field; create that row first."
)
TOO_LARGE = Kind("too-large", 413, "The body is too large", "Send less at once; the detail tells the limit.")
UNSUPPORTED_MEDIA_TYPE = Kind(
    "unsupported-media-type", 415, "The body has another media type", "Send Content-Type: application/json."
)
INVALID_VALUE = Kind(
    "invalid-value", 422, "A value is wrong", "`errors` points to each wrong value and says what it must be."
)
UNFORESEEN = Kind(
    "unforeseen", 500, "Something went wrong here", "Not the caller's fault; report the request_id. Retrying may help."
)
UNAVAILABLE = Kind(
    "unavailable", 503, "The database cannot serve now", "Try again after as many seconds as Retry-After says."
)
BUSY = Kind("busy", 503, "The service is too busy", "Try again after as many seconds as Retry-After says.")
OTHER = Kind("http", 0, "The request failed", "Any other HTTP error; its status and detail say which.")

KINDS = (
    NOT_JSON, BAD_REQUEST, UNAUTHORIZED, NOT_FOUND, NO_SUCH_PATH, METHOD_NOT_ALLOWED, TOO_SLOW, VALUE_TAKEN,
    MISSING_REFERENCE, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID_VALUE, UNFORESEEN, UNAVAILABLE, BUSY, OTHER,
)  # fmt: skip

KIND_OF_ERROR: dict[type[errors.ServiceError], Kind] = {
    errors.NotJson: NOT_JSON,
    errors.Invalid: INVALID_VALUE,
    errors.NotFound: NOT_FOUND,
    errors.Conflict: VALUE_TAKEN,
    errors.MissingReference: MISSING_REFERENCE,
    errors.Unavailable: UNAVAILABLE,
    errors.Busy: BUSY,
}


class Unauthorized(HTTPException):
    """The request carries no key, or one that nobody holds."""

    code = 401


class UnsupportedMediaType(HTTPException):
    """The body says that it is something else than JSON."""

    code = 415


class InvalidPath(HTTPException):
    """A part of the path is malformed, an id that is not a UUID for one."""

    code = 422


def init_app(app: Flask) -> None:
    """Answer every error of the app as a problem."""
    app.register_error_handler(Exception, answer)


def answer(error: Exception) -> Response:
    """The problem that this exception is to a caller."""
    if isinstance(error, HTTPException):
        return _of_http_error(error)
    known = error if isinstance(error, errors.ServiceError) else in_our_words(error)
    if known is None:
        return _of_unforeseen(error)
    if isinstance(known, errors.Unavailable):
        log.warning("request %s: %s", request_id(), known.detail, exc_info=known.__cause__)
    return _of_service_error(known)


def request_id() -> str:
    """The caller's X-Request-Id when it is harmless, else one of ours; the same all through the request."""
    if "request_id" not in g:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if HARMLESS_REQUEST_ID.fullmatch(given) else str(uuid_utils.uuid7())
    return str(g.request_id)


def document(
    kind: Kind,
    detail: str,
    instance: str,
    request_id: str,
    faults: Sequence[errors.Fault] = (),
    hint: str | None = None,
    status: int | None = None,
) -> bytes:
    """The problem's JSON text."""
    problem: dict[str, Any] = {
        "type": kind.uri,
        "title": kind.title,
        "status": status or kind.status,
        "detail": detail,
        "instance": instance,
        "request_id": request_id,
    }
    if faults:
        problem["errors"] = [
            {"pointer": fault.pointer, "detail": fault.detail} for fault in faults[: errors.MOST_FAULTS_TOLD]
        ]
    if hint:
        problem["hint"] = hint
    return orjson.dumps(problem, default=str)


def _of_service_error(error: errors.ServiceError) -> Response:
    kind = next(KIND_OF_ERROR[base] for base in type(error).__mro__ if base in KIND_OF_ERROR)
    response = _response(kind, error.detail, error.faults, error.hint)
    if isinstance(error, errors.Unavailable):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _of_unforeseen(error: Exception) -> Response:
    log.error("request %s: unforeseen %s", request_id(), type(error).__name__, exc_info=error)
    return _response(
        UNFORESEEN, "The service met an error that nobody foresaw. Report the request_id to its operators."
    )


def _of_http_error(error: HTTPException) -> Response:
    if isinstance(error, MethodNotAllowed):
        methods = ", ".join(sorted(error.valid_methods or ()))
        response = _response(METHOD_NOT_ALLOWED, f"{request.method} is not possible here. Possible are: {methods}.")
        response.headers["Allow"] = methods
        return response
    if error.code == HTTPStatus.NOT_FOUND:
        detail = f"There is no path {request.path}. All paths are listed in /openapi.json."
        return _response(NO_SUCH_PATH, detail, hint=_path_hint())
    if error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        limit = current_app.config["MAX_CONTENT_LENGTH"]
        return _response(TOO_LARGE, f"The body is larger than the {limit} bytes that one request may have.")
    kind = next((kind for kind in KINDS if kind.status == error.code and kind is not NOT_JSON), OTHER)
    detail = (error.description or kind.meaning).rstrip(".") + "."
    response = _response(kind, detail, status=error.code)
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="flux-dao"'
    return response


def _response(
    kind: Kind,
    detail: str,
    faults: Sequence[errors.Fault] = (),
    hint: str | None = None,
    status: int | None = None,
) -> Response:
    body = document(kind, detail, quote(request.path), request_id(), faults, hint, status)
    response = Response(body, status or kind.status, content_type=CONTENT_TYPE)
    response.headers["X-Request-Id"] = request_id()
    return response


def _path_hint() -> str | None:
    close = get_close_matches(request.path.rstrip("/"), list(_plain_paths()), n=1)
    return f"Did you mean {close[0]}?" if close else None


def _plain_paths() -> Iterator[str]:
    for rule in current_app.url_map.iter_rules():
        if not rule.arguments:
            yield rule.rule
