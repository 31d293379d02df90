"""Filters as SQL: WHERE text with a named parameter for each value, never a value itself."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import orjson
import peewee
from playhouse.postgres_ext import ArrayField
from psycopg2.extensions import AsIs, register_adapter

from app import models
from app.database.literals import json_literal
from app.query.relations import REFERENCES, REVERSE
from app.query.terms import Condition, Either, Filter, Place, RelativeTime

TABLES: dict[str, type[models.Row]] = {each._meta.table_name: each for each in models.Row.__subclasses__()}
SQL_TYPES: tuple[tuple[type[peewee.Field], str], ...] = (
    (ArrayField, "array"),
    (peewee.JSONField, "jsonb"),
    (peewee.ForeignKeyField, "uuid"),
    (peewee.UUIDField, "uuid"),
    (peewee.BooleanField, "boolean"),
    (peewee.IntegerField, "integer"),
    (peewee.DoubleField, "float8"),
    (peewee.DateTimeField, "timestamptz"),
    (peewee.TextField, "text"),
)
COMPARISONS = {
    "eq": "{place} = {value}",
    "ne": "{place} IS DISTINCT FROM {value}",
    "in": "{place} = ANY ({value}::{type}[])",
    "nin": "({place} = ANY ({value}::{type}[])) IS NOT TRUE",
    "gt": "{place} > {value}",
    "gte": "{place} >= {value}",
    "lt": "{place} < {value}",
    "lte": "{place} <= {value}",
    "like": "{place} LIKE {value}",
    "ilike": "{place} ILIKE {value}",
    "contains": "{place} @> {value}",
    "isnull": "{place} IS NULL",
    "not isnull": "{place} IS NOT NULL",
    "empty": "coalesce(cardinality({place}), 0) = 0",
    "not empty": "cardinality({place}) > 0",
}
# A key inside an object has no type of its own: it is compared with each JSON value that the text can mean.
COMPARISONS_OF_KEYS = {
    "eq": "{json} = ANY ({value}::jsonb[])",
    "ne": "({json} = ANY ({value}::jsonb[])) IS NOT TRUE",
    "in": "{json} = ANY ({value}::jsonb[])",
    "nin": "({json} = ANY ({value}::jsonb[])) IS NOT TRUE",
    "contains": "jsonb_typeof({json}) = 'array' AND {json} @> ANY ({value}::jsonb[])",
    "like": "{text} LIKE {value}",
    "ilike": "{text} ILIKE {value}",
    "isnull": "{text} IS NULL",
    "not isnull": "{text} IS NOT NULL",
}
# What most values are, and what then need not be looked at closer.
AS_THEY_ARE = (str, datetime)
SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
PHONE_DIGITS = r"regexp_replace({row}.notification_preferences ->> 'phone_number', '\D', '', 'g')"


def _relative_time_literal(time: RelativeTime) -> AsIs:
    return AsIs(f"(now() + interval '{int(time.seconds)} seconds')")


register_adapter(RelativeTime, _relative_time_literal)


class Where(NamedTuple):
    """A condition's text, and the references that it leads over."""

    sql: str
    references: tuple[str, ...]


def shape_of(filter: Filter) -> Filter:
    """The filter without its values: what its SQL depends on."""
    return tuple(_shape(each) for each in filter)


def where(table: str, filter: Filter, row: str = "t", joined: bool = True) -> Where:
    """The text of a filter over the rows of a table, which the statement calls `row`; empty for no filter.

    Where no join can stand, in an UPDATE for one, the columns behind references are looked up by subqueries.
    """
    names = (f"p{number}" for number in range(10_000))
    keys = (f"k{number}" for number in range(10_000))
    sql = " AND ".join(_term(table, each, row, names, keys, joined) for each in filter)
    return Where(sql, tuple(dict.fromkeys(place.reference for place in _places(filter) if place.reference)))


def joins(table: str, references: Sequence[str], row: str = "t") -> str:
    """The joins that bring in the rows which these references point to, each under the reference's name."""
    return "".join(
        f' LEFT JOIN {REFERENCES[table][name]} AS "{name}" ON "{name}".id = {row}.{name}_id' for name in references
    )


def values(filter: Filter) -> dict[str, Any]:
    """The values of a filter, by the names of its parameters."""
    found: dict[str, Any] = {}
    with_value = with_keys = 0
    for condition in _conditions(filter):
        if _has_value(condition):
            found[f"p{with_value}"] = _bound(condition)
            with_value += 1
        if condition.place.keys:
            found[f"k{with_keys}"] = list(condition.place.keys)
            with_keys += 1
    return found


@cache
def sql_type(table: str, column: str) -> str:
    """PostgreSQL's name for the type of a column."""
    field = TABLES[table]._meta.columns[column]
    return next(name for kind, name in SQL_TYPES if isinstance(field, kind))


