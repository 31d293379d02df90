"""What travels over the wire about batches: several operations in one transaction."""

from typing import Any

from marshmallow import fields, validate

from app.schemas.base import EXAMPLE_ID, BaseSchema
from app.schemas.fields import MAX_NESTING, Choice, Flag, Integer, ListOf, Object, Text, check_storable

MAX_OPERATIONS = 100
# Around an object that is as deep as may be stand its row, the list of rows, and $each.
MAX_BODY_DEPTH = MAX_NESTING + 3


class AnyValue(fields.Raw):
    """Any JSON value that the operations could store."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        check_storable(value, MAX_BODY_DEPTH)
        return value


class ExpectationSchema(BaseSchema):
    """How many rows an operation has to affect."""

    min_affected = Integer(0)
    max_affected = Integer(0)


class OperationSchema(BaseSchema):
    """One operation of a batch.

    In `query` and `body` `{"$ref": "name.path"}` stands for a value out of an earlier operation's answer, `{"$concat":
    [...]}` for a text and `{"$add": [...]}` for a sum of such values, `{"$each": "name.path", "body": ...}` for a list
    with one body for each element, which is `item` there. `{"$literal": ...}` is what it holds.
    """

    name = Text(
        1, 100, metadata={"description": "What later operations call it; unique, and not item.", "pattern": "^[^.]+$"}
    )
    method = Choice("GET", "POST", "PATCH", "DELETE", required=True)
    path = Text(
        1,
        8000,
        required=True,
        error_messages={"invalid": "must be a text. References stand in query and body, not in a path."},
        metadata={"description": "Below /api/v1, such as /tasks?limit=1.", "pattern": "^/"},
    )
    query = Object(metadata={"description": "Parameters, beside those in the path."})
    headers = Object(metadata={"description": "If-Match, If-None-Match, Content-Type."})
    body = AnyValue(allow_none=True, metadata={"description": "What the operation takes as its body."})
    skip_if_missing = Text(1, metadata={"description": "Skipped when this reference leads nowhere, or to null."})
    skip_if_present = Text(1, metadata={"description": "Skipped when this reference leads to anything but null."})
    expect = fields.Nested(ExpectationSchema)


class BatchSchema(BaseSchema):
    """Operations that are done one after the other, in one transaction, all or none."""

    example = {
        "operations": [
            {"name": "goal", "method": "POST", "path": "/goals", "body": {"user_id": EXAMPLE_ID, "title": "Run 10 km"}},
            {"method": "POST", "path": "/tasks/bulk", "body": [{"user_id": EXAMPLE_ID, "title": "Run 3 km"}]},
        ]
    }

    operations = ListOf(
        fields.Nested(OperationSchema),
        required=True,
        validate=validate.Length(1, MAX_OPERATIONS, error=f"must have 1 to {MAX_OPERATIONS} operations."),
    )


class OperationAnswerSchema(BaseSchema):
    """What became of one operation."""

    name = Text(metadata={"description": "As it was given."})
    status = Integer(200, 304)
    headers = Object()
    body = AnyValue(allow_none=True)
    skipped = Flag()


class BatchAnswerSchema(BaseSchema):
    """What became of each operation, in their order."""

    example = {
        "operations": [
            {"name": "goal", "status": 201, "headers": {"ETag": '"1"'}, "body": {"id": EXAMPLE_ID}},
            {"name": "next", "skipped": True},
        ]
    }

    operations = ListOf(fields.Nested(OperationAnswerSchema), required=True)
