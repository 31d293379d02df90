"""The headers that every answer carries for browsers and caches, and which web pages may call (CORS)."""

from base64 import b64encode
from collections.abc import Callable, Collection, Iterable
from hashlib import sha256
from typing import Any

from flask import Flask

from app.api.auth import KEY_HEADER
from app.api.documentation import scripts_in_page
from app.config import Settings

Headers = list[tuple[str, str]]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

EVERYWHERE = [("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer")]
# No answer is a page, so that a browser which is led to show one loads and runs nothing from it.
OF_DATA = [*EVERYWHERE, ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")]
OF_ANSWERS = [*OF_DATA, ("Cache-Control", "no-store")]
# A row with a version may be kept, to be asked about with If-None-Match.
OF_ROWS = [*OF_DATA, ("Cache-Control", "private, no-cache")]
# In the app's config: those of the docs pages.
OF_PAGES = "HEADERS_OF_PAGES"
READABLE = ", ".join((
    "ETag", "Link", "Location", "Retry-After", "X-Request-Id", "Idempotent-Replayed", "RateLimit", "RateLimit-Policy",
    "Server-Timing", "Upserted", "Hint",
))  # fmt: skip
SENDABLE = ", ".join((
    KEY_HEADER, "Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key", "X-Request-Id",
    "X-Server-Timing", "traceparent", "tracestate",
))  # fmt: skip
METHODS = "GET, POST, PATCH, DELETE"
PREFLIGHT_SECONDS = "600"


def init_app(app: Flask, settings: Settings) -> None:
    """Prepare the headers of the docs pages, and let the pages of CORS_ORIGINS call the app."""
    app.config[OF_PAGES] = _of_page(app)
    if settings.cors_origins:
        app.wsgi_app = _open_to(app.wsgi_app, frozenset(settings.cors_origins))  # type: ignore[method-assign, assignment]


def _of_page(app: Flask) -> Headers:
    """Swagger UI brings its own files, starts in a script inside the page, and draws with small pictures."""
    digests = [b64encode(sha256(script.encode()).digest()).decode() for script in scripts_in_page(app)]
    policy = (
        "default-src 'none'",
        " ".join(["script-src 'self'", *(f"'sha256-{digest}'" for digest in digests)]),
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return [*EVERYWHERE, ("Content-Security-Policy", "; ".join(policy))]


def _open_to(application: Application, origins: frozenset[str]) -> Application:
    """The application for these origins too (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN")
        if origin in origins and environ["REQUEST_METHOD"] == "OPTIONS":
            # The browser asks before it sends the request; it sends no key with this.
            start_response("204 NO CONTENT", _permission(origin) + OF_ANSWERS)
            return []

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            return start_response(status, headers + readable_by(origin, origins), exc_info)

        return application(environ, start)

    return answer


def readable_by(origin: str | None, origins: Collection[str]) -> Headers:
    """What lets a page of the origin read an answer, when it is one of these origins; nothing where there are none."""
    if not origins:
        return []
    vary = [("Vary", "Origin")]
    if origin is None or origin not in origins:
        return vary
    return [*vary, ("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", READABLE)]


def _permission(origin: str) -> Headers:
    return [
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Methods", METHODS),
        ("Access-Control-Allow-Headers", SENDABLE),
        ("Access-Control-Max-Age", PREFLIGHT_SECONDS),
        ("Vary", "Origin"),
    ]