def _shape(term: Condition | Either) -> Condition | Either:
    if isinstance(term, Either):
        return Either(tuple(tuple(_shape(each) for each in group) for group in term.groups))  # type: ignore[misc]
    place = term.place._replace(keys=("",)) if term.place.keys else term.place
    return Condition(place, term.operator, _mark(term), term.or_null)


def _mark(condition: Condition) -> Any:
    """What of a condition's value its text depends on."""
    if isinstance(condition.value, bool) and not _has_value(condition):
        return condition.value
    if condition.place.keys and condition.operator in SIGNS:
        return "0" if _number(condition.value) is not None else ""
    return None


def _term(
    table: str, term: Condition | Either, row: str, names: Iterator[str], keys: Iterator[str], joined: bool
) -> str:
    if isinstance(term, Either):
        groups = (" AND ".join(_term(table, each, row, names, keys, joined) for each in group) for group in term.groups)
        return "(" + " OR ".join(f"({group})" for group in groups) + ")"
    path = f"%({next(keys)})s" if term.place.keys else ""
    value = f"%({next(names)})s" if _has_value(term) else ""
    sql = _comparison(table, term, row, value, path, joined)
    if term.or_null:
        return f"({sql} OR {_comparison(table, Condition(term.place, 'isnull', True), row, '', path, joined)})"
    return sql


def _comparison(table: str, condition: Condition, row: str, value: str, path: str, joined: bool) -> str:
    place, operator = condition.place, condition.operator
    if operator == "exists":
        return _exists(table, condition, row)
    if operator in ("isnull", "empty") and not condition.value:
        operator = f"not {operator}"
    owner = REFERENCES[table][place.reference] if place.reference else table
    column = _column(table, place, row, joined)
    if place.keys:
        return _comparison_of_key(column, path, operator, value, condition)
    if place == ("phone", (), None):
        return f"{PHONE_DIGITS.format(row=row)} = {value}"
    return COMPARISONS[operator].format(place=column, value=value, type=sql_type(owner, place.column))


def _column(table: str, place: Place, row: str, joined: bool) -> str:
    if not place.reference:
        return f"{row}.{place.column}"
    if joined:
        return f'"{place.reference}".{place.column}'
    there = REFERENCES[table][place.reference]
    return f"(SELECT x.{place.column} FROM {there} AS x WHERE x.id = {row}.{place.reference}_id)"


def _comparison_of_key(column: str, path: str, operator: str, value: str, condition: Condition) -> str:
    json, text = f"({column} #> {path})", f"({column} #>> {path})"
    if operator not in SIGNS:
        return "(" + COMPARISONS_OF_KEYS[operator].format(json=json, text=text, value=value) + ")"
    if _number(condition.value) is not None:
        return f"CASE jsonb_typeof({json}) WHEN 'number' THEN {json}::numeric {SIGNS[operator]} {value}::numeric END"
    return f"CASE jsonb_typeof({json}) WHEN 'string' THEN {text} COLLATE \"C\" {SIGNS[operator]} {value} END"


def _exists(table: str, condition: Condition, row: str) -> str:
    there = REVERSE[table][condition.place.column]
    not_ = "" if condition.value else "NOT "
    return f"{not_}EXISTS (SELECT FROM {there.table} AS x WHERE x.{there.column} = {row}.id)"


def _has_value(condition: Condition) -> bool:
    return condition.operator not in ("isnull", "empty", "exists")


def _conditions(filter: Filter) -> Iterator[Condition]:
    for term in filter:
        if isinstance(term, Either):
            for group in term.groups:
                yield from group
        else:
            yield term


def _places(filter: Filter) -> Iterator[Place]:
    for condition in _conditions(filter):
        yield condition.place


def _bound(condition: Condition) -> Any:
    """The value as the driver takes it."""
    value = condition.value
    if condition.operator in ("like", "ilike"):
        return _pattern(value)
    if condition.place.keys:
        return _bound_of_key(condition)
    if type(value) in AS_THEY_ARE:
        return value
    if isinstance(value, Mapping):
        return json_literal(value)
    return list(value) if type(value) is tuple else value


def _bound_of_key(condition: Condition) -> Any:
    if condition.operator in SIGNS:
        number = _number(condition.value)
        return condition.value if number is None else str(number)
    texts = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    return [document for text in texts for document in _documents(text)]


def _documents(text: str) -> Iterator[str]:
    """The JSON values that a text can mean: itself, and the number, true or false that it spells."""
    yield json_literal(text)
    if text in ("true", "false") or _number(text) is not None:
        yield text


def _number(text: str) -> int | float | None:
    """The number that a text spells as JSON has it, or None."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _pattern(text: str) -> str:
    """A pattern for LIKE in which only * is a wildcard."""
    for sign in ("\\", "%", "_"):
        text = text.replace(sign, f"\\{sign}")
    return text.replace("*", "%")
