"""Tasks over HTTP: the shared operations, and the three that only tasks have."""

from typing import Any

from flask import Response

from app.api import crud
from app.api.blueprint import Blueprint
from app.api.responses import LINK, NDJSON, json_response, rows_response, stream_response, wants_stream
from app.api.transaction import may_be_empty, one_statement
from app.errors import Fault, Invalid
from app.query.controls import GROUPING, PAGING, READING, SHAPING
from app.query.model import Condition, Place, Query, SortKey
from app.query.parser import Fixed, QueryParser
from app.query.values import parse_time
from app.repositories import tasks
from app.schemas.fields import TimeOrDate
from app.schemas.tasks import (
    WRONG_NUMBER,
    BulkUpdateStateSchema,
    GroupsSchema,
    NewTaskSchema,
    StatisticsSchema,
    TaskPatchSchema,
    TaskSchema,
    UpdatedCountSchema,
)

DATE_OR_TIME = {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}
TIME_RANGE = QueryParser(
    "tasks",
    "list tasks by time range",
    (*PAGING, *SHAPING, *READING),
    [SortKey("scheduled_at")],
    fixed={
        "start_at": Fixed(Place("scheduled_at"), "gte", parse_time, "The earliest `scheduled_at`, included."),
        "end_at": Fixed(Place("scheduled_at"), "lte", parse_time, "The latest `scheduled_at`, included."),
    },
    required=["user_id", "start_at", "end_at"],
)
STATISTICS = QueryParser(
    "tasks",
    "statistics",
    (*GROUPING, *READING),
    fixed={
        "start_date": Fixed(
            Place("created_at"),
            "gte",
            TimeOrDate().deserialize,
            "The earliest `created_at`, included; a date means its start in UTC.",
            DATE_OR_TIME,
        ),
        "end_date": Fixed(
            Place("created_at"),
            "lte",
            TimeOrDate(last_moment=True).deserialize,
            "The latest `created_at`, included; a date means its end in UTC.",
            DATE_OR_TIME,
        ),
    },
    required_alone=["user_id", "start_date", "end_date"],
)

# How the condition begins that names the person.
OF_A_PERSON = (Place("user_id"), "eq")

blueprint = Blueprint(
    "tasks", "What a person is to do, and when.", "/tasks", ("by-timerange", "statistics", "bulk-update-state")
)
crud.collection(blueprint, tasks, NewTaskSchema, TaskSchema)
crud.item(blueprint, tasks, NewTaskSchema, TaskPatchSchema, TaskSchema)


@blueprint.route("/by-timerange", methods=["GET"], responses={200: {"content": {NDJSON: {"schema": TaskSchema}}}})
@blueprint.query(TIME_RANGE)
@blueprint.response(200, TaskSchema(many=True), example=[TaskSchema.example], headers=LINK)
def list_tasks_by_timerange(query: Query) -> Response:
    """List a person's tasks that are scheduled in a range of time, by time.

    Both ends are included. The answer is a plain array, whole unless a limit cuts it; then `Link` leads on.
    """
    if wants_stream():
        return stream_response(tasks.stream(query))
    return rows_response(tasks.find(query) if query.limit else tasks.find_all(query), query)


@blueprint.route("/statistics", methods=["GET"])
@blueprint.query(STATISTICS)
@blueprint.response(200, {"oneOf": [StatisticsSchema, GroupsSchema]}, example=StatisticsSchema.example)
def get_task_statistics(query: Query) -> Response:
    """Count tasks by status, in groups or in all.

    Without another parameter it takes `user_id`, `start_date` and `end_date`, or filters in their place.
    `group_by` answers groups, by their names or `sort`, up to `limit` (1000).
    """
    if query.grouping:
        return _groups(query)
    by_status = tasks.count_by_status(query.where)
    return json_response(
        {
            "user_id": _user_id(query),
            "total_tasks": sum(by_status.values()),
            "by_status": by_status,
            "completion_rate": _completion_rate(by_status),
        }
    )


def _groups(query: Query) -> Response:
    assert query.grouping
    groups = tasks.count_by_group(query.where, query.grouping)
    shown = [each | {"completion_rate": _completion_rate(each["by_status"])} for each in groups[: query.grouping.limit]]
    answer: dict[str, Any] = {"groups": shown}
    if len(groups) > query.grouping.limit:
        answer["truncated"] = True
    return json_response(answer)


def _completion_rate(by_status: dict[str, int]) -> float:
    total = sum(by_status.values())
    return round(by_status.get("done", 0) / total, 4) if total else 0.0


def _user_id(query: Query) -> str | None:
    """Whose tasks were counted, when the filter names one person."""
    named = [each.value for each in query.where if each[:2] == OF_A_PERSON and isinstance(each, Condition)]
    return named[0] if len(named) == 1 else None


@blueprint.route("/bulk-update-state", methods=["POST"])
@blueprint.arguments(BulkUpdateStateSchema, as_kwargs=True, example=BulkUpdateStateSchema.example)
@blueprint.response(200, UpdatedCountSchema, example=UpdatedCountSchema.example)
@one_statement
def bulk_update_task_state(task_ids: list[str], new_status: str) -> Response:
    """Give many tasks one status, all or none; ids that do not exist are not counted."""
    if not task_ids and not may_be_empty():
        raise Invalid.from_faults([Fault("#/task_ids", f"task_ids {WRONG_NUMBER}")])
    return json_response({"updated_count": tasks.set_status(task_ids, new_status)})
