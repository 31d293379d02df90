"""What marshmallow found wrong, as faults: each with a pointer to the value and a sentence that names the remedy."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any
from urllib.parse import quote, unquote

from marshmallow import Schema
from marshmallow.exceptions import SCHEMA

from app.errors import MAX_FAULTS, Fault, Invalid
from app.schemas.fields import Object, Time

BODY, QUERY = "#/", "?"
READ_ONLY = ("id", "created_at", "updated_at", "version")
# What a schema says about a name that it does not know, until `invalid` says more.
UNKNOWN = "is unknown."
PLUS_IN_QUERY = "In a query a + stands for a space. Write the offset's + as %2B, as in 2026-03-01T09:00:00%2B04:00."
SPACE_FOR_PLUS = Time.default_error_messages["space"]


def invalid(messages: Mapping[Any, Any], schema: Schema, root: str = BODY) -> Invalid:
    """The error for the messages of the ValidationError that `schema.load` raised; `root` is BODY or QUERY."""
    faults: list[Fault] = []
    hints: dict[str, None] = {}
    for path, message in _flat(messages, ()):
        # A guess costs, and no more than these are told.
        if message == UNKNOWN and len(faults) < MAX_FAULTS:
            message, known = _unknown(path, schema, root)
            hints |= dict.fromkeys(known)
        if message == SPACE_FOR_PLUS:
            hints[PLUS_IN_QUERY] = None
        faults.append(_fault(path, message, schema.many, root))
    return Invalid.from_faults(faults, " ".join(hints) or None)


def _flat(found: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The messages, each with the path to the value that is wrong: an element of a list has its position."""
    if isinstance(found, Mapping):
        for part, inner in found.items():
            yield from _flat(inner, path if part == SCHEMA else (*path, str(part)))
    else:
        for message in [found] if isinstance(found, str) else found:
            yield path, message


def _fault(path: tuple[str, ...], message: str, many: bool, root: str) -> Fault:
    place = (root + pointer(path)) if path else root.rstrip("/")
    if many and path:
        return Fault(place, f"Element {path[0]}: {'.'.join(path[1:]) or 'It'} {message}")
    return Fault(place, f"{'.'.join(path) or 'The body'} {message}")


def pointer(path: Sequence[str | int]) -> str:
    """The path as RFC 6901 writes it in a URI fragment (sections 3 and 6), without the `#/` before it."""
    return "/".join(quote(str(part).replace("~", "~0").replace("/", "~1"), safe="~$") for part in path)


def path_of(pointer: str) -> list[str]:
    """The path that `pointer` has written."""
    return [unquote(part).replace("~1", "/").replace("~0", "~") for part in pointer.split("/")]


def _unknown(path: tuple[str, ...], schema: Schema, root: str) -> tuple[str, list[str]]:
    """What is wrong with a name that is unknown, and unless that says what was meant, which names there are."""
    name, allowed = path[-1], _names_beside(path[schema.many :], schema)
    if root == BODY and name in READ_ONLY:
        return "is set by the service and cannot be written.", []
    message = f"is not {'a field of this request' if root == BODY else 'a parameter of this operation'}."
    column, dot, key = name.partition(".")
    if dot and isinstance(schema.load_fields.get(column), Object):
        return f'{message} Nest it: {{"{column}": {{"{key}": …}}}}.', []
    close = get_close_matches(name, allowed, n=1, cutoff=0.7)
    if close:
        return f"{message} Did you mean {close[0]}?", []
    return message, [f"Allowed: {', '.join(allowed)}." if allowed else "It takes none."]


def _names_beside(path: Sequence[str], schema: Schema) -> list[str]:
    """The names that are known where the path ends, inside of nested objects too."""
    for part in path[:-1]:
        field: Any = schema.load_fields.get(part)
        # A position in a list is no field: the list's own field has led to the schema of its elements.
        field = getattr(field, "inner", field)
        schema = getattr(field, "schema", schema)
    return [field.data_key or name for name, field in schema.load_fields.items()]
