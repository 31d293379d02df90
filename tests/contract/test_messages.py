"""What only messages have: a transcript, oldest first, that is never edited."""

import pytest
from asking import ask
from entities import NOWHERE, conversation, message
from flask.testing import FlaskClient


def test_a_message_gets_the_defaults_of_the_contract(client: FlaskClient):
    expected = {"input_modality": "text", "metadata": {}, "agent_node": None, "tokens_used": None, "provider": None}
    assert message(client).items() >= expected.items()


def test_every_field_of_a_message_is_kept(client: FlaskClient):
    given = {
        "conversation_id": conversation(client)["id"],
        "role": "assistant",
        "content": "Line\n\ttab \\ backslash 'quote' \"double\" % %s 🎉",
        "input_modality": "voice",
        "metadata": {"confidence": 0.98},
        "agent_node": "planner",
        "tokens_used": 0,
        "provider": "openai",
    }
    assert client.post("/api/v1/messages", json=given).json.items() >= given.items()


def test_a_transcript_is_oldest_first_and_whole(client: FlaskClient):
    talk = conversation(client)["id"]
    said = [message(client, conversation_id=talk, content=f"turn {turn}") for turn in range(120)]
    message(client)
    answer = client.get(f"/api/v1/messages?conversation_id={talk}")
    assert answer.status_code == 200
    assert answer.json == said


def test_a_transcript_of_no_conversation_is_empty(client: FlaskClient):
    assert client.get(f"/api/v1/messages/?conversation_id={NOWHERE}").json == []


def test_messages_are_listed_by_any_condition_on_their_conversations(client: FlaskClient):
    one, two, other = (message(client, role=role) for role in ("user", "system", "user"))
    first, second = one["conversation_id"], two["conversation_id"]
    owner = client.get(f"/api/v1/conversations/{second}").json["user_id"]
    for query, expected in {
        f"conversation_id__in={first},{second}": [one, two],
        f"conversation.user_id={owner}": [two],
        f"conversation_id__ne={first}": [two, other],
        "conversation.created_at__gt=now-1d&role=system": [two],
        f"or=(conversation_id:{first};conversation.user_id:{owner},role:system)": [one, two],
    }.items():
        assert client.get(f"/api/v1/messages?{query}").json == expected, query
        assert client.get(f"/api/v1/messages/count?{query}").json == {"count": len(expected)}, query


@pytest.mark.parametrize("query", ["", "role=user", f"or=(conversation_id:{NOWHERE};role:user)"])
def test_a_list_of_messages_needs_a_condition_on_their_conversations(client: FlaskClient, query: str):
    answer = client.get(f"/api/v1/messages?{query}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "?conversation_id"
    assert "conversation.user_id=…" in answer.json["detail"]


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_transcript_is_not_edited(client: FlaskClient, method: str):
    answer = client.open(f"/api/v1/messages/{message(client)['id']}", method=method, json={"content": "x"})
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    ("name", "value"),
    [("role", "human"), ("content", ""), ("input_modality", "video"), ("metadata", None), ("tokens_used", -1)],
)
def test_a_wrong_value_names_its_field(client: FlaskClient, name: str, value: object):
    body = {"conversation_id": conversation(client)["id"], "role": "user", "content": "Hello", name: value}
    answer = client.post("/api/v1/messages", json=body)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == f"#/{name}"


OWN_IDS = [f"{sign * 8}-0000-4000-8000-000000000000" for sign in "f08"]


def test_messages_of_one_transaction_are_in_the_order_of_storing_whatever_their_ids(client: FlaskClient):
    talk = conversation(client)["id"]
    rows = [
        {"id": own, "conversation_id": talk, "role": "user", "content": str(number)}
        for number, own in enumerate(OWN_IDS)
    ]
    assert client.post("/api/v1/messages/bulk", json=rows).status_code == 201
    seen = [row["content"] for row in ask(client, "/messages", {"conversation_id": talk})]
    assert seen == ["0", "1", "2"]
    paged = []
    path = f"/api/v1/messages?conversation_id={talk}&limit=1"
    while path:
        answer = client.get(path)
        paged += [row["content"] for row in answer.json]
        path = answer.headers.get("Link", "")[1:].partition(">")[0]
    assert paged == seen
    shown = ask(client, f"/conversations/{talk}", {"expand": "messages,first_user_message,last_message"})
    assert [row["content"] for row in shown["messages"]] == seen
    assert (shown["first_user_message"]["content"], shown["last_message"]["content"]) == ("0", "2")
    newest = ask(client, "/messages", {"conversation_id": talk, "sort": "-created_at", "fields": "content"})
    assert [row["content"] for row in newest] == seen[::-1]
