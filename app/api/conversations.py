"""Conversations over HTTP: the shared operations, and the end of a voice session."""

from typing import Any

from flask import Response

from app.api import crud
from app.api.blueprint import Blueprint
from app.api.responses import WRITTEN, row_response
from app.api.transaction import one_statement
from app.query.controls import CHANGING
from app.query.model import Query
from app.query.parser import QueryParser
from app.repositories import conversations
from app.schemas.conversations import (
    ConversationPatchSchema,
    ConversationSchema,
    ConversationVoicePatchSchema,
    NewConversationSchema,
)

VOICE = QueryParser("conversations", "update conversations", CHANGING)

blueprint = Blueprint("conversations", "Chats and voice sessions with a person.", "/conversations")
crud.collection(blueprint, conversations, NewConversationSchema, ConversationSchema)
crud.item(blueprint, conversations, NewConversationSchema, ConversationPatchSchema, ConversationSchema)


@blueprint.route(f"{blueprint.row_path}/voice", methods=["PATCH"])
@blueprint.query(VOICE)
@blueprint.arguments(ConversationVoicePatchSchema, example=ConversationVoicePatchSchema.example)
@blueprint.response(200, ConversationSchema, example=ConversationSchema.example, headers=WRITTEN)
@one_statement
def update_conversation_voice(query: Query, values: dict[str, Any], id: str) -> Response:
    """Record how a voice session ended and what came of it."""
    return row_response(crud.changed_row(conversations, id, values, query), query)
