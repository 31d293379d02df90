"""What travels over the wire about the notification log."""

from app.schemas.base import EXAMPLE_ID, NewRowSchema, patch_schema, row_schema
from app.schemas.fields import Choice, Text, Time, Uuid


class NewNotificationLogEntrySchema(NewRowSchema):
    """A notification that was sent, as a caller records it."""

    example = {
        "task_id": EXAMPLE_ID,
        "channel": "push",
        "external_id": "push-4711",
        "sent_at": "2026-03-02T02:15:00+00:00",
        "response": "snoozed",
    }

    task_id = Uuid(required=True)
    channel = Choice("push", "whatsapp", "call", required=True)
    external_id = Text(allow_none=True)
    sent_at = Time(allow_none=True)
    response = Text(allow_none=True)
    responded_at = Time(allow_none=True)


NotificationLogEntrySchema = row_schema(NewNotificationLogEntrySchema)
NotificationLogEntryPatchSchema = patch_schema(NewNotificationLogEntrySchema)
