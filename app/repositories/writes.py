"""INSERT, UPDATE and DELETE: one statement each, compiled once for each shape, with the values bound by name."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache, reduce
from itertools import chain
from operator import add, and_
from typing import Any, NamedTuple

from peewee import CTE, EXCLUDED, SQL, Case, Expression, Field, Select, Tuple, fn

from app.database import database
from app.database.statements import DEFAULT, Bound, Parameter, RowValues, Statement, compiled, json_literal, parameter
from app.query.model import FieldRules, Filter, Query, Shape
from app.repositories import filters, ordering
from app.repositories.columns import Model, as_compared, bound, column, compared, sql_type
from app.repositories.natural_keys import Key
from app.repositories.reads import STATEMENT_CACHE_SIZE, Target, bounded, matching
from app.repositories.shapes import row_as_json

Values = Mapping[str, Any]
NULL = SQL("NULL")


class Merge(NamedTuple):
    """What an INSERT does about rows that are there: it merges these columns if they match the filter; none: nothing.

    Those that only some of the new rows name are `partly` merged.
    """

    columns: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    filter: Filter = ()
    rules: FieldRules = FieldRules()


def insert(
    model: Model,
    rows: Sequence[Values],
    key: Key,
    shape: Shape,
    merge: Merge | None = None,
    naming: Mapping[str, Sequence[str]] = {},
) -> Bound:
    """The INSERT of rows, some of which may be there if there is a merge; `naming` has by id the columns to be merged.

    Gives for each row that it wrote the JSON, the version, and the columns of the key as text.
    """
    columns = _written_columns(model, rows)
    if not merge:
        return _insert(model, columns, key, shape, None).bind({"rows": _row_values(model, columns, rows)})
    merged = [name for name in merge.columns if _is_merged(model, name, merge.rules)]
    created = [{name: _merged_into_nothing(row[name]) if name in merged else row[name] for name in row} for row in rows]
    patches = {
        str(row["id"]).lower(): {name: _removing(row[name]) if name in merged else None for name in naming[row["id"]]}
        for row in rows
        if naming
    }
    values = {"rows": _row_values(model, columns, created), "patches": json_literal(patches)}
    statement = _insert(model, columns, key, shape, merge._replace(filter=filters.shape_of(merge.filter)))
    return statement.bind(values | filters.values(merge.filter))


def select_by_keys(model: Model, rows: Sequence[Values], key: Key, shape: Shape) -> Bound:
    """The SELECT of the rows with the same keys; gives the JSON, the version and the key's columns of each."""
    arrays = {f"k_{name}": bound([row[name] for row in rows]) for name in key.columns}
    return _select_by_keys(model, key, shape).bind(arrays)


def new_values(model: Model, values: Values) -> dict[str, Any]:
    """Values to be written, by the names of their parameters."""
    objects = _objects(model)
    return {f"v_{name}": _document(value) if name in objects else bound(value) for name, value in values.items()}


def _written_columns(model: Model, rows: Sequence[Values]) -> tuple[str, ...]:
    """The columns that the rows name, and those that are null when no row names them."""
    named = dict.fromkeys(rows[0] if len(rows) == 1 else chain.from_iterable(rows))
    return tuple(named | _nullable(model))


@cache
def _nullable(model: Model) -> dict[str, None]:
    return {field.column_name: None for field in model._meta.sorted_fields if field.null}


def _row_values(model: Model, columns: Sequence[str], rows: Sequence[Values]) -> RowValues:
    objects, nullable = _objects(model), _nullable(model)
    # Not the column's own default: in a database that was taken over it may be an older program's.
    written = [
        (name, _document if name in objects else bound, None if name in nullable else DEFAULT) for name in columns
    ]
    return RowValues(
        [[write(row[name]) if name in row else otherwise for name, write, otherwise in written] for row in rows]
    )


def _removing(patch: Any) -> Any:
    """The patch if it removes keys, which a row that is created has not got; else None."""
    return patch if _merged_into_nothing(patch) != patch else None


def _merged_into_nothing(patch: Any) -> Any:
    """What a merge patch makes of no value (RFC 7396): itself without the keys that it would remove."""
    if not isinstance(patch, Mapping):
        return patch
    return {key: _merged_into_nothing(value) for key, value in patch.items() if value is not None}


