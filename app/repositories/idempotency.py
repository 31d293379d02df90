"""Answers that are kept for a while, so that a repeated request gets the same one and does nothing."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from time import sleep
from typing import Any, NamedTuple

from app.database import database
from app.database.literals import json_literal
from app.errors import InProgress

STORE = """
INSERT INTO idempotency_keys AS k (caller, key, request, status, headers, body, expires_at)
VALUES (%(caller)s, %(key)s, %(request)s, %(status)s, %(headers)s, %(body)s, now() + make_interval(hours => %(hours)s))
ON CONFLICT (caller, key) DO UPDATE SET request = EXCLUDED.request, status = EXCLUDED.status,
    headers = EXCLUDED.headers, body = EXCLUDED.body, expires_at = EXCLUDED.expires_at
WHERE k.expires_at <= now()"""
FIND = """
SELECT request, status, headers, body FROM idempotency_keys
WHERE caller = %(caller)s AND key = %(key)s AND expires_at > now()"""
PURGE = """
WITH expired AS MATERIALIZED (
    SELECT caller, key FROM idempotency_keys WHERE expires_at <= now() LIMIT %(most)s FOR UPDATE SKIP LOCKED
) DELETE FROM idempotency_keys WHERE (caller, key) IN (SELECT caller, key FROM expired)"""
ANSWERS_AT_ONCE = 1000
PAUSE_SECONDS = 0.05
COUNT_EXPIRED = "SELECT count(*) FROM idempotency_keys WHERE expires_at <= now()"


class StoredAnswer(NamedTuple):
    """An answer as it was sent, and the fingerprint of the request that it answers."""

    request: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes


def claim(caller: str, key: str) -> None:
    """Keep other requests with this key out until the transaction ends; the next statement raises InProgress if one
    is at work. It travels with the transaction's BEGIN, and touches no table.
    """
    digest = sha256(f"{caller}\0{key}".encode(errors="replace")).digest()
    database.send_along(f"SELECT claim_idempotency_key({int.from_bytes(digest[:8], signed=True)})")


def store(caller: str, key: str, answer: StoredAnswer, hours: int) -> None:
    """Keep the answer for so many hours. Raises InProgress when the key has one already: then nothing may be done."""
    values: dict[str, Any] = {**_named(caller, key), **answer._asdict(), "hours": hours}
    if not database.change(STORE, values | {"headers": json_literal(answer.headers)}):
        raise InProgress("A request with this Idempotency-Key was answered in this moment. Repeat yours.")


def find(caller: str, key: str) -> StoredAnswer | None:
    """The answer that is kept for this key, unless it has expired."""
    found = database.read(FIND, _named(caller, key))
    if not found:
        return None
    [(request, status, headers, body)] = found
    return StoredAnswer(bytes(request), status, headers, bytes(body))


def purge() -> Iterator[int]:
    """Delete the answers that have expired; gives how many each transaction deleted. It can simply be begun again.

    Those that another transaction has locked are passed over.
    """
    while True:
        count = database.change(PURGE, {"most": ANSWERS_AT_ONCE})
        yield count
        if count < ANSWERS_AT_ONCE:
            return
        sleep(PAUSE_SECONDS)


def count_expired() -> int:
    """How many answers have expired."""
    return int(database.read(COUNT_EXPIRED)[0][0])


def _named(caller: str, key: str) -> dict[str, Any]:
    return {"caller": caller, "key": key}
