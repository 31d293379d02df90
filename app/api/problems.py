"""Errors over HTTP: the one place where an exception becomes application/problem+json (RFC 9457)."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import orjson
from flask import Flask, Response, current_app, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app import errors
from app.api.transaction import KEY_HEADER, OPERATION, WITHIN_BATCH
from app.database.failures import translate_error
from app.telemetry import requests

CONTENT_TYPE = "application/problem+json"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """One kind of problem: its name in the type URI, its HTTP status, its title, and what it means to a caller."""

    name: str
    status: int
    title: str
    meaning: str
    retryable: bool = False

    @property
    def uri(self) -> str:
        """What `type` says; stable for ever."""
        return f"urn:flux:problem:{self.name}"


NOT_JSON = Kind("not-json", 400, "The body is not JSON", "Send the body as UTF-8 JSON text.")
BAD_REQUEST = Kind("bad-request", 400, "The request is malformed", "It breaks the rules of HTTP; correct the client.")
UNAUTHORIZED = Kind(
    "unauthorized", 401, "A key is needed", "Send a known key as X-Flux-Service-Key or as Authorization: Bearer."
)
FORBIDDEN = Kind(
    "forbidden", 403, "The key lacks a scope", "The detail names the scope; use a key that has it, or have one made."
)
NOT_FOUND = Kind("not-found", 404, "There is no such row", "The id is of no row, or the row has been deleted.")
NO_SUCH_PATH = Kind("no-such-path", 404, "There is no such path", "Look the path up in /openapi.json.")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "The path has no such method", "Use one that Allow names.")
VALUE_TAKEN = Kind(
    "value-taken", 409, "A unique value is taken", "Another row has it; `errors` names the fields that must be unique."
)
MISSING_REFERENCE = Kind(
    "missing-reference", 409, "A referenced row does not exist", "`errors` names the field; create that row first."
)
TOO_MANY_AFFECTED = Kind(
    "too-many-affected",
    409,
    "The filter matches too many rows",
    "Nothing was changed; narrow it or raise max_affected.",
)
NOT_A_NUMBER = Kind(
    "not-a-number", 409, "What is to be added to is no number", "Nothing was changed; correct the stored value first."
)
IN_PROGRESS = Kind(
    "in-progress", 409, "The same request is still at work", "Repeat it with the same Idempotency-Key later.", True
)
STALE_VERSION = Kind(
    "stale-version", 412, "The row has moved on", "ETag tells its version now; read the row, and decide anew."
)
CONDITION_FAILED = Kind(
    "condition-failed", 412, "The row does not match the condition", "`current` is the row as it is; decide anew."
)
EXPECTATION_UNMET = Kind(
    "expectation-unmet", 412, "An operation affected other rows than expected", "Nothing of the batch was done."
)
TOO_LARGE = Kind("too-large", 413, "The body is too large", "Send less at once; the detail tells the limit.")
UNSUPPORTED_MEDIA_TYPE = Kind(
    "unsupported-media-type", 415, "The body has another media type", "Send Content-Type: application/json."
)
INVALID_VALUE = Kind(
    "invalid-value", 422, "A value is wrong", "`errors` points to each wrong value and says what it must be."
)
KEY_REUSED = Kind(
    "idempotency-key-reused", 422, "The Idempotency-Key belongs to another request", "Make a new key for each request."
)
UNRESOLVED_REFERENCE = Kind(
    "reference-not-resolved", 422, "A reference leads nowhere", "Nothing of the batch was done; correct the reference."
)
RATE_LIMITED = Kind(
    "rate-limited",
    429,
    "Too many requests",
    "Wait as many seconds as Retry-After says; RateLimit tells what is left.",
    True,
)
UNFORESEEN = Kind(
    "unforeseen", 500, "Something went wrong here", "Not the caller's fault; report the request_id. Retrying may help."
)
UNAVAILABLE = Kind(
    "unavailable",
    503,
    "The database cannot serve now",
    "Nothing was changed. Try again after as many seconds as Retry-After says.",
    True,
)
IN_DOUBT = Kind(
    "in-doubt",
    503,
    "Whether it was written is not known",
    "All of it was written or nothing. `retryable` is true with an Idempotency-Key; else look before you repeat it.",
)
BUSY = Kind("busy", 503, "The service is too busy", "Try again after as many seconds as Retry-After says.", True)
TIMED_OUT = Kind(
    "timed-out",
    504,
    "The database took too long",
    "Nothing was changed. Ask for less, or try again after Retry-After.",
    True,
)
OTHER = Kind("http", 0, "The request failed", "Any other HTTP error; its status and detail say which.")

KINDS = (
    NOT_JSON, BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, NO_SUCH_PATH, METHOD_NOT_ALLOWED,
    VALUE_TAKEN, MISSING_REFERENCE, TOO_MANY_AFFECTED, NOT_A_NUMBER, IN_PROGRESS, STALE_VERSION, CONDITION_FAILED,
    EXPECTATION_UNMET, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID_VALUE, KEY_REUSED, UNRESOLVED_REFERENCE,
    RATE_LIMITED, UNFORESEEN, UNAVAILABLE, IN_DOUBT, BUSY, TIMED_OUT, OTHER,
)  # fmt: skip

KIND_OF_ERROR: dict[type[errors.ServiceError], Kind] = {
    errors.NotJson: NOT_JSON,
    errors.Invalid: INVALID_VALUE,
    errors.NotFound: NOT_FOUND,
    errors.Conflict: VALUE_TAKEN,
    errors.MissingReference: MISSING_REFERENCE,
    errors.TooManyAffected: TOO_MANY_AFFECTED,
    errors.NotANumber: NOT_A_NUMBER,
    errors.InProgress: IN_PROGRESS,
    errors.Stale: STALE_VERSION,
    errors.ConditionFailed: CONDITION_FAILED,
    errors.ExpectationUnmet: EXPECTATION_UNMET,
    errors.KeyReused: KEY_REUSED,
    errors.UnresolvedReference: UNRESOLVED_REFERENCE,
    errors.Unavailable: UNAVAILABLE,
    errors.InDoubt: IN_DOUBT,
    errors.Busy: BUSY,
    errors.TimedOut: TIMED_OUT,
}


class Unauthorized(HTTPException):
    """The request carries no key, or one that nobody holds."""

    code = 401


class Forbidden(HTTPException):
    """The caller's key has no scope for this; `scope` is the one that would do."""

    code = 403

    def __init__(self, description: str, scope: str) -> None:
        super().__init__(description)
        self.scope = scope


