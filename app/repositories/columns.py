"""Columns by their names, their types, and values as the driver takes them."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from peewee import Field, Source, fn
from psycopg2.extensions import AsIs

from app import models
from app.database import database
from app.database.statements import array_literal, json_literal
from app.query.model import ROW_ORDER, RelativeTime

Model = type[models.Row]
# What the driver takes as it is.
SCALARS = (str, int, float, datetime)
SET_BY_DATABASE = tuple(name for name in models.Row._meta.columns if name not in ("id", ROW_ORDER))


@cache
def columns_of(model: Model) -> tuple[str, ...]:
    """The names of a row's columns in the order in which it shows them: the id, its own, what the database keeps."""
    own = [name for name in model._meta.columns if name not in ("id", ROW_ORDER, *SET_BY_DATABASE)]
    return ("id", *own, *SET_BY_DATABASE)


def column(row: Any, name: str) -> Any:
    """The column of this name of a model, of an alias of one, or of a query in the place of a table."""
    if isinstance(row, Source):
        return row.c[name]
    return getattr(row, row._meta.columns[name].name)


def compared(row: Any, name: str) -> Any:
    """The column of this name as it is compared and sorted, and as its indexes have it."""
    return as_compared(row._meta.columns[name], column(row, name))


def as_compared(field: Field, value: Any) -> Any:
    """The expression of a value of this column as it is compared; of a list's text too: its braces have no case."""
    return fn.lower(value) if isinstance(field, models.TextWithoutCase) else value


def reference(row: Any, name: str) -> Any:
    """The foreign key of this name, whose column is called <name>_id, of a model or of what stands in its place."""
    return column(row, f"{name}_id")


@cache
def sql_type(field: Field) -> str:
    """PostgreSQL's name for the type of a column."""
    context = database.get_sql_context()
    return str(context.sql(field.ddl_datatype(context)).query()[0]).lower()


def bound(value: Any) -> Any:
    """A value as the driver takes it, for whatever column it is meant."""
    if isinstance(value, SCALARS):
        return value
    if isinstance(value, RelativeTime):
        return AsIs(f"(now() + interval '{int(value.seconds)} seconds')")
    if isinstance(value, Mapping):
        return json_literal(value)
    if isinstance(value, list | tuple):
        return array_literal(value)
    return str(value) if isinstance(value, UUID) else value
