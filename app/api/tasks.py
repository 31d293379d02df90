"""Tasks over HTTP: the shared operations, and the three that only tasks have."""

from datetime import datetime

from flask import Response

from app.api import crud
from app.api.blueprint import Blueprint
from app.api.responses import json_response, rows_response
from app.database import atomic
from app.repositories import tasks
from app.schemas.tasks import (
    BulkUpdateStateSchema,
    NewTaskSchema,
    StatisticsQuerySchema,
    StatisticsSchema,
    TaskPatchSchema,
    TaskSchema,
    TimeRangeQuerySchema,
    UpdatedCountSchema,
)

blueprint = Blueprint(
    "tasks", "What a person is to do, and when.", "/tasks", ("by-timerange", "statistics", "bulk-update-state")
)
crud.collection(blueprint, tasks, NewTaskSchema, TaskSchema)
crud.item(blueprint, tasks, TaskPatchSchema, TaskSchema)


@blueprint.route("/by-timerange", methods=["GET"])
@blueprint.arguments(TimeRangeQuerySchema, location="query", as_kwargs=True)
@blueprint.response(200, TaskSchema(many=True), example=[TaskSchema.example])
def list_tasks_by_timerange(user_id: str, start_at: datetime, end_at: datetime) -> Response:
    """List a person's tasks that are scheduled in a range of time, by time.

    Both ends are included. The answer is a plain array and always whole.
    """
    return rows_response(tasks.in_time_range(user_id, start_at, end_at))


@blueprint.route("/statistics", methods=["GET"])
@blueprint.arguments(StatisticsQuerySchema, location="query", as_kwargs=True)
@blueprint.response(200, StatisticsSchema, example=StatisticsSchema.example)
def get_task_statistics(user_id: str, start_date: datetime, end_date: datetime) -> Response:
    """Count a person's tasks by status, over the time they were created in."""
    by_status = tasks.count_by_status(user_id, start_date, end_date)
    total = sum(by_status.values())
    completion_rate = round(by_status.get("done", 0) / total, 4) if total else 0.0
    return json_response(
        {"user_id": user_id, "total_tasks": total, "by_status": by_status, "completion_rate": completion_rate}
    )


@blueprint.route("/bulk-update-state", methods=["POST"])
@blueprint.arguments(BulkUpdateStateSchema, as_kwargs=True, example=BulkUpdateStateSchema.example)
@blueprint.response(200, UpdatedCountSchema, example=UpdatedCountSchema.example)
@atomic()
def bulk_update_task_state(task_ids: list[str], new_status: str) -> Response:
    """Give many tasks one status, all or none; ids that do not exist are not counted."""
    return json_response({"updated_count": tasks.set_status(task_ids, new_status)})
