"""What all entities share: how their rows are found, created, changed and deleted. Each method is one statement."""

from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any, NoReturn
from uuid import UUID

import orjson
import peewee
import uuid_utils
from peewee import SQL, fn

from app import models
from app.database import database
from app.database.statements import DEFAULT, Statement, column_parameter, compiled, parameter
from app.errors import NotFound
from app.query.terms import WHOLE_ROW, Filter, Query, Shape
from app.repositories import reads
from app.repositories.rows import EMPTY, LongRows, Row, Rows, page

Id = str | UUID
SET_BY_DATABASE = tuple(name for name in models.Row._meta.columns if name != "id")
ROWS_AT_ONCE = 1000


def new_id() -> str:
    """A UUIDv7: later ones sort after earlier ones, within this process even in the same millisecond."""
    return str(uuid_utils.uuid7())


class Repository:
    """The rows of one table; `noun` and `plural` name them in sentences."""

    def __init__(self, model: type[models.Row], noun: str, plural: str) -> None:
        self.model = model
        self.noun = noun
        self.plural = plural
        self.table: str = model._meta.table_name

    def get(self, id: Id, shape: Shape = WHOLE_ROW) -> Row:
        """The row with this id, in this shape; raises NotFound."""
        return self._one(database.read(reads.one(self.table, shape), {"id": id}), id)

    def find(self, query: Query) -> Rows:
        """The rows of one page of a query; `last` of them tells where the next page starts."""
        select, values = reads.page(self.table, query)
        [(array, count, *keys)] = database.read(select.sql, values)
        return page(array, count, query.limit, orjson.loads(keys[0] or EMPTY) if keys else sort_columns(query))

    def find_all(self, query: Query) -> Rows:
        """All rows of a query, however many: in one statement up to ROWS_AT_ONCE, and beyond that as a stream."""
        first = self.find(query._replace(limit=ROWS_AT_ONCE))
        return LongRows(lambda: self.stream(query)) if first.last else first

    def stream(self, query: Query) -> Iterator[list[bytes]]:
        """The rows of a query as JSON, in portions and from one snapshot."""
        return database.stream(*reads.every(self.table, query), ROWS_AT_ONCE)

    def count(self, filter: Filter = ()) -> int:
        """How many rows a filter matches; all of them without one."""
        return database.read(*reads.count(self.table, filter))[0][0]

    def estimate(self, filter: Filter = ()) -> int:
        """How many rows the planner expects a filter to match."""
        [(plan,)] = database.read(*reads.estimate(self.table, filter))
        return int(orjson.loads(plan)[0]["Plan"]["Plan Rows"])

    def create(self, values: Mapping[str, Any]) -> Row:
        """A new row of these values and the columns' defaults; raises Conflict, MissingReference."""
        given = {column: values.get(column, DEFAULT) for column in self.writable}
        [(json, version)] = database.write(*self._create.bind(id=new_id(), **given))
        return Row(json, version)

    def update(self, id: Id, values: Mapping[str, Any]) -> Row:
        """The row after these values were written to it; without any it is left alone. Raises NotFound, Conflict."""
        if not values:
            return self.get(id)
        statement = _update(self.model, tuple(sorted(values)))
        return self._one(database.write(*statement.bind(row_id=id, **values)), id)

    def delete(self, id: Id) -> None:
        """Delete the row, and with it what cannot stand without it; raises NotFound."""
        if not database.change(*self._delete.bind(id=id)):
            self._missing(id)

    @cached_property
    def writable(self) -> tuple[str, ...]:
        """The columns that a caller may write."""
        return tuple(name for name in self.model._meta.columns if name not in ("id", *SET_BY_DATABASE))

    @cached_property
    def _create(self) -> Statement:
        columns = [self.model._meta.columns[name] for name in ("id", *self.writable)]
        given = {column: column_parameter(column) for column in columns}
        return compiled(returning_row(self.model.insert(given), self.model))

    @cached_property
    def _delete(self) -> Statement:
        return compiled(self.model.delete().where(self.model.id == parameter("id")))

    def _one(self, found: list[tuple[Any, ...]], id: Id) -> Row:
        if not found:
            self._missing(id)
        return Row(*found[0])

    def _missing(self, id: Id) -> NoReturn:
        raise NotFound(f"There is no {self.noun} with the id {id}.")


def columns_of(model: type[models.Row]) -> list[peewee.Field]:
    """The columns of a row in the order in which it shows them: the id, what is its own, what the database keeps."""
    columns = model._meta.columns
    own = [name for name in columns if name not in ("id", *SET_BY_DATABASE)]
    return [columns[name] for name in ("id", *own, *SET_BY_DATABASE)]


def sort_columns(query: Query) -> list[str]:
    """The columns that a query sorts by."""
    return [key.column for key in query.sort]


def returning_row(write: Any, model: type[models.Row]) -> peewee.Query:
    """A write that returns what `row_of` returns, for each row that it wrote."""
    row = peewee.Select((), columns_of(model)).alias("r")
    return write.returning(peewee.Select((row,), (fn.row_to_json(SQL("r")),)), model.version)


@lru_cache(maxsize=1000)
def _update(model: type[models.Row], names: tuple[str, ...]) -> Statement:
    columns = [model._meta.columns[name] for name in names]
    changes = {column: column_parameter(column) for column in columns}
    return compiled(returning_row(model.update(changes).where(model.id == parameter("row_id")), model))
