"""A person with everything that is theirs: written out line by line, counted, and erased."""

import re
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from peewee import SQL, Field, ForeignKeyField, Select, Value, fn

from app import models
from app.database import atomic, database
from app.database.statements import Statement, compiled, parameter
from app.errors import NotFound
from app.repositories.base import Id
from app.repositories.columns import column, columns_of
from app.repositories.shapes import json_of, union_all


class Part(NamedTuple):
    """The rows of one table that are a person's: their type in an export, and the columns that they show.

    `owner` is the column that leads to the person, by way of the rows of `parent` if there are any; of the person's own
    row it is the id.
    """

    name: str
    table: str
    model: type[models.Row]
    owner: Field
    parent: "Part | None"
    columns: tuple[str, ...]


def _part(model: type[models.Row]) -> Part:
    # As the model is called: `notification_log` for NotificationLogEntry.
    words = re.findall("[A-Z][a-z0-9]*", model.__name__.removesuffix("Entry"))
    owner: Any = _owner(model)
    parent = None if owner is model.id or owner.rel_model is models.User else _part(owner.rel_model)
    return Part("_".join(words).lower(), model._meta.table_name, model, owner, parent, columns_of(model))


def _owner(model: type[models.Row]) -> Field:
    """The reference to a user, else to what a row cannot be without, as a message cannot without its conversation."""
    if model is models.User:
        return model.id
    references = [field for field in model._meta.sorted_fields if isinstance(field, ForeignKeyField)]
    to_user = [field for field in references if field.rel_model is models.User]
    return (to_user or [field for field in references if not field.null])[0]


PARTS = tuple(_part(model) for model in models.ENTITIES.values())


def _is_of_person(part: Part) -> Any:
    """The condition that a row is of the person whose id is bound as `id`."""
    if part.parent is None:
        return part.owner == parameter("id")
    return part.owner.in_(part.parent.model.select(part.parent.model.id).where(_is_of_person(part.parent)))


def _was_of_person(part: Part) -> Any:
    """The condition that a row that was mended is a person's by the owner that such rows have, while that is there."""
    owner = fn.jsonb_extract_path_text(models.MendedRow.row, part.owner.column_name)
    if part.parent is None:
        return owner == parameter("id")
    return owner.in_(part.parent.model.select(part.parent.model.id.cast("text")).where(_is_of_person(part.parent)))


def _rows_with_type(part: Part) -> Select:
    columns = [column(part.model, name) for name in part.columns]
    type_ = Value(part.name).cast("text").alias("type")
    # Imported in this order, they are stored in it.
    return json_of(part.model.select(type_, *columns).where(_is_of_person(part)).order_by(part.model.row_order))


def counted(writes: Sequence[Any]) -> Statement:
    """The writes as one statement, whose row is how many rows each wrote."""
    done = [write.returning(SQL("1")).cte(f"w{number}", columns=["one"]) for number, write in enumerate(writes)]
    counts = [Select([each], [fn.count(SQL("*"))]) for each in done]
    return compiled(Select(columns=counts).with_cte(*done))


IS_ADDRESSED = fn.lower(models.User.email) == fn.lower(parameter("email"))
FIND = compiled(models.User.select(models.User.id.cast("text")).where(IS_ADDRESSED))
EXPORT = compiled(union_all([_rows_with_type(part) for part in PARTS]))
COUNT = compiled(Select(columns=[part.model.select(fn.count(SQL("*"))).where(_is_of_person(part)) for part in PARTS]))
OWNERS = {part.owner.column_name: part for part in PARTS}
FORGET = compiled(models.MendedRow.delete().where(reduce(or_, [_was_of_person(part) for part in OWNERS.values()])))
# All deletions in one statement: none of them has to find out what the others delete, or to set it null first.
ERASE = counted([part.model.delete().where(_is_of_person(part)) for part in PARTS])


def id_of(person: str) -> str:
    """The id of the user with this e-mail address, whatever its case; an id is given back. Raises NotFound."""
    if "@" not in person:
        return person
    if not (found := database.read(*FIND.bind({"email": person}))):
        raise NotFound(f"There is no user with the e-mail address {person}.")
    return found[0][0]


def export_person(id: Id) -> Iterator[bytes]:
    """Everything of a person as JSON lines, in pieces of whole lines; raises NotFound before the first.

    Each line is a row as the API shows it, after a `type`; the first is the person's own. All are of one moment, and
    only some are in memory at a time.
    """
    statement, ids = EXPORT.bind({"id": str(id)})
    nothing = True
    for rows in database.stream(statement, ids):
        nothing = False
        yield b"\n".join([*rows, b""])
    if nothing:
        raise _unknown(id)


def count_person(id: Id) -> dict[str, int]:
    """How many rows are a person's, by table; raises NotFound."""
    return _counts(id, database.read(*COUNT.bind({"id": str(id)}))[0])


@atomic()
def erase_person(id: Id) -> dict[str, int]:
    """Delete a person and everything that is theirs; how many rows that were, by table. Raises NotFound.

    What is kept of rows that were mended goes too.
    """
    database.change(*FORGET.bind({"id": str(id)}))
    return _counts(id, database.write(*ERASE.bind({"id": str(id)}))[0])


def _unknown(id: Id) -> NotFound:
    return NotFound(f"There is no user with the id {id}.")


def _counts(id: Id, counts: Sequence[int]) -> dict[str, int]:
    by_table = dict(zip((part.table for part in PARTS), counts, strict=True))
    if not by_table[models.User._meta.table_name]:
        raise _unknown(id)
    return by_table
