"""Tasks: the shared operations, and what only tasks have."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import orjson
from peewee import Cast, fn

from app.database import database
from app.database.statements import Statement, compiled, parameter
from app.models import Task
from app.query.terms import Filter, Grouping
from app.repositories import conditions, reads
from app.repositories.base import Id, Repository
from app.repositories.rows import EMPTY


class TaskRepository(Repository):
    """The tasks of all people."""

    def count_by_status(self, filter: Filter) -> dict[str, int]:
        """How many of the tasks that a filter matches have each status that occurs."""
        sql = f"SELECT t.status, count(*) {reads.matching(self.table, filter)} GROUP BY t.status ORDER BY t.status"
        return dict(database.read(sql, conditions.values(filter)))

    def count_by_group(self, filter: Filter, grouping: Grouping) -> list[dict[str, Any]]:
        """The same for each group of tasks, sorted; one more than MOST_GROUPS when there are more."""
        sql = reads.grouped(self.table, conditions.shape_of(filter), grouping)
        [(groups,)] = database.read(sql, conditions.values(filter) | {"time_zone": grouping.time_zone})
        return orjson.loads(groups or EMPTY)

    def set_status(self, ids: Sequence[Id], status: str) -> int:
        """Give these tasks one status; how many there were. Locks rows in id order, so that calls never deadlock."""
        return database.change(*self._set_status.bind(ids=list(ids), status=status))

    @cached_property
    def _set_status(self) -> Statement:
        named: Any = Task.alias("named")
        ids = Cast(parameter("ids"), "uuid[]")
        locked = (
            named.select(named.id).where(named.id == fn.ANY(ids)).order_by(named.id).for_update("FOR NO KEY UPDATE")
        )
        return compiled(Task.update({Task.status: parameter("status")}).where(Task.id.in_(locked)))
