"""The keys of callers in their table, found by SHA-256: no entity of the API, and no row here holds a key itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

import psycopg2.errors
from peewee import SQL, Case, Expression, Select, fn

from app.database import atomic, database
from app.database.statements import Statement, compiled, parameter
from app.errors import Conflict, NotFound, Unavailable
from app.models import ApiKey
from app.repositories.columns import bound
from app.repositories.rows import Row, Rows, new_id
from app.repositories.shapes import array_of, json_of

# What is shown of a key. A name may have several: the current one, and older ones with their ends.
STATE = Case(
    None,
    [
        (ApiKey.revoked_at.is_null(False), "revoked"),
        (ApiKey.expires_at <= fn.now(), "expired"),
        (ApiKey.replaced_at.is_null(False), "replaced"),
    ],
    "active",
)
# Enough to know a key by: how its SHA-256 begins.
SHA256 = fn.encode(fn.substr(ApiKey.digest, 1, 4), "hex").alias("sha256")
SHOWN = [
    ApiKey.name, SHA256, ApiKey.scopes, ApiKey.created_at, ApiKey.expires_at, ApiKey.replaced_at, ApiKey.revoked_at,
    ApiKey.last_used_at, STATE.alias("state"),
]  # fmt: skip
IS_NAMED = ApiKey.name == parameter("name")
IS_UNUSED = ApiKey.last_used_at.is_null() | (ApiKey.last_used_at < fn.now() - SQL("interval '1 minute'"))
LASTS_ON = ApiKey.expires_at.is_null() | (ApiKey.expires_at > fn.now())

FIND = compiled(
    ApiKey.select(
        ApiKey.id.cast("text"), ApiKey.name, ApiKey.scopes, fn.date_part("epoch", ApiKey.expires_at - fn.now())
    ).where((ApiKey.digest == parameter("digest")) & ApiKey.revoked_at.is_null() & LASTS_ON)
)
# Where several workers see a key used, the first one in a minute writes it down.
RECORD_USE = compiled(ApiKey.update({ApiKey.last_used_at: fn.now()}).where((ApiKey.id == parameter("id")) & IS_UNUSED))
LIST = compiled(array_of(ApiKey.select(*SHOWN).order_by(ApiKey.name, ApiKey.created_at.desc(), ApiKey.id.desc())))
CREATE = compiled(
    ApiKey.insert(
        {field: parameter(field.name) for field in (ApiKey.id, ApiKey.name, ApiKey.digest, ApiKey.scopes)}
        | {ApiKey.expires_at: fn.now() + parameter("lasts")}
    ).returning(json_of(Select(columns=SHOWN)))
)
REVOKE = compiled(ApiKey.update({ApiKey.revoked_at: fn.now()}).where(IS_NAMED & ApiKey.revoked_at.is_null()))


def _replace() -> Statement:
    """The UPDATE that gives the scopes of the key that it replaces, when that ends, and how long it was made for."""
    before: Any = ApiKey.alias()
    lasted = before.select(before.expires_at - before.created_at).where(before.id == ApiKey.id)
    ends_at = fn.least(ApiKey.expires_at, fn.now() + parameter("overlap"))
    update = ApiKey.update({ApiKey.replaced_at: fn.now(), ApiKey.expires_at: ends_at})
    is_current = IS_NAMED & ApiKey.replaced_at.is_null() & ApiKey.revoked_at.is_null()
    written = Expression(fn.to_json(ApiKey.expires_at), "#>>", "{}")
    return compiled(update.where(is_current).returning(ApiKey.scopes, written, lasted))


REPLACE = _replace()


@dataclass(frozen=True)
class ActiveKey:
    """A key that works now: whose it is, what it may do, and in how many seconds it ends, if it does."""

    id: str
    name: str
    scopes: frozenset[str]
    seconds_left: float | None


def find_active(digest: bytes) -> ActiveKey | None:
    """The key with this SHA-256, when it has not ended. One statement; raises Unavailable."""
    try:
        found = database.read(*FIND.bind({"digest": digest}))
    except psycopg2.errors.UndefinedTable as error:
        raise Unavailable("The database has no table of keys yet. Run `flask db upgrade`.") from error
    return ActiveKey(found[0][0], found[0][1], frozenset(found[0][2]), found[0][3]) if found else None


def record_use(id: str) -> None:
    """Write down that the key is in use, unless that was done within the last minute."""
    database.change(*RECORD_USE.bind({"id": id}))


def list_all() -> Rows:
    """Every key there is or was, by name and the newest first, with its state and its last use."""
    return Rows(database.read(*LIST.bind())[0][0])


def create(name: str, digest: bytes, scopes: Sequence[str], lasts: timedelta | None) -> Row:
    """A new key of this name that ends after `lasts`, or never; raises Conflict when the name has one."""
    try:
        with atomic():
            return _insert(name, digest, scopes, lasts)
    except Conflict as error:
        raise Conflict(f"There is a key named {name} already. Rotate it, or revoke it first.") from error


@atomic()
def rotate(name: str, digest: bytes, overlap: timedelta) -> tuple[Row, str]:
    """A new key with the scopes of the old one, for as long as that was made for; and when the old one ends."""
    # Who waited for another rotation sees its key with the next statement.
    replace = REPLACE.bind({"overlap": overlap, "name": name})
    replaced = database.write(*replace) or database.write(*replace)
    if not replaced:
        _missing(name)
    [(scopes, old_ends_at, lasts)] = replaced
    return _insert(name, digest, scopes, lasts), old_ends_at


@atomic()
def revoke(name: str) -> int:
    """End every key of this name at once; how many there were. Raises NotFound."""
    ended = 0
    # Who waited for a rotation sees its key with the next statement.
    while count := database.change(*REVOKE.bind({"name": name})):
        ended += count
    return ended or _missing(name)


def _insert(name: str, digest: bytes, scopes: Sequence[str], lasts: timedelta | None) -> Row:
    values = {"id": new_id(), "name": name, "digest": digest, "scopes": bound(list(scopes)), "lasts": lasts}
    return Row(database.write(*CREATE.bind(values))[0][0], 1)


def _missing(name: str) -> NoReturn:
    raise NotFound(f"There is no key named {name} that could still be used. `flask keys list` shows all.")
