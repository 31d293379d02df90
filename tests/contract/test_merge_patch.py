"""Merging into objects (RFC 7396): over HTTP, and the database's function against a reference on random documents."""

import json
from typing import Any

import pytest
from entities import CONVERSATIONS, EDITABLE, GOALS, PATTERNS, USERS, Entity, user
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.database import database

WITH_FIXTURES = [HealthCheck.function_scoped_fixture]
MERGE = {"Content-Type": "application/merge-patch+json"}
OBJECTS = [
    (USERS, "profile"),
    (USERS, "notification_preferences"),
    (USERS, "push_subscription"),
    (USERS, "monthly_token_usage"),
    (GOALS, "plan_json"),
    (PATTERNS, "data"),
]
every_object = pytest.mark.parametrize(("entity", "column"), OBJECTS, ids=lambda each: getattr(each, "name", each))
names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3) | st.sampled_from("abc")
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.sampled_from(["", "a", "null", 0.5])
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4))
objects = st.dictionaries(names, values, max_size=5)


def merged(target: Any, patch: Any) -> Any:
    """The pseudocode of RFC 7396, section 2, word by word."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merged(target.get(name), value)
    return target


def merged_by_database(target: Any, patch: Any) -> Any:
    sql = "SELECT merge_patch(%s::jsonb, %s::jsonb)::json"
    [(found,)] = database.read(sql, (None if target is None else json.dumps(target), json.dumps(patch)))
    return json.loads(found)


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=WITH_FIXTURES)
@given(target=objects | st.none(), patch=objects)
@example(target={"a": {"b": "c"}}, patch={"a": {"b": "d", "c": None}})
@example(target={"a": [{"b": "c"}]}, patch={"a": [1, None, {"x": None}]})
@example(target=None, patch={"a": {"bb": {"ccc": None}}})
@example(target={"e": None}, patch={"a": 1})
@example(target={"a": "b"}, patch={})
def test_the_database_merges_as_the_standard_says(client: FlaskClient, target: Any, patch: Any):
    assert merged_by_database(target, patch) == merged(target, patch)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=WITH_FIXTURES)
@given(target=objects, patch=objects)
def test_a_merge_over_http_is_the_same(client: FlaskClient, target: Any, patch: Any):
    place = f"/api/v1/users/{user(client, profile=target)['id']}"
    assert client.patch(place, json={"profile": patch}, headers=MERGE).json["profile"] == merged(target, patch)


@every_object
def test_keys_are_merged_one_by_one_and_null_removes_one(client: FlaskClient, entity: Entity, column: str):
    body = entity.body(client) | {column: {"a": 1, "b": {"c": 2, "d": [1, 2]}, "e": 3}}
    place = client.post(entity.path, json=body).headers["Location"]
    patch = {column: {"a": None, "b": {"c": 3, "d": [3]}, "f": {"g": None, "h": 1}}}
    answer = client.patch(place, json=patch, headers=MERGE)
    assert (answer.status_code, answer.json["version"]) == (200, 2)
    assert answer.json[column] == {"b": {"c": 3, "d": [3]}, "e": 3, "f": {"h": 1}}


@every_object
def test_a_null_column_counts_as_an_empty_object_and_null_makes_it_null(client: FlaskClient, entity: Entity, column):
    place = client.post(entity.path, json=entity.body(client)).headers["Location"]
    assert client.patch(place, json={column: {"a": {"b": 1, "c": None}}}, headers=MERGE).json[column] == {"a": {"b": 1}}
    assert client.patch(place, json={column: {}}, headers=MERGE).json[column] == {"a": {"b": 1}}
    assert client.patch(place, json={column: None}, headers=MERGE).json[column] is None


@every_object
def test_plain_json_replaces_an_object_whole_and_says_which_keys_that_drops(
    client: FlaskClient, entity: Entity, column: str
):
    place = client.post(entity.path, json=entity.body(client) | {column: {"a": 1, "ä\n": 2}}).headers["Location"]
    answer = client.patch(place, json={column: {"b": None}})
    assert answer.json[column] == {"b": None}
    assert f'dropped ["{column}.a", "{column}.\\u00e4\\n"]' in answer.headers["Hint"]
    assert "application/merge-patch+json" in answer.headers["Hint"]


@pytest.mark.parametrize(
    ("body", "headers", "query"),
    [
        ({"profile": {"a": 2, "b": {}, "c": 1}}, {}, ""),
        ({"profile": None}, {}, ""),
        ({"push_subscription": {"a": 1}}, {}, ""),
        ({"profile": {"c": 1}}, {}, "if_null=profile"),
        ({"profile": {"a": None}}, MERGE, ""),
        ({"profile": {"c": 1}}, MERGE, "replace=profile"),
        ({"timezone": "Asia/Dubai"}, {}, ""),
    ],
)
def test_what_drops_no_key_by_mistake_has_no_hint(client: FlaskClient, body: dict, headers: dict, query: str):
    place = f"/api/v1/users/{user(client, profile={'a': 1, 'b': {'d': 1}})['id']}"
    assert "Hint" not in client.patch(place, query_string=query, json=body, headers=headers).headers


def test_a_change_of_many_says_which_keys_it_dropped_from_any(client: FlaskClient):
    rows = [user(client, profile={"a": 1, name: 2}) for name in "bc"]
    query = f"id__in={rows[0]['id']},{rows[1]['id']}"
    for more in ("", "&return=rows"):
        assert "Hint" not in client.patch(f"/api/v1/users?{query}{more}", json={"timezone": "Asia/Dubai"}).headers
    hint = client.patch(f"/api/v1/users?{query}", json={"profile": {"a": 3}}).headers["Hint"]
    assert ('"profile.b"' in hint, '"profile.c"' in hint, '"profile.a"' in hint) == (True, True, False)
    answer = client.patch(f"/api/v1/users?{query}&return=rows", json={"profile": {}})
    assert 'dropped ["profile.a"]' in answer.headers["Hint"]
    assert [row["profile"] for row in answer.json["items"]] == [{}, {}]


def test_a_hint_is_short_and_plain_whatever_the_keys_are(client: FlaskClient):
    row = user(client, profile={f"{number}\N{ROBOT FACE}" * 100: 1 for number in range(100)})
    hint = client.patch(f"/api/v1/users/{row['id']}", json={"profile": {}}).headers["Hint"]
    assert hint.isascii()
    assert hint.isprintable()
    assert len(hint) < 4000


@pytest.mark.parametrize("entity", EDITABLE, ids=lambda entity: entity.name)
def test_columns_that_are_no_objects_are_written_as_ever(client: FlaskClient, entity: Entity):
    place = client.post(entity.path, json=entity.body(client)).headers["Location"]
    assert client.patch(place, json=entity.patch, headers=MERGE).json.items() >= entity.patch.items()


@pytest.mark.parametrize("value", [1, "x", [], [{"a": 1}], True])
def test_an_object_is_never_merged_into_something_else(client: FlaskClient, value: object):
    row = user(client, profile={"a": 1})
    answer = client.patch(f"/api/v1/users/{row['id']}", json={"profile": value}, headers=MERGE)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/profile")
    assert client.get(f"/api/v1/users/{row['id']}").json == row


@pytest.mark.parametrize("body", [{"email": None}, {"timezone": None}, {"onboarded": {"a": 1}}, {"version": 2}])
def test_what_a_column_cannot_hold_is_refused_in_a_merge_too(client: FlaskClient, body: dict):
    row = user(client)
    assert client.patch(f"/api/v1/users/{row['id']}", json=body, headers=MERGE).status_code == 422
    assert client.get(f"/api/v1/users/{row['id']}").json == row


def test_only_a_patch_takes_a_merge(client: FlaskClient):
    answer = client.post("/api/v1/users", json={"email": "a@b.io"}, headers=MERGE)
    assert answer.status_code == 415


def test_the_end_of_a_voice_session_merges_its_payload(client: FlaskClient):
    place = client.post(CONVERSATIONS.path, json=CONVERSATIONS.body(client) | {"intent_payload": {"a": 1}})
    path = f"{place.headers['Location']}/voice"
    assert client.patch(path, json={"intent_payload": {"b": 2}}, headers=MERGE).json["intent_payload"] == {
        "a": 1,
        "b": 2,
    }


def test_objects_of_very_many_keys_are_merged_and_counted_up(client: FlaskClient):
    many = {f"k{number:05}": 1 for number in range(30_000)}
    place = f"/api/v1/users/{user(client, profile={'a': 1})['id']}"
    assert len(client.patch(place, json={"profile": many}, headers=MERGE).json["profile"]) == 30_001
    counted = client.post(f"{place}/increment", json={"profile": many})
    assert set(counted.json["profile"].values()) == {1, 2}
    gone = client.patch(place, json={"profile": dict.fromkeys(many)}, headers=MERGE)
    assert gone.json["profile"] == {"a": 1}