class UnsupportedMediaType(HTTPException):
    """The body says that it is something else than JSON; `accept_patch` are the types that a PATCH takes."""

    code = 415

    def __init__(self, description: str, accept_patch: str | None = None) -> None:
        super().__init__(description)
        self.accept_patch = accept_patch


class InvalidPath(HTTPException):
    """A part of the path is malformed, an id that is not a UUID for one."""

    code = 422


def init_app(app: Flask) -> None:
    """Answer every error of the app as a problem."""
    app.register_error_handler(Exception, answer)


def answer(error: Exception) -> Response:
    """The problem that this exception is to a caller."""
    if WITHIN_BATCH in request.environ:
        # It undoes the whole batch, whose answer it will be.
        request.environ[WITHIN_BATCH].error = error
        return Response(status=500)
    if isinstance(error, HTTPException):
        return _of_http_error(error)
    if isinstance(error, ParseException):
        return _response(BAD_REQUEST, "The body is not made of chunks, as Transfer-Encoding says. Correct the client.")
    known = error if isinstance(error, errors.ServiceError) else translate_error(error)
    if known is None:
        return _of_unforeseen(error)
    if isinstance(known, errors.Unavailable) and known.__cause__:
        # Without a stack: in an outage there is one for each request, and all are alike.
        cause = str(known.__cause__).partition("\n")[0]
        log.warning("request %s: %s (%s)", request_id(), known.detail, cause)
    return _of_service_error(known)


def request_id() -> str:
    """The caller's X-Request-Id when it is harmless, else one of ours; the same all through the request."""
    return requests.request_id(request.environ)


