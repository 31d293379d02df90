"""Tasks: the shared operations, and what only tasks have."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import orjson
from peewee import fn

from app.database import database
from app.database.statements import Statement, compiled, parameter
from app.models import Task
from app.query.model import Filter, Grouping
from app.repositories import groups
from app.repositories.base import Id, Repository
from app.repositories.columns import bound
from app.repositories.rows import EMPTY


class TaskRepository(Repository):
    """The tasks of all people."""

    def count_by_status(self, filter: Filter) -> dict[str, int]:
        """How many of the tasks that a filter matches have each status that occurs."""
        return dict(database.read(*groups.by_status(filter)))

    def count_by_group(self, filter: Filter, grouping: Grouping) -> list[dict[str, Any]]:
        """The groups of the tasks that a filter matches, in their order, each with its counts; one more than the
        limit when there are more.
        """
        [(found,)] = database.read(*groups.groups(filter, grouping))
        return orjson.loads(found or EMPTY)

    def set_status(self, ids: Sequence[Id], status: str) -> int:
        """Give these tasks one status; how many there were. Locks rows in id order, so that calls never deadlock."""
        return database.change(*self._set_status.bind({"ids": bound(list(ids)), "status": status}))

    @cached_property
    def _set_status(self) -> Statement:
        named: Any = Task.alias()
        ids = parameter("ids").cast("uuid[]")
        locked = (
            named.select(named.id).where(named.id == fn.ANY(ids)).order_by(named.id).for_update("FOR NO KEY UPDATE")
        )
        return compiled(Task.update({Task.status: parameter("status")}).where(Task.id.in_(locked)))
