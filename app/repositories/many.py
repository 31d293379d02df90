"""Many rows at once: one INSERT for those of one form, with faults that tell which row is wrong."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NoReturn

from app.database import atomic, database
from app.database.statements import DEFAULT
from app.errors import Conflict, Fault, Invalid, MissingReference
from app.query.relations import REFERENCES
from app.query.terms import Filter, Shape
from app.repositories import conditions, writes
from app.repositories.natural_keys import ID, Key, key_of
from app.repositories.rows import Row

Values = Mapping[str, Any]
ATTEMPTS = 3


class Outcome(Enum):
    """What an upsert did with a row."""

    CREATED = "created"
    UPDATED = "updated"
    LEFT_ALONE = "left alone"


def create(table: str, rows: Sequence[Values], shape: Shape) -> list[Row]:
    """New rows in the order given."""
    _refuse_twins(rows, ID)
    try:
        with atomic():
            written = _insert(table, rows, ID, shape)
    except (Conflict, MissingReference) as error:
        _locate(table, rows, error)
    return [written[ID.values(row)] for row in rows]


def upsert(
    table: str, rows: Sequence[Values], how: str, filter: Filter, shape: Shape, new_id: Callable[[], str]
) -> list[tuple[Row, Outcome]]:
    """New rows, or those that have their keys, in the order given."""
    found: dict[int, tuple[Row, Outcome]] = {}
    for key, numbers in _forms(table, rows).items():
        group = [rows[number] for number in numbers]
        _refuse_twins(group, key[0], numbers)
        try:
            with atomic():
                done = _upsert_form(table, key[0], group, how, filter, shape, new_id)
        except (Conflict, MissingReference) as error:
            _locate(table, group, error, numbers)
        found |= dict(zip(numbers, done, strict=True))
    return [found[number] for number in range(len(rows))]


def _forms(table: str, rows: Sequence[Values]) -> dict[tuple[Key, frozenset[str]], list[int]]:
    """The rows by what they have in common: their key, and the columns that they name."""
    forms: dict[tuple[Key, frozenset[str]], list[int]] = {}
    for number, row in enumerate(rows):
        try:
            key = key_of(table, row)
        except Invalid as error:
            raise Invalid(error.detail, faults=[Fault(f"#/{number}", error.detail)] if len(rows) > 1 else ()) from None
        forms.setdefault((key, frozenset(row)), []).append(number)
    return forms


def _upsert_form(
    table: str, key: Key, rows: Sequence[Values], how: str, filter: Filter, shape: Shape, new_id: Callable[[], str]
) -> list[tuple[Row, Outcome]]:
    merged = [name for name in rows[0] if name != "id" and name not in key.columns] if how == "merge" else []
    conflict = writes.on_conflict(table, key.columns, key.where.format(row=""), merged, filter)
    # In one order, so that two at once wait for each other and never both.
    made = sorted(({"id": new_id(), **row} for row in rows), key=key.values)
    written = _insert(table, made, key, shape, conflict, conditions.values(filter) if merged else {})
    for row in made:
        if key.values(row) in written:
            written[key.values(row)].id = row["id"]
    there = _left_alone(table, key, [row for row in rows if key.values(row) not in written], shape)
    return [_outcome(key.values(row), written, there) for row in rows]


def _outcome(
    key: tuple[str, ...], written: Mapping[tuple[str, ...], Row], there: Mapping[tuple[str, ...], Row]
) -> tuple[Row, Outcome]:
    if key in there:
        return there[key], Outcome.LEFT_ALONE
    # The trigger counts every change, so a first version is a new row.
    return written[key], Outcome.CREATED if written[key].version == 1 else Outcome.UPDATED


def _left_alone(table: str, key: Key, rows: Sequence[Values], shape: Shape) -> dict[tuple[str, ...], Row]:
    if not rows:
        return {}
    sql = writes.select_by_keys(table, key.columns, key.where.format(row="t."), shape)
    arrays = {f"k_{column}": [row[column] for row in rows] for column in key.columns}
    found = _by_key(database.read(sql, arrays))
    if len(found) < len({key.values(row) for row in rows}):
        raise Conflict("A row with the same key was deleted at this moment. Try again.")
    return found


def _insert(
    table: str, rows: Sequence[Values], key: Key, shape: Shape, conflict: str = "", named: Values | None = None
) -> dict[tuple[str, ...], Row]:
    """The rows that one INSERT wrote, by their keys."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    values = dict(named or {})
    for number, row in enumerate(rows):
        for name in columns:
            given = row.get(name, DEFAULT)
            values[f"v{number}_{name}"] = given if given is DEFAULT else writes.bound(table, name, given)
    return _by_key(database.write(writes.insert_many(table, columns, len(rows), key.columns, shape, conflict), values))


def _by_key(found: Sequence[tuple[Any, ...]]) -> dict[tuple[str, ...], Row]:
    return {tuple(key): Row(json, version) for json, version, *key in found}


def _refuse_twins(rows: Sequence[Values], key: Key, numbers: Sequence[int] | None = None) -> None:
    """Raise Invalid when two rows have the same key."""
    seen: dict[tuple[str, ...], int] = {}
    for position, row in enumerate(rows):
        number = numbers[position] if numbers else position
        first = seen.setdefault(key.values(row), number)
        if first != number:
            sentence = f"Element {number} has the same {' and '.join(key.columns)} as element {first}."
            raise Invalid.from_faults([Fault(f"#/{number}/{key.columns[-1]}", sentence)])


def _locate(
    table: str, rows: Sequence[Values], error: Conflict | MissingReference, numbers: Sequence[int] | None = None
) -> NoReturn:
    """Raise the error again, with the index of the row that it is about."""
    columns = [fault.pointer.removeprefix("#/") for fault in error.faults]
    position = _position(table, rows, columns, missing=isinstance(error, MissingReference)) if columns else None
    if position is None or len(rows) == 1:
        raise error
    number = numbers[position] if numbers else position
    faults = [Fault(f"#/{number}/{column}", f"Element {number}: {error.detail}") for column in columns]
    raise type(error)(faults[0].detail, faults=faults) from error


def _position(table: str, rows: Sequence[Values], columns: Sequence[str], missing: bool) -> int | None:
    """The position of the first row whose values are taken, or whose reference leads nowhere."""
    given = [tuple(row.get(column) for column in columns) for row in rows]
    if missing:
        [column] = columns
        there = _existing(REFERENCES[table][column.removesuffix("_id")], ["id"], [value for value in given if value[0]])
        return next((at for at, value in enumerate(given) if value[0] and _texts(value) not in there), None)
    there = _existing(table, columns, [value for value in given if None not in value])
    seen: set[tuple[str, ...]] = set()
    for at, value in enumerate(given):
        if None not in value and (_texts(value) in there or _texts(value) in seen):
            return at
        seen.add(_texts(value))
    return None


def _existing(table: str, columns: Sequence[str], values: Sequence[tuple[Any, ...]]) -> set[tuple[str, ...]]:
    """Which of these values rows of the table have in the columns."""
    arrays = {f"k_{column}": [value[at] for value in values] for at, column in enumerate(columns)}
    found = database.read(writes.select_by_keys(table, columns, "", Shape(("id",))), arrays)
    return {tuple(key) for _, _, *key in found}


def _texts(values: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def counted(done: Sequence[tuple[Row, Outcome]]) -> Iterator[tuple[Outcome, int]]:
    """How many rows each outcome has."""
    for outcome in Outcome:
        yield outcome, sum(each is outcome for _, each in done)
