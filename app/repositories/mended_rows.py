"""The rows that `flask db upgrade --mend` changed, as they were before: kept for people who look after the database."""

from typing import Any
from uuid import UUID

import orjson
from peewee import SQL, Select, fn

from app import models
from app.database import database
from app.database.statements import compiled, parameter
from app.models import MendedRow

_chosen = MendedRow.select().order_by(MendedRow.at, MendedRow.table, MendedRow.id, MendedRow.rule)
LIST = compiled(Select((_chosen.alias("r"),), (fn.coalesce(fn.json_agg(SQL("r")), SQL("'[]'::json")),)))


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


def list_all() -> list[dict[str, Any]]:
    """Every mended row with its table, id, rule and time, by time."""
    rows: list[dict[str, Any]] = orjson.loads(database.read(*LIST.bind())[0][0])
    return rows


def delete_of_person(id: str | UUID) -> int:
    """Delete what is kept of a person's rows, as long as the rows that lead to the person are there; how many."""
    return database.change(*DELETE.bind({"id": str(id)}))
