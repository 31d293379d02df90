"""SQL that Peewee writes once for each shape of query; each call then only binds its values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import peewee
from psycopg2.extensions import AsIs, connection

from app import exact_json
from app.database.connection import database

DEFAULT = AsIs("DEFAULT")
IN_AN_ELEMENT = str.maketrans({"\\": "\\\\", '"': '\\"'})

# A statement's text and its values, as the database's `read`, `write` and `change` take them.
Bound = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Parameter:
    """The place of a value that each execution binds by name."""

    name: str


@dataclass(frozen=True)
class Statement:
    """SQL text, and in their order what it takes: parameters by name, and constants of the query."""

    sql: str
    takes: tuple[Any, ...]

    def bind(self, values: Mapping[str, Any] = {}) -> Bound:
        """The text, and of these values those that it takes."""
        return self.sql, tuple([values[each.name] if type(each) is Parameter else each for each in self.takes])


def parameter(name: str) -> peewee.Value:
    """Stands for a value in a Peewee query that is to be compiled."""
    return peewee.Value(Parameter(name), converter=False, unpack=False)


def compiled(query: peewee.Node) -> Statement:
    """The statement of a Peewee query."""
    sql, takes = database.get_sql_context().sql(query).query()
    return Statement(sql, tuple(takes))


def explained(statement: Statement) -> Statement:
    """The EXPLAIN of a statement, which Peewee does not know."""
    return Statement(f"EXPLAIN (FORMAT JSON) {statement.sql}", statement.takes)


class RowValues:
    """The text behind VALUES for any number of rows; psycopg2 binds it as one value, by its protocol ISQLQuote."""

    def __init__(self, rows: Sequence[Sequence[Any]]) -> None:
        self._rows = rows

    def __conform__(self, protocol: object) -> "RowValues":
        """This is its own adapter."""
        return self

    def prepare(self, connection: connection) -> None:
        """Take note of the connection, by which texts are escaped."""
        self._connection = connection

    def getquoted(self) -> bytes:
        """`(…), (…)`, with all values escaped."""
        row = f"({', '.join(['%s'] * len(self._rows[0]))})"
        values = [value for row in self._rows for value in row]
        with self._connection.cursor() as cursor:
            return bytes(cursor.mogrify(", ".join([row] * len(self._rows)), values))


def json_literal(document: Any) -> str:
    """The text of a JSON document, without a type: each column, or a cast, reads it as its own."""
    return exact_json.dumps(document).decode()


def array_literal(values: Sequence[Any]) -> str:
    """The text of an array. Read by a cast it serves every type, where the driver's own is of texts."""
    if not values:
        return "{}"
    texts = [str(value) for value in values]
    together = "".join(texts)
    if '"' in together or "\\" in together:
        texts = [text.translate(IN_AN_ELEMENT) for text in texts]
    joined = '","'.join(texts)
    return f'{{"{joined}"}}'
