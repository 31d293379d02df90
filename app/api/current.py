"""The request that this thread is answering."""

from flask import Request, request


def current_request() -> Request:
    """The request itself. What all requests look at they read from here: Flask's proxy costs more than it gives."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]
    return found
