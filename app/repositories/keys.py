"""The keys of callers in their table, found by SHA-256: no entity of the API, and no row here holds a key itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, NoReturn

import psycopg2.errors
from peewee import SQL, Case, Entity, Expression, Select, fn

from app.database import atomic, database
from app.database.statements import Statement, compiled, parameter
from app.errors import Conflict, NotFound, Unavailable
from app.models import ApiKey
from app.repositories.base import new_id
from app.repositories.columns import bound
from app.repositories.rows import Row, Rows
from app.repositories.shapes import json_of

# What is shown of a key. A name may have several: the current one, and older ones with their ends.
SHOWN = ("name", "scopes", "created_at", "expires_at", "replaced_at", "revoked_at", "last_used_at")
IS_CURRENT = ApiKey.replaced_at.is_null() & ApiKey.revoked_at.is_null()


@dataclass(frozen=True)
class LivingKey:
    """A key that works now: whose it is, what it may do, and in how many seconds it ends, if it does."""

    id: str
    name: str
    scopes: frozenset[str]
    seconds_left: float | None


def find_living(digest: bytes) -> LivingKey | None:
    """The key with this SHA-256, when it has not ended. One statement; raises Unavailable."""
    try:
        found = database.read(*_find().bind({"digest": digest}))
    except psycopg2.errors.UndefinedTable as error:
        raise Unavailable("The database has no table of keys yet. Run `flask db upgrade`.") from error
    return LivingKey(found[0][0], found[0][1], frozenset(found[0][2]), found[0][3]) if found else None


def record_use(id: str) -> None:
    """Write down that the key is in use, unless that was done within the last minute."""
    database.change(*_record_use().bind({"id": id}))


def list_all() -> Rows:
    """Every key there is or was, by name and the newest first, with its state and its last use."""
    return Rows(database.read(*_list().bind({}))[0][0])


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
    replace = _replace().bind({"overlap": overlap, "name": name})
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
    while count := database.change(*_revoke().bind({"name": name})):
        ended += count
    return ended or _missing(name)


def _insert(name: str, digest: bytes, scopes: Sequence[str], lasts: timedelta | None) -> Row:
    values = {"id": new_id(), "name": name, "digest": digest, "scopes": bound(list(scopes)), "lasts": lasts}
    return Row(database.write(*_create().bind(values))[0][0], 1)


def _missing(name: str) -> NoReturn:
    raise NotFound(f"There is no key named {name} that could still be used. `flask keys list` shows all.")


def _shown(row: Any) -> list[Any]:
    """What is shown of a key, its state among it."""
    columns = [getattr(row, name) for name in SHOWN]
    state = Case(
        None,
        [
            (row.revoked_at.is_null(False), "revoked"),
            (row.expires_at <= fn.now(), "expired"),
            (row.replaced_at.is_null(False), "replaced"),
        ],
        "active",
    )
    return [*columns, state.alias("state")]


@cache
def _find() -> Statement:
    left = fn.date_part("epoch", ApiKey.expires_at - fn.now())
    found = ApiKey.select(ApiKey.id.cast("text"), ApiKey.name, ApiKey.scopes, left)
    lives = ApiKey.revoked_at.is_null() & (ApiKey.expires_at.is_null() | (ApiKey.expires_at > fn.now()))
    return compiled(found.where((ApiKey.digest == parameter("digest")) & lives))


@cache
def _record_use() -> Statement:
    """Where several workers see a key used, the first one in a minute writes it down."""
    due = ApiKey.last_used_at.is_null() | (ApiKey.last_used_at < fn.now() - SQL("interval '1 minute'"))
    return compiled(ApiKey.update({ApiKey.last_used_at: fn.now()}).where((ApiKey.id == parameter("id")) & due))


@cache
def _list() -> Statement:
    keys = ApiKey.select(*_shown(ApiKey)).order_by(ApiKey.name, ApiKey.created_at.desc(), ApiKey.id.desc()).alias("r")
    return compiled(Select([keys], [fn.coalesce(fn.json_agg(Entity("r")), "[]")]))


@cache
def _create() -> Statement:
    values = {name: parameter(name) for name in ("id", "name", "digest", "scopes")}
    insertion = ApiKey.insert(values | {"expires_at": fn.now() + parameter("lasts")})
    return compiled(insertion.returning(json_of(Select(columns=_shown(ApiKey)))))


@cache
def _replace() -> Statement:
    """The UPDATE that gives the scopes of the key that it replaces, when that ends, and how long it was made for."""
    before: Any = ApiKey.alias()
    lasted = before.select(before.expires_at - before.created_at).where(before.id == ApiKey.id)
    ends_at = fn.least(ApiKey.expires_at, fn.now() + parameter("overlap"))
    update = ApiKey.update({ApiKey.replaced_at: fn.now(), ApiKey.expires_at: ends_at})
    written = Expression(fn.to_json(ApiKey.expires_at), "#>>", "{}")
    return compiled(
        update.where((ApiKey.name == parameter("name")) & IS_CURRENT).returning(ApiKey.scopes, written, lasted)
    )


@cache
def _revoke() -> Statement:
    is_living = (ApiKey.name == parameter("name")) & ApiKey.revoked_at.is_null()
    return compiled(ApiKey.update({ApiKey.revoked_at: fn.now()}).where(is_living))
