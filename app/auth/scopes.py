"""What a key may do: the names of the scopes, and which of them open an operation."""

from collections.abc import Collection, Iterator

from app import models

READ, WRITE, ADMIN = "read", "write", "admin"
# The entities as their paths name them.
ENTITIES = tuple(table.replace("_", "-") for table in models.ENTITIES)
SCOPES = (READ, WRITE, ADMIN, *(f"{entity}:{action}" for entity in ENTITIES for action in (READ, WRITE)))
READING_METHODS = ("GET", "HEAD", "OPTIONS")


def scope_of(entity: str, method: str) -> str:
    """The scope that an HTTP method on a collection needs: `tasks:read` for GET and HEAD, else `tasks:write`."""
    return f"{entity}:{READ if method in READING_METHODS else WRITE}"


def granting_scopes(scope: str) -> Iterator[str]:
    """The scopes that give what this one gives: itself, the one for all entities, and admin. Write gives no read."""
    yield scope
    _, _, action = scope.partition(":")
    if action:
        yield action
    if scope != ADMIN:
        yield ADMIN


def allows(held: Collection[str], scope: str) -> bool:
    """Whether a key with these scopes may do what needs `scope`."""
    return any(each in held for each in granting_scopes(scope))
