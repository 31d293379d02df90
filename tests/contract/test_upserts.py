"""Insert or update: a row is recognised by its natural key, and merged with what the body names or left alone."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from entities import ALL, DISPATCH_LOG, MESSAGES, NOWHERE, TASKS, Entity, goal, task, user
from flask.testing import FlaskClient

PATTERNS = "/api/v1/patterns"
every_entity = pytest.mark.parametrize("entity", ALL, ids=lambda entity: entity.name)

# For each natural key: where, a body with it, and what an upsert with the same key then says of another column.
NATURAL: dict[str, tuple[str, Callable[[FlaskClient], dict], dict]] = {
    "email": ("users", lambda client: {"email": "ada@example.com"}, {"timezone": "Asia/Dubai"}),
    "langgraph_thread_id": (
        "conversations",
        lambda client: {"user_id": user(client)["id"], "langgraph_thread_id": "t-1", "context_type": "general"},
        {"title": "Weekly"},
    ),
    "pipeline_order": (
        "goals",
        lambda client: {"user_id": user(client)["id"], "pipeline_order": 3, "title": "Run"},
        {"status": "pipeline", "target_weeks": 9},
    ),
    "pattern_key": (
        "patterns",
        lambda client: {"user_id": user(client)["id"], "pattern_type": "time", "pattern_key": "mondays"},
        {"confidence": 0.5},
    ),
    "pattern_key without a type": (
        "patterns",
        lambda client: {"user_id": user(client)["id"], "pattern_key": "mondays"},
        {"data": {"n": 1}},
    ),
    "external_id": (
        "notification-log",
        lambda client: {"task_id": task(client)["id"], "channel": "push", "external_id": "e-1"},
        {"response": "seen"},
    ),
}
every_key = pytest.mark.parametrize("name", NATURAL)


def upsert(client: FlaskClient, path: str, body: object, how: str = "merge", more: str = ""):
    return client.post(f"/api/v1/{path}?upsert={how}{more}", json=body)


@every_key
def test_the_first_makes_the_row_and_the_second_merges_what_it_names(client: FlaskClient, name: str):
    path, body_of, change = NATURAL[name]
    body = body_of(client)
    first = upsert(client, path, body)
    assert (first.status_code, first.headers["ETag"]) == (201, '"1"')
    assert first.headers["Location"] == f"/api/v1/{path}/{first.json['id']}"
    second = upsert(client, path, body | change)
    assert (second.status_code, second.headers["ETag"]) == (200, '"2"')
    assert "Location" not in second.headers
    assert second.json == first.json | change | {"version": 2, "updated_at": second.json["updated_at"]}


@every_key
def test_a_row_that_is_to_be_ignored_is_answered_as_it_is(client: FlaskClient, name: str):
    path, body_of, change = NATURAL[name]
    body = body_of(client)
    first = upsert(client, path, body, "ignore")
    second = upsert(client, path, body | change, "ignore")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json == first.json


@every_key
def test_what_names_only_the_key_leaves_the_row_alone(client: FlaskClient, name: str):
    path, body_of, change = NATURAL[name]
    body = body_of(client)
    first = upsert(client, path, body | change)
    again = upsert(client, path, {key: body[key] for key in body if key not in change})
    assert again.status_code == 200
    assert again.json.items() >= {key: first.json[key] for key in (*body, *change, "id")}.items()


@every_entity
def test_an_id_of_the_callers_own_is_a_key_of_every_entity(client: FlaskClient, entity: Entity):
    body = entity.body(client) | {"id": str(uuid4())}
    assert upsert(client, entity.name, body).status_code == 201
    second = upsert(client, entity.name, body | entity.patch)
    assert (second.status_code, second.json["id"], second.json["version"]) == (200, body["id"], 2)
    assert second.json.items() >= (body | entity.patch).items()
    ignored = upsert(client, entity.name, body, "ignore")
    assert (ignored.status_code, ignored.json) == (200, second.json)


def test_the_id_counts_before_the_natural_key(client: FlaskClient):
    there = user(client, email="ada@example.com")
    taken = upsert(client, "users", {"id": str(uuid4()), "email": "ada@example.com"})
    assert (taken.status_code, taken.json["errors"][0]["pointer"]) == (409, "#/email")
    renamed = upsert(client, "users", {"id": there["id"], "email": "ada@example.org"})
    assert (renamed.status_code, renamed.json["email"]) == (200, "ada@example.org")


@pytest.mark.parametrize("entity", [TASKS, MESSAGES, DISPATCH_LOG], ids=lambda entity: entity.name)
def test_an_entity_without_a_natural_key_needs_an_id(client: FlaskClient, entity: Entity):
    for answer in (
        upsert(client, entity.name, entity.body(client)),
        upsert(client, f"{entity.name}/bulk", [entity.body(client)]),
    ):
        assert answer.status_code == 422
        assert "id" in answer.json["detail"]


@pytest.mark.parametrize("lacking", [{"pipeline_order": None}, {"status": "completed"}, {"status": "abandoned"}])
def test_a_goal_without_a_place_among_the_open_ones_has_no_key(client: FlaskClient, lacking: dict):
    body = {"user_id": user(client)["id"], "title": "x", "pipeline_order": 1} | lacking
    answer = upsert(client, "goals", body)
    assert answer.status_code == 422
    assert "user_id and pipeline_order" in answer.json["detail"]
    assert client.get(f"/api/v1/goals/count?user_id={body['user_id']}").json == {"count": 0}


def test_a_goal_that_was_closed_has_left_its_place_to_another(client: FlaskClient):
    body = {"user_id": user(client)["id"], "title": "x", "pipeline_order": 1}
    first = upsert(client, "goals", body).json
    client.patch(f"/api/v1/goals/{first['id']}", json={"status": "completed"})
    second = upsert(client, "goals", body)
    assert second.status_code == 201
    assert second.json["id"] != first["id"]


def test_a_pattern_with_a_type_is_another_than_one_without(client: FlaskClient):
    body = {"user_id": user(client)["id"], "pattern_key": "k"}
    made = [upsert(client, "patterns", body | more) for more in ({}, {"pattern_type": "a"}, {"pattern_type": None})]
    assert [answer.status_code for answer in made] == [201, 201, 200]
    assert upsert(client, "patterns", {"user_id": body["user_id"]}).status_code == 422


def test_objects_are_merged_and_other_values_replaced(client: FlaskClient):
    email = {"email": "ada@example.com"}
    upsert(client, "users", email | {"profile": {"a": 1, "b": {"c": 1, "d": [1]}}, "timezone": "Asia/Dubai"})
    merged = upsert(client, "users", email | {"profile": {"a": None, "b": {"d": [2]}}, "push_subscription": {"k": 1}})
    assert merged.json["profile"] == {"b": {"c": 1, "d": [2]}}
    assert merged.json["push_subscription"] == {"k": 1}
    assert merged.json["timezone"] == "Asia/Dubai"
    assert upsert(client, "users", email | {"profile": None}).json["profile"] is None


def test_an_upsert_says_whether_it_created_merged_or_left(client: FlaskClient):
    key = {"Idempotency-Key": str(uuid4())}
    body = {"user_id": user(client)["id"], "pattern_key": "k", "confidence": 0.1}
    answers = [
        upsert(client, "patterns", body),
        upsert(client, "patterns", body | {"confidence": 0.2}),
        upsert(client, "patterns", body | {"confidence": 0.3}, "ignore"),
        upsert(client, "patterns", body | {"confidence": 0.3}, more="&confidence__gt=0.5"),
        client.post(f"{PATTERNS}?upsert=merge", json=body, headers=key),
        client.post(f"{PATTERNS}?upsert=merge", json=body, headers=key),
    ]
    assert [each.headers["Upserted"] for each in answers] == ["created", "merged", "left", "left", "merged", "merged"]
    assert answers[-1].headers["Idempotent-Replayed"] == "true"
    operation = {"method": "POST", "path": "/patterns?upsert=ignore", "body": body}
    [done] = client.post("/api/v1/batch", json={"operations": [operation]}).json["operations"]
    assert done["headers"]["Upserted"] == "left"
    assert "Upserted" not in client.post(PATTERNS, json={"user_id": body["user_id"]}).headers


def test_filters_say_when_a_row_may_be_merged(client: FlaskClient):
    body = {"user_id": user(client)["id"], "pattern_key": "k", "data": {"n": 1}}
    more = "&data.user_overridden__ne=true"
    assert upsert(client, "patterns", body, more=more).status_code == 201, "a new row need not match"
    assert upsert(client, "patterns", body | {"confidence": 0.5}, more=more).json["confidence"] == 0.5
    overridden = upsert(client, "patterns", body | {"data": {"user_overridden": True}}).json
    left_alone = upsert(client, "patterns", body | {"confidence": 0.9}, more=more)
    assert (left_alone.status_code, left_alone.json) == (200, overridden)
    in_bulk = upsert(client, "patterns/bulk", [body | {"confidence": 0.9}], more=more)
    assert (in_bulk.status_code, in_bulk.json) == (
        200, {"created_count": 0, "updated_count": 0, "upserted": ["left"], "items": [overridden]}
    )  # fmt: skip


def test_filters_without_an_upsert_are_refused(client: FlaskClient):
    for path, body in (("users", {"email": "a@b.io"}), ("users/bulk", [{"email": "a@b.io"}])):
        answer = client.post(f"/api/v1/{path}?onboarded=true", json=body)
        assert (answer.status_code, "upsert" in answer.json["detail"]) == (422, True)


@pytest.mark.parametrize("how", ["", "true", "MERGE", "replace"])
def test_another_way_than_merge_or_ignore_is_422(client: FlaskClient, how: str):
    assert upsert(client, "users", {"email": "a@b.io"}, how).json["errors"][0]["pointer"] == "?upsert"


def test_an_upsert_answers_the_shape_that_is_asked_for(client: FlaskClient):
    body = {"user_id": user(client)["id"], "pattern_key": "k"}
    for status in (201, 200):
        answer = upsert(client, "patterns", body | {"confidence": 1}, more="&fields=confidence,user(timezone)")
        assert (answer.status_code, answer.json) == (status, {"confidence": 1, "user": {"timezone": "UTC"}})
        assert ("Location" in answer.headers) == (status == 201)


def test_many_of_mixed_forms_are_counted_and_answered_in_the_order_given(client: FlaskClient):
    there = user(client, email="there@b.io")
    bodies = [
        {"email": "new@b.io", "onboarded": True},
        {"email": "there@b.io", "profile": {"a": 1}},
        {"email": "only-the-key@b.io"},
        {"id": there["id"].replace("7", "8", 1), "email": "own-id@b.io"},
        {"email": "another@b.io", "onboarded": True},
    ]
    answer = upsert(client, "users/bulk", bodies)
    assert answer.status_code == 201
    assert (answer.json["created_count"], answer.json["updated_count"]) == (4, 1)
    assert [row["email"] for row in answer.json["items"]] == [body["email"] for body in bodies]
    assert answer.json["items"][1]["id"] == there["id"]
    assert answer.json["upserted"] == ["created", "merged", "created", "created", "created"]
    again = upsert(client, "users/bulk", bodies)
    assert again.status_code == 200
    # The one that names only its key is left alone; the one with an id of its own names its address.
    assert (again.json["created_count"], again.json["updated_count"]) == (0, 4)
    assert [row["id"] for row in again.json["items"]] == [row["id"] for row in answer.json["items"]]
    ignored = upsert(client, "users/bulk", bodies, "ignore").json
    assert (ignored["created_count"], ignored["updated_count"], ignored["items"]) == (0, 0, again.json["items"])


def test_two_elements_with_one_key_are_refused_whatever_else_they_name(client: FlaskClient):
    for second in ({"email": "a@b.io"}, {"email": "a@b.io", "onboarded": True}):
        answer = upsert(client, "users/bulk", [{"email": "a@b.io"}, {"email": "c@b.io", "onboarded": True}, second])
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/2/email")


def test_an_element_without_a_key_is_told_by_its_index_and_nothing_is_stored(client: FlaskClient):
    owner = user(client)["id"]
    answer = upsert(client, "patterns/bulk", [{"user_id": owner, "pattern_key": "k"}, {"user_id": owner}])
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/1")
    assert client.get(f"{PATTERNS}/count?user_id={owner}").json == {"count": 0}


def test_a_conflict_with_another_row_is_told_at_the_element_that_has_it(client: FlaskClient):
    first, second = user(client), user(client)
    bodies = [{"id": first["id"], "email": first["email"]}, {"id": str(uuid4()), "email": second["email"]}]
    answer = upsert(client, "users/bulk", bodies)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (409, "#/1/email")
    missing = [
        {"user_id": first["id"], "pattern_key": "k"},
        {"user_id": NOWHERE, "pattern_key": "k"},
    ]
    answer = upsert(client, "patterns/bulk", missing)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (409, "#/1/user_id")


def test_a_thousand_are_merged_at_once(client: FlaskClient):
    bodies = [{"email": f"{number}@b.io", "profile": {"n": number}} for number in range(1000)]
    assert upsert(client, "users/bulk", bodies).json["created_count"] == 1000
    again = upsert(client, "users/bulk", bodies[::-1])
    assert (again.status_code, again.json["updated_count"]) == (200, 1000)
    assert [row["email"] for row in again.json["items"]] == [body["email"] for body in bodies[::-1]]


def test_what_a_merge_may_not_write_is_refused_as_in_any_creation(client: FlaskClient):
    row = goal(client, pipeline_order=1)
    body = {"user_id": row["user_id"], "pipeline_order": 1, "title": "x", "target_weeks": None}
    assert upsert(client, "goals", body).json["errors"][0]["pointer"] == "#/target_weeks"
    assert client.get(f"/api/v1/goals/{row['id']}").json == row


def test_each_of_many_is_merged_with_what_it_names_and_nothing_else(client: FlaskClient):
    there = {"timezone": "Asia/Dubai", "onboarded": True, "profile": {"a": 1}}
    for name in "abcd":
        user(client, email=f"{name}@b.io", **there)
    bodies = [
        {"email": "a@b.io", "timezone": "UTC"},
        {"email": "b@b.io", "profile": {"b": 2}},
        {"email": "c@b.io"},
        {"email": "d@b.io", "profile": None, "onboarded": False},
        {"email": "e@b.io", "phone_verified": True},
    ]
    answer = upsert(client, "users/bulk", bodies, more="&fields=timezone,onboarded,profile,version")
    assert (answer.json["created_count"], answer.json["updated_count"]) == (1, 3)
    assert answer.json["items"] == [
        there | {"timezone": "UTC", "version": 2},
        there | {"profile": {"a": 1, "b": 2}, "version": 2},
        there | {"version": 1},
        there | {"profile": None, "onboarded": False, "version": 2},
        {"timezone": "UTC", "onboarded": False, "profile": None, "version": 1},
    ]


@pytest.mark.parametrize("bulk", [False, True])
def test_the_same_upsert_twice_stores_the_same(client: FlaskClient, bulk: bool):
    body = {"email": "a@b.io", "profile": {"a": None, "b": {"c": None, "d": [None]}}, "push_subscription": None}
    path = f"/api/v1/users{'/bulk' if bulk else ''}?upsert=merge&fields=profile,push_subscription"
    first, second = (client.post(path, json=[body] if bulk else body).json for _ in range(2))
    stored = {"profile": {"b": {"d": [None]}}, "push_subscription": None}
    assert (first.get("items", [first]), second.get("items", [second])) == ([stored], [stored])
    # Null goes on removing a key that is there.
    client.post(path, json=[body | {"profile": {"a": 1}}] if bulk else body | {"profile": {"a": 1}})
    assert client.post(path, json=[body] if bulk else body).json.get("items", [stored]) == [stored]
