"""Messages: the shared operations, and the transcript of a conversation."""

from functools import cached_property

from app.database.statements import parameter
from app.models import Message
from app.repositories.base import Id, Repository, Whole, whole
from app.repositories.rows import Rows


class MessageRepository(Repository):
    """The messages of all conversations."""

    def transcript(self, conversation_id: Id) -> Rows:
        """All messages of a conversation, oldest first; those of one transaction in the order they were written."""
        return self._whole(self._transcript, conversation_id=conversation_id)

    @cached_property
    def _transcript(self) -> Whole:
        query = Message.select().where(Message.conversation == parameter("conversation_id"))
        return whole(query.order_by(Message.created_at, Message.id))
