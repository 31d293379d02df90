"""Writes to many rows: by filter, all or none and bounded; and many new rows at once, with faults that name theirs."""

import pytest
from entities import ALL, CONVERSATIONS, EDITABLE, NOTIFICATION_LOG, NOWHERE, PATTERNS, USERS, Entity, goal, task, user
from flask.testing import FlaskClient

TASKS = "/api/v1/tasks"
every_entity = pytest.mark.parametrize("entity", ALL, ids=lambda entity: entity.name)
every_editable_entity = pytest.mark.parametrize("entity", EDITABLE, ids=lambda entity: entity.name)


def three_of(client: FlaskClient, entity: Entity) -> tuple[list[dict], str]:
    """Three new rows, and a filter that matches them alone."""
    rows = [client.post(entity.path, json=entity.body(client)).json for _ in range(3)]
    return rows, f"id__in={','.join(row['id'] for row in rows)}"


@every_editable_entity
def test_a_patch_by_filter_changes_every_match_and_nothing_else(client: FlaskClient, entity: Entity):
    rows, these = three_of(client, entity)
    other = client.post(entity.path, json=entity.body(client)).json
    answer = client.patch(f"{entity.path}?{these}", json=entity.patch)
    assert (answer.status_code, answer.json) == (200, {"updated_count": 3})
    for row in rows:
        found = client.get(f"{entity.path}/{row['id']}").json
        assert found.items() >= (entity.patch | {"version": 2}).items()
    assert client.get(f"{entity.path}/{other['id']}").json == other


@every_editable_entity
def test_the_changed_rows_are_answered_in_their_order_when_they_are_asked_for(client: FlaskClient, entity: Entity):
    rows, these = three_of(client, entity)
    answer = client.patch(f"{entity.path}?{these}&return=rows&sort=-id", json=entity.patch)
    assert answer.json["updated_count"] == 3
    assert [row["id"] for row in answer.json["items"]] == [row["id"] for row in rows[::-1]]
    assert answer.json["items"][0] == client.get(f"{entity.path}/{rows[2]['id']}").json
    unsorted = client.patch(f"{entity.path}?{these}&return=rows", json=entity.patch)
    assert [row["id"] for row in unsorted.json["items"]] == [row["id"] for row in rows], "by id"


@every_entity
def test_a_deletion_by_filter_deletes_every_match_and_nothing_else(client: FlaskClient, entity: Entity):
    rows, these = three_of(client, entity)
    other = client.post(entity.path, json=entity.body(client)).json
    answer = client.delete(f"{entity.path}?{these}")
    assert (answer.status_code, answer.json) == (200, {"deleted_count": 3})
    assert {client.get(f"{entity.path}/{row['id']}").status_code for row in rows} == {404}
    assert client.get(f"{entity.path}/{other['id']}").json == other


@every_entity
def test_what_matches_nothing_changes_nothing(client: FlaskClient, entity: Entity):
    assert client.delete(f"{entity.path}?id={NOWHERE}").json == {"deleted_count": 0}
    if entity.patch:
        answer = client.patch(f"{entity.path}?id={NOWHERE}&return=rows", json=entity.patch)
        assert answer.json == {"updated_count": 0, "items": []}


@every_entity
@pytest.mark.parametrize("query", ["", "?limit=1", "?max_affected=9", "?sort=id&skip_locked=true"])
def test_without_a_filter_a_write_to_many_is_refused(client: FlaskClient, entity: Entity, query: str):
    row = client.post(entity.path, json=entity.body(client)).json
    refusals = [client.delete(f"{entity.path}{query}")]
    if entity.patch:
        refusals.append(client.patch(f"{entity.path}{query}", json=entity.patch))
    for refusal in refusals:
        assert refusal.status_code == 422
        assert "filter" in refusal.json["detail"]
    assert client.get(f"{entity.path}/{row['id']}").json == row


@every_entity
def test_more_matches_than_may_be_affected_are_409_and_nothing_is_changed(client: FlaskClient, entity: Entity):
    rows, these = three_of(client, entity)
    refusals = [client.delete(f"{entity.path}?{these}&max_affected=2")]
    if entity.patch:
        refusals.append(client.patch(f"{entity.path}?{these}&max_affected=2&return=rows", json=entity.patch))
    for refusal in refusals:
        assert refusal.status_code == 409
        assert refusal.json["code"] == "urn:flux:problem:too-many-affected"
        assert refusal.json["retryable"] is False
    assert [client.get(f"{entity.path}/{row['id']}").json for row in rows] == rows
    assert client.delete(f"{entity.path}?{these}&max_affected=3").json == {"deleted_count": 3}


