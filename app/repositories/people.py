"""A person with everything that is theirs: written out line by line, taken back, and erased."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from peewee import SQL, Field, ForeignKeyField, Select, fn

from app import models
from app.database import atomic, database
from app.database.copying import copy_rows
from app.database.failures import driver_error, failing_in_our_words
from app.database.statements import Statement, compiled, parameter
from app.errors import Conflict, Invalid, MissingReference, NotFound
from app.repositories.base import ROWS_AT_ONCE, Id, columns_of


@dataclass(frozen=True)
class Part:
    """The rows of one table that are a person's; `name` is their type in an export, `owner` leads to the person."""

    name: str
    model: type[models.Row]
    owner: Field

    @property
    def table(self) -> str:
        """The table's name."""
        return self.model._meta.table_name

    @property
    def parent(self) -> type[models.Row]:
        """Whose row the owner column names; the person's own row stands for itself."""
        return self.owner.rel_model if isinstance(self.owner, ForeignKeyField) else self.model

    @property
    def columns(self) -> list[str]:
        """The names of the columns, as rows show them."""
        return [column.column_name for column in columns_of(self.model)]

    def is_of_person(self) -> Any:
        """The condition that a row is of the person whose id is bound as `id`."""
        person = parameter("id")
        if self.parent is models.User:
            return self.owner == person
        return self.owner.in_(self.parent.select(self.parent.id).where(self.parent.user == person))


PARTS = (
    Part("user", models.User, models.User.id),
    Part("goal", models.Goal, models.Goal.user),
    Part("conversation", models.Conversation, models.Conversation.user),
    Part("task", models.Task, models.Task.user),
    Part("message", models.Message, models.Message.conversation),
    Part("pattern", models.Pattern, models.Pattern.user),
    Part("notification_log", models.NotificationLogEntry, models.NotificationLogEntry.task),
)
BY_NAME = {part.name: part for part in PARTS}

LOADED = "CREATE TEMPORARY TABLE flux_import (type text NOT NULL, line json NOT NULL) ON COMMIT DROP"


def export_person(id: Id) -> Iterator[bytes]:
    """Everything of a person as JSON lines, in pieces of whole lines; raises NotFound before the first.

    Each line is a row as the API shows it, after a `type`; the first is the person's own. All are of one moment, and
    only some are in memory at a time.
    """
    statement, ids = _export().bind(id=id)
    nothing = True
    for rows in database.stream(statement, ids, ROWS_AT_ONCE):
        nothing = False
        yield b"\n".join([*rows, b""])
    if nothing:
        raise _unknown(id)


def count_person(id: Id) -> dict[str, int]:
    """How many rows are a person's, by table; raises NotFound."""
    return _counts(id, database.read(*_count().bind(id=id))[0])


@atomic()
def erase_person(id: Id) -> dict[str, int]:
    """Delete a person and everything that is theirs; how many rows that were, by table. Raises NotFound."""
    return _counts(id, database.write(*_erase().bind(id=id))[0])


def import_person(lines: Iterable[bytes]) -> dict[str, int]:
    """Take an export back, all of it or nothing; how many rows that were, by table.

    The rows are what they were: ids, times and versions too, since nothing is changed after it was inserted. Raises
    Conflict when the person, or a value that must be unique, is there already; MissingReference for a reference to
    another person's row that is not; Invalid for lines that are no export of this schema.
    """
    with atomic(), failing_in_our_words:
        database.execute_sql(LOADED)
        for _ in copy_rows(database, "flux_import", ("type", "line"), _checked(lines), ROWS_AT_ONCE):
            pass
        _refuse_rows_of_others()
        try:
            return dict(zip((part.table for part in PARTS), database.write(_import())[0], strict=True))
        except (Conflict, MissingReference) as error:
            raise type(error)(f"Nothing was imported. {_place(error)}: {error.detail}") from error


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
        if part.parent is models.User and row[part.owner.column_name] != person:
            raise Invalid(f"Line {number}: this {part.name} is not of the user {person} of the first line.")
        yield part.name, line.decode().rstrip("\n")
    if person is None:
        raise Invalid("The file is empty.")


