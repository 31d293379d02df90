"""Messages: the shared operations, and the transcript of a conversation."""

from app.query.model import ROW_ORDER, Condition, Place, Query, SortKey
from app.repositories.base import Id, Repository
from app.repositories.rows import Rows


class MessageRepository(Repository):
    """The messages of all conversations."""

    def transcript(self, conversation_id: Id) -> Rows:
        """All messages of a conversation, oldest first; those of one transaction in the order they were written."""
        of_conversation = Condition(Place("conversation_id"), "eq", conversation_id)
        return self.find_all(Query((of_conversation,), (SortKey("created_at"), SortKey(ROW_ORDER))))
