"""The rows that `flask db upgrade --mend` changed, as they were before: kept for people who look after the database."""

from collections.abc import Iterator

from app.database import database
from app.database.statements import compiled
from app.models import MendedRow
from app.repositories.shapes import json_of

LIST = compiled(json_of(MendedRow.select().order_by(MendedRow.at, MendedRow.table, MendedRow.id, MendedRow.rule)))


def list_all() -> Iterator[bytes]:
    """Every mended row with its table, id, rule and time as JSON, by time; only some are in memory at a time."""
    for rows in database.stream(*LIST.bind()):
        yield from rows
