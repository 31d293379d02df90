"""What the service says about itself."""

from marshmallow import fields

from app.schemas.base import BaseSchema
from app.schemas.fields import Choice, Flag, ListOf, Text


class HealthSchema(BaseSchema):
    """The process answers."""

    example = {"status": "ok"}

    status = Choice("ok", required=True)


class ReadySchema(BaseSchema):
    """Whether requests can be served."""

    example = {"status": "ready", "pending_migrations": []}

    status = Choice("ready", required=True)
    pending_migrations = ListOf(Text(), required=True)


class NotReadySchema(BaseSchema):
    """Why requests cannot be served."""

    example = {"status": "not_ready", "detail": "The database did not answer within 1.5 s."}

    status = Choice("not_ready", required=True)
    detail = Text(required=True, metadata={"description": "What is wrong, and what to do."})


class FaultSchema(BaseSchema):
    """One wrong value."""

    pointer = Text(required=True, metadata={"description": "`#/field` in the body or `?name` in the query."})
    detail = Text(required=True)


class ProblemSchema(BaseSchema):
    """An error, as RFC 9457 has it."""

    example = {
        "type": "/problems/invalid-value",
        "code": "urn:flux:problem:invalid-value",
        "title": "A value is wrong",
        "status": 422,
        "detail": "title is required.",
        "instance": "/api/v1/tasks",
        "request_id": "0198f3c2-7a51-7c3e-9d2b-3f6a1e5b8c4d",
        "retryable": False,
        "errors": [{"pointer": "#/title", "detail": "title is required."}],
    }

    type = Text(
        required=True, metadata={"format": "uri-reference", "description": "One for each kind, which it explains."}
    )
    code = Text(required=True, metadata={"description": "The kind as a URN, `urn:flux:problem:value-taken` for one."})
    title = Text(required=True)
    status = fields.Integer(required=True)
    detail = Text(required=True, metadata={"description": "A full sentence that a caller can act on."})
    instance = Text(required=True, metadata={"description": "The path that was asked for."})
    request_id = Text(required=True, metadata={"description": "What to tell when asking for help."})
    errors = fields.List(fields.Nested(FaultSchema), metadata={"description": "Each value that is wrong."})
    retryable = Flag(required=True, metadata={"description": "Whether the same request may succeed later as it is."})
    current = fields.Dict(metadata={"description": "The row as it is, when it does not match a condition."})
    operation = fields.Dict(metadata={"description": "In a batch: `index` and `name` of the operation that failed."})
    hint = Text(metadata={"description": "What may have been meant."})
