"""Tasks: the shared operations, and what only tasks have: counts in groups, and one status for many."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import orjson
from peewee import JOIN, SQL, Case, Entity, ModelSelect, Select, fn

from app.database import database
from app.database.statements import Statement, compiled, parameter
from app.models import Goal, Task
from app.query.model import Filter, Grouping
from app.repositories import filters, ordering
from app.repositories.base import Id, Repository
from app.repositories.columns import bound, column
from app.repositories.reads import STATEMENT_CACHE_SIZE, matching
from app.repositories.rows import EMPTY

TEXT_GROUPS = ("status", "class_tag", "goal_class_tag")
# Day 1 of year 1 is a Monday.
DAYS = {"day": 1, "week": 7}


class TaskRepository(Repository):
    """The tasks of all people."""

    def count_by_status(self, filter: Filter) -> dict[str, int]:
        """How many of the tasks that a filter matches have each status that occurs."""
        return dict(database.read(*_by_status(filters.shape_of(filter)).bind(filters.values(filter))))

    def count_by_group(self, filter: Filter, grouping: Grouping) -> list[dict[str, Any]]:
        """The groups of the tasks that a filter matches, in their order, each with its counts; one more than the
        limit when there are more.
        """
        statement = _groups(filters.shape_of(filter), grouping._replace(time_zone="", limit=0, fill=False))
        values = filters.values(filter) | {"time_zone": grouping.time_zone, "limit": grouping.limit + 1}
        [(found,)] = database.read(*statement.bind(values))
        groups = orjson.loads(found or EMPTY)
        return _filled(groups, grouping) if grouping.fill else groups

    def set_status(self, ids: Sequence[Id], status: str) -> int:
        """Give these tasks one status; how many there were. Locks rows in id order, so that calls never deadlock."""
        return database.change(*SET_STATUS.bind({"ids": bound(list(ids)), "status": status}))


def _set_status() -> Statement:
    named: Any = Task.alias()
    is_meant = named.id == fn.ANY(parameter("ids").cast("uuid[]"))
    locked = named.select(named.id).where(is_meant).order_by(named.id).for_update("FOR NO KEY UPDATE")
    return compiled(Task.update({Task.status: parameter("status")}).where(Task.id.in_(locked)))


SET_STATUS = _set_status()


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def _by_status(filter: Filter) -> Statement:
    """The SELECT that counts the tasks of each status that occurs."""
    tasks = matching(Task, filter, [Task.status, fn.count(SQL("*"))])
    return compiled(tasks.group_by(Task.status).order_by(Task.status))


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def _groups(filter: Filter, grouping: Grouping) -> Statement:
    """The SELECT of the groups of tasks: a JSON array, or null."""
    keys = [_key(name, grouping).alias(name) for name in grouping.by]
    places = [SQL(str(number + 1)) for number in range(len(keys) + 1)]
    tasks = _with_tags(
        matching(Task, filter, [*keys, Task.status.alias("of_status"), fn.count(SQL("*")).alias("n")]), grouping
    )
    counted = tasks.group_by(*places).alias("c")
    names = [counted.c[name] for name in grouping.by]
    total = fn.sum(counted.c.n).cast("bigint").alias("total")
    by_status = fn.json_object_agg(counted.c.of_status, counted.c.n).order_by(counted.c.of_status).alias("by_status")
    rows = Select([counted], [*names, total, by_status]).group_by(*names)
    order = ordering.order_of_columns([_sortable(counted, key.column) for key in grouping.sort], grouping.sort)
    rows = rows.order_by(*order).limit(parameter("limit"))
    return compiled(Select([rows.alias("r")], [fn.json_agg(Entity("r"))]))


def _sortable(counted: Any, name: str) -> Any:
    if name == "total":
        return SQL("total")
    return counted.c[name].collate('"C"') if name in TEXT_GROUPS else counted.c[name]


def _key(name: str, grouping: Grouping) -> Any:
    at = fn.timezone(parameter("time_zone"), column(Task, grouping.bucket_on))
    return {
        "day": _date(at, "YYYY-MM-DD"),
        "week": _date(fn.date_trunc("week", at), "YYYY-MM-DD"),
        "month": _date(at, "YYYY-MM"),
        "weekday": fn.date_part("isodow", at).cast("integer"),
        "hour": fn.date_part("hour", at).cast("integer"),
        "status": Task.status,
        "goal_id": Task.goal,
        "class_tag": Entity("own_tags", "tag"),
        "goal_class_tag": Entity("goal_tags", "tag"),
    }[name]


def _date(at: Any, form: str) -> Case:
    """The date as ISO 8601 has it, where the year before 1 is 0; to_char calls both 1."""
    in_year_0 = fn.to_char(at, form.replace("YYYY", '"0000"'))
    return Case(None, [(at < SQL("timestamp '0001-01-01'"), in_year_0)], fn.to_char(at, form))


def _with_tags(tasks: ModelSelect, grouping: Grouping) -> ModelSelect:
    """The tasks once for each of their tags, or their goals', and once when there is none."""
    if "class_tag" in grouping.by:
        tasks = tasks.join_from(Task, _tags(Task).alias("own_tags"), JOIN.LEFT_OUTER, on=SQL("true"))
    if "goal_class_tag" in grouping.by:
        goal: Any = Goal.alias("tagged")
        tasks = tasks.join_from(Task, goal, JOIN.LEFT_OUTER, on=(goal.id == Task.goal))
        tasks = tasks.join_from(goal, _tags(goal).alias("goal_tags"), JOIN.LEFT_OUTER, on=SQL("true"))
    return tasks


def _tags(row: Any) -> Select:
    return Select(columns=[fn.unnest(row.class_tags).alias("tag")]).distinct().lateral()


def _filled(groups: Sequence[dict[str, Any]], grouping: Grouping) -> list[dict[str, Any]]:
    """The groups by day, week or month with those between them in which no task is; at most one more than the limit."""
    [name] = grouping.by
    found: list[dict[str, Any]] = []
    last = None
    for group in groups:
        number = _number_of(name, group[name])
        if last is not None and number is not None:
            step = 1 if number > last else -1
            empty = range(last + step, number, step)[: grouping.limit]
            found += [{name: _date_of(name, each), "total": 0, "by_status": {}} for each in empty]
        found.append(group)
        if len(found) > grouping.limit:
            break
        last = number
    return found[: grouping.limit + 1]


def _number_of(name: str, text: str | None) -> int | None:
    """The number of a day, week or month; None for no date, and for one that a zone puts outside of the calendar."""
    try:
        day = date.fromisoformat(f"{text}-01" if name == "month" else text or "")
    except ValueError:
        return None
    return day.year * 12 + day.month - 1 if name == "month" else (day.toordinal() - 1) // DAYS[name]


def _date_of(name: str, number: int) -> str:
    if name == "month":
        return f"{number // 12:04}-{number % 12 + 1:02}"
    return date.fromordinal(number * DAYS[name] + 1).isoformat()
