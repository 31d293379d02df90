"""Errors over HTTP: the one place where an exception becomes application/problem+json (RFC 9457)."""

import logging
from collections.abc import Mapping
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
from app.database import migrations
from app.database.failures import schema_differs
from app.telemetry import requests

CONTENT_TYPE = "application/problem+json"
REALM = 'Bearer realm="flux-dao"'

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
        """What `type` says, and where the problem is explained; stable for ever, as `code` is."""
        return f"/problems/{self.name}"

    @property
    def code(self) -> str:
        """What `code` says: the same as a URN, which needs no server."""
        return f"urn:flux:problem:{self.name}"


KINDS = (
    Kind("not-json", 400, "The body is not JSON", "Send the body as UTF-8 JSON text."),
    Kind("bad-request", 400, "The request is malformed", "It breaks the rules of HTTP; correct the client."),
    Kind("unauthorized", 401, "A key is needed", "Send a key as X-Flux-Service-Key or as Authorization: Bearer."),
    Kind("forbidden", 403, "The key lacks a scope", "The detail names the scope; use a key that has it."),
    Kind("not-found", 404, "There is no such row", "The id is of no row, or the row has been deleted."),
    Kind("no-such-path", 404, "There is no such path", "Look the path up in /openapi.json."),
    Kind("method-not-allowed", 405, "The path has no such method", "Use one that Allow names."),
    Kind("value-taken", 409, "A unique value is taken", "Another row has it; `errors` names the fields of the key."),
    Kind("missing-reference", 409, "A referenced row does not exist", "Create the row that `errors` names first."),
    Kind("too-many-affected", 409, "The filter matches too many rows", "Narrow it, or raise max_affected."),
    Kind("not-a-number", 409, "What is to be added to is no number", "Correct the stored value first."),
    Kind("in-progress", 409, "The same request is still at work", "Repeat it with the same key later.", retryable=True),
    Kind("stale-version", 412, "The row has moved on", "`current` is the row, ETag its version; decide anew."),
    Kind("condition-failed", 412, "The row does not match the condition", "`current` is the row; decide anew."),
    Kind("expectation-unmet", 412, "An operation affected other rows than expected", "Nothing of the batch was done."),
    Kind("too-large", 413, "The body is too large", "Send less at once; the detail tells the limit."),
    Kind("unsupported-media-type", 415, "The body has another media type", "Send Content-Type: application/json."),
    Kind("invalid-value", 422, "A value is wrong", "`errors` points to each wrong value and says what it must be."),
    Kind("idempotency-key-reused", 422, "The Idempotency-Key belongs to another request", "Make a new key for each."),
    Kind("reference-not-resolved", 422, "A reference leads nowhere", "Nothing of the batch was done; correct it."),
    Kind("rate-limited", 429, "Too many requests", "Wait as many seconds as Retry-After says.", retryable=True),
    Kind("unforeseen", 500, "Something went wrong here", "Not the caller's fault; report the request_id."),
    Kind("unavailable", 503, "The database cannot serve now", "Nothing was changed. Try again later.", retryable=True),
    Kind("in-doubt", 503, "Whether it was written is not known", "Repeat it with its Idempotency-Key, or look first."),
    Kind(
        "busy", 503, "The service is too busy", "Try again after as many seconds as Retry-After says.", retryable=True
    ),
    Kind("timed-out", 504, "The database took too long", "Ask for less, or try again later.", retryable=True),
    Kind("http", 0, "The request failed", "Any other HTTP error; its status and detail say which."),
)
KIND = {kind.name: kind for kind in KINDS}


class RequestError(HTTPException):
    """What a request cannot be served for; `headers` go with the answer."""

    def __init__(self, description: str, **headers: str) -> None:
        super().__init__(description)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Unauthorized(RequestError):
    """The request carries no key, or one that nobody holds."""

    code = 401

    def __init__(self, description: str) -> None:
        super().__init__(description, WWW_Authenticate=REALM)