def _document(value: Any) -> str | None:
    return None if value is None else json_literal(value)


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def _insert(model: Model, columns: tuple[str, ...], key: Key, shape: Shape, merge: Merge | None) -> Statement:
    # All values are bound as one, so that any number of rows has one text.
    rows = SQL("VALUES %s", [Parameter("rows")])
    insertion = model.insert_from(rows, [column(model, name) for name in columns])
    if merge:
        insertion = insertion.on_conflict(**_on_conflict(model, key, merge))
    return compiled(insertion.returning(*_returned(model, key, shape)))


def _on_conflict(model: Model, key: Key, merge: Merge) -> dict[str, Any]:
    target = {
        "conflict_target": [compared(model, name) for name in key.columns],
        "conflict_where": SQL(key.where) if key.where else None,
    }
    if not merge.columns:
        return {"action": "ignore", **target}
    changes = {column(model, name): _merged_if_named(model, name, merge) for name in merge.columns}
    conditions = filters.where_without_joins(model, merge.filter)
    if len(merge.partly) == len(merge.columns):
        conditions.append(_patch() != SQL("'{}'"))
    return {"update": changes, "where": reduce(and_, conditions) if conditions else None, **target}


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def _select_by_keys(model: Model, key: Key, shape: Shape) -> Statement:
    columns = [compared(model, name) for name in key.columns]
    wanted = [_wanted(model._meta.columns[name], parameter(f"k_{name}")) for name in key.columns]
    found = model.select(*_returned(model, key, shape)).where(Tuple(*columns).in_(Select(columns=wanted)))
    return compiled(found.where(SQL(key.where)) if key.where else found)


def _wanted(field: Field, values: Any) -> Any:
    return fn.unnest(as_compared(field, values).cast(f"{sql_type(field)}[]"))


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def update_one(model: Model, target: Target, columns: tuple[str, ...], rules: FieldRules, shape: Shape) -> Statement:
    """The UPDATE of one row: gives its JSON, its version, and if it replaces objects the keys that they have lost."""
    update = model.update(_changes(model, columns, rules)).where(*target.conditions(model))
    return compiled(update.returning(row_as_json(model, shape), model.version, *_dropped(model, columns, rules)))


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def increment_one(model: Model, target: Target, columns: tuple[str, ...], shape: Shape) -> Statement:
    """The UPDATE that adds to columns of one row, and gives its JSON and its version."""
    update = model.update({column(model, name): _sum(model, name) for name in columns})
    return compiled(update.where(*target.conditions(model)).returning(row_as_json(model, shape), model.version))


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def delete_one(model: Model, target: Target) -> Statement:
    """The DELETE of one row."""
    return compiled(model.delete().where(*target.conditions(model)))


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def update_many(model: Model, query: Query, columns: tuple[str, ...], rules: FieldRules) -> Statement:
    """The UPDATE of the rows that a query chooses: how many match, how many have changed, their array if the query asks
    for it, and the keys that objects have lost by being replaced.
    """
    chosen, numbered = _chosen(model, query, "FOR NO KEY UPDATE")
    row = [row_as_json(model, query.shape).alias("row")] if query.writing.return_rows else []
    dropped = [keys.alias("dropped") for keys in _dropped(model, columns, rules)]
    update = model.update(_changes(model, columns, rules)).from_(numbered).where(model.id == numbered.c.id)
    changed = update.where(_not_too_many(chosen)).returning(numbered.c.number, *row, *dropped).cte("changed")
    rows = Select([changed], [bounded(fn.json_agg(changed.c.row).order_by(changed.c.number))]) if row else NULL
    names = fn.ARRAY(Select([changed], [fn.unnest(changed.c.dropped)]).distinct()) if dropped else NULL
    return compiled(Select(columns=[_count(chosen), _count(changed), rows, names]).with_cte(chosen, numbered, changed))


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def delete_many(model: Model, query: Query) -> Statement:
    """The DELETE of the rows that a query chooses: how many match, and how many are gone."""
    chosen, _ = _chosen(model, query, "FOR UPDATE")
    deletion = model.delete().where(model.id.in_(Select([chosen], [chosen.c.id])) & _not_too_many(chosen))
    gone = deletion.returning(model.id).cte("gone")
    return compiled(Select(columns=[_count(chosen), _count(gone)]).with_cte(chosen, gone))


