"""SELECTs for a Query: written once for each shape of query, with the values bound by name."""

from functools import lru_cache
from typing import Any, NamedTuple

from app.query.relations import REFERENCES
from app.query.terms import MOST_GROUPS, WHOLE_ROW, Filter, Grouping, Query, Shape
from app.repositories import conditions, ordering
from app.repositories.shapes import as_json, selected, shown_columns

STATEMENTS_KEPT = 1000


class Page(NamedTuple):
    """The SELECT of a page, and whether the sort keys are within its rows or come beside them."""

    sql: str
    keys_within: bool


def page(table: str, query: Query) -> tuple[Page, dict[str, Any]]:
    """The SELECT that gives one row more than the limit: a JSON array, how many, and the sort keys if not within."""
    return _page(table, _shape_of(query)), _values(table, query) | {"limit": _one_more(query), "skip": query.skip}


def every(table: str, query: Query) -> tuple[str, dict[str, Any]]:
    """The SELECT that gives each row as JSON, for a stream."""
    sql = _every(table, _shape_of(query))
    return sql, _values(table, query) | {"limit": query.limit, "skip": query.skip}


def count(table: str, filter: Filter) -> tuple[str, dict[str, Any]]:
    """The SELECT that counts the rows of a filter."""
    return f"SELECT count(*) {_matching(table, conditions.shape_of(filter))}", conditions.values(filter)


def estimate(table: str, filter: Filter) -> tuple[str, dict[str, Any]]:
    """The EXPLAIN that tells how many rows the planner expects."""
    sql = f"EXPLAIN (FORMAT JSON) SELECT {_matching(table, conditions.shape_of(filter))}"
    return sql, conditions.values(filter)


@lru_cache(maxsize=STATEMENTS_KEPT)
def one(table: str, shape: Shape) -> str:
    """The SELECT that gives the row of the id, in this shape, and its version."""
    return f"SELECT {as_json(table, shape)}, t.version FROM {table} AS t WHERE t.id = %(id)s"


def matching(table: str, filter: Filter) -> str:
    """FROM, joins and WHERE of a filter whose values are bound by name."""
    return _matching(table, conditions.shape_of(filter))


@lru_cache(maxsize=STATEMENTS_KEPT)
def _matching(table: str, filter: Filter, beside: str = "") -> str:
    found = conditions.where(table, filter)
    both = " AND ".join(each for each in (found.sql, beside) if each)
    return f"FROM {table} AS t{conditions.joins(table, found.references)}{f' WHERE {both}' if both else ''}"


@lru_cache(maxsize=STATEMENTS_KEPT)
def _page(table: str, query: Query) -> Page:
    shape = query.shape
    keys = [key.column for key in query.sort]
    keys_within = set(keys) <= set(shown_columns(table, shape))
    if keys_within:
        return Page(f"SELECT json_agg(r), count(*) FROM ({_rows(table, query)}) AS r", True)
    needed = _needed(table, query)
    key = f"json_agg(json_build_array({', '.join(f't.{column}' for column in keys)}))"
    shown = f"json_agg((SELECT o FROM (SELECT {selected(table, shape)}) AS o))"
    return Page(f"SELECT {shown}, count(*), {key} FROM ({_chosen(table, query, needed)}) AS t", False)


@lru_cache(maxsize=STATEMENTS_KEPT)
def _every(table: str, query: Query) -> str:
    return f"SELECT row_to_json(r) FROM ({_rows(table, query)}) AS r"


def _rows(table: str, query: Query) -> str:
    """The rows of a query in its shape. What is put into them is looked up only for the rows that are chosen."""
    if not query.shape.expansions:
        return _chosen(table, query, selected(table, query.shape))
    return f"SELECT {selected(table, query.shape)} FROM ({_chosen(table, query, _needed(table, query))}) AS t"


def _needed(table: str, query: Query) -> str:
    """The columns that a row's shape and order are made of."""
    if query.shape.columns is None:
        return selected(table, WHOLE_ROW)
    expanded = [each.name for each in query.shape.expansions]
    references = [f"{name}_id" for name in expanded if name in REFERENCES[table]]
    keys = [key.column for key in query.sort]
    return ", ".join(f"t.{name}" for name in dict.fromkeys([*query.shape.columns, *references, *keys, "id"]))


