"""What travels over the wire about goals."""

from app.schemas.base import EXAMPLE_ID, NewRowSchema, patch_schema, row_schema
from app.schemas.fields import Choice, Integer, ListOf, Object, Text, Time, Uuid, documented_default


class NewGoalSchema(NewRowSchema):
    """A goal, as a caller creates one."""

    example = {
        "user_id": EXAMPLE_ID,
        "title": "Run 10 km without a break",
        "class_tags": ["Health"],
        "status": "active",
        "pipeline_order": 1,
        "target_weeks": 8,
        "plan_json": {"milestones": ["3 km", "5 km", "10 km"]},
    }

    user_id = Uuid(required=True)
    title = Text(1, 500, required=True)
    description = Text(allow_none=True)
    class_tags = ListOf(Text(), allow_none=True)
    status = Choice("active", "completed", "abandoned", "pipeline", default="active")
    parent_goal_id = Uuid(allow_none=True)
    pipeline_order = Integer(allow_none=True)
    activated_at = Time(allow_none=True)
    completed_at = Time(allow_none=True)
    target_weeks = Integer(1, **documented_default(6))
    plan_json = Object(allow_none=True)


GoalSchema = row_schema(NewGoalSchema)
GoalPatchSchema = patch_schema(NewGoalSchema)
