"""What a row shows: its columns, and what is put into it from other tables; as the JSON that PostgreSQL writes."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

from peewee import SQL, Entity, Expression, Select, Value, fn

from app import models
from app.database.statements import array_literal
from app.query.model import Expansion, Place, Shape
from app.query.relations import LISTS, MESSAGES_OF_A_CONVERSATION, TASK_COUNTS
from app.repositories import ordering
from app.repositories.columns import Model, column, columns_of, reference


def shown_columns(model: Model, shape: Shape) -> Sequence[str]:
    """The names of the columns of its own that a row of this shape shows."""
    return columns_of(model) if shape.columns is None else shape.columns


def selected(model: Model, shape: Shape, row: Any) -> list[Any]:
    """What is selected for a row of this shape, from the model or a query in its place."""
    columns = shown_columns(model, shape)
    own = [column(row, name) for name in columns] + _parts_of_objects(row, shape.keys, columns)
    return own + [each for expansion in shape.expansions for each in _expanded(model, expansion, row)]


def row_as_json(model: Model, shape: Shape) -> Select:
    """One row of this shape as JSON. Its columns by name, so that none is shown that the model does not know."""
    return json_of(Select(columns=selected(model, shape, model)))


def json_of(rows: Select) -> Select:
    """The rows of a query, each as JSON."""
    return Select([rows.alias("r")], [fn.row_to_json(Entity("r"))])


def array_of(rows: Select) -> Select:
    """The rows of a query as one JSON array."""
    # Not json_agg, which breaks the line between two: a row is one line, and only between rows is a break.
    array = fn.array_to_json(fn.array_agg(Entity("r")))
    return Select([rows.alias("r")], [fn.coalesce(array, "[]")])


def union_all(queries: Sequence[Any]) -> Any:
    """The rows of these queries, one query after the other."""
    return reduce(lambda one, other: one.union_all(other), queries)


def _parts_of_objects(row: Any, keys: Sequence[Place], whole: Sequence[str]) -> list[Any]:
    """The objects that have these keys, with no others; not of those columns that are shown whole."""
    paths: dict[str, list[tuple[str, ...]]] = {}
    for place in keys:
        paths.setdefault(place.column, []).append(place.keys)
    return [_part(column(row, name), found).alias(name) for name, found in paths.items() if name not in whole]


def _part(json: Any, paths: Sequence[tuple[str, ...]]) -> Any:
    below: dict[str, list[tuple[str, ...]]] = {}
    for key, *further in paths:
        below.setdefault(key, []).append(tuple(further))
    members: list[Any] = []
    for key, found in below.items():
        value = Expression(json, "#>", Value(array_literal([key]), converter=False))
        members += [Value(key, converter=False).cast("text"), value if () in found else _part(value, found)]
    return fn.jsonb_build_object(*members)


def _expanded(model: Model, expansion: Expansion, row: Any) -> list[Any]:
    """What a name puts into a row; a list has a mark beside it, which tells whether it was cut."""
    name = expansion.name
    if name in LISTS.get(model._meta.table_name, ()):
        listed, is_cut = _list(model, expansion, row)
        return [listed.alias(name), is_cut.alias(f"{name}_truncated")]
    if name in MESSAGES_OF_A_CONVERSATION:
        return [_message(expansion, row).alias(name)]
    if name == TASK_COUNTS:
        return [_task_counts(row).alias(name)]
    other = model._meta.fields[name].rel_model.alias()
    return [json_of(_shown(other, expansion).where(other.id == reference(row, name))).alias(name)]


def _list(model: Model, expansion: Expansion, row: Any) -> tuple[Any, Any]:
    """The first of the rows that refer to this one by the reference of this reverse name; whether there are more."""
    [field] = [each for each in model._meta.backrefs if each.backref == expansion.name]
    other = field.model.alias()
    refers = column(other, field.column_name) == column(row, "id")
    first = _shown(other, expansion).where(refers).order_by(*ordering.first_order(other, expansion.sort))
    more = other.select(SQL("1")).where(refers).offset(expansion.limit)
    return array_of(first.limit(expansion.limit)), fn.EXISTS(more)


def _message(expansion: Expansion, row: Any) -> Select:
    """A conversation's first message of the user, or its last one."""
    message: Any = models.Message.alias()
    messages = _shown(message, expansion).where(message.conversation == column(row, "id")).limit(1)
    if expansion.name == "last_message":
        return json_of(messages.order_by(message.created_at.desc(), message.row_order.desc()))
    return json_of(messages.where(message.role == "user").order_by(message.created_at, message.row_order))


def _task_counts(row: Any) -> Select:
    """How many tasks a goal has, in all and of each status that occurs."""
    task: Any = models.Task.alias()
    of_goal = task.select(task.status, fn.count(task.id).alias("n")).where(task.goal == column(row, "id"))
    counts = of_goal.group_by(task.status).alias("counts")
    by_status = fn.json_object_agg(counts.c.status, counts.c.n).order_by(counts.c.status)
    total = fn.coalesce(fn.sum(counts.c.n), 0)
    return Select([counts], [fn.json_build_object("total", total, "by_status", fn.coalesce(by_status, "{}"))])


def _shown(other: Any, expansion: Expansion) -> Select:
    return other.select(*selected(other.model, expansion.shape, other))
