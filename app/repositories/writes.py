"""INSERT, UPDATE and DELETE: one statement each, written once for each shape, with the values bound by name."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from app.database.literals import json_literal
from app.query.terms import Filter, Query, Shape, SortKey
from app.repositories import conditions, ordering
from app.repositories.conditions import sql_type
from app.repositories.shapes import as_json

STATEMENTS_KEPT = 1000
ID = SortKey("id")


def values_of(table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values to be written, by the names of their parameters."""
    return {f"v_{column}": bound(table, column, value) for column, value in values.items()}


def bound(table: str, column: str, value: Any) -> Any:
    """A value as the driver takes it for this column."""
    return json_literal(value) if value is not None and sql_type(table, column) == "jsonb" else value


@lru_cache(maxsize=STATEMENTS_KEPT)
def insert(table: str, columns: tuple[str, ...], shape: Shape, conflict: str = "") -> str:
    """The INSERT of one row, which gives its JSON and its version."""
    names, places = ", ".join(columns), ", ".join(f"%(v_{name})s" for name in columns)
    returning = f"RETURNING {as_json(table, shape)}, t.version"
    return f"INSERT INTO {table} AS t ({names}) VALUES ({places}){conflict} {returning}"


def insert_many(
    table: str, columns: Sequence[str], rows: int, key: Sequence[str], shape: Shape, conflict: str = ""
) -> str:
    """The INSERT of many rows, which takes the value of a column in a row as v<row>_<column>.

    For each row that it wrote it gives the JSON, the version, and the columns of the key as text.
    """
    values = ", ".join(f"({', '.join(f'%(v{row}_{name})s' for name in columns)})" for row in range(rows))
    keys = ", ".join(f"t.{name}::text" for name in key)
    written = f"INSERT INTO {table} AS t ({', '.join(columns)}) VALUES {values}{conflict}"
    return f"{written} RETURNING {as_json(table, shape)}, t.version, {keys}"


@lru_cache(maxsize=STATEMENTS_KEPT)
def update_one(
    table: str, columns: tuple[str, ...], merging: bool, shape: Shape, filter: Filter, versioned: bool
) -> str:
    """The UPDATE of the row of the id, if it has one of the versions and matches the filter."""
    changes = assignments(table, columns, merging)
    returning = f"RETURNING {as_json(table, shape)}, t.version"
    return f"UPDATE {table} AS t SET {changes} WHERE {_one(table, filter, versioned)} {returning}"


@lru_cache(maxsize=STATEMENTS_KEPT)
def increment_one(table: str, columns: tuple[str, ...], shape: Shape) -> str:
    """The UPDATE that adds to columns of the row of the id."""
    changes = ", ".join(f"{name} = {_sum(table, name)}" for name in columns)
    returning = f"RETURNING {as_json(table, shape)}, t.version"
    return f"UPDATE {table} AS t SET {changes} WHERE t.id = %(id)s {returning}"


@lru_cache(maxsize=STATEMENTS_KEPT)
def select_one(table: str, shape: Shape, filter: Filter, versioned: bool) -> str:
    """The SELECT of the row of the id, if it has one of the versions and matches the filter."""
    return f"SELECT {as_json(table, shape)}, t.version FROM {table} AS t WHERE {_one(table, filter, versioned)}"


@lru_cache(maxsize=STATEMENTS_KEPT)
def delete_one(table: str, filter: Filter, versioned: bool) -> str:
    """The DELETE of the row of the id, if it has one of the versions and matches the filter."""
    return f"DELETE FROM {table} AS t WHERE {_one(table, filter, versioned)}"


def update_many(table: str, columns: tuple[str, ...], merging: bool, query: Query) -> tuple[str, dict[str, Any]]:
    """The UPDATE of the rows that a query chooses: how many match, how many have changed, and their array."""
    return _update_many(table, columns, merging, _shape_of(query)), _values(query)


def delete_many(table: str, query: Query) -> tuple[str, dict[str, Any]]:
    """The DELETE of the rows that a query chooses: how many match, and how many are gone."""
    return _delete_many(table, _shape_of(query)), _values(query)


def on_conflict(
    table: str, key: Sequence[str], where: str, columns: Sequence[str], partly: Collection[str], filter: Filter
) -> str:
    """What an INSERT does when a row with this key is there: merge these columns if it matches the filter.

    Those that only some of the rows name, `partly`, and rows that name none, are told by `ids_naming`.
    """
    target = f" ON CONFLICT ({', '.join(key)}){f' WHERE {where}' if where else ''}"
    if not columns:
        return f"{target} DO NOTHING"
    changes = ", ".join(f"{name} = {_merged_if_named(table, name, name in partly)}" for name in columns)
    names_any = _is_among("n_any") if len(partly) == len(columns) else ""
    matching = conditions.where(table, conditions.shape_of(filter), joined=False).sql
    condition = " AND ".join(each for each in (names_any, matching) if each)
    return f"{target} DO UPDATE SET {changes}{f' WHERE {condition}' if condition else ''}"


