"""What a row shows, as SQL: its columns, and what is put into it from other tables."""

from collections.abc import Iterable, Sequence

from app import models
from app.query.relations import LISTS, MESSAGES_OF_A_CONVERSATION, REFERENCES, REVERSE, TASK_COUNTS
from app.query.terms import WHOLE_ROW, Expansion, Shape
from app.repositories.conditions import TABLES

SET_BY_DATABASE = tuple(name for name in models.Row._meta.columns if name != "id")
TASK_COUNTS_OF_A_GOAL = """(
    SELECT json_build_object(
        'total', coalesce(sum(c.n), 0), 'by_status', coalesce(json_object_agg(c.status, c.n ORDER BY c.status), '{{}}')
    ) FROM (SELECT x.status, count(*) AS n FROM tasks AS x WHERE x.goal_id = {row}.id GROUP BY x.status) AS c
)"""
ONE_MESSAGE = {
    "first_user_message": "AND x.role = 'user' ORDER BY x.created_at, x.id LIMIT 1",
    "last_message": "ORDER BY x.created_at DESC, x.id DESC LIMIT 1",
}
ORDER_OF_LIST = {
    "children": "x.created_at, x.id",
    "messages": "x.created_at, x.id",
    "notification_log": "x.created_at, x.id",
    "dispatch_log": "x.created_at, x.id",
}


def columns_of(table: str) -> list[str]:
    """A row's columns in the order in which it shows them: the id, what is its own, what the database keeps."""
    columns = TABLES[table]._meta.columns
    own = [name for name in columns if name not in ("id", *SET_BY_DATABASE)]
    return ["id", *own, *SET_BY_DATABASE]


def shown_columns(table: str, shape: Shape) -> Sequence[str]:
    """The columns of its own that a row of this shape shows."""
    return columns_of(table) if shape.columns is None else shape.columns


def selected(table: str, shape: Shape, row: str = "t") -> str:
    """The text after SELECT that makes a row of this shape."""
    own = (f"{row}.{name}" for name in shown_columns(table, shape))
    expanded = (f'{_expanded(table, each, row)} AS "{each.name}"' for each in shape.expansions)
    return ", ".join([*own, *expanded])


def as_json(table: str, shape: Shape, row: str = "t") -> str:
    """An expression that gives one row of this shape as JSON."""
    if shape == WHOLE_ROW:
        # All columns of the table, as PostgreSQL knows them; it plans a list of their names in twice the time.
        return f"row_to_json({row})"
    return f"(SELECT row_to_json(o) FROM (SELECT {selected(table, shape, row)}) AS o)"


def _expanded(table: str, expansion: Expansion, row: str) -> str:
    name = expansion.name
    if name in REFERENCES[table]:
        return _one(REFERENCES[table][name], expansion, f"x.id = {row}.{name}_id")
    if name in LISTS.get(table, ()):
        there = REVERSE[table][name]
        return _list(there.table, expansion, f"x.{there.column} = {row}.id ORDER BY {ORDER_OF_LIST[name]}")
    if name in MESSAGES_OF_A_CONVERSATION:
        return _one("messages", expansion, f"x.conversation_id = {row}.id {ONE_MESSAGE[name]}")
    assert name == TASK_COUNTS
    return TASK_COUNTS_OF_A_GOAL.format(row=row)


def _one(table: str, expansion: Expansion, condition: str) -> str:
    return f"(SELECT row_to_json(e) FROM (SELECT {_inner(table, expansion)} FROM {table} AS x WHERE {condition}) AS e)"


def _list(table: str, expansion: Expansion, condition: str) -> str:
    rows = f"SELECT {_inner(table, expansion)} FROM {table} AS x WHERE {condition}"
    # Not json_agg, which breaks the line between two: a row is one line, and only between rows is a break.
    return f"(SELECT coalesce(array_to_json(array_agg(e)), '[]') FROM ({rows}) AS e)"


def _inner(table: str, expansion: Expansion) -> str:
    names: Iterable[str] = columns_of(table) if expansion.columns is None else expansion.columns
    return ", ".join(f"x.{name}" for name in names)