def values(query: Query) -> dict[str, Any]:
    """The values of a write by filter. Without a limit it looks at one row more than it may change."""
    limits = {"max": max(query.max_affected, query.limit or 0), "limit": query.limit or query.max_affected + 1}
    return filters.values(query.where) | limits | {"max_bytes": database.max_answer_bytes}


def _chosen(model: Model, query: Query, lock: str) -> tuple[CTE, CTE]:
    """The ids that a query chooses, locked in their order, by id unless it sorts; and those ids with their numbers."""
    rows: Any = matching(model, query.where, [model.id]).order_by(*ordering.first_order(model, query.sort))
    locked = rows.limit(parameter("limit")).for_update(lock, of=model, skip_locked=query.writing.skip_locked)
    chosen = locked.cte("chosen", materialized=True)
    number = fn.row_number().over().alias("number")
    return chosen, Select([chosen], [chosen.c.id, number]).cte("numbered")


def _not_too_many(chosen: CTE) -> Expression:
    return _count(chosen) <= parameter("max")


def _count(rows: CTE) -> Select:
    return Select([rows], [fn.count(SQL("*"))])


def _returned(model: Model, key: Key, shape: Shape) -> list[Any]:
    return [row_as_json(model, shape), model.version, *[column(model, name).cast("text") for name in key.columns]]


def _changes(model: Model, columns: Sequence[str], rules: FieldRules) -> dict[Any, Any]:
    return {column(model, name): _changed(model, name, parameter(f"v_{name}"), rules) for name in columns}


def _changed(model: Model, name: str, value: Any, rules: FieldRules) -> Any:
    """What becomes of a column to which this value is written."""
    if name in rules.if_null:
        return fn.coalesce(column(model, name), value)
    return _bounded(model, name, fn.merge_patch, value.cast("jsonb")) if _is_merged(model, name, rules) else value


def _dropped(model: Model, columns: Sequence[str], rules: FieldRules) -> list[Any]:
    """The keys that objects have lost by being replaced, such as profile.language, as an array; where none are,
    nothing. A subquery of RETURNING sees the row as it was.
    """
    replaced = [name for name in columns if name in _objects(model) and name not in rules.if_null]
    if rules.merge or not replaced:
        return []
    before: Any = model.alias("before")
    was = [
        # What is emptied by null has no key that was forgotten.
        Select([before], [_keys(before, name)]).where((before.id == model.id) & column(model, name).is_null(False))
        for name in replaced
    ]
    now = [Select(columns=[_keys(model, name)]) for name in replaced]
    return [fn.ARRAY(reduce(add, was) - reduce(add, now))]


def _keys(row: Any, name: str) -> Any:
    """The names of the keys of an object, one a row, each behind the column's name."""
    value = column(row, name)
    return fn.CONCAT(f"{name}.", fn.jsonb_object_keys(Case(None, [(fn.jsonb_typeof(value) == "object", value)])))


def _is_merged(model: Model, name: str, rules: FieldRules) -> bool:
    return rules.merge and name in _objects(model) and name not in (*rules.replace, *rules.if_null)


def _merged_if_named(model: Model, name: str, merge: Merge) -> Any:
    new: Any = EXCLUDED[name]
    if _is_merged(model, name, merge.rules):
        new = fn.coalesce(fn.nullif(Expression(_patch(), "->", name), SQL("'null'")), new)
    merged = _changed(model, name, new, merge.rules)
    named = [(Expression(_patch(), "?", name), merged)]
    return Case(None, named, column(model, name)) if name in merge.partly else merged


def _patch() -> Expression:
    """By the columns that the new row names, what is merged into them in the place of its own value, or null."""
    return Expression(parameter("patches").cast("jsonb"), "->", EXCLUDED["id"].cast("text"))


def _sum(model: Model, name: str) -> Any:
    value = parameter(f"v_{name}")
    if name in _objects(model):
        return _bounded(model, name, fn.add_numbers, value.cast("jsonb"))
    return fn.coalesce(column(model, name), 0) + value


def _bounded(model: Model, name: str, function: Any, value: Any) -> Any:
    """What the function makes of an object and this value, as long as the object does not grow beyond its bound."""
    was = column(model, name)
    return fn.bounded_object(was, function(was, value))


@cache
def _objects(model: Model) -> frozenset[str]:
    return frozenset(name for name, field in model._meta.columns.items() if sql_type(field) == "jsonb")
