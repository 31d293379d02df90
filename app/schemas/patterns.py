"""What travels over the wire about behavioural patterns."""

from app.schemas.base import EXAMPLE_ID, NewRowSchema, patch_schema, row_schema
from app.schemas.fields import Number, Object, Text, Uuid


class NewPatternSchema(NewRowSchema):
    """A habit that was observed, as a caller records it."""

    example = {
        "user_id": EXAMPLE_ID,
        "pattern_type": "time_of_day",
        "pattern_key": "misses_monday_mornings",
        "description": "Tasks before 8:00 on Mondays are mostly missed.",
        "data": {"weekday": 1, "hour": 7, "missed": 6, "of": 8},
        "confidence": 0.75,
    }

    user_id = Uuid(required=True)
    pattern_type = Text(allow_none=True)
    pattern_key = Text(allow_none=True)
    description = Text(allow_none=True)
    data = Object(allow_none=True)
    confidence = Number(0, 1, allow_none=True)


PatternSchema = row_schema(NewPatternSchema)
PatternPatchSchema = patch_schema(NewPatternSchema)
