"""Order and keyset pages as SQL: each page costs what the first one costs, with nulls, ties and mixed directions.

The rows behind a cursor are cut into ranges, each of which an index can give in order: one by a comparison of rows,
`(a, id) > (…)`, and one for the nulls that come after. A range never has a null and another value in one column, so
that an index serves it forwards and backwards, whatever its own place for nulls is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from app.database.literals import json_literal
from app.query.terms import SortKey
from app.repositories.conditions import TABLES, sql_type


class Range(NamedTuple):
    """The condition of one range of the rows, and its order in itself; both empty for all rows."""

    condition: str
    order: str


def first_order(table: str, keys: Sequence[SortKey], row: str = "t") -> str:
    """The text after ORDER BY for all rows."""
    return _range(table, keys, "", (), row).order


def order_of_keys(keys: Sequence[SortKey]) -> str:
    """The text after ORDER BY where the keys are called key_0, key_1, …"""
    return ", ".join(_ordered(key, f"key_{number}") for number, key in enumerate(keys))


def first_ranges(table: str, keys: Sequence[SortKey], row: str = "t") -> list[Range]:
    """The ranges of all rows: one, unless the first key's nulls stand where no plain index has them."""
    key = keys[0]
    if not _nullable(table, key.column) or key.descending == key.nulls_first:
        return [_range(table, keys, "", (), row)]
    conditions = [f"{row}.{key.column} IS NOT NULL", f"{row}.{key.column} IS NULL"]
    return [_range(table, keys, condition, (key,), row) for condition in conditions]


def ranges_after(table: str, keys: Sequence[SortKey], nulls: Sequence[bool], row: str = "t") -> list[Range]:
    """The ranges of the rows after the one whose keys are bound as a0, a1, …; `nulls` tells which of those are null."""
    ranges: list[Range] = []
    start = 0
    while start < len(keys):
        end = _end_of_run(keys, nulls, start)
        ranges += _ranges_of_run(table, keys, nulls, start, end, row)
        start = end
    return ranges


def values(table: str, keys: Sequence[SortKey], position: Sequence[Any]) -> dict[str, Any]:
    """The values of a position, by the names of their parameters."""
    return {
        f"a{number}": json_literal(value) if isinstance(value, Mapping) else value
        for number, value in enumerate(position)
        if value is not None
    }


def _end_of_run(keys: Sequence[SortKey], nulls: Sequence[bool], start: int) -> int:
    """Where the keys end that go one way and have values, so that they can be compared as one row."""
    end = start + 1
    while not nulls[start] and end < len(keys) and not nulls[end] and keys[end].descending == keys[start].descending:
        end += 1
    return end


def _ranges_of_run(
    table: str, keys: Sequence[SortKey], nulls: Sequence[bool], start: int, end: int, row: str
) -> Iterator[Range]:
    """The rows that are the same up to a run of keys and come after in it."""
    same = [_same(table, keys[i], i, nulls[i], row) for i in range(end)]
    if not nulls[start]:
        beyond = _beyond(table, keys, start, end, row)
        yield _range(table, keys, " AND ".join([*same[:start], beyond]), keys[: start + 1], row)
    elif keys[start].nulls_first:
        others = f"{row}.{keys[start].column} IS NOT NULL"
        yield _range(table, keys, " AND ".join([*same[:start], others]), keys[: start + 1], row)
    for i in range(start, end):
        if not nulls[i] and not keys[i].nulls_first and _nullable(table, keys[i].column):
            condition = " AND ".join([*same[:i], f"{row}.{keys[i].column} IS NULL"])
            yield _range(table, keys, condition, keys[: i + 1], row)


def _beyond(table: str, keys: Sequence[SortKey], start: int, end: int, row: str) -> str:
    sign = "<" if keys[start].descending else ">"
    columns = ", ".join(f"{row}.{keys[i].column}" for i in range(start, end))
    bound = ", ".join(_bound(table, keys[i], i) for i in range(start, end))
    return f"({columns}) {sign} ({bound})"


def _same(table: str, key: SortKey, number: int, null: bool, row: str) -> str:
    return f"{row}.{key.column} IS NULL" if null else f"{row}.{key.column} = {_bound(table, key, number)}"


def _bound(table: str, key: SortKey, number: int) -> str:
    kind = sql_type(table, key.column)
    # An array's type is that of its column, which PostgreSQL finds itself.
    # In brackets, since a cast binds closer than a minus: -2147483648::integer is the negative of what is no integer.
    return f"%(a{number})s" if kind == "array" else f"(%(a{number})s)::{kind}"


def _range(table: str, keys: Sequence[SortKey], condition: str, apart: Sequence[SortKey], row: str) -> Range:
    """A range and its order. In the columns that are `apart` it has either nulls or values: any index will do."""
    plain = [key in apart or not _nullable(table, key.column) for key in keys]
    columns = [f"{row}.{key.column}" for key in keys]
    ordered = [
        _ordered(key._replace(nulls_first=key.descending) if is_plain else key, column)
        for key, column, is_plain in zip(keys, columns, plain, strict=True)
    ]
    return Range(condition, ", ".join(ordered))


def _ordered(key: SortKey, column: str) -> str:
    # PostgreSQL's own place for nulls is last, and first when descending.
    nulls = "" if key.nulls_first == key.descending else f" NULLS {'FIRST' if key.nulls_first else 'LAST'}"
    return f"{column}{' DESC' if key.descending else ''}{nulls}"


def _nullable(table: str, column: str) -> bool:
    return bool(TABLES[table]._meta.columns[column].null)