def ids_naming(naming: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The ids of the new rows that name each column, and of those that name any, by the names of their parameters."""
    named = {f"n_{name}": list(ids) for name, ids in naming.items()}
    return named | {"n_any": list({each for ids in naming.values() for each in ids})}


def select_by_keys(table: str, key: Sequence[str], where: str, shape: Shape) -> str:
    """The SELECT of the rows with these keys, which come as an array for each column: JSON, version, keys as text."""
    arrays = ", ".join(f"%(k_{name})s::{sql_type(table, name)}[]" for name in key)
    names = ", ".join(f"of_{name}" for name in key)
    same = " AND ".join(f"t.{name} = of_{name}" for name in key)
    keys = ", ".join(f"t.{name}::text" for name in key)
    return (
        f"SELECT {as_json(table, shape)}, t.version, {keys} FROM unnest({arrays}) AS wanted ({names}) "
        f"JOIN {table} AS t ON {same}{f' AND {where}' if where else ''}"
    )


def assignments(table: str, columns: Sequence[str], merging: bool) -> str:
    """The text after SET: objects are replaced, or merged (RFC 7396)."""
    return ", ".join(
        f"{name} = {_merged(table, name, f'%(v_{name})s::jsonb')}" if merging and _is_object(table, name)
        else f"{name} = %(v_{name})s"
        for name in columns
    )  # fmt: skip


def _merged(table: str, column: str, value: str) -> str:
    return f"merge_patch(t.{column}, {value})" if _is_object(table, column) else value


def _merged_if_named(table: str, column: str, partly: bool) -> str:
    merged = _merged(table, column, f"EXCLUDED.{column}")
    return f"CASE WHEN {_is_among(f'n_{column}')} THEN {merged} ELSE t.{column} END" if partly else merged


def _is_among(parameter: str) -> str:
    return f"EXCLUDED.id = ANY (%({parameter})s::uuid[])"


def _sum(table: str, column: str) -> str:
    if _is_object(table, column):
        return f"add_numbers(t.{column}, %(v_{column})s::jsonb)"
    return f"coalesce(t.{column}, 0) + %(v_{column})s"


def _is_object(table: str, column: str) -> bool:
    return sql_type(table, column) == "jsonb"


def _one(table: str, filter: Filter, versioned: bool) -> str:
    matching = conditions.where(table, filter, joined=False).sql
    versions = "t.version = ANY (%(versions)s::integer[])" if versioned else ""
    return " AND ".join(each for each in ("t.id = %(id)s", versions, matching) if each)


@lru_cache(maxsize=STATEMENTS_KEPT)
def _update_many(table: str, columns: tuple[str, ...], merging: bool, query: Query) -> str:
    row = f", {as_json(table, query.shape)} AS row" if query.writing.return_rows else ""
    rows = ", (SELECT json_agg(row ORDER BY number) FROM changed)" if query.writing.return_rows else ""
    return f"""
        WITH {_chosen(table, query, "NO KEY UPDATE")},
        changed AS (
            UPDATE {table} AS t SET {assignments(table, columns, merging)} FROM numbered
            WHERE t.id = numbered.id AND (SELECT count(*) FROM chosen) <= %(most)s
            RETURNING numbered.number{row}
        )
        SELECT (SELECT count(*) FROM chosen), (SELECT count(*) FROM changed){rows}"""


@lru_cache(maxsize=STATEMENTS_KEPT)
def _delete_many(table: str, query: Query) -> str:
    return f"""
        WITH {_chosen(table, query, "UPDATE")},
        gone AS (
            DELETE FROM {table} AS t USING numbered
            WHERE t.id = numbered.id AND (SELECT count(*) FROM chosen) <= %(most)s RETURNING t.id
        )
        SELECT (SELECT count(*) FROM chosen), (SELECT count(*) FROM gone)"""


def _chosen(table: str, query: Query, lock: str) -> str:
    """The rows that a query chooses, locked in their order, by id unless it sorts."""
    found = conditions.where(table, query.where)
    joins = conditions.joins(table, found.references)
    order = ordering.first_order(table, query.sort)
    skip = " SKIP LOCKED" if query.writing.skip_locked else ""
    return f"""chosen AS MATERIALIZED (
            SELECT t.id FROM {table} AS t{joins} WHERE {found.sql} ORDER BY {order} LIMIT %(limit)s
            FOR {lock} OF t{skip}
        ),
        numbered AS (SELECT id, row_number() OVER () AS number FROM chosen)"""


def _shape_of(query: Query) -> Query:
    writing = query.writing._replace(most=0)
    return Query(conditions.shape_of(query.where), query.sort, shape=query.shape, writing=writing)


def _values(query: Query) -> dict[str, Any]:
    """The values of a write by filter. Without a limit it looks at one row more than it may change."""
    most = query.writing.most
    return conditions.values(query.where) | {"most": max(most, query.limit or 0), "limit": query.limit or most + 1}
