"""The request that this thread is answering."""

from flask import Request, request


def current_request() -> Request:
    """The request itself. What all requests look at they read from here: Flask's proxy costs more than it gives."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]
    return found


def as_sent(text: str) -> str:
    """A part of the URL as it was meant: WSGI gives the Latin-1 text of its bytes (PEP 3333)."""
    return text if text.isascii() else text.encode("latin-1").decode(errors="replace")
