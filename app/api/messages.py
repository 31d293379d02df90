"""Messages over HTTP: a transcript is read whole, written turn by turn, and never edited."""

from flask import Response

from app.api import crud, crud_many
from app.api.blueprint import Blueprint
from app.api.responses import LINK, NDJSON, rows_response, stream_response, wants_stream
from app.query.controls import PAGING, READING, SHAPING
from app.query.model import Query, SortKey
from app.query.parser import QueryParser
from app.repositories import messages
from app.schemas.messages import MessageSchema, NewMessageSchema

TRANSCRIPT = QueryParser(
    "messages",
    "list messages",
    (*PAGING, *SHAPING, *READING),
    [SortKey("created_at")],
    required_row="conversation",
)

blueprint = Blueprint("messages", "The turns of a conversation.", "/messages")
crud.count_rows(blueprint, messages)
crud.create_row(blueprint, messages, NewMessageSchema, MessageSchema)
crud_many.create_rows(blueprint, messages, NewMessageSchema, MessageSchema)
crud.get_row(blueprint, messages, MessageSchema)
crud.delete_row(blueprint, messages)
crud_many.delete_rows(blueprint, messages)


@blueprint.route("", methods=["GET"], responses={200: {"content": {NDJSON: {"schema": MessageSchema}}}})
@blueprint.query(TRANSCRIPT)
@blueprint.response(200, MessageSchema(many=True), example=[MessageSchema.example], headers=LINK)
def list_messages(query: Query) -> Response:
    """List the messages of a conversation, or of several, oldest first.

    A condition on the conversation is required, such as `conversation.user_id`. The answer is a plain array, whole
    unless a limit cuts it; then `Link` leads on.
    """
    if wants_stream():
        return stream_response(messages.stream(query))
    return rows_response(messages.find(query) if query.limit else messages.find_all(query), query)
