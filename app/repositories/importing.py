"""A person's export, taken back into a database: all of it or nothing, and each row as it was."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import orjson
from peewee import JOIN, SQL, Entity, Expression, Select, Table, fn

from app import models
from app.database import atomic, database
from app.database.connection import translated_errors
from app.database.failures import driver_error
from app.database.statements import Statement, array_literal, compiled, parameter
from app.errors import Conflict, Invalid, MissingReference
from app.repositories.base import ROWS_AT_ONCE
from app.repositories.columns import column
from app.repositories.people import PARTS, Part, counted

BY_NAME = {part.name: part for part in PARTS}
LOADED: Any = Table("flux_import", ("type", "line"))
# A definition, which Peewee writes for models alone.
CREATE_LOADED = "CREATE TEMPORARY TABLE flux_import (type text NOT NULL, line json NOT NULL) ON COMMIT DROP"
LOAD = compiled(
    LOADED.insert(
        Select([fn.unnest(parameter("types").cast("text[]"), parameter("lines").cast("json[]"))], [SQL("*")]),
        columns=[LOADED.type, LOADED.line],
    )
)


def _insertion(part: Part) -> Any:
    """The INSERT of the rows of one type, each line read as a row of its table."""
    loaded = LOADED.alias("loaded")
    row = fn.json_populate_record(SQL("NULL").cast(part.table), loaded.line).alias("row")
    rows = Select([loaded.join(row, JOIN.CROSS)], [Entity("row", name) for name in part.columns])
    columns = [column(part.model, name) for name in part.columns]
    return part.model.insert_from(rows.where(loaded.type == part.name), columns)


FIND_PERSON = compiled(models.User.select(SQL("1")).where(models.User.id.cast("text") == parameter("id")))
# All insertions in one statement, at whose end the references are checked, so that rows may refer in circles.
IMPORT = counted([_insertion(part) for part in PARTS])


def import_person(lines: Iterable[bytes]) -> dict[str, int]:
    """Take an export back, all of it or nothing; how many rows that were, by table.

    The rows are what they were: ids, times and versions too, since nothing is changed after it was inserted. Raises
    Conflict when the person, or a value that must be unique, is there already; MissingReference for a reference to
    another person's row that is not; Invalid for lines that are no export of this schema.
    """
    with atomic(), translated_errors:
        database.execute_sql(CREATE_LOADED)
        checked = _checked(lines)
        while portion := list(islice(checked, ROWS_AT_ONCE)):
            types, texts = map(array_literal, zip(*portion, strict=True))
            database.change(*LOAD.bind({"types": types, "lines": texts}))
        _refuse_rows_of_others()
        try:
            return dict(zip((part.table for part in PARTS), database.write(*IMPORT.bind())[0], strict=True))
        except (Conflict, MissingReference, Invalid) as error:
            raise type(error)(f"Nothing was imported. {error.detail} PostgreSQL says: {_said(error)}") from error


def _checked(lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """The type and the text of each line, after a look at what a mistaken file would have wrong."""
    person: Any = None
    for number, line in enumerate(lines, start=1):
        part, row = _read(number, line)
        if (part.model is models.User) != (number == 1):
            raise Invalid(f"Line {number}: the first line, and no other, must be of the type user.")
        if number == 1:
            person = row["id"]
            _refuse_if_there(person)
        if part.parent is None and row[part.owner.column_name] != person:
            raise Invalid(f"Line {number}: this {part.name} is not of the user {person} of the first line.")
        yield part.name, line.decode().rstrip("\n")
    if person is None:
        raise Invalid("The file is empty.")


def _read(number: int, line: bytes) -> tuple[Part, dict[str, Any]]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"Line {number} is not JSON: {error}. Is the file whole?") from error
    part = BY_NAME.get(str(row.get("type"))) if isinstance(row, dict) else None
    if part is None:
        raise Invalid(f"Line {number} must be an object whose type is one of {', '.join(BY_NAME)}.")
    differing = set(row) ^ {"type", *part.columns}
    if differing:
        raise Invalid(
            f"Line {number}: a {part.name} of this database and this one differ in {', '.join(sorted(differing))}. "
            "Import it into a database of the version of the schema that it was exported from."
        )
    return part, row


def _refuse_if_there(person: str) -> None:
    if database.read(*FIND_PERSON.bind({"id": person})):
        raise Conflict(
            f"There is a user with the id {person} already. An import never changes rows; "
            f"to go back to what the file holds, erase the user first: flask users erase {person}"
        )


def _refuse_rows_of_others() -> None:
    """Raise Invalid for a row whose owner, a conversation for one, is not in the file."""
    for part in PARTS:
        if part.parent:
            [(stranger,)] = database.read(*_stranger(part, part.parent).bind())
            if stranger:
                raise Invalid(f"The {part.name} {stranger} is of a {part.parent.name} that is not in the file.")


def _said(error: Exception) -> str:
    """The table and the value that an error is about; not the whole row, which a broken check would show."""
    cause = driver_error(error)
    assert cause is not None, "these errors are made of PostgreSQL's"
    if isinstance(error, Invalid):
        return f"{cause.diag.message_primary}."
    return f"{cause.diag.table_name}: {cause.diag.message_detail}"


def _stranger(part: Part, parent: Part) -> Statement:
    """The SELECT of the id of a row whose owner is not in the file."""
    row, owner = LOADED.alias("row"), LOADED.alias("owner")
    is_owner = (owner.type == parent.name) & (_text(owner, "id") == _text(row, part.owner.column_name))
    strangers = (row.type == part.name) & ~fn.EXISTS(owner.select(SQL("1")).where(is_owner))
    # For a first row alone, by LIMIT 1, PostgreSQL would compare each row with each: the table has no statistics.
    return compiled(row.select(fn.min(_text(row, "id"))).where(strangers))


def _text(row: Any, key: str) -> Expression:
    return Expression(row.line, "->>", key)
