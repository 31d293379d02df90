"""Plain values as PostgreSQL writes them, without a type, so that each column reads them as its own."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from psycopg2.extensions import QuotedString, adapt, register_adapter

IN_AN_ELEMENT = str.maketrans({"\\": "\\\\", '"': '\\"'})


def json_literal(document: Any) -> str:
    """The text of a JSON document."""
    return orjson.dumps(document).decode()


def array_literal(values: Sequence[Any]) -> str:
    """The text of an array."""
    if not values:
        return "{}"
    try:
        joined = '","'.join(values)
    except TypeError:
        joined = '","'.join(map(str, values))
    if "\\" not in joined and joined.count('"') == 2 * (len(values) - 1):
        return f'{{"{joined}"}}'
    return "{" + ",".join(f'"{str(value).translate(IN_AN_ELEMENT)}"' for value in values) + "}"


def register() -> None:
    """Make psycopg2 take lists and UUIDs in every statement."""
    register_adapter(list, lambda value: _quoted(array_literal(value)))
    register_adapter(UUID, lambda value: _quoted(str(value)))


def _quoted(text: str) -> QuotedString:
    return adapt(text)
