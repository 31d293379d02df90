"""Each request, measured to the last byte of its answer: its ids, its log line, its metrics."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from time import perf_counter
from typing import Any

import uuid_utils

from app.telemetry import log
from app.telemetry.measures import metrics, usage

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

# What the rest of the service leaves in the WSGI environment, and finds there.
REQUEST_ID = "flux.request_id"
CALLER = "flux.caller"
PROBLEM = "flux.problem"

LEVEL_NAMES = {logging.INFO: "info", logging.WARNING: "warning", logging.ERROR: "error"}
# Methods of a caller's own invention would make as many series.
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
OTHER_METHOD = "_OTHER"
UNMATCHED = "unmatched"

HARMLESS_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
# W3C Trace Context, section 3.2.2: version ff and ids of zeros alone are invalid.
TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")

logger = logging.getLogger(__name__)


class MeasuredRequests:
    """WSGI middleware around the whole application. Log lines below `log_level` are left out."""

    def __init__(self, application: Application, log_level: str) -> None:
        self._application = application
        self.min_level = logging.getLevelNamesMapping()[log_level.upper()]

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request = MeasuredRequest(environ, start_response, self.min_level)
        try:
            request.pieces = self._application(environ, request.start_response)
        except BaseException:
            request.failed = True
            request.close()
            raise
        return request


class MeasuredRequest:
    """One request while it runs, and the body of its answer, which the server closes when it was sent or cannot be."""

    def __init__(self, environ: Environ, start_response: StartResponse, min_level: int) -> None:
        self.began = perf_counter()
        self.environ = environ
        self.status = 500
        # The template of its path, as the OpenAPI document writes it; None when the service has no such path.
        self.route: str | None = None
        self.pieces: Iterable[bytes] = ()
        self.failed = False
        self.open = True
        self._start_response = start_response
        self._min_level = min_level
        # A request may run inside another one; what it finds comes back when it ends.
        self._before = (usage.statements, usage.database_seconds, usage.request_id, usage.trace_id)
        usage.request_id = self.id = request_id(environ)
        usage.trace_id = parse_traceparent(environ.get("HTTP_TRACEPARENT"))
        metrics.active_requests.inc()

    def start_response(self, status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        """Start the response as the server does, with the headers that tell about the request."""
        self.status = int(status[:3])
        # Now: Flask takes its request out of the environment when it has answered.
        rule = getattr(self.environ.get("werkzeug.request"), "url_rule", None)
        self.route = template(rule.rule) if rule else None
        headers.append(("X-Request-Id", self.id))
        if self.environ.get("HTTP_X_SERVER_TIMING") == "1":
            headers.append(("Server-Timing", self._server_timing()))
        return self._start_response(status, headers, *more)

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self.pieces
        except Exception:
            self.failed = True
            logger.exception("request %s: the answer broke off", usage.request_id)
            raise

    def close(self) -> None:
        """End the request and what the body still holds; log and count it, once, and whatever goes wrong with that."""
        try:
            close = getattr(self.pieces, "close", None)
            if close is not None:
                close()
        finally:
            if self.open:
                self.open = False
                try:
                    self._report(perf_counter() - self.began)
                except Exception:
                    logger.exception("a request could not be logged or counted")
                _, _, usage.request_id, usage.trace_id = self._before

    def _report(self, seconds: float) -> None:
        method, problem = self.environ["REQUEST_METHOD"], self.environ.get(PROBLEM)
        metrics.active_requests.dec()
        known_method = method if method in METHODS else OTHER_METHOD
        metrics.durations.labels(known_method, self.route or UNMATCHED, self.status).observe(seconds)
        if problem:
            metrics.rejected.labels(problem).inc()
        level = self._level()
        if level >= self._min_level:
            statements, database_seconds = self._used()
            log.write({
                "time": datetime.now(UTC),
                "level": LEVEL_NAMES[level],
                "request_id": self.id,
                "trace_id": usage.trace_id,
                "caller": self.environ.get(CALLER),
                "method": method,
                "route": self.route,
                "status": self.status,
                "problem": problem,
                "duration_ms": int(seconds * 1e6) / 1000,
                "statements": statements,
                "database_ms": int(database_seconds * 1e6) / 1000,
            })  # fmt: skip

    def _level(self) -> int:
        if self.failed:
            return logging.ERROR
        if self.status < 500:
            return logging.INFO
        return logging.WARNING if self.status == 503 else logging.ERROR

    def _used(self) -> tuple[int, float]:
        """How many statements it has sent so far, and how many seconds it has waited for the database's answers."""
        return usage.statements - self._before[0], usage.database_seconds - self._before[1]

    def _server_timing(self) -> str:
        statements, database_seconds = self._used()
        total = (perf_counter() - self.began) * 1000
        return f'db;dur={database_seconds * 1000:.3f};desc="statements: {statements}", total;dur={total:.3f}'


def request_id(environ: Environ) -> str:
    """The caller's X-Request-Id when it is harmless, else one of ours; the same all through the request."""
    known = environ.get(REQUEST_ID)
    if known is None:
        sent = environ.get("HTTP_X_REQUEST_ID")
        harmless = sent and HARMLESS_REQUEST_ID.fullmatch(sent)
        known = environ[REQUEST_ID] = sent if harmless else new_request_id()
    return str(known)


def new_request_id() -> str:
    """An id that no other request has."""
    return str(uuid_utils.uuid7())


def parse_traceparent(traceparent: str | None) -> str | None:
    """The id of the caller's trace; None when the header is absent or malformed (W3C Trace Context, section 3.2)."""
    found = TRACEPARENT.fullmatch(traceparent) if traceparent else None
    # Only later versions may add fields.
    if found is None or (found[1] == "00" and found[3]):
        return None
    return found[2]


def log_rejected(request_id: str, status: int, problem: str) -> None:
    """Log and count a request that never reached the app, so that no more of it is known."""
    metrics.rejected.labels(problem).inc()
    level = logging.ERROR if status == HTTPStatus.INTERNAL_SERVER_ERROR else logging.WARNING
    fields = dict.fromkeys(("trace_id", "caller", "method", "route"))
    log.write(
        {"time": datetime.now(UTC), "level": LEVEL_NAMES[level], "request_id": request_id, **fields}
        | {"status": status, "problem": problem, "duration_ms": None, "statements": 0, "database_ms": 0.0}
    )


@cache
def template(rule: str) -> str:
    """A router's rule as OpenAPI writes it: /tasks/{id} for /tasks/<row_id(…):id>."""
    return re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule)