def document(
    kind: Kind,
    detail: str,
    instance: str,
    request_id: str,
    faults: Sequence[errors.Fault] = (),
    hint: str | None = None,
    status: int | None = None,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> bytes:
    """The problem's JSON text; `more` are members of its own."""
    problem: dict[str, Any] = {
        "type": kind.uri,
        "title": kind.title,
        "status": status or kind.status,
        "detail": detail,
        "instance": instance,
        "request_id": request_id,
        "retryable": kind.retryable,
    }
    if faults:
        problem["errors"] = [
            {"pointer": fault.pointer, "detail": fault.detail} for fault in faults[: errors.MAX_FAULTS]
        ]
    if hint:
        problem["hint"] = hint
    problem |= more
    return orjson.dumps(problem, default=str)


def _of_service_error(error: errors.ServiceError) -> Response:
    kind = next(KIND_OF_ERROR[base] for base in type(error).__mro__ if base in KIND_OF_ERROR)
    more: dict[str, Any] = {}
    if isinstance(error, errors.ConditionFailed):
        more["current"] = orjson.Fragment(error.current)
    if isinstance(error, errors.InDoubt):
        more["retryable"] = KEY_HEADER in request.headers
    response = _response(kind, error.detail, error.faults, error.hint, more=more)
    if isinstance(error, errors.Unavailable | errors.InProgress):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Stale | errors.ConditionFailed):
        response.headers["ETag"] = f'"{error.version}"'
    return response


def _of_unforeseen(error: Exception) -> Response:
    log.error("request %s: unforeseen %s", request_id(), type(error).__name__, exc_info=error)
    return _response(
        UNFORESEEN, "The service met an error that nobody foresaw. Report the request_id to its operators."
    )


def _of_http_error(error: HTTPException) -> Response:
    asked = request.environ.get(OPERATION, request)
    method, path = asked.method, asked.path
    if isinstance(error, MethodNotAllowed):
        methods = ", ".join(sorted(error.valid_methods or ()))
        response = _response(METHOD_NOT_ALLOWED, f"{method} is not possible here. Possible are: {methods}.")
        response.headers["Allow"] = methods
        return response
    if error.code == HTTPStatus.NOT_FOUND:
        detail = f"There is no path {path}. All paths are listed in /openapi.json."
        return _response(NO_SUCH_PATH, detail, hint=_path_hint(path))
    if error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        limit = current_app.config["MAX_CONTENT_LENGTH"]
        return _response(TOO_LARGE, f"The body is larger than the {limit} bytes that one request may have.")
    kind = next((kind for kind in KINDS if kind.status == error.code and kind is not NOT_JSON), OTHER)
    detail = (error.description or kind.meaning).rstrip(".") + "."
    response = _response(kind, detail, status=error.code)
    if isinstance(error, UnsupportedMediaType) and error.accept_patch:
        # RFC 5789, section 2.2.
        response.headers["Accept-Patch"] = error.accept_patch
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="flux-dao"'
    if isinstance(error, Forbidden):
        # RFC 6750, section 3.1.
        challenge = f'Bearer realm="flux-dao", error="insufficient_scope", scope="{error.scope}"'
        response.headers["WWW-Authenticate"] = challenge
    return response


def _response(
    kind: Kind,
    detail: str,
    faults: Sequence[errors.Fault] = (),
    hint: str | None = None,
    status: int | None = None,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> Response:
    operation = request.environ.get(OPERATION)
    if operation:
        more = {**more, "operation": operation.as_document()}
    body = document(kind, detail, quote(request.path), request_id(), faults, hint, status, more)
    request.environ[requests.PROBLEM] = kind.name
    return Response(body, status or kind.status, content_type=CONTENT_TYPE)


def _path_hint(path: str) -> str | None:
    close = get_close_matches(path.rstrip("/"), list(_plain_paths()), n=1)
    return f"Did you mean {close[0]}?" if close else None


def _plain_paths() -> Iterator[str]:
    for rule in current_app.url_map.iter_rules():
        if not rule.arguments:
            yield rule.rule
