"""Tasks: the shared operations, and what only tasks have."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from peewee import SQL, Cast, fn

from app.database import database
from app.database.statements import Statement, compiled, parameter
from app.models import Task
from app.repositories.base import Id, Repository, Whole, whole
from app.repositories.rows import Rows


class TaskRepository(Repository):
    """The tasks of all people."""

    def in_time_range(self, user_id: Id, start_at: datetime, end_at: datetime) -> Rows:
        """A person's tasks that are scheduled from `start_at` to `end_at`, both included, by time."""
        return self._whole(self._in_time_range, user_id=user_id, start=start_at, end=end_at)

    def count_by_status(self, user_id: Id, start: datetime, end: datetime) -> dict[str, int]:
        """How many of a person's tasks that were created from `start` to `end` have each status that occurs."""
        return dict(database.read(*self._count_by_status.bind(user_id=user_id, start=start, end=end)))

    def set_status(self, ids: Sequence[Id], status: str) -> int:
        """Give these tasks one status; how many there were. Locks rows in id order, so that calls never deadlock."""
        return database.change(*self._set_status.bind(ids=list(ids), status=status))

    @cached_property
    def _in_time_range(self) -> Whole:
        in_range = Task.scheduled_at.between(parameter("start"), parameter("end"))
        query = Task.select().where(Task.user == parameter("user_id"), in_range)
        return whole(query.order_by(Task.scheduled_at, Task.id))

    @cached_property
    def _count_by_status(self) -> Statement:
        in_range = Task.created_at.between(parameter("start"), parameter("end"))
        query = Task.select(Task.status, fn.COUNT(SQL("*"))).where(Task.user == parameter("user_id"), in_range)
        return compiled(query.group_by(Task.status).order_by(Task.status))

    @cached_property
    def _set_status(self) -> Statement:
        named: Any = Task.alias("named")
        ids = Cast(parameter("ids"), "uuid[]")
        locked = (
            named.select(named.id).where(named.id == fn.ANY(ids)).order_by(named.id).for_update("FOR NO KEY UPDATE")
        )
        return compiled(Task.update({Task.status: parameter("status")}).where(Task.id.in_(locked)))
