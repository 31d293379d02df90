"""The rows that `flask db upgrade --mend` changed, as they were before: kept for people who look after the database."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from peewee import fn

from app import models
from app.database import database
from app.database.statements import compiled, parameter
from app.models import MendedRow
from app.repositories.shapes import json_of

LIST = compiled(json_of(MendedRow.select().order_by(MendedRow.at, MendedRow.table, MendedRow.id, MendedRow.rule)))


def _refers_to(column: str, model: Any = None) -> Any:
    """The condition that a kept row refers to the person, or to a row of the model that is theirs."""
    kept, person = fn.jsonb_extract_path_text(MendedRow.row, column), parameter("id")
    if model is None:
        return kept == person
    return kept.in_(model.select(model.id.cast("text")).where(model.user == person))


DELETE = compiled(
    MendedRow.delete().where(
        (MendedRow.id == parameter("id"))
        | _refers_to("user_id")
        | _refers_to("conversation_id", models.Conversation)
        | _refers_to("task_id", models.Task)
    )
)


def list_all() -> Iterator[bytes]:
    """Every mended row with its table, id, rule and time as JSON, by time; only some are in memory at a time."""
    for rows in database.stream(*LIST.bind()):
        yield from rows


def delete_of_person(id: str | UUID) -> int:
    """Delete what is kept of a person's rows, as long as the rows that lead to the person are there; how many."""
    return database.change(*DELETE.bind({"id": str(id)}))
