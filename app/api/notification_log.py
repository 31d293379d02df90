"""The notification log over HTTP: the shared operations."""

from app.api import crud
from app.api.blueprint import Blueprint
from app.repositories import notification_log
from app.schemas.notification_log import (
    NewNotificationLogEntrySchema,
    NotificationLogEntryPatchSchema,
    NotificationLogEntrySchema,
)

blueprint = Blueprint("notification_log", "What was sent for a task, and what came back.", "/notification-log")
crud.collection(
    blueprint, notification_log, NewNotificationLogEntrySchema, NotificationLogEntrySchema, newest_by="sent_at"
)
crud.item(
    blueprint,
    notification_log,
    NewNotificationLogEntrySchema,
    NotificationLogEntryPatchSchema,
    NotificationLogEntrySchema,
)
