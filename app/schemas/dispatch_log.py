"""What travels over the wire about the dispatch log."""

from app.schemas.base import EXAMPLE_ID, NewRowSchema, patch_schema, row_schema
from app.schemas.fields import Choice, Text, Time, Uuid


class NewDispatchLogEntrySchema(NewRowSchema):
    """One attempt to reach a person about a task, as a notifier records it before it tries."""

    example = {"task_id": EXAMPLE_ID, "channel": "push", "status": "failed", "error": "The device has no token."}

    task_id = Uuid(required=True)
    channel = Choice("push", "whatsapp", "call", "auto_miss", required=True)
    status = Choice("pending", "dispatched", "failed", default="pending")
    dispatched_at = Time(allow_none=True)
    error = Text(allow_none=True)


DispatchLogEntrySchema = row_schema(NewDispatchLogEntrySchema)
DispatchLogEntryPatchSchema = patch_schema(NewDispatchLogEntrySchema)