def _chosen(table: str, query: Query, columns: str) -> str:
    """The SELECT of the rows of a query, in their order."""
    ranges = _ranges(table, query)
    cut = _cut(query)
    if len(ranges) == 1:
        [alone] = ranges
        return f"SELECT {columns} {_matching(table, query.where, alone.condition)} ORDER BY {alone.order}{cut}"
    keys = ", ".join(f"t.{key.column} AS key_{number}" for number, key in enumerate(query.sort))
    # Each range is cut by itself, so that no more rows are read than fit on the page.
    cut_each = _cut(query, part=True)
    parts = [
        f"(SELECT {columns}, {keys} {_matching(table, query.where, each.condition)} ORDER BY {each.order}{cut_each})"
        for each in ranges
    ]
    order = ordering.order_of_keys(query.sort)
    return f"SELECT {columns} FROM ({' UNION ALL '.join(parts)}) AS t ORDER BY {order}{cut}"


def _ranges(table: str, query: Query) -> list[ordering.Range]:
    if query.after is None:
        return ordering.first_ranges(table, query.sort)
    return ordering.ranges_after(table, query.sort, query.after)


def _cut(query: Query, part: bool = False) -> str:
    if query.limit is None and not query.skip:
        return ""
    if part:
        return " LIMIT %(limit)s::bigint + %(skip)s"
    return " LIMIT %(limit)s OFFSET %(skip)s"


def _shape_of(query: Query) -> Query:
    """The query without its values: what its SQL depends on. Of a position, which of its keys are null."""
    nulls = None if query.after is None else tuple(value is None for value in query.after)
    return query._replace(
        where=conditions.shape_of(query.where),
        after=nulls,
        limit=None if query.limit is None else 0,
        skip=1 if query.skip else 0,
        counting="",
        fingerprint="",
    )


def _values(table: str, query: Query) -> dict[str, Any]:
    values = conditions.values(query.where)
    return values | ordering.values(table, query.sort, query.after) if query.after else values


def _one_more(query: Query) -> int | None:
    return None if query.limit is None else query.limit + 1


BUCKETS = {
    "day": "to_char({at}, 'YYYY-MM-DD')",
    "week": "to_char(date_trunc('week', {at}), 'YYYY-MM-DD')",
    "month": "to_char({at}, 'YYYY-MM')",
    "weekday": "extract(isodow FROM {at})::integer",
    "hour": "extract(hour FROM {at})::integer",
}
OTHER_GROUPS = {"status": "t.status", "goal_id": "t.goal_id", "class_tag": "tag", "goal_class_tag": "goal_tag"}
TEXT_GROUPS = ("status", "class_tag", "goal_class_tag")


@lru_cache(maxsize=STATEMENTS_KEPT)
def grouped(table: str, filter: Filter, grouping: Grouping) -> str:
    """The SELECT of the groups of tasks: a JSON array of at most one more than MOST_GROUPS, or null."""
    at = f"(t.{grouping.bucket_on} AT TIME ZONE %(time_zone)s)"
    expressions = {name: BUCKETS[name].format(at=at) if name in BUCKETS else OTHER_GROUPS[name] for name in grouping.by}
    keys = ", ".join(f'{expression} AS "{name}"' for name, expression in expressions.items())
    places = ", ".join(str(number) for number in range(1, len(expressions) + 2))
    names = ", ".join(f'"{name}"' for name in grouping.by)
    order = ", ".join(f'"{name}" COLLATE "C"' if name in TEXT_GROUPS else f'"{name}"' for name in grouping.by)
    found = conditions.where(table, filter)
    sources = f"FROM {table} AS t{conditions.joins(table, found.references)}{_tags(grouping)}"
    counted = f"SELECT {keys}, t.status AS of_status, count(*) AS n {sources}"
    counted += f"{f' WHERE {found.sql}' if found.sql else ''} GROUP BY {places}"
    return f"""
        SELECT json_agg(g) FROM (
            SELECT {names}, sum(n)::bigint AS total, json_object_agg(of_status, n ORDER BY of_status) AS by_status
            FROM ({counted}) AS c GROUP BY {names} ORDER BY {order} LIMIT {MOST_GROUPS + 1}
        ) AS g"""


def _tags(grouping: Grouping) -> str:
    joins = ""
    if "class_tag" in grouping.by:
        joins += " LEFT JOIN LATERAL (SELECT DISTINCT unnest(t.class_tags) AS tag) AS own_tags ON true"
    if "goal_class_tag" in grouping.by:
        joins += " LEFT JOIN goals AS tagged ON tagged.id = t.goal_id"
        joins += " LEFT JOIN LATERAL (SELECT DISTINCT unnest(tagged.class_tags) AS goal_tag) AS goal_tags ON true"
    return joins
