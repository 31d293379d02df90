"""The rows that `flask db upgrade --mend` changed, as they were before: read by people who look after the database."""

from typing import Any

import orjson
from peewee import SQL, Select, fn

from app.database import database
from app.database.statements import compiled
from app.models import MendedRow


def list_all() -> list[dict[str, Any]]:
    """Every mended row with its table, id, rule and time, by time."""
    chosen = MendedRow.select().order_by(MendedRow.at, MendedRow.table, MendedRow.id, MendedRow.rule)
    statement = compiled(Select((chosen.alias("r"),), (fn.coalesce(fn.json_agg(SQL("r")), SQL("'[]'::json")),)))
    rows: list[dict[str, Any]] = orjson.loads(database.read(*statement.bind())[0][0])
    return rows
