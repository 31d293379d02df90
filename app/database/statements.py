"""SQL that Peewee writes once for each shape; each call then only binds its values."""

from dataclasses import dataclass
from typing import Any

import peewee
from psycopg2.extensions import AsIs

from app.database.connection import database

DEFAULT = AsIs("DEFAULT")


@dataclass(frozen=True)
class Parameter:
    """The place of a value that each execution binds by name."""

    name: str


@dataclass(frozen=True)
class Statement:
    """SQL text, and in their order what it takes: parameters by name, and constants of the query."""

    sql: str
    takes: tuple[Any, ...]

    def bind(self, **values: Any) -> tuple[str, tuple[Any, ...]]:
        """The text and the values in their order, as the database's `read` and `write` take them."""
        return self.sql, tuple(values[each.name] if isinstance(each, Parameter) else each for each in self.takes)


def parameter(name: str) -> peewee.Value:
    """Stands for a value in a Peewee query that is to be compiled."""
    return peewee.Value(Parameter(name), converter=False, unpack=False)


def compiled(query: peewee.Query) -> Statement:
    """The statement of a Peewee query."""
    sql, takes = database.get_sql_context().sql(query).query()
    return Statement(sql, tuple(takes))
