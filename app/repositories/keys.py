"""The keys of callers in their table, found by SHA-256: no entity of the API, and no row here holds a key itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

import psycopg2.errors

from app.database import atomic, database
from app.errors import Conflict, NotFound, Unavailable
from app.repositories.base import new_id
from app.repositories.rows import Row, Rows

# What is told of a key. A name may have several: the current one, and older ones with their ends.
TOLD = """
    name, scopes, created_at, expires_at, replaced_at, revoked_at, last_used_at,
    CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= now() THEN 'expired'
         WHEN replaced_at IS NOT NULL THEN 'replaced' ELSE 'active' END AS state
"""
FIND = """
SELECT id::text, name, scopes, extract(epoch FROM expires_at - now())::float FROM api_keys
    WHERE digest = %s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
"""
# Where several workers see a key used, the first one in a minute writes it down.
RECORD_USE = """
UPDATE api_keys SET last_used_at = now()
    WHERE id = %s AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
"""
LIST = f"""
SELECT coalesce(json_agg(k), '[]') FROM (SELECT {TOLD} FROM api_keys ORDER BY name, created_at DESC, id DESC) k
"""
CREATE = f"""
WITH k AS (
    INSERT INTO api_keys (id, name, digest, scopes, expires_at) VALUES (%s, %s, %s, %s, now() + %s) RETURNING *
) SELECT row_to_json(k) FROM (SELECT {TOLD} FROM k) k
"""
REPLACE = """
UPDATE api_keys SET replaced_at = now(), expires_at = least(expires_at, now() + %s)
    WHERE name = %s AND replaced_at IS NULL AND revoked_at IS NULL
    RETURNING scopes, to_json(expires_at) #>> '{}',
        (SELECT k.expires_at FROM api_keys k WHERE k.id = api_keys.id) - created_at
"""
REVOKE = "UPDATE api_keys SET revoked_at = now() WHERE name = %s AND revoked_at IS NULL"


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
        found = database.read(FIND, (digest,))
    except psycopg2.errors.UndefinedTable as error:
        raise Unavailable("The database has no table of keys yet. Run `flask db upgrade`.") from error
    return LivingKey(found[0][0], found[0][1], frozenset(found[0][2]), found[0][3]) if found else None


def record_use(id: str) -> None:
    """Write down that the key is in use, unless that was done within the last minute."""
    database.change(RECORD_USE, (id,))


def list_all() -> Rows:
    """Every key there is or was, by name and the newest first, with its state and its last use."""
    return Rows(database.read(LIST)[0][0])


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
    replaced = database.write(REPLACE, (overlap, name)) or database.write(REPLACE, (overlap, name))
    if not replaced:
        _missing(name)
    [(scopes, old_ends_at, lasts)] = replaced
    return _insert(name, digest, scopes, lasts), old_ends_at


@atomic()
def revoke(name: str) -> int:
    """End every key of this name at once; how many there were. Raises NotFound."""
    ended = 0
    # Who waited for a rotation sees its key with the next statement.
    while count := database.change(REVOKE, (name,)):
        ended += count
    return ended or _missing(name)


def _insert(name: str, digest: bytes, scopes: Sequence[str], lasts: timedelta | None) -> Row:
    return Row(database.write(CREATE, (new_id(), name, digest, list(scopes), lasts))[0][0], 1)


def _missing(name: str) -> NoReturn:
    raise NotFound(f"There is no key named {name} that could still be used. `flask keys list` shows all.")
