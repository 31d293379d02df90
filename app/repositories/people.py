"""A person with everything that is theirs: written out line by line, counted, and erased."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from peewee import SQL, Field, ForeignKeyField, Select, fn

from app import models
from app.database import atomic, database
from app.database.statements import Statement, compiled, parameter
from app.errors import NotFound
from app.repositories.base import ROWS_AT_ONCE, Id
from app.repositories.shapes import columns_of


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
        return columns_of(self.table)

    def is_of_person(self) -> Any:
        """The condition that a row is of the person whose id is bound as `id`."""
        person, parent = parameter("id"), cast(Any, self.parent)
        if parent is models.User:
            return self.owner == person
        return self.owner.in_(parent.select(parent.id).where(parent.user == person))


PARTS = (
    Part("user", models.User, models.User.id),
    Part("goal", models.Goal, models.Goal.user),
    Part("conversation", models.Conversation, models.Conversation.user),
    Part("task", models.Task, models.Task.user),
    Part("message", models.Message, models.Message.conversation),
    Part("pattern", models.Pattern, models.Pattern.user),
    Part("notification_log", models.NotificationLogEntry, models.NotificationLogEntry.task),
    Part("dispatch_log", models.DispatchLogEntry, models.DispatchLogEntry.task),
)


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


def _unknown(id: Id) -> NotFound:
    return NotFound(f"There is no user with the id {id}.")


def _counts(id: Id, counts: Sequence[int]) -> dict[str, int]:
    by_table = dict(zip((part.table for part in PARTS), counts, strict=True))
    if not by_table[models.User._meta.table_name]:
        raise _unknown(id)
    return by_table


@cache
def _export() -> Statement:
    return joined([_rows_with_type(part) for part in PARTS], " UNION ALL ")


def _rows_with_type(part: Part) -> Statement:
    columns = [part.model._meta.columns[name] for name in part.columns]
    typed = part.model.select(SQL(f"'{part.name}' AS type"), *columns).where(part.is_of_person())
    return compiled(Select((typed.alias("r"),), (fn.row_to_json(SQL("r")),)))


@cache
def _count() -> Statement:
    counts = [part.model.select(fn.COUNT(SQL("*"))).where(part.is_of_person()) for part in PARTS]
    return compiled(Select((), counts))


@cache
def _erase() -> Statement:
    """All deletions in one statement: none of them has to find out what the others delete, or to set it null first."""
    deletions = [part.model.delete().where(part.is_of_person()).returning(SQL("1")) for part in PARTS]
    return counted([compiled(deletion) for deletion in deletions])


def counted(writes: Sequence[Statement]) -> Statement:
    """The writes as one statement, whose row is how many rows each wrote."""
    named = joined([Statement(f"w{at} AS ({write.sql})", write.takes) for at, write in enumerate(writes)], ", ")
    counts = ", ".join(f"(SELECT count(*) FROM w{at})" for at in range(len(writes)))
    return Statement(f"WITH {named.sql} SELECT {counts}", named.takes)


def joined(statements: Sequence[Statement], between: str) -> Statement:
    """One statement of several, with a text between them."""
    sql = between.join(statement.sql for statement in statements)
    return Statement(sql, tuple(take for statement in statements for take in statement.takes))
