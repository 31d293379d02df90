"""What all entities share: how their rows are found, created, changed and deleted. Each method is one statement."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NoReturn
from uuid import UUID

import peewee
import uuid_utils
from peewee import SQL, fn

from app import models
from app.database import database
from app.database.statements import DEFAULT, Statement, column_parameter, compiled, parameter
from app.errors import NotFound
from app.repositories.rows import LongRows, Row, Rows

Id = str | UUID
SET_BY_DATABASE = tuple(name for name in models.Row._meta.columns if name != "id")
EMPTY = b"[]"
ROWS_AT_ONCE = 1000


def new_id() -> str:
    """A UUIDv7: later ones sort after earlier ones, within this process even in the same millisecond."""
    return str(uuid_utils.uuid7())


class Repository:
    """The rows of one table; `noun` and `plural` name them in sentences, lists are sorted by the time `newest_by`."""

    def __init__(self, model: type[models.Row], noun: str, plural: str, newest_by: peewee.Field | None = None) -> None:
        self.model = model
        self.noun = noun
        self.plural = plural
        self.newest_by = newest_by or model.created_at

    def get(self, id: Id) -> Row:
        """The row with this id; raises NotFound."""
        return self._one(database.read(*self._get.bind(id=id)), id)

    def find(self, skip: int = 0, limit: int = 100) -> Rows:
        """Up to `limit` rows after the first `skip`, newest first."""
        [(json, _)] = database.read(*self._find.bind(skip=skip, limit=limit))
        return Rows(json or EMPTY)

    def count(self) -> int:
        """How many rows there are."""
        return database.read(*self._count.bind())[0][0]

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
    def _get(self) -> Statement:
        return compiled(row_of(self.model.select().where(self.model.id == parameter("id"))))

    @cached_property
    def _find(self) -> Statement:
        nulls = "LAST" if self.newest_by.null else None
        query = self.model.select().order_by(self.newest_by.desc(nulls=nulls), self.model.id.desc())
        return compiled(array_of(query.limit(parameter("limit")).offset(parameter("skip"))))

    @cached_property
    def _count(self) -> Statement:
        return compiled(self.model.select(fn.COUNT(SQL("*"))))

    @cached_property
    def _create(self) -> Statement:
        columns = [self.model._meta.columns[name] for name in ("id", *self.writable)]
        given = {column: column_parameter(column) for column in columns}
        return compiled(returning_row(self.model.insert(given), self.model))

    @cached_property
    def _delete(self) -> Statement:
        return compiled(self.model.delete().where(self.model.id == parameter("id")))

    def _whole(self, statements: "Whole", **values: Any) -> Rows:
        """All rows, however many: in one statement up to ROWS_AT_ONCE, and beyond that as a stream."""
        [(json, count)] = database.read(*statements.first.bind(**values))
        if count > ROWS_AT_ONCE:
            return LongRows(lambda: database.stream(*statements.all.bind(**values), ROWS_AT_ONCE))
        return Rows(json or EMPTY)

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


def row_of(query: Any) -> peewee.Query:
    """For a query of a model's rows: each as the JSON that PostgreSQL writes, and its version."""
    rows = query.select(*columns_of(query.model)).alias("r")
    return peewee.Select((rows,), (fn.row_to_json(SQL("r")), SQL("version")))


def array_of(query: Any) -> peewee.Query:
    """For a query of a model's rows: all of them as one JSON array, null when there are none; and how many they are."""
    rows = query.select(*columns_of(query.model)).alias("r")
    return peewee.Select((rows,), (fn.json_agg(SQL("r")), fn.COUNT(SQL("*"))))


@dataclass(frozen=True)
class Whole:
    """How a list that is never cut is read: `first` gives one row more than fits at once, `all` gives them all."""

    first: Statement
    all: Statement


def whole(query: Any) -> Whole:
    """The statements for all rows of a query of a model's rows."""
    return Whole(compiled(array_of(query.limit(ROWS_AT_ONCE + 1))), compiled(row_of(query)))


def returning_row(write: Any, model: type[models.Row]) -> peewee.Query:
    """A write that returns what `row_of` returns, for each row that it wrote."""
    row = peewee.Select((), columns_of(model)).alias("r")
    return write.returning(peewee.Select((row,), (fn.row_to_json(SQL("r")),)), model.version)


@lru_cache(maxsize=1000)
def _update(model: type[models.Row], names: tuple[str, ...]) -> Statement:
    columns = [model._meta.columns[name] for name in names]
    changes = {column: column_parameter(column) for column in columns}
    return compiled(returning_row(model.update(changes).where(model.id == parameter("row_id")), model))
