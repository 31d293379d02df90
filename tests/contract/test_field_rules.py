"""What a write does with the fields of its body: merge or replace objects, write where there is null, leave alone."""

import pytest
from entities import conversation, create, task, user
from flask.testing import FlaskClient

MERGE = {"Content-Type": "application/merge-patch+json"}
USERS = "/api/v1/users"


def test_a_merge_touches_only_the_fields_that_it_names(client: FlaskClient):
    old = user(client, email="a@b.io", timezone="UTC", profile={"a": 1, "b": 2}, onboarded=True)
    body = {"email": "a@b.io", "timezone": "Asia/Dubai", "profile": {"b": 3, "a": None}, "onboarded": False}
    merged = client.post(f"{USERS}?upsert=merge&update=profile", json=body)
    assert merged.status_code == 200
    assert merged.json == old | {"profile": {"b": 3}, "version": 2, "updated_at": merged.json["updated_at"]}
    untouched = client.post(f"{USERS}?upsert=merge&update=push_subscription", json=body).json
    assert untouched == merged.json, "what the body does not name is not touched, nor is the version"
    new = client.post(f"{USERS}?upsert=merge&update=profile", json=body | {"email": "new@b.io"})
    assert (new.status_code, new.json["timezone"]) == (201, "Asia/Dubai"), "a new row has all fields"


def test_a_merge_in_bulk_touches_only_the_fields_that_it_names(client: FlaskClient):
    for name in "ab":
        user(client, email=f"{name}@b.io", timezone="UTC", profile={"x": 1})
    bodies = [
        {"email": "a@b.io", "timezone": "Asia/Dubai", "profile": {"y": 2}},
        {"email": "b@b.io", "timezone": "Asia/Dubai"},
        {"email": "c@b.io", "timezone": "Asia/Dubai"},
    ]
    done = client.post(f"{USERS}/bulk?upsert=merge&update=profile,onboarded", json=bodies).json
    assert (done["created_count"], done["updated_count"]) == (1, 1)
    shown = [(row["timezone"], row["profile"], row["version"]) for row in done["items"]]
    assert shown == [("UTC", {"x": 1, "y": 2}, 2), ("UTC", {"x": 1}, 1), ("Asia/Dubai", None, 1)]


def test_one_object_is_replaced_and_another_merged(client: FlaskClient):
    old = {"profile": {"a": 1, "b": 2}, "notification_preferences": {"push": True, "sms": True}}
    new = {"profile": {"b": 3, "c": None}, "notification_preferences": {"sms": False, "mail": None}}
    row = user(client, email="a@b.io", **old)
    merged_and_replaced = {"profile": {"a": 1, "b": 3}, "notification_preferences": {"sms": False, "mail": None}}
    rule = "replace=notification_preferences"
    for write in (
        lambda: client.patch(f"{USERS}/{row['id']}?{rule}", json=new, headers=MERGE),
        lambda: client.patch(f"{USERS}?id={row['id']}&{rule}", json=new, headers=MERGE),
        lambda: client.post(f"{USERS}?upsert=merge&{rule}", json=new | {"email": "a@b.io"}),
        lambda: client.post(f"{USERS}/bulk?upsert=merge&{rule}", json=[new | {"email": "a@b.io"}]),
    ):
        client.patch(f"{USERS}/{row['id']}", json=old)
        assert write().status_code == 200
        found = client.get(f"{USERS}/{row['id']}").json
        assert {name: found[name] for name in old} == merged_and_replaced


def test_a_field_is_set_only_where_it_is_null(client: FlaskClient):
    talk, titled = conversation(client), conversation(client, title="Of old")
    body = {"title": "New", "last_message_at": "now"}
    for row, title in ((talk, "New"), (titled, "Of old")):
        changed = client.patch(f"/api/v1/conversations/{row['id']}?if_null=title", json=body).json
        assert (changed["title"], changed["version"]) == (title, 2)
        assert changed["last_message_at"]
    voice = f"/api/v1/conversations/{talk['id']}/voice?if_null=ended_at,extracted_intent"
    first = client.patch(voice, json={"ended_at": "now", "extracted_intent": "plan"}).json
    again = client.patch(voice, json={"ended_at": "now+1h", "extracted_intent": "no", "duration_seconds": 3}).json
    assert again["ended_at"] == first["ended_at"]
    assert (again["extracted_intent"], again["duration_seconds"]) == ("plan", 3)


def test_fields_of_many_rows_and_of_an_upsert_are_set_only_where_they_are_null(client: FlaskClient):
    owner = user(client, email="a@b.io", profile={"a": 1})
    tagged = task(client, user_id=owner["id"], class_tags=["a"], duration_minutes=5)["id"]
    bare = task(client, user_id=owner["id"])["id"]
    body = {"class_tags": ["b"], "duration_minutes": 9, "status": "done", "reminder_sent_at": "now"}
    path = f"/api/v1/tasks?user_id={owner['id']}&return=rows&if_null=class_tags,reminder_sent_at,duration_minutes"
    changed = {row["id"]: row for row in client.patch(path, json=body).json["items"]}
    assert [changed[each]["class_tags"] for each in (tagged, bare)] == [["a"], ["b"]]
    assert [changed[each]["duration_minutes"] for each in (tagged, bare)] == [5, 9]
    assert {row["status"] for row in changed.values()} == {"done"}
    known = {"email": "a@b.io", "profile": {"b": 2}, "push_subscription": {"e": 1}, "timezone": "Asia/Dubai"}
    path = f"{USERS}?upsert=merge&if_null=profile,push_subscription"
    merged = client.post(path, json=known).json
    assert [merged[name] for name in ("profile", "push_subscription", "timezone")] == [{"a": 1}, {"e": 1}, "Asia/Dubai"]


def test_rules_over_several_parameters_and_together(client: FlaskClient):
    pattern = {"user_id": user(client)["id"], "pattern_key": "k"}
    create(client, "patterns", **pattern, data={"a": 1}, confidence=0.5)
    path = "/api/v1/patterns?upsert=merge&update=data,description&update=confidence&if_null=confidence&replace=data"
    body = pattern | {"data": {"b": 2}, "confidence": 0.9, "description": "d", "pattern_type": None}
    merged = client.post(path, json=body).json
    assert [merged[name] for name in ("data", "confidence", "description")] == [{"b": 2}, 0.5, "d"]


@pytest.mark.parametrize(
    ("method", "query", "names"),
    [
        ("POST", "upsert=merge&update=", "?update"),
        ("POST", "upsert=merge&update=profil", "?update"),
        ("POST", "upsert=merge&update=version", "?update"),
        ("POST", "upsert=merge&update=user_id", "?update"),
        ("POST", "upsert=merge&replace=timezone", "?replace"),
        ("POST", "upsert=merge&if_null=id", "?if_null"),
        ("POST", "upsert=ignore&update=profile", "?update"),
        ("POST", "update=profile", "?update"),
        ("POST", "if_null=profile", "?if_null"),
        ("PATCH", "email=a@b.io&update=profile", "?update"),
        ("PATCH", "email=a@b.io&replace=profile,colour", "?replace"),
        ("DELETE", "email=a@b.io&if_null=profile", "?if_null"),
        ("GET", "replace=profile", "?replace"),
    ],
)
def test_rules_that_make_no_sense_are_told(client: FlaskClient, method: str, query: str, names: str):
    user(client, email="a@b.io")
    body = (
        None if method in ("GET", "DELETE") else {"timezone": "UTC"} | ({"email": "x@b.io"} if method == "POST" else {})
    )
    answer = client.open(f"{USERS}?{query}", method=method, json=body)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json["errors"]] == [names]
