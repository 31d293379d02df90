"""An answer whose bytes are ready."""

from collections.abc import Callable, Iterable
from functools import cache
from http import HTTPStatus
from typing import Any

from flask import Response

JSON = "application/json"
WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class Answer:
    """What a view gives: a WSGI application like Flask's Response, with the names of that for what both have.

    It sends its headers as they are, while Response reads, checks and copies each of them several times.
    """

    __slots__ = ("_body", "headers", "status_code")

    def __init__(self, body: bytes, status_code: int = 200, headers: dict[str, str] | None = None) -> None:
        self.status_code = status_code
        self.headers = {"Content-Type": JSON} if headers is None else headers
        self._body = body

    def get_data(self) -> bytes:
        """The body."""
        return self._body

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Send it."""
        headers = list(self.headers.items())
        if self.status_code not in WITHOUT_BODY:
            headers.append(("Content-Length", str(len(self._body))))
        start_response(_status_line(self.status_code), headers)
        return () if environ["REQUEST_METHOD"] == "HEAD" else (self._body,)


@cache
def _status_line(code: int) -> str:
    return f"{code} {HTTPStatus(code).phrase.upper()}"


Answered = Answer | Response
