"""Statistics: tasks gathered by days, by status, by tags, and counted."""

from functools import lru_cache
from typing import Any

from peewee import JOIN, SQL, Case, Entity, ModelSelect, Select, fn

from app.database.statements import Bound, Statement, compiled, parameter
from app.models import Goal, Task
from app.query.model import Filter, Grouping
from app.repositories import filters, ordering
from app.repositories.columns import column
from app.repositories.reads import STATEMENT_CACHE_SIZE, matching

TEXT_GROUPS = ("status", "class_tag", "goal_class_tag")


def by_status(filter: Filter) -> Bound:
    """The SELECT that counts the tasks of each status that occurs."""
    return _by_status(filters.shape_of(filter)).bind(filters.values(filter))


def groups(filter: Filter, grouping: Grouping) -> Bound:
    """The SELECT of the groups of tasks: a JSON array of at most one more than the limit, or null."""
    statement = _groups(filters.shape_of(filter), grouping._replace(time_zone="", limit=0))
    return statement.bind(filters.values(filter) | {"time_zone": grouping.time_zone, "limit": grouping.limit + 1})


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def _by_status(filter: Filter) -> Statement:
    tasks = matching(Task, filter, [Task.status, fn.count(SQL("*"))])
    return compiled(tasks.group_by(Task.status).order_by(Task.status))


@lru_cache(maxsize=STATEMENT_CACHE_SIZE)
def _groups(filter: Filter, grouping: Grouping) -> Statement:
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
