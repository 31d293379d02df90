"""What travels over the wire about tasks."""

from marshmallow import fields, validate

from app.schemas.base import EXAMPLE_ID, BaseSchema, NewRowSchema, patch_schema, row_schema
from app.schemas.fields import Choice, Flag, Integer, ListOf, Number, Object, Text, Time, Uuid

TASK_STATUSES = ("pending", "done", "missed", "rescheduled", "cancelled")
MAX_IDS = 1000

WRONG_NUMBER = f"must name 1 to {MAX_IDS} tasks."


class NewTaskSchema(NewRowSchema):
    """A task, as a caller creates one."""

    example = {
        "user_id": EXAMPLE_ID,
        "title": "Run 3 km in the park",
        "scheduled_at": "2026-03-02T02:30:00+00:00",
        "duration_minutes": 25,
        "recurrence_rule": "FREQ=WEEKLY;BYDAY=MO,WE,FR",
        "class_tags": ["Health"],
        "status": "pending",
    }

    user_id = Uuid(required=True)
    goal_id = Uuid(allow_none=True)
    conversation_id = Uuid(allow_none=True)
    title = Text(1, 500, required=True)
    description = Text(allow_none=True)
    status = Choice(*TASK_STATUSES, default="pending")
    scheduled_at = Time(allow_none=True)
    duration_minutes = Integer(1, allow_none=True)
    trigger_type = Choice("time", "location", default="time")
    location_trigger = Text(allow_none=True)
    recurrence_rule = Text(allow_none=True)
    canonical_scheduled_at = Time(allow_none=True)
    class_tags = ListOf(Text(), allow_none=True)
    shared_with_goal_ids = ListOf(Uuid(), allow_none=True)
    escalation_policy = Choice("silent", "standard", "aggressive", default="standard")
    reminder_sent_at = Time(allow_none=True)
    whatsapp_sent_at = Time(allow_none=True)
    call_sent_at = Time(allow_none=True)
    completed_at = Time(allow_none=True)


TaskSchema = row_schema(NewTaskSchema)
TaskPatchSchema = patch_schema(NewTaskSchema)


class StatisticsSchema(BaseSchema):
    """How a person's tasks turned out."""

    example = {
        "user_id": EXAMPLE_ID,
        "total_tasks": 8,
        "by_status": {"done": 5, "missed": 1, "pending": 2},
        "completion_rate": 0.625,
    }

    user_id = Uuid(required=True, allow_none=True, metadata={"description": "Whose tasks, when only one person's."})
    total_tasks = Integer(0, required=True)
    by_status = Object(required=True, metadata={"description": "Only statuses that occur."})
    completion_rate = Number(0, 1, required=True, metadata={"description": "done / total, 4 decimals; 0.0 for none."})


class GroupsSchema(BaseSchema):
    """How tasks turned out, in groups."""

    example = {
        "groups": [{"day": "2026-03-01", "total": 5, "by_status": {"done": 3, "missed": 2}, "completion_rate": 0.6}]
    }

    groups = fields.List(
        Object(), required=True, metadata={"description": "Each with `total`, `by_status`, `completion_rate`."}
    )
    truncated = Flag()


class BulkUpdateStateSchema(BaseSchema):
    """Many tasks, and the one status they are to have."""

    example = {"task_ids": [EXAMPLE_ID], "new_status": "missed"}

    task_ids = ListOf(
        Uuid(), required=True, validate=validate.Length(max=MAX_IDS, error=WRONG_NUMBER), metadata={"minItems": 1}
    )
    new_status = Choice(*TASK_STATUSES, required=True)


class UpdatedCountSchema(BaseSchema):
    """How many rows were changed."""

    example = {"updated_count": 1}

    updated_count = Integer(0, required=True)
