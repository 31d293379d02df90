"""What only conversations have: a thread that is theirs alone, and the end of a voice session."""

import pytest
from entities import NOWHERE, conversation, goal, message, task, user
from flask.testing import FlaskClient


def test_every_field_of_a_conversation_is_kept(client: FlaskClient):
    owner = user(client)["id"]
    time = "2026-03-01T09:00:00+00:00"
    given = {
        "user_id": owner,
        "langgraph_thread_id": "thread",
        "context_type": "voice",
        "title": "Planning",
        "last_message_at": time,
        "voice_session_id": "session",
        "extracted_intent": "plan",
        "intent_payload": {"weeks": 8},
        "linked_goal_id": goal(client, user_id=owner)["id"],
        "linked_task_id": task(client, user_id=owner)["id"],
        "ended_at": time,
        "duration_seconds": 0,
    }
    assert client.post("/api/v1/conversations", json=given).json.items() >= given.items()


def test_a_thread_belongs_to_one_conversation(client: FlaskClient):
    made = conversation(client)
    again = {name: made[name] for name in ("user_id", "langgraph_thread_id", "context_type")}
    answer = client.post("/api/v1/conversations", json=again)
    assert answer.status_code == 409
    assert [error["pointer"] for error in answer.json["errors"]] == ["#/langgraph_thread_id"]


def test_a_thread_id_too_long_to_be_unique_is_422(client: FlaskClient):
    import random

    incompressible = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=20_000))
    body = {"user_id": user(client)["id"], "langgraph_thread_id": incompressible, "context_type": "general"}
    answer = client.post("/api/v1/conversations", json=body)
    assert answer.status_code == 422
    assert "too long" in answer.json["detail"]


def test_a_voice_session_is_closed_by_its_own_path(client: FlaskClient):
    made = conversation(client)
    goal_id = goal(client, user_id=made["user_id"])["id"]
    task_id = task(client, user_id=made["user_id"])["id"]
    changes = {
        "ended_at": "2026-03-01T09:00:00+00:00",
        "duration_seconds": 90,
        "extracted_intent": "plan_week",
        "intent_payload": {"days": ["Mon"]},
        "linked_goal_id": goal_id,
        "linked_task_id": task_id,
    }
    answer = client.patch(f"/api/v1/conversations/{made['id']}/voice", json=changes)
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"2"'
    assert answer.json.items() >= changes.items()


@pytest.mark.parametrize("name", ["title", "context_type", "last_message_at", "voice_session_id", "user_id"])
def test_the_voice_path_takes_nothing_else(client: FlaskClient, name: str):
    answer = client.patch(f"/api/v1/conversations/{conversation(client)['id']}/voice", json={name: "x"})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == f"#/{name}"


@pytest.mark.parametrize("name", ["ended_at", "user_id", "langgraph_thread_id", "linked_goal_id", "voice_session_id"])
def test_the_plain_patch_takes_only_what_describes_the_conversation(client: FlaskClient, name: str):
    answer = client.patch(f"/api/v1/conversations/{conversation(client)['id']}", json={name: NOWHERE})
    assert answer.status_code == 422
    assert answer.json["hint"] == "Allowed: context_type, title, last_message_at."


def test_the_voice_path_of_a_conversation_that_does_not_exist_is_404(client: FlaskClient):
    answer = client.patch(f"/api/v1/conversations/{NOWHERE}/voice", json={"duration_seconds": 1})
    assert answer.status_code == 404


def test_a_link_to_a_row_that_does_not_exist_names_the_field(client: FlaskClient):
    path = f"/api/v1/conversations/{conversation(client)['id']}/voice"
    for name in ("linked_goal_id", "linked_task_id"):
        answer = client.patch(path, json={name: NOWHERE})
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (409, f"#/{name}")


def test_deleting_a_conversation_deletes_its_messages_and_frees_its_tasks(client: FlaskClient):
    made = conversation(client)
    said = message(client, conversation_id=made["id"])
    todo = task(client, user_id=made["user_id"], conversation_id=made["id"])
    client.delete(f"/api/v1/conversations/{made['id']}")
    assert client.get(f"/api/v1/messages/{said['id']}").status_code == 404
    assert client.get(f"/api/v1/tasks/{todo['id']}").json["conversation_id"] is None


def test_deleting_what_is_linked_frees_the_conversation(client: FlaskClient):
    made = conversation(client)
    todo = task(client, user_id=made["user_id"])
    plan = goal(client, user_id=made["user_id"])
    path = f"/api/v1/conversations/{made['id']}"
    client.patch(f"{path}/voice", json={"linked_goal_id": plan["id"], "linked_task_id": todo["id"]})
    client.delete(f"/api/v1/tasks/{todo['id']}")
    client.delete(f"/api/v1/goals/{plan['id']}")
    freed = client.get(path).json
    assert (freed["linked_goal_id"], freed["linked_task_id"], freed["version"]) == (None, None, 4)