class Forbidden(RequestError):
    """The caller's key has no scope for this; `scope` is the one that would do."""

    code = 403

    def __init__(self, description: str, scope: str) -> None:
        # RFC 6750, section 3.1.
        super().__init__(description, WWW_Authenticate=f'{REALM}, error="insufficient_scope", scope="{scope}"')


class UnsupportedMediaType(RequestError):
    """The body says that it is something else than JSON; a PATCH names the types that it takes in Accept-Patch."""

    code = 415


class InvalidPath(RequestError):
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
        return _response(
            "bad-request", "The body is not made of chunks, as Transfer-Encoding says. Correct the client."
        )
    known = error if isinstance(error, errors.ServiceError) else None
    if known is None and schema_differs(error) and (reason := migrations.not_ready_reason()):
        known = errors.Unavailable(reason)
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
    kind: Kind, detail: str, instance: str, request_id: str, status: int | None = None, **members: Any
) -> bytes:
    """The problem's JSON text, with those members of its own that have a value."""
    problem = {
        "type": kind.uri,
        "code": kind.code,
        "title": kind.title,
        "status": status or kind.status,
        "detail": detail,
        "instance": instance,
        "request_id": request_id,
        "retryable": kind.retryable,
    }
    return orjson.dumps(problem | {name: value for name, value in members.items() if value}, default=str)


def _of_service_error(error: errors.ServiceError) -> Response:
    members: dict[str, Any] = {"errors": error.faults[: errors.MAX_FAULTS], "hint": error.hint}
    headers = {}
    if isinstance(error, errors.ConditionFailed):
        members["current"] = orjson.Fragment(error.current) if error.current else None
        headers["ETag"] = f'"{error.version}"'
    if isinstance(error, errors.InDoubt):
        members["retryable"] = KEY_HEADER in request.headers
    if isinstance(error, errors.Unavailable | errors.InProgress):
        headers["Retry-After"] = str(error.retry_after)
    return _response(error.kind, error.detail, headers, **members)


def _of_unforeseen(error: Exception) -> Response:
    log.error("request %s: unforeseen %s", request_id(), type(error).__name__, exc_info=error)
    return _response(
        "unforeseen", "The service met an error that nobody foresaw. Report the request_id to its operators."
    )


def _of_http_error(error: HTTPException) -> Response:
    operation = request.environ.get(OPERATION, request)
    if isinstance(error, MethodNotAllowed):
        methods = ", ".join(sorted(error.valid_methods or ()))
        detail = f"{operation.method} is not possible here. Possible are: {methods}."
        return _response("method-not-allowed", detail, {"Allow": methods})
    if error.code == HTTPStatus.NOT_FOUND and "\ufffd" in operation.path:
        return _response(
            "invalid-value", "The path is not UTF-8 text, or has U+FFFD in it, which stands for what is not."
        )
    if error.code == HTTPStatus.NOT_FOUND:
        detail = f"There is no path {operation.path}. All paths are listed in /openapi.json."
        return _response("no-such-path", detail, hint=_path_hint(operation.path))
    if error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        limit = current_app.config["MAX_CONTENT_LENGTH"]
        return _response("too-large", f"The body is larger than the {limit} bytes that one request may have.")
    kind = next((kind for kind in KINDS[1:] if kind.status == error.code), KIND["http"])
    detail = (error.description or kind.meaning).rstrip(".") + "."
    return _response(kind.name, detail, getattr(error, "headers", {}), error.code)


def _response(
    name: str, detail: str, headers: Mapping[str, str] = MappingProxyType({}), status: int | None = None, **members: Any
) -> Response:
    kind, operation = KIND[name], request.environ.get(OPERATION)
    if operation:
        members["operation"] = operation.as_document()
    body = document(kind, detail, quote(request.path), request_id(), status, **members)
    request.environ[requests.PROBLEM] = name
    return Response(body, status or kind.status, headers, content_type=CONTENT_TYPE)


def _path_hint(path: str) -> str | None:
    plain = [rule.rule for rule in current_app.url_map.iter_rules() if not rule.arguments]
    close = get_close_matches(path.rstrip("/"), plain, n=1)
    return f"Did you mean {close[0]}?" if close else None
