"""Order and keyset pages: each page costs what the first one costs, with nulls, ties and mixed directions.

The rows behind a cursor are cut into ranges, each of which an index can give in order: one by a comparison of rows,
`(a, id) > (…)`, and one for the nulls that come after. A range never has a null and another value in one column, so
that an index serves it forwards and backwards, whatever its own place for nulls is.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from peewee import ColumnBase, Expression, Ordering, Tuple

from app.database.statements import parameter
from app.query.model import SortKey
from app.repositories.columns import Model, as_compared, bound, compared, sql_type

Keys = Sequence[SortKey]


class Range(NamedTuple):
    """The conditions of one range of the rows, none for all of them, and its order in itself."""

    conditions: list[ColumnBase]
    order: list[Ordering]


def first_order(model: Model, keys: Keys) -> list[Ordering]:
    """The order of all rows."""
    return _range(model, keys, [], ()).order


def order_of_columns(columns: Sequence[Any], keys: Keys) -> list[Ordering]:
    """The order of rows whose keys are in these columns."""
    return [_ordered(key, column) for key, column in zip(keys, columns, strict=True)]


def ranges(model: Model, keys: Keys, nulls: Sequence[bool] | None) -> list[Range]:
    """The ranges of all rows, or of those after the one whose keys are bound as a0, a1, …

    `nulls` tells which of those are null. All rows are one range, unless the first key's nulls stand where no plain
    index has them.
    """
    if nulls is not None:
        return list(_ranges_after(model, keys, nulls))
    key = keys[0]
    if not _nullable(model, key) or key.descending == key.nulls_first:
        return [_range(model, keys, [], ())]
    return [_range(model, keys, [compared(model, key.column).is_null(null)], (key,)) for null in (False, True)]


def values(position: Sequence[Any]) -> dict[str, Any]:
    """The values of a position, by the names of their parameters."""
    return {f"a{number}": bound(value) for number, value in enumerate(position) if value is not None}


def _ranges_after(model: Model, keys: Keys, nulls: Sequence[bool]) -> Iterator[Range]:
    start = 0
    while start < len(keys):
        end = _end_of_run(keys, nulls, start)
        yield from _ranges_of_run(model, keys, nulls, start, end)
        start = end


def _end_of_run(keys: Keys, nulls: Sequence[bool], start: int) -> int:
    """Where the keys end that go one way and have values, so that they can be compared as one row."""
    end = start + 1
    while not nulls[start] and end < len(keys) and not nulls[end] and keys[end].descending == keys[start].descending:
        end += 1
    return end


def _ranges_of_run(model: Model, keys: Keys, nulls: Sequence[bool], start: int, end: int) -> Iterator[Range]:
    """The rows that are the same up to a run of keys and come after in it."""
    columns = [compared(model, key.column) for key in keys]
    same = [
        columns[i].is_null() if nulls[i] else Expression(columns[i], "=", _bound(model, keys, i)) for i in range(end)
    ]
    if not nulls[start]:
        sign = "<" if keys[start].descending else ">"
        position = [_bound(model, keys, i) for i in range(start, end)]
        beyond = Expression(Tuple(*columns[start:end]), sign, Tuple(*position))
        yield _range(model, keys, [*same[:start], beyond], keys[: start + 1])
    elif keys[start].nulls_first:
        yield _range(model, keys, [*same[:start], columns[start].is_null(False)], keys[: start + 1])
    for i in range(start, end):
        if not nulls[i] and not keys[i].nulls_first and _nullable(model, keys[i]):
            yield _range(model, keys, [*same[:i], columns[i].is_null()], keys[: i + 1])


def _bound(model: Model, keys: Keys, number: int) -> Any:
    field = model._meta.columns[keys[number].column]
    return as_compared(field, parameter(f"a{number}").cast(sql_type(field)))


def _range(model: Model, keys: Keys, conditions: list[ColumnBase], apart: Keys) -> Range:
    """A range and its order. In the columns that are `apart` it has either nulls or values: any index will do."""
    plain = [key in apart or not _nullable(model, key) for key in keys]
    wanted = [
        key._replace(nulls_first=key.descending) if is_plain else key for key, is_plain in zip(keys, plain, strict=True)
    ]
    return Range(conditions, order_of_columns([compared(model, key.column) for key in keys], wanted))


def _ordered(key: SortKey, column: Any) -> Ordering:
    # PostgreSQL's own place for nulls is last, and first when descending.
    nulls = None if key.nulls_first == key.descending else "FIRST" if key.nulls_first else "LAST"
    return column.desc(nulls=nulls) if key.descending else column.asc(nulls=nulls)


def _nullable(model: Model, key: SortKey) -> bool:
    return bool(model._meta.columns[key.column].null)
