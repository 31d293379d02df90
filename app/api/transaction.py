"""Writes over HTTP: each is one transaction, and with an Idempotency-Key it is done once, however often it is sent."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from typing import Any

from flask import Response, current_app, g, request

from app.api.preconditions import IF_MATCH, refuse_if_match
from app.database import atomic, database, repeated
from app.errors import InProgress, Invalid, KeyReused, Unavailable
from app.repositories import idempotency
from app.repositories.idempotency import StoredAnswer

KEY_HEADER = "Idempotency-Key"
KEY_IN_ENVIRONMENT = "HTTP_IDEMPOTENCY_KEY"
MAX_KEY_LENGTH = 255
STORED_HEADERS = ("Content-Type", "ETag", "Location", "Link", "Upserted", "Hint")
# In the WSGI environment of a batch: the operation that it is at.
OPERATION = "flux.operation"
# In that of the operation itself. The batch has one transaction, one caller and one key around all of them.
WITHIN_BATCH = "flux.within_batch"
WAIT_TIMEOUT = 1.0
POLL_SECONDS = 0.05

View = Callable[..., Response]


@dataclass
class Operation:
    """An operation of a batch: where it stands, what it asks for, on whose behalf; and the error that it ended in."""

    index: int
    name: str | None
    method: str
    path: str
    caller: Any
    error: Exception | None = None

    def as_document(self) -> dict[str, Any]:
        """What a problem tells of it."""
        return {"index": self.index} | ({} if self.name is None else {"name": self.name})


def transaction(view: View) -> View:
    """Run the view in a transaction of its own, or in the one of the batch that it belongs to."""
    return _write(view, atomic()(view))


def one_statement(view: View) -> View:
    """Run a view that writes by one statement, which is a transaction by itself and saves the round trip of a COMMIT.

    Under stricter isolation, inside a transaction and with an Idempotency-Key it is one like any other.
    """
    alone, in_transaction = repeated(view), atomic()(view)

    def write(*args: Any, **path: Any) -> Response:
        needs_begin = database.strict or database.in_transaction()
        return (in_transaction if needs_begin else alone)(*args, **path)

    return _write(view, write)


def _write(view: View, alone: View) -> View:
    """The view as a write: within a batch, once for each Idempotency-Key, or `alone`."""

    @wraps(view)
    def write(*args: Any, **path: Any) -> Response:
        environ = request.environ
        method = environ["REQUEST_METHOD"]
        if IF_MATCH in environ and (method == "POST" or "id" not in path):
            refuse_if_match()
        if WITHIN_BATCH in environ:
            return view(*args, **path)
        key = environ.get(KEY_IN_ENVIRONMENT)
        if key is None:
            return alone(*args, **path)
        return _once(_checked(key), lambda: view(*args, **path))

    return write


def may_be_empty() -> bool:
    """Whether a list of what is to be written may be empty: in a batch, where it may come of another list."""
    return WITHIN_BATCH in request.environ


def refuse_in_batch() -> None:
    """Raise Invalid for an operation of a batch."""
    if WITHIN_BATCH in request.environ:
        raise Invalid(f"{request.path} cannot stand in a batch.")


def _once(key: str, work: Callable[[], Response]) -> Response:
    """The answer to this request: of the work, or of the work that the same request did before."""
    caller, fingerprint = _caller(), _fingerprint()
    try:
        return _answer_and_store(caller, key, fingerprint, work)
    except Exception as error:
        # Either the key is stored already, or what went wrong is the answer. Nothing was changed either way, unless it
        # is in doubt; then an answer that is stored says that all was done.
        stored = _stored_answer(caller, key, error)
        if stored is None:
            raise
        if stored.request != fingerprint:
            raise KeyReused(
                f"The {KEY_HEADER} {key} came with another path, query or body before. Make a new key for this request."
            ) from None
        return _replayed(stored)


@atomic()
def _answer_and_store(caller: str, key: str, fingerprint: bytes, work: Callable[[], Response]) -> Response:
    idempotency.claim(caller, key)
    response = work()
    headers = {name: response.headers[name] for name in STORED_HEADERS if name in response.headers}
    answer = StoredAnswer(fingerprint, response.status_code, headers, response.get_data())
    if response.status_code < 300:
        settings = current_app.config["SETTINGS"]
        idempotency.store(caller, key, answer, settings.idempotency_hours, settings.idempotency_max_mib)
    return response


def _stored_answer(caller: str, key: str, error: Exception) -> StoredAnswer | None:
    """The answer that this key has already. When the database cannot tell, what went wrong before stays the error."""
    try:
        return _wait_for_answer(caller, key) if isinstance(error, InProgress) else idempotency.find(caller, key)
    except Unavailable:
        raise error from error.__cause__


def _wait_for_answer(caller: str, key: str) -> StoredAnswer | None:
    """The answer of the request that is at work, if it comes soon."""
    until = time.monotonic() + WAIT_TIMEOUT
    stored = idempotency.find(caller, key)
    while stored is None and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
        stored = idempotency.find(caller, key)
    return stored


def _replayed(stored: StoredAnswer) -> Response:
    response = Response(stored.body, stored.status, {"Idempotent-Replayed": "true"})
    # A deletion has none.
    del response.headers["Content-Type"]
    response.headers.update(stored.headers)
    return response


def _caller() -> str:
    """Whose answers are looked for. A key of the same name with other scopes is another caller: it may see less."""
    caller = g.get("caller")
    return f"{caller.name} {' '.join(sorted(caller.scopes))}" if caller else ""


def _fingerprint() -> bytes:
    """What tells this request from any other: method, path, query, type and body."""
    parts = (request.method, request.path.rstrip("/"), request.query_string.decode("latin-1"), request.mimetype)
    return sha256("\0".join(parts).encode() + b"\0" + request.get_data()).digest()


def _checked(key: str) -> str:
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise Invalid(f"{KEY_HEADER} must have 1 to {MAX_KEY_LENGTH} characters; it has {len(key)}.")
    return key
