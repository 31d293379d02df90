"""Many rows at once: one INSERT for those of one key, with faults that tell which row is wrong."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from enum import Enum
from itertools import chain
from typing import Any, NoReturn

from app.database import atomic, database
from app.errors import Conflict, Contended, Fault, Invalid, MissingReference
from app.query.model import Query, Shape
from app.repositories import writes
from app.repositories.columns import Model
from app.repositories.natural_keys import ID, NATURAL_KEYS, Key, key_of, key_with
from app.repositories.rows import Row, new_id

Values = Mapping[str, Any]
ATTEMPTS = 3
ID_ALONE = Shape(("id",))


class Outcome(Enum):
    """What an upsert did with a row."""

    CREATED = "created"
    MERGED = "merged"
    LEFT = "left"


def create(model: Model, rows: Sequence[Values], shape: Shape) -> list[Row]:
    """New rows in the order given."""
    if not rows:
        return []
    _refuse_duplicates(rows, ID, range(len(rows)))
    try:
        # By itself the statement is all or nothing; a transaction around it has to stay usable when it fails.
        with atomic() if database.in_transaction() else nullcontext():
            written = _by_key(ID, database.write(*writes.insert(model, rows, ID, shape)))
    except (Conflict, MissingReference) as error:
        _locate(model, rows, error, range(len(rows)))
    return [written[ID.values(row)] for row in rows]


def upsert(model: Model, rows: Sequence[Values], query: Query, indexed: bool = True) -> list[tuple[Row, Outcome]]:
    """New rows, or those that have their keys, in the order given; faults tell the row's index if it is `indexed`."""
    found: dict[int, tuple[Row, Outcome]] = {}
    for key, numbers in _keys(model, rows, indexed).items():
        group = [rows[number] for number in numbers]
        try:
            done = _upsert_group(model, key, group, query)
        except (Conflict, MissingReference) as error:
            if not indexed:
                raise
            _locate(model, group, error, numbers)
        found |= dict(zip(numbers, done, strict=True))
    return [found[number] for number in range(len(rows))]


def _keys(model: Model, rows: Sequence[Values], indexed: bool) -> dict[Key, list[int]]:
    """The numbers of the rows by the key that they have, the keys in one order."""
    keyed: dict[Key, list[int]] = {key: [] for key in (ID, *NATURAL_KEYS[model])}
    for number, row in enumerate(rows):
        try:
            keyed[key_of(model, row)].append(number)
        except Invalid as error:
            faults = [Fault(f"#/{number}", f"Element {number}: {error.detail}")] if indexed else []
            raise Invalid(error.detail, faults=faults) from None
    for key, numbers in keyed.items():
        _refuse_duplicates([rows[number] for number in numbers], key, numbers)
    return {key: numbers for key, numbers in keyed.items() if numbers}


def _upsert_group(model: Model, key: Key, rows: Sequence[Values], query: Query) -> list[tuple[Row, Outcome]]:
    """Upsert rows that all have one key, whatever columns each names; what each became, in the order given."""
    # In one order, so that two at once wait for each other and never both.
    made = sorted(({"id": new_id(), **row} for row in rows), key=key.values)
    rules = query.writing.rules._replace(merge=True)
    naming = _naming(made, key, rules.update) if query.writing.upsert == "merge" else {}
    counts = Counter(chain.from_iterable(naming.values()))
    partly = tuple(name for name, count in counts.items() if count < len(made))
    merge = writes.Merge(tuple(counts), partly, query.where, rules) if counts else writes.Merge()
    done: dict[tuple[str, ...], tuple[Row, Outcome]] = {}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with atomic():
                written = _by_key(key, database.write(*writes.insert(model, made, key, query.shape, merge, naming)))
                left = [row for row in made if key.values(row) not in written]
                existing = (
                    _by_key(key, database.read(*writes.select_by_keys(model, left, key, query.shape))) if left else {}
                )
        except Conflict:
            # Another unique value is taken, perhaps by a row of this same key that came after the key was looked for.
            if attempt == ATTEMPTS:
                raise
            continue
        ids = {key.values(row): row["id"] for row in made}
        done |= {values: _written(row, ids[values]) for values, row in written.items()}
        done |= {values: (row, Outcome.LEFT) for values, row in existing.items()}
        # What stood in the way of a row and is gone by now was deleted in this moment.
        made = [row for row in left if key.values(row) not in existing]
        if not made:
            return [done[key.values(row)] for row in rows]
    raise Contended("Rows with the same keys were deleted again and again in this moment. Try again.")