def test_a_thousand_may_be_affected_unless_it_is_said_otherwise(client: FlaskClient):
    owner = user(client)["id"]
    for count in (1000, 1):
        assert client.post(f"{TASKS}/bulk", json=[{"user_id": owner, "title": "x"}] * count).status_code == 201
    assert client.patch(f"{TASKS}?user_id={owner}", json={"status": "done"}).status_code == 409
    assert client.get(f"{TASKS}/count?user_id={owner}&status=pending").json == {"count": 1001}
    wider = client.patch(f"{TASKS}?user_id={owner}&max_affected=1001", json={"status": "done"})
    assert wider.json == {"updated_count": 1001}
    assert client.delete(f"{TASKS}?user_id={owner}&limit=1000").json == {"deleted_count": 1000}
    assert client.delete(f"{TASKS}?user_id={owner}").json == {"deleted_count": 1}


def test_a_claim_takes_the_first_so_many_in_the_order_that_it_asks_for(client: FlaskClient):
    owner = user(client)["id"]
    ids = [task(client, user_id=owner, scheduled_at=f"2026-03-0{day}T09:00:00Z")["id"] for day in (3, 1, 2)]
    path = (
        f"{TASKS}?user_id={owner}&reminder_sent_at__isnull=true&sort=scheduled_at&limit=2&skip_locked=true&return=rows"
    )
    claimed = client.patch(f"{path}&fields=id,reminder_sent_at,user(timezone)", json={"reminder_sent_at": "now"}).json
    assert claimed["updated_count"] == 2
    assert [row["id"] for row in claimed["items"]] == [ids[1], ids[2]]
    assert all(row["reminder_sent_at"] and row["user"] == {"timezone": "UTC"} for row in claimed["items"])
    again = client.patch(path, json={"reminder_sent_at": "now"}).json
    assert [row["id"] for row in again["items"]] == [ids[0]]
    assert client.patch(path, json={"reminder_sent_at": "now"}).json == {"updated_count": 0, "items": []}


def test_a_deletion_takes_the_first_so_many_too(client: FlaskClient):
    owner = user(client)["id"]
    ids = [task(client, user_id=owner, title=title)["id"] for title in "bca"]
    assert client.delete(f"{TASKS}?user_id={owner}&sort=-title&limit=2").json == {"deleted_count": 2}
    assert [row["id"] for row in client.get(f"{TASKS}?user_id={owner}").json["items"]] == [ids[2]]


def test_a_write_by_filter_may_look_over_references_and_merge_objects(client: FlaskClient):
    row = goal(client, plan_json={"a": 1, "b": {"c": 2}})
    path = f"/api/v1/goals?user.email__like=person-*&id={row['id']}&tasks__exists=false&return=rows"
    merge = {"Content-Type": "application/merge-patch+json"}
    assert client.patch(path, json={"plan_json": {"b": {"c": None, "d": 3}}}, headers=merge).json["items"][0][
        "plan_json"
    ] == {"a": 1, "b": {"d": 3}}


def test_a_write_by_filter_that_cannot_be_leaves_all_rows_as_they_were(client: FlaskClient):
    rows, these = three_of(client, USERS)
    answer = client.patch(f"/api/v1/users?{these}", json={"email": "same@example.com"})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (409, "#/email")
    assert [client.get(f"/api/v1/users/{row['id']}").json for row in rows] == rows
    empty = client.patch(f"/api/v1/users?{these}", json={})
    assert (empty.status_code, "at least one field" in empty.json["detail"]) == (422, True)


@every_entity
def test_many_new_rows_are_answered_in_the_order_given(client: FlaskClient, entity: Entity):
    bodies = [entity.body(client) for _ in range(5)]
    answer = client.post(f"{entity.path}/bulk", json=bodies)
    assert (answer.status_code, answer.json["created_count"]) == (201, 5)
    for body, row in zip(bodies, answer.json["items"], strict=True):
        assert row.items() >= (body | {"version": 1}).items()
        assert client.get(f"{entity.path}/{row['id']}").json == row


def test_each_of_many_new_rows_may_name_other_columns(client: FlaskClient):
    owner = user(client)["id"]
    bodies = [
        {"user_id": owner, "title": "a"},
        {"user_id": owner, "title": "b", "status": "done", "scheduled_at": "now"},
        {"title": "c", "user_id": owner, "class_tags": ["x"], "goal_id": None},
    ]
    rows = client.post(f"{TASKS}/bulk?fields=title,status,class_tags,escalation_policy", json=bodies).json["items"]
    assert rows == [
        {"title": "a", "status": "pending", "class_tags": None, "escalation_policy": "standard"},
        {"title": "b", "status": "done", "class_tags": None, "escalation_policy": "standard"},
        {"title": "c", "status": "pending", "class_tags": ["x"], "escalation_policy": "standard"},
    ]


