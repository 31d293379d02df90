"""What travels over the wire about conversations."""

from app.schemas.base import EXAMPLE_ID, NewRowSchema, patch_schema, row_schema
from app.schemas.fields import Choice, Integer, Object, Text, Time, Uuid


class NewConversationSchema(NewRowSchema):
    """A chat or a voice session, as a caller creates one."""

    example = {
        "user_id": EXAMPLE_ID,
        "langgraph_thread_id": "thread-2026-03-01-ada",
        "context_type": "voice",
        "title": "Planning the week",
        "voice_session_id": "session-4711",
        "extracted_intent": "plan_week",
    }

    user_id = Uuid(required=True)
    langgraph_thread_id = Text(1, required=True)
    context_type = Choice("onboarding", "goal", "task", "reschedule", "voice", "general", required=True)
    title = Text(allow_none=True)
    last_message_at = Time(allow_none=True)
    voice_session_id = Text(allow_none=True)
    extracted_intent = Text(allow_none=True)
    intent_payload = Object(allow_none=True)
    linked_goal_id = Uuid(allow_none=True)
    linked_task_id = Uuid(allow_none=True)
    ended_at = Time(allow_none=True)
    duration_seconds = Integer(0, allow_none=True)


ConversationSchema = row_schema(NewConversationSchema)
ConversationPatchSchema = patch_schema(NewConversationSchema, only=("context_type", "title", "last_message_at"))
ConversationVoicePatchSchema = patch_schema(
    NewConversationSchema,
    only=("ended_at", "duration_seconds", "extracted_intent", "intent_payload", "linked_goal_id", "linked_task_id"),
    part="Voice",
)
