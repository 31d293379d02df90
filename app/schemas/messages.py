"""What travels over the wire about messages."""

from app.schemas.base import EXAMPLE_ID, NewRowSchema, row_schema
from app.schemas.fields import Choice, Integer, Object, Text, Uuid, documented_default


class NewMessageSchema(NewRowSchema):
    """One turn of a conversation, as a caller writes it down."""

    example = {
        "conversation_id": EXAMPLE_ID,
        "role": "user",
        "content": "I would like to run 10 km by summer.",
        "input_modality": "voice",
    }

    conversation_id = Uuid(required=True)
    role = Choice("user", "assistant", "system", "function", "summary", required=True)
    content = Text(1, required=True)
    input_modality = Choice("voice", "text", default="text")
    metadata = Object(**documented_default({}))
    agent_node = Text(allow_none=True)
    tokens_used = Integer(0, allow_none=True)
    provider = Text(allow_none=True)


MessageSchema = row_schema(NewMessageSchema)