@every_entity
def test_one_bad_element_is_422_at_its_index_and_nothing_is_stored(client: FlaskClient, entity: Entity):
    bodies = [entity.body(client) for _ in range(3)]
    counted = client.get(f"{entity.path}/count").json
    bodies[1]["colour"] = "red"
    answer = client.post(f"{entity.path}/bulk", json=bodies)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/1/colour")
    assert client.get(f"{entity.path}/count").json == counted


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("entity", [each for each in ALL if each.reference], ids=lambda entity: entity.name)
def test_a_reference_that_leads_nowhere_is_409_at_its_index(client: FlaskClient, entity: Entity, size: int):
    bodies = [entity.body(client) for _ in range(size)]
    bodies[-1][entity.reference] = NOWHERE
    counted = client.get(f"{entity.path}/count").json
    answer = client.post(f"{entity.path}/bulk", json=bodies)
    assert answer.status_code == 409
    assert answer.json["errors"][0]["pointer"] == f"#/{size - 1}/{entity.reference}"
    assert client.get(f"{entity.path}/count").json == counted


UNIQUE = [(USERS, "email"), (CONVERSATIONS, "langgraph_thread_id"), (NOTIFICATION_LOG, "external_id"),
          (PATTERNS, "pattern_key")]  # fmt: skip


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(("entity", "column"), UNIQUE, ids=lambda each: getattr(each, "name", each))
def test_a_value_that_is_taken_is_409_at_its_index(client: FlaskClient, entity: Entity, column: str, size: int):
    there = client.post(entity.path, json={column: "taken@example.com", **entity.body(client)}).json
    bodies = [entity.body(client) for _ in range(size)]
    bodies[-1] |= {name: there[name] for name in (column, "user_id") if name in there}
    answer = client.post(f"{entity.path}/bulk", json=bodies)
    assert answer.status_code == 409
    assert f"#/{size - 1}/{column}" in [error["pointer"] for error in answer.json["errors"]]


def test_a_value_that_two_elements_share_is_409_at_the_second(client: FlaskClient):
    answer = client.post("/api/v1/users/bulk", json=[{"email": f"{name}@b.io"} for name in "abcb"])
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (409, "#/3/email")


def test_a_place_in_a_pipeline_is_shared_only_by_goals_that_are_open(client: FlaskClient):
    common = {"user_id": user(client)["id"], "title": "x", "pipeline_order": 1}
    bodies = [common | {"status": "completed"}, common | {"status": "abandoned"}, common, common]
    answer = client.post("/api/v1/goals/bulk", json=bodies)
    assert [error["pointer"] for error in answer.json["errors"]] == ["#/3/user_id", "#/3/pipeline_order"]


def test_a_reference_to_another_element_is_one_that_exists(client: FlaskClient):
    owner, parent = user(client)["id"], NOWHERE.replace("8000", "9000")
    bodies = [
        {"user_id": owner, "title": "child", "parent_goal_id": parent},
        {"user_id": owner, "title": "parent", "id": parent},
        {"user_id": owner, "title": "orphan", "parent_goal_id": NOWHERE},
    ]
    answer = client.post("/api/v1/goals/bulk", json=bodies)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (409, "#/2/parent_goal_id")
    assert client.post("/api/v1/goals/bulk", json=bodies[:2]).json["items"][0]["parent_goal_id"] == parent


def test_a_thousand_rows_can_be_created_at_once_and_not_one_more(client: FlaskClient):
    body = {"user_id": user(client)["id"], "title": "x"}
    assert client.post(f"{TASKS}/bulk", json=[body] * 1000).json["created_count"] == 1000
    for refused in ([body] * 1001, [], body, "x", [None], [[body]]):
        assert client.post(f"{TASKS}/bulk", json=refused).status_code == 422


def test_faults_of_all_elements_are_told_at_once(client: FlaskClient):
    bodies = [{"email": "a@b.io"}, {"email": "no"}, {}, 7]
    answer = client.post("/api/v1/users/bulk", json=bodies)
    assert [error["pointer"] for error in answer.json["errors"]] == ["#/1/email", "#/2/email", "#/3"]
    assert all(error["detail"].startswith("Element ") for error in answer.json["errors"])
