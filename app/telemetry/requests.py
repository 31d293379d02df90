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
from app.telemetry.meters import meter
from app.telemetry.usage import usage

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

# What the rest of the service leaves in the WSGI environment, and finds there.
REQUEST_ID = "flux.request_id"
CALLER = "flux.caller"
PROBLEM = "flux.problem"

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
            return MeasuredBody(self._application(environ, request.start_response), request)
        except BaseException:
            request.failed = True
            request.end()
            raise


class MeasuredRequest:
    """One request while it runs."""

    def __init__(self, environ: Environ, start_response: StartResponse, min_level: int) -> None:
        self.began = perf_counter()
        self.environ = environ
        self.status = 500
        # The template of its path, as the OpenAPI document writes it; None when the service has no such path.
        self.route: str | None = None
        self.failed = False
        self.open = True
        self._start_response = start_response
        self._min_level = min_level
        # A request may run inside another one; what it finds comes back when it ends.
        self._before = (usage.statements, usage.database_seconds, usage.request_id, usage.trace_id)
        usage.request_id = self.id = request_id(environ)
        usage.trace_id = parse_traceparent(environ.get("HTTP_TRACEPARENT"))
        meter.now.request_began()

    @property
    def statements(self) -> int:
        """How many statements it has sent so far."""
        return usage.statements - self._before[0]

    @property
    def database_seconds(self) -> float:
        """How long it has waited for the database's answers so far."""
        return usage.database_seconds - self._before[1]

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

    def end(self) -> None:
        """Log and count the request; once, and whatever goes wrong with that."""
        if not self.open:
            return
        self.open = False
        try:
            self._report(perf_counter() - self.began)
        except Exception:
            logger.exception("a request could not be logged or counted")
        _, _, usage.request_id, usage.trace_id = self._before

    def _report(self, seconds: float) -> None:
        meter.now.request_ended(self.environ["REQUEST_METHOD"], self.route, self.status, seconds)
        problem = self.environ.get(PROBLEM)
        if problem:
            meter.now.request_rejected(problem)
        level = self._level()
        if level >= self._min_level:
            log.write(self._line(level, problem, seconds))

    def _level(self) -> int:
        if self.failed:
            return logging.ERROR
        if self.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return logging.INFO
        return logging.WARNING if self.status == HTTPStatus.SERVICE_UNAVAILABLE else logging.ERROR

    def _line(self, level: int, problem: str | None, seconds: float) -> dict[str, Any]:
        return {
            "time": datetime.now(UTC),
            "level": LEVEL_NAMES[level],
            "request_id": self.id,
            "trace_id": usage.trace_id,
            "caller": self.environ.get(CALLER),
            "method": self.environ["REQUEST_METHOD"],
            "route": self.route,
            "status": self.status,
            "problem": problem,
            "duration_ms": round(seconds * 1000, 3),
            "statements": self.statements,
            "database_ms": round(self.database_seconds * 1000, 3),
        }

    def _server_timing(self) -> str:
        database, total = self.database_seconds * 1000, (perf_counter() - self.began) * 1000
        return f'db;dur={database:.3f};desc="statements: {self.statements}", total;dur={total:.3f}'


LEVEL_NAMES = {logging.INFO: "info", logging.WARNING: "warning", logging.ERROR: "error"}


class MeasuredBody:
    """A response's body; the server closes it when it has been sent, or when the client has gone."""

    __slots__ = ("_pieces", "_request")

    def __init__(self, pieces: Iterable[bytes], request: MeasuredRequest) -> None:
        self._pieces = pieces
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        # A tuple is an answer that is ready, so that nothing can go wrong with it any more.
        return iter(self._pieces) if isinstance(self._pieces, tuple) else self._watched()

    def _watched(self) -> Iterator[bytes]:
        try:
            yield from self._pieces
        except Exception:
            self._request.failed = True
            logger.exception("request %s: the answer broke off", usage.request_id)
            raise

    def close(self) -> None:
        """End the request, with whatever the body still holds."""
        try:
            close = getattr(self._pieces, "close", None)
            if close is not None:
                close()
        finally:
            self._request.end()


def request_id(environ: Environ) -> str:
    """The caller's X-Request-Id when it is harmless, else one of ours; the same all through the request."""
    known = environ.get(REQUEST_ID)
    if known is None:
        given = environ.get("HTTP_X_REQUEST_ID")
        harmless = given and HARMLESS_REQUEST_ID.fullmatch(given)
        known = environ[REQUEST_ID] = given if harmless else new_request_id()
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
    meter.now.request_rejected(problem)
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
