"""What only users have: an address that is theirs alone, a time zone that exists, and all that is theirs."""

import pytest
from entities import conversation, goal, message, task, user
from flask.testing import FlaskClient


def test_a_user_gets_the_defaults_of_the_contract(client: FlaskClient):
    created = client.post("/api/v1/users", json={"email": "ada@example.com"}).json
    read_only = ("id", "created_at", "updated_at", "version")
    assert {name: value for name, value in created.items() if name not in read_only} == {
        "email": "ada@example.com",
        "onboarded": False,
        "profile": None,
        "notification_preferences": None,
        "timezone": "UTC",
        "phone_verified": False,
        "whatsapp_opt_in_at": None,
        "push_subscription": None,
        "monthly_token_usage": None,
    }


def test_every_field_of_a_user_is_kept(client: FlaskClient):
    given = {
        "email": "ada@example.com",
        "onboarded": True,
        "profile": {"name": "Ada", "tags": ["a", {"b": None}], "ü": 1.5},
        "notification_preferences": {"phone_number": "+971501234567"},
        "timezone": "Asia/Dubai",
        "phone_verified": True,
        "whatsapp_opt_in_at": "2026-03-01T09:00:00+00:00",
        "push_subscription": {"endpoint": "https://example.com", "keys": {}},
        "monthly_token_usage": {"total": 9007199254740993},
    }
    assert client.post("/api/v1/users", json=given).json.items() >= given.items()


def test_an_address_is_taken_once(client: FlaskClient):
    user(client, email="ada@example.com")
    answer = client.post("/api/v1/users", json={"email": "ada@example.com"})
    assert answer.status_code == 409
    assert answer.json["code"] == "urn:flux:problem:value-taken"
    assert [error["pointer"] for error in answer.json["errors"]] == ["#/email"]


def test_an_address_cannot_be_changed_to_one_that_is_taken(client: FlaskClient):
    user(client, email="ada@example.com")
    other = user(client)
    answer = client.patch(f"/api/v1/users/{other['id']}", json={"email": "ada@example.com"})
    assert answer.status_code == 409


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@example.com", "a b@example.com", "x" * 251 + "@a.io", 7, None])
def test_an_address_must_be_valid(client: FlaskClient, email: object):
    answer = client.post("/api/v1/users", json={"email": email})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/email"


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "utc+4", "../etc/passwd"])
def test_a_time_zone_must_exist(client: FlaskClient, name: str):
    answer = client.post("/api/v1/users", json={"email": "ada@example.com", "timezone": name})
    assert answer.status_code == 422
    assert "IANA" in answer.json["detail"]


def test_an_object_is_replaced_whole_or_taken_away(client: FlaskClient):
    path = f"/api/v1/users/{user(client, profile={'name': 'Ada', 'age': 36})['id']}"
    assert client.patch(path, json={"profile": {"name": "Ben"}}).json["profile"] == {"name": "Ben"}
    assert client.patch(path, json={"profile": None}).json["profile"] is None


def test_deleting_a_user_deletes_all_that_is_theirs(client: FlaskClient):
    owner = user(client)["id"]
    plan = goal(client, user_id=owner)
    todo = task(client, user_id=owner, goal_id=plan["id"])
    talk = conversation(client, user_id=owner, linked_goal_id=plan["id"], linked_task_id=todo["id"])
    said = message(client, conversation_id=talk["id"])
    seen = client.post("/api/v1/patterns", json={"user_id": owner}).json
    sent = client.post("/api/v1/notification-log", json={"task_id": todo["id"], "channel": "call"}).json

    assert client.delete(f"/api/v1/users/{owner}").status_code == 204

    rows = {"goals": plan, "tasks": todo, "conversations": talk, "messages": said, "patterns": seen}
    for path, row in (rows | {"notification-log": sent}).items():
        assert client.get(f"/api/v1/{path}/{row['id']}").status_code == 404
