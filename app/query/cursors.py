"""Cursors: where a page ended, in a text that tells when it is damaged or belongs to another list."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import orjson

from app.errors import Fault, Invalid

CHECK_BYTES = 8
MAX_CURSOR_LENGTH = 20_000
DAMAGED = "is damaged. Take next_cursor as it was answered."


class BadCursor(ValueError):
    """A text that is no cursor of this list; its message is the second half of a sentence."""


def fingerprint(parts: Iterable[str]) -> str:
    """What a list, its filters and its order have in common with no other."""
    return blake2b("\0".join(parts).encode(errors="replace"), digest_size=CHECK_BYTES).hexdigest()


def encode(position: Iterable[Any], list_fingerprint: str) -> str:
    """The cursor for the rows behind the one with these sort keys. Raises Invalid when it would fit in no URL."""
    payload = orjson.dumps([list_fingerprint, list(position)])
    cursor = urlsafe_b64encode(_check(payload) + payload).rstrip(b"=").decode()
    if len(cursor) > MAX_CURSOR_LENGTH:
        sentence = "sort names a column whose value in the page's last row is too long for a cursor. Sort by another."
        raise Invalid.from_faults([Fault("?sort", sentence)])
    return cursor


def decode(cursor: str, list_fingerprint: str, keys: int) -> tuple[Any, ...]:
    """The sort keys in a cursor of this list; raises BadCursor."""
    if len(cursor) > MAX_CURSOR_LENGTH:
        raise BadCursor("is too long to be a cursor of this service.")
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (Error, ValueError):
        raise BadCursor(DAMAGED) from None
    check, payload = raw[:CHECK_BYTES], raw[CHECK_BYTES:]
    # The last characters of base64 may differ and mean the same; only one text is a cursor.
    if check != _check(payload) or urlsafe_b64encode(raw).rstrip(b"=").decode() != cursor.rstrip("="):
        raise BadCursor(DAMAGED)
    found, position = _unpacked(payload)
    if found != list_fingerprint or len(position) != keys:
        raise BadCursor("belongs to another list, other filters or another sort. Start again without a cursor.")
    return tuple(position)


def _unpacked(payload: bytes) -> tuple[str, list[Any]]:
    try:
        found, position = orjson.loads(payload)
    except (TypeError, ValueError):
        raise BadCursor(DAMAGED) from None
    if not isinstance(position, list):
        raise BadCursor(DAMAGED)
    return found, position


def _check(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=CHECK_BYTES).digest()
