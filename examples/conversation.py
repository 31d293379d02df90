"""What the Conversation agent does: keep the transcript of a voice session, and record how the session ended."""

from uuid import uuid4

from flux_dao_client import Flux
from flux_dao_client.entities import Conversation
from running import run

TITLE = "Moving a run"
# What the user says, and what is answered.
TURNS = (
    ("I will not make it to my run today.", "Shall I move it to tomorrow at seven?"),
    ("Yes, please.", "Noted. See you tomorrow."),
)


def main(flux: Flux) -> None:
    """Hold a voice session with a new user about one of their tasks."""
    user = flux.users.create(email=f"conversation-{uuid4()}@example.com")
    task = flux.tasks.create(user_id=user["id"], title="Run 3 km")
    conversation = open_session(flux, user["id"])
    for said, answered in TURNS:
        write_turn(flux, conversation["id"], said, answered)
    print_transcript(flux, conversation["id"])
    close_session(flux, conversation["id"], task["id"])


def open_session(flux: Flux, user_id: str) -> Conversation:
    """The conversation of the thread: a new one, or the one that it has when the agent starts again in its middle."""
    conversation = flux.conversations.upsert(
        ignore=True,
        user_id=user_id,
        langgraph_thread_id=f"thread-{uuid4()}",
        context_type="voice",
        voice_session_id=f"session-{uuid4()}",
    )
    print(f"Opened the {conversation['context_type']} conversation {conversation['langgraph_thread_id']}.")
    return conversation


def write_turn(flux: Flux, conversation_id: str, said: str, answered: str) -> None:
    """Two messages in their order, the conversation moved up in the list, a title if it has none: all or nothing."""
    turn = {"conversation_id": conversation_id, "input_modality": "voice"}
    with flux.batch() as batch:
        # The time of the database, as everywhere in this transaction.
        batch.conversations.update(conversation_id, last_message_at="now")
        batch.conversations.update_where({"id": conversation_id, "title": None}, title=TITLE)
        batch.messages.create_many(
            [{**turn, "role": "user", "content": said}, {**turn, "role": "assistant", "content": answered}]
        )


def print_transcript(flux: Flux, conversation_id: str) -> None:
    """Read the messages back: a plain array, oldest first, never cut into pages."""
    messages = flux.request("GET", "/messages", query={"conversation_id": conversation_id})
    print(f"The transcript has {len(messages)} messages:")
    for message in messages:
        print(f"  {message['role']}: {message['content']}")


def close_session(flux: Flux, conversation_id: str, task_id: str) -> None:
    """Record, once, the end of the session, what the user wanted, and the task that it was about."""
    conversation = flux.request(
        "PATCH",
        f"/conversations/{conversation_id}/voice",
        query={"ended_at": None},
        body={
            "ended_at": "now",
            "duration_seconds": 42,
            "extracted_intent": "reschedule_task",
            "intent_payload": {"day": "tomorrow", "time": "07:00"},
            "linked_task_id": task_id,
        },
    )
    print(f"Closed after {conversation['duration_seconds']} seconds: {conversation['extracted_intent']}.")
    print(f"Linked to the task {conversation['linked_task_id']}.")


if __name__ == "__main__":
    run(main)
