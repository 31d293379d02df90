"""Answers that are kept for a while, so that a repeated request gets the same one and does nothing."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple

from peewee import Select, fn

from app.database import database
from app.database.statements import compiled, parameter
from app.errors import InProgress, Invalid
from app.models import IdempotencyKey
from app.repositories.columns import bound

MIB = 1024 * 1024
MAX_ANSWER_BYTES = 4 * MIB
# What an answer takes beside its body, about.
BYTES_OF_A_ROW = 300
# By caller: bytes that this process has kept since it asked how many there are.
_unchecked: Counter[str] = Counter()

KEY = IdempotencyKey.caller, IdempotencyKey.key
ANSWER = IdempotencyKey.request, IdempotencyKey.status, IdempotencyKey.headers, IdempotencyKey.body
EXPIRED = IdempotencyKey.expires_at <= fn.now()
IS_NAMED = (IdempotencyKey.caller == parameter("caller")) & (IdempotencyKey.key == parameter("key"))

CLAIM = compiled(Select(columns=[fn.claim_idempotency_key(parameter("number"), parameter("caller"), parameter("key"))]))
STORE = compiled(
    IdempotencyKey.insert(
        {field: parameter(field.name) for field in (*KEY, *ANSWER)}
        | {IdempotencyKey.expires_at: fn.now() + parameter("lifetime")}
    ).on_conflict(
        conflict_target=KEY, preserve=(*ANSWER, IdempotencyKey.expires_at), where=IdempotencyKey.expires_at <= fn.now()
    )
)
FIND = compiled(IdempotencyKey.select(*ANSWER).where(IS_NAMED & (IdempotencyKey.expires_at > fn.now())))
KEPT_BYTES = compiled(
    IdempotencyKey.select(
        fn.coalesce(fn.sum(fn.octet_length(IdempotencyKey.body) + BYTES_OF_A_ROW), 0).cast("bigint")
    ).where((IdempotencyKey.caller == parameter("caller")) & (IdempotencyKey.expires_at > fn.now()))
)


class StoredAnswer(NamedTuple):
    """An answer as it was sent, and the fingerprint of the request that it answers."""

    request: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes


def claim(caller: str, key: str) -> None:
    """Keep other requests with this key out until the transaction ends; the next statement raises InProgress, and does
    nothing, if one is at work or was answered. It travels with the transaction's BEGIN.
    """
    digest = sha256(f"{caller}\0{key}".encode(errors="replace")).digest()
    # What travels with BEGIN takes no values of its own, and a number and hexadecimal digits need no quoting.
    hexadecimal = [f"'{text.encode(errors='replace').hex()}'" for text in (caller, key)]
    database.append_to_pending(CLAIM.sql % (int.from_bytes(digest[:8], signed=True), *hexadecimal))


def store(caller: str, key: str, answer: StoredAnswer, hours: int, max_mib: int) -> None:
    """Keep the answer for so many hours. Raises InProgress when the key has one already: then nothing may be done; and
    Invalid when it is too large, or those of the caller have more than `max_mib` together.
    """
    _check_room(caller, len(answer.body), max_mib)
    values = {name: bound(value) for name, value in answer._asdict().items()}
    values |= {"caller": caller, "key": key, "lifetime": timedelta(hours=hours)}
    if not database.change(*STORE.bind(values)):
        raise InProgress("A request with this Idempotency-Key was answered in this moment. Repeat yours.")


def _check_room(caller: str, size: int, max_mib: int) -> None:
    if size > MAX_ANSWER_BYTES:
        raise Invalid(
            f"With an Idempotency-Key an answer may have {MAX_ANSWER_BYTES} bytes, not {size}, so nothing "
            "was changed. Ask for less with fields, or leave reads and return=rows out."
        )
    _unchecked[caller] += size + BYTES_OF_A_ROW
    # A sum over all that is kept would cost more than the write itself: it is asked for after each per cent.
    if _unchecked[caller] * 100 > max_mib * MIB:
        [(kept,)] = database.read(*KEPT_BYTES.bind({"caller": caller}))
        if kept > max_mib * MIB:
            raise Invalid(
                f"The answers kept for this caller's Idempotency-Keys have more than {max_mib} MiB, so nothing "
                "was changed. Send writes that may be done twice without a key, and ask for less with fields."
            )
        del _unchecked[caller]


def find(caller: str, key: str) -> StoredAnswer | None:
    """The answer that is kept for this key, unless it has expired."""
    found = database.read(*FIND.bind({"caller": caller, "key": key}))
    if not found:
        return None
    [(request, status, headers, body)] = found
    return StoredAnswer(bytes(request), status, headers, bytes(body))
