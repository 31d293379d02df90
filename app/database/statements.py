"""SQL that Peewee writes once for each shape; each call then only binds its values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import peewee
from psycopg2.extensions import AsIs

from app.database.connection import database
from app.database.literals import json_literal

DEFAULT = AsIs("DEFAULT")


def as_it_is(value: Any) -> Any:
    """The value, which psycopg2 knows how to write."""
    return value


def as_json(value: Any) -> Any:
    """The value as the text of a JSON document; null stays null, and the default the default."""
    return value if value is None or value is DEFAULT else json_literal(value)


@dataclass(frozen=True)
class Parameter:
    """The place of a value that each execution binds by name, and how that is written."""

    name: str
    write: Callable[[Any], Any] = as_it_is


@dataclass(frozen=True)
class Statement:
    """SQL text, and in their order what it takes: parameters by name, and constants of the query."""

    sql: str
    takes: tuple[Any, ...]

    def bind(self, **values: Any) -> tuple[str, tuple[Any, ...]]:
        """The text and the values in their order, as the database's `read` and `write` take them."""
        return self.sql, tuple(
            each.write(values[each.name]) if isinstance(each, Parameter) else each for each in self.takes
        )


def parameter(name: str) -> peewee.Value:
    """Stands for a value in a Peewee query that is to be compiled."""
    return peewee.Value(Parameter(name), converter=False, unpack=False)


def column_parameter(column: peewee.Field) -> peewee.Value:
    """Stands for a value that is to be written to this column, and is bound by its name."""
    write = as_json if isinstance(column, peewee.JSONField) else as_it_is
    return peewee.Value(Parameter(column.column_name, write), converter=False, unpack=False)


def compiled(query: peewee.Query) -> Statement:
    """The statement of a Peewee query."""
    sql, takes = database.get_sql_context().sql(query).query()
    return Statement(sql, tuple(takes))
