"""SELECTs for a Query: compiled once for each shape of query, with the values bound by name."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from peewee import SQL, Case, ColumnBase, Entity, ModelSelect, Select, fn

from app.database import database
from app.database.statements import Statement, compiled, explained, parameter
from app.query.model import Filter, Query, Shape
from app.repositories import filters, ordering
from app.repositories.columns import Model, bound, column, columns_of, compared
from app.repositories.shapes import json_of, row_as_json, selected, shown_columns, union_all

STATEMENT_CACHE_SIZE = 1000


class Target(NamedTuple):
    """Which one row is meant: that of the id, if it has one of the versions and matches the filter."""

    id: Any
    versions: Sequence[int] | None = None
    filter: Filter = ()

    def shape(self) -> "Target":
        """The target without its values: what the SQL of a statement depends on."""
        return Target(None, None if self.versions is None else (), self.filter and filters.shape_of(self.filter))

    def values(self) -> dict[str, Any]:
        """The id, the versions and the filter's values, by the names of their parameters."""
        named = {"id": str(self.id)}
        if self.filter:
            named |= filters.values(self.filter)
        if self.versions is not None:
            named["versions"] = bound(list(self.versions))
        return named

    def conditions(self, model: Model) -> list[ColumnBase]:
        """The conditions that the row of a model is the one that is meant."""
        conditions = [model.id == parameter("id")]
        if self.versions is not None:
            conditions.append(model.version == fn.ANY(parameter("versions").cast("integer[]")))
        return conditions + filters.where_without_joins(model, self.filter)


def shape_of(query: Query) -> Query:
    """The query without its values: what its SQL depends on. Of a position, which of its keys are null."""
    return Query(
        filters.shape_of(query.where),
        query.sort,
        min(query.skip, 1),
        None if query.limit is None else 0,
        None if query.after is None else tuple(value is None for value in query.after),
        query.shape,
        writing=query.writing,
    )


def values(query: Query, more: int = 0) -> dict[str, Any]:
    """The values of a query that reads so many rows more than its limit, by the names of their parameters."""
    limit = None if query.limit is None else query.limit + more
    limits = {"limit": limit, "skip": query.skip, "max_bytes": database.max_answer_bytes}
    return filters.values(query.where) | ordering.values(query.after or ()) | limits


def matching(model: Model, filter: Filter, columns: Sequence[Any], more: Sequence[ColumnBase] = ()) -> ModelSelect:
    """The columns of the rows that a filter matches, and more conditions."""
    query = filters.join(model.select(*columns), model, filter)
    conditions = [*filters.where(model, filter), *more]
    return query.where(*conditions) if conditions else query


def bounded(array: Any) -> Case:
    """The array, which PostgreSQL makes once; null when it has more bytes than `max_bytes`, so that it is not sent."""
    return Case(None, [(fn.pg_column_size(array) <= parameter("max_bytes"), array)])


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def one(model: Model, target: Target, shape: Shape) -> Statement:
    """The SELECT that gives the one row in this shape, and its version."""
    return compiled(model.select(row_as_json(model, shape), model.version).where(*target.conditions(model)))


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def count(model: Model, filter: Filter) -> Statement:
    """The SELECT that counts the rows of a filter."""
    return compiled(matching(model, filter, [fn.count(SQL("*"))]))


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def estimate(model: Model, filter: Filter) -> Statement:
    """The EXPLAIN that tells how many rows the planner expects a filter to match."""
    return explained(compiled(matching(model, filter, [SQL("1")])))


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def every(model: Model, query: Query) -> Statement:
    """The SELECT that gives each row as JSON, for a stream."""
    return compiled(json_of(_rows(model, query)))


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def page(model: Model, query: Query) -> Statement:
    """The SELECT that gives the rows as a JSON array, how many they are, and an array of their hidden keys."""
    hidden = hidden_keys(model, query)
    if not hidden:
        rows = _rows(model, query).alias("r")
        return compiled(Select([rows], [bounded(fn.json_agg(Entity("r"))), fn.count(SQL("*"))]))
    rows = _chosen(model, query, _needed(model, query)).alias("t")
    # Lateral, which the planner makes one with the rows, where a SELECT for each of them would be run by itself.
    shown = Select(columns=selected(model, query.shape, rows)).lateral().alias("r")
    keys = fn.json_build_array(*[column(rows, name) for name in hidden])
    return compiled(Select([rows, shown], [bounded(fn.json_agg(Entity("r"))), fn.count(SQL("*")), fn.json_agg(keys)]))


def hidden_keys(model: Model, query: Query) -> list[str]:
    """The columns that a query sorts by and its rows do not show."""
    shown = shown_columns(model, query.shape)
    return [key.column for key in query.sort if key.column not in shown]


def _rows(model: Model, query: Query) -> Select:
    """The rows of a query in its shape. What is put into them is looked up only for the rows that are chosen."""
    if not query.shape.expansions and not query.shape.keys:
        return _chosen(model, query, shown_columns(model, query.shape))
    rows = _chosen(model, query, _needed(model, query)).alias("t")
    return Select([rows], selected(model, query.shape, rows))


def _needed(model: Model, query: Query) -> Sequence[str]:
    """The columns that a row's shape and order are made of."""
    keys = [key.column for key in query.sort]
    if query.shape.columns is None:
        return list(dict.fromkeys([*columns_of(model), *keys]))
    references = {field.name: field.column_name for field in model._meta.refs}
    expanded = [references[each.name] for each in query.shape.expansions if each.name in references]
    objects = [place.column for place in query.shape.keys]
    return list(dict.fromkeys([*query.shape.columns, *objects, *expanded, *keys, "id"]))


def _chosen(model: Model, query: Query, names: Sequence[str]) -> Select:
    """These columns of the rows of a query, in their order."""
    ranges = ordering.ranges(model, query.sort, query.after)
    columns = [column(model, name) for name in names]
    is_cut = query.limit is not None or query.skip
    if len(ranges) == 1:
        rows: Any = _in_range(model, query, columns, ranges[0])
    else:
        keys = [compared(model, key.column).alias(f"key_{number}") for number, key in enumerate(query.sort)]
        parts = [_in_range(model, query, [*columns, *keys], each) for each in ranges]
        if is_cut:
            # Each range by itself, so that no more rows are read than fit on the page.
            parts = [part.limit(parameter("limit").cast("bigint") + parameter("skip")) for part in parts]
        together = union_all(parts).alias("t")
        order = ordering.order_of_columns([together.c[key.name] for key in keys], query.sort)
        rows = Select([together], [together.c[name] for name in names]).order_by(*order)
    return rows.limit(parameter("limit")).offset(parameter("skip")) if is_cut else rows


def _in_range(model: Model, query: Query, columns: Sequence[Any], part: ordering.Range) -> Select:
    return matching(model, query.where, columns, part.conditions).order_by(*part.order)