def _read(number: int, line: bytes) -> tuple[Part, dict[str, Any]]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"Line {number} is not JSON: {error}. Is the file whole?") from error
    part = BY_NAME.get(row.get("type", "")) if isinstance(row, dict) else None
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
    if database.read("SELECT 1 FROM users WHERE id::text = %s", (person,)):
        raise Conflict(
            f"There is a user with the id {person} already. An import never changes rows; "
            f"to go back to what the file holds, erase the user first: flask users erase {person}"
        )


def _refuse_rows_of_others() -> None:
    """Raise Invalid for a row whose owner, a conversation for one, is not in the file."""
    for part in PARTS:
        if part.parent in (part.model, models.User):
            continue
        [parent] = (each for each in PARTS if each.model is part.parent)
        strangers = database.read(
            f"SELECT line ->> 'id' FROM flux_import WHERE type = '{part.name}' AND line ->> '{part.owner.column_name}' "
            f"NOT IN (SELECT line ->> 'id' FROM flux_import WHERE type = '{parent.name}') LIMIT 1"
        )
        if strangers:
            raise Invalid(f"The {part.name} {strangers[0][0]} is of a {parent.name} that is not in the file.")


def _place(error: Exception) -> str:
    """The table, the column and the value that an error is about, in PostgreSQL's words."""
    cause = driver_error(error)
    assert cause is not None, "these errors are made of PostgreSQL's"
    return f"{cause.diag.table_name}, {cause.diag.message_detail}"


def _unknown(id: Id) -> NotFound:
    return NotFound(f"There is no user with the id {id}.")


def _counts(id: Id, counts: Sequence[int]) -> dict[str, int]:
    by_table = dict(zip((part.table for part in PARTS), counts, strict=True))
    if not by_table[models.User._meta.table_name]:
        raise _unknown(id)
    return by_table


@cache
def _export() -> Statement:
    return _joined([_rows_with_type(part) for part in PARTS], " UNION ALL ")


def _rows_with_type(part: Part) -> Statement:
    typed = part.model.select(SQL(f"'{part.name}' AS type"), *columns_of(part.model)).where(part.is_of_person())
    return compiled(Select((typed.alias("r"),), (fn.row_to_json(SQL("r")),)))


@cache
def _count() -> Statement:
    counts = [part.model.select(fn.COUNT(SQL("*"))).where(part.is_of_person()) for part in PARTS]
    return compiled(Select((), counts))


@cache
def _erase() -> Statement:
    """All deletions in one statement: none of them has to find out what the others delete, or to set it null first."""
    deletions = [part.model.delete().where(part.is_of_person()).returning(SQL("1")) for part in PARTS]
    return _counted([compiled(deletion) for deletion in deletions])


@cache
def _import() -> str:
    """All insertions in one statement, at whose end the references are checked, so that rows may refer in circles."""
    return _counted([Statement(_insertion(part), ()) for part in PARTS]).sql


def _insertion(part: Part) -> str:
    columns = ", ".join(part.columns)
    values = ", ".join(f"r.{column}" for column in part.columns)
    return (
        f"INSERT INTO {part.table} ({columns}) SELECT {values} FROM flux_import AS i "
        f"CROSS JOIN json_populate_record(NULL::{part.table}, i.line) AS r WHERE i.type = '{part.name}' RETURNING 1"
    )


def _counted(writes: Sequence[Statement]) -> Statement:
    """The writes as one statement, whose row is how many rows each wrote."""
    named = _joined([Statement(f"w{at} AS ({write.sql})", write.takes) for at, write in enumerate(writes)], ", ")
    counts = ", ".join(f"(SELECT count(*) FROM w{at})" for at in range(len(writes)))
    return Statement(f"WITH {named.sql} SELECT {counts}", named.takes)


def _joined(statements: Sequence[Statement], between: str) -> Statement:
    sql = between.join(statement.sql for statement in statements)
    return Statement(sql, tuple(take for statement in statements for take in statement.takes))
