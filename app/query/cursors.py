"""Cursors: where a page ended, in a text that tells when it is damaged or belongs to another list.

They are not signed: whoever makes one up chooses where a list begins, and never which rows it may have.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import orjson
from marshmallow import ValidationError

from app import exact_json
from app.errors import Fault, Invalid

CHECK_BYTES = 8
MAX_CURSOR_LENGTH = 20_000
DAMAGED = "is damaged. Take next_cursor as it was answered."


def fingerprint(parts: Iterable[str]) -> str:
    """What a list, its filters and its order have in common with no other."""
    return blake2b("\0".join(parts).encode(errors="replace"), digest_size=CHECK_BYTES).hexdigest()


def encode(position: Iterable[Any], list_fingerprint: str) -> str:
    """The cursor for the rows behind the one with these sort keys. Raises Invalid when it would fit in no URL."""
    try:
        payload = exact_json.dumps([list_fingerprint, list(position)])
    except orjson.JSONEncodeError:
        raise _unfit("nested too deeply") from None
    cursor = urlsafe_b64encode(blake2b(payload, digest_size=CHECK_BYTES).digest() + payload).rstrip(b"=").decode()
    if len(cursor) > MAX_CURSOR_LENGTH:
        raise _unfit("too long")
    return cursor


def decode(cursor: str, list_fingerprint: str, keys: int) -> tuple[Any, ...]:
    """The sort keys in a cursor of this list; raises ValidationError."""
    if len(cursor) > MAX_CURSOR_LENGTH:
        raise ValidationError("is too long to be a cursor of this service.")
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        found, position = exact_json.loads(raw[CHECK_BYTES:])
        # Only one text is the cursor of a position, and only what can be written can be bound.
        damaged = encode(position, found) != cursor.rstrip("=")
    except (TypeError, ValueError, RecursionError, Invalid):
        damaged = True
    if damaged:
        raise ValidationError(DAMAGED)
    if found != list_fingerprint or len(position) != keys:
        raise ValidationError("belongs to another list, other filters or another sort. Start again without a cursor.")
    return tuple(position)


def _unfit(how: str) -> Invalid:
    sentence = f"sort names a column whose value in the page's last row is {how} for a cursor. Sort by another."
    return Invalid.from_faults([Fault("?sort", sentence)])