def _naming(rows: Sequence[Values], key: Key, only: Sequence[str]) -> dict[str, list[str]]:
    """By the id of each row the columns of it that are to be merged, of these `only` if there are any."""
    kept = ("id", *key.columns)
    return {row["id"]: [name for name in row if name not in kept and (not only or name in only)] for row in rows}


def _written(row: Row, new_id: str) -> tuple[Row, Outcome]:
    # The trigger counts every change, so a first version is a new row.
    if row.version > 1:
        return row, Outcome.MERGED
    row.id = new_id
    return row, Outcome.CREATED


def _find(model: Model, key: Key, rows: Sequence[Values], shape: Shape = ID_ALONE) -> dict[tuple[str, ...], Row]:
    """The rows of the table that have the same keys as these."""
    return _by_key(key, database.read(*writes.select_by_keys(model, rows, key, shape))) if rows else {}


def _by_key(key: Key, found: Sequence[tuple[Any, ...]]) -> dict[tuple[str, ...], Row]:
    return {key.compared(texts): Row(json, version) for json, version, *texts in found}


def _refuse_duplicates(rows: Sequence[Values], key: Key, numbers: Sequence[int]) -> None:
    """Raise Invalid when two rows have the same key."""
    seen: dict[tuple[str, ...], int] = {}
    for number, row in zip(numbers, rows, strict=True):
        first = seen.setdefault(key.values(row), number)
        if first != number:
            sentence = f"Element {number} has the same {' and '.join(key.columns)} as element {first}."
            raise Invalid.from_faults([Fault(f"#/{number}/{key.columns[-1]}", sentence)])


def _locate(
    model: Model, rows: Sequence[Values], error: Conflict | MissingReference, numbers: Sequence[int]
) -> NoReturn:
    """Raise the error again, with the index of the row that it is about."""
    columns = [fault.pointer.removeprefix("#/") for fault in error.faults]
    find = _position_missing if isinstance(error, MissingReference) else _position_taken
    position = find(model, rows, columns) if columns else None
    if position is None:
        raise error
    number = numbers[position]
    faults = [Fault(f"#/{number}/{column}", f"Element {number}: {error.detail}") for column in columns]
    raise type(error)(faults[0].detail, faults=faults) from error


def _position_missing(model: Model, rows: Sequence[Values], columns: Sequence[str]) -> int | None:
    """The position of the first row whose reference leads nowhere, not even to another of the rows."""
    [column] = columns
    other = model._meta.columns[column].rel_model
    named = [_listed(row.get(column)) for row in rows]
    existing = set(_find(other, ID, [{"id": each} for ids in named for each in ids]))
    if other is model:
        existing |= {ID.values(row) for row in rows if "id" in row}
    return next((at for at, ids in enumerate(named) if any((str(each),) not in existing for each in ids)), None)


def _listed(value: Any) -> list[Any]:
    """The ids of a reference, or of a list of them."""
    return value if isinstance(value, list) else [value] if value else []


def _position_taken(model: Model, rows: Sequence[Values], columns: Sequence[str]) -> int | None:
    """The position of the first row whose values another row has, in the table or before it."""
    key = key_with(model, columns)
    existing = _find(model, key, [row for row in rows if key.is_of(row)])
    seen: set[tuple[str, ...]] = set()
    for at, row in enumerate(rows):
        if not key.is_of(row):
            continue
        values = key.values(row)
        # What is written again to the row that has it stands in nobody's way.
        other = values in existing and (key.columns == ID.columns or existing[values]["id"] != row.get("id"))
        if other or values in seen:
            return at
        seen.add(values)
    return None
