"""What travels over the wire: `load(NewTaskSchema, {…})` gives the checked values that a repository takes."""

from app.schemas.base import load
from app.schemas.conversations import ConversationPatchSchema, ConversationVoicePatchSchema, NewConversationSchema
from app.schemas.goals import GoalPatchSchema, NewGoalSchema
from app.schemas.messages import NewMessageSchema
from app.schemas.notification_log import NewNotificationLogEntrySchema, NotificationLogEntryPatchSchema
from app.schemas.patterns import NewPatternSchema, PatternPatchSchema
from app.schemas.tasks import NewTaskSchema, TaskPatchSchema
from app.schemas.users import NewUserSchema, UserPatchSchema

__all__ = [
    "ConversationPatchSchema",
    "ConversationVoicePatchSchema",
    "GoalPatchSchema",
    "NewConversationSchema",
    "NewGoalSchema",
    "NewMessageSchema",
    "NewNotificationLogEntrySchema",
    "NewPatternSchema",
    "NewTaskSchema",
    "NewUserSchema",
    "NotificationLogEntryPatchSchema",
    "PatternPatchSchema",
    "TaskPatchSchema",
    "UserPatchSchema",
    "load",
]
