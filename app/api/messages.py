"""Messages over HTTP: a transcript is read whole, written turn by turn, and never edited."""

from flask import Response

from app.api import crud
from app.api.blueprint import Blueprint
from app.api.responses import rows_response
from app.repositories import messages
from app.schemas.messages import MessageSchema, NewMessageSchema, TranscriptQuerySchema

blueprint = Blueprint("messages", "The turns of a conversation.", "/messages")
crud.create_row(blueprint, messages, NewMessageSchema, MessageSchema)
crud.get_row(blueprint, messages, MessageSchema)
crud.delete_row(blueprint, messages)


@blueprint.route("", methods=["GET"])
@blueprint.arguments(TranscriptQuerySchema, location="query", as_kwargs=True)
@blueprint.response(200, MessageSchema(many=True), example=[MessageSchema.example])
def list_messages(conversation_id: str) -> Response:
    """List the messages of a conversation, oldest first.

    The answer is a plain array and always whole.
    """
    return rows_response(messages.transcript(conversation_id))
