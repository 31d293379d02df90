"""What the Conversation agent does: keep the transcript of a voice session, and record how the session ended."""

from datetime import UTC, datetime
from uuid import uuid4

import httpx
from client import Row, run

TRANSCRIPT = (
    ("user", "I will not make it to my run today."),
    ("assistant", "Shall I move it to tomorrow at seven?"),
    ("user", "Yes, please."),
    ("assistant", "Noted. See you tomorrow."),
)


def main(flux: httpx.Client) -> None:
    """Hold a voice session with a new user about one of their tasks."""
    user = flux.post("/users", json={"email": f"conversation-{uuid4()}@example.com"}).json()
    task = flux.post("/tasks", json={"user_id": user["id"], "title": "Run 3 km"}).json()
    conversation = open_session(flux, user["id"])
    write_transcript(flux, conversation["id"])
    print_transcript(flux, conversation["id"])
    close_session(flux, conversation["id"], task["id"])


def open_session(flux: httpx.Client, user_id: str) -> Row:
    """Create the conversation when the session starts. No two conversations have the same thread."""
    conversation: Row = flux.post(
        "/conversations",
        json={
            "user_id": user_id,
            "langgraph_thread_id": f"thread-{uuid4()}",
            "context_type": "voice",
            "voice_session_id": f"session-{uuid4()}",
            "title": "Moving a run",
        },
    ).json()
    print(f"Opened the {conversation['context_type']} conversation {conversation['langgraph_thread_id']}.")
    return conversation


def write_transcript(flux: httpx.Client, conversation_id: str) -> None:
    """Write each message when it was said. The next one waits for the answer, which keeps them in order."""
    for role, content in TRANSCRIPT:
        message = flux.post(
            "/messages",
            json={"conversation_id": conversation_id, "role": role, "content": content, "input_modality": "voice"},
        ).json()
        # The service does not derive this from the messages.
        flux.patch(f"/conversations/{conversation_id}", json={"last_message_at": message["created_at"]})


def print_transcript(flux: httpx.Client, conversation_id: str) -> None:
    """Read the messages back: a plain array, oldest first, never cut into pages."""
    messages = flux.get("/messages", params={"conversation_id": conversation_id}).json()
    print(f"The transcript has {len(messages)} messages:")
    for message in messages:
        print(f"  {message['role']}: {message['content']}")


def close_session(flux: httpx.Client, conversation_id: str, task_id: str) -> None:
    """Record the end of the session, what the user wanted, and the task that it was about."""
    conversation = flux.patch(
        f"/conversations/{conversation_id}/voice",
        json={
            "ended_at": datetime.now(UTC).isoformat(),
            "duration_seconds": 42,
            "extracted_intent": "reschedule_task",
            "intent_payload": {"day": "tomorrow", "time": "07:00"},
            "linked_task_id": task_id,
        },
    ).json()
    print(f"Closed after {conversation['duration_seconds']} seconds: {conversation['extracted_intent']}.")
    print(f"Linked to the task {conversation['linked_task_id']}.")


if __name__ == "__main__":
    run(main)
