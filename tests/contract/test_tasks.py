"""What only tasks have: a range of time, statistics, and one status for many."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from entities import NOWHERE, conversation, goal, task, user
from flask import Flask
from flask.testing import FlaskClient

RANGE = "/api/v1/tasks/by-timerange"
STATISTICS = "/api/v1/tasks/statistics"
BULK = "/api/v1/tasks/bulk-update-state"
LONG_AGO, FAR_AHEAD = "2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z"


def test_a_task_gets_the_defaults_of_the_contract(client: FlaskClient):
    expected = {"status": "pending", "trigger_type": "time", "escalation_policy": "standard", "class_tags": None}
    assert task(client).items() >= expected.items()


def test_every_field_of_a_task_is_kept(client: FlaskClient):
    owner = user(client)["id"]
    time = "2026-03-01T09:00:00+00:00"
    given = {
        "user_id": owner,
        "goal_id": goal(client, user_id=owner)["id"],
        "conversation_id": conversation(client, user_id=owner)["id"],
        "title": "Run",
        "description": "slowly",
        "status": "rescheduled",
        "scheduled_at": time,
        "duration_minutes": 25,
        "trigger_type": "location",
        "location_trigger": "the park",
        "recurrence_rule": "FREQ=WEEKLY;BYDAY=MO",
        "canonical_scheduled_at": time,
        "class_tags": ["Health"],
        "shared_with_goal_ids": [goal(client, user_id=owner)["id"] for _ in range(2)],
        "escalation_policy": "aggressive",
        "reminder_sent_at": time,
        "whatsapp_sent_at": time,
        "call_sent_at": time,
        "completed_at": time,
    }
    assert client.post("/api/v1/tasks", json=given).json.items() >= given.items()


def test_an_offset_is_answered_as_utc(client: FlaskClient):
    assert task(client, scheduled_at="2026-03-01T13:00:00+04:00")["scheduled_at"] == "2026-03-01T09:00:00+00:00"


def test_a_range_of_time_includes_both_ends_and_is_sorted_by_time(client: FlaskClient):
    owner = user(client)["id"]
    hours = {
        hour: task(client, user_id=owner, scheduled_at=f"2026-03-01T{hour:02}:00:00Z")["id"] for hour in (12, 9, 10, 8)
    }
    task(client, scheduled_at="2026-03-01T10:00:00Z")
    task(client, user_id=owner)
    query = {"user_id": owner, "start_at": "2026-03-01T09:00:00Z", "end_at": "2026-03-01T16:00:00+04:00"}
    answer = client.get(RANGE, query_string=query)
    assert answer.status_code == 200
    assert [row["id"] for row in answer.json] == [hours[9], hours[10], hours[12]]


def test_a_range_of_time_is_never_cut(client: FlaskClient):
    owner = user(client)["id"]
    for _ in range(110):
        task(client, user_id=owner, scheduled_at="2026-03-01T09:00:00Z")
    query = {"user_id": owner, "start_at": "2026-03-01T09:00:00Z", "end_at": "2026-03-01T09:00:00Z"}
    assert len(client.get(RANGE, query_string=query).json) == 110


def test_a_range_of_time_without_tasks_is_an_empty_array(client: FlaskClient):
    query = {"user_id": NOWHERE, "start_at": LONG_AGO, "end_at": FAR_AHEAD}
    assert client.get(RANGE, query_string=query).json == []


def test_a_plus_that_became_a_space_gets_the_hint_that_helps(client: FlaskClient):
    answer = client.get(f"{RANGE}?user_id={NOWHERE}&start_at=2026-03-01T09:00:00+04:00&end_at={FAR_AHEAD}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "?start_at"
    assert "%2B" in answer.json["hint"]


@pytest.mark.parametrize("path", [RANGE, STATISTICS])
def test_parameters_that_are_missing_are_all_named(client: FlaskClient, path: str):
    answer = client.get(path)
    assert answer.status_code == 422
    assert len(answer.json["errors"]) == 3


@pytest.mark.parametrize(
    "time", ["2026-03-01T09:00:00", "2026-02-30T09:00:00Z", "2026-03-01T25:00:00Z", "yesterday", "", "1772355600"]
)
def test_a_time_that_is_not_one_is_422(client: FlaskClient, time: str):
    answer = client.get(RANGE, query_string={"user_id": NOWHERE, "start_at": time, "end_at": FAR_AHEAD})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["?start_at"]


def test_statistics_count_by_status_and_rate_what_was_done(client: FlaskClient):
    owner = user(client)["id"]
    for status in ("done", "done", "missed", "pending", "pending", "pending"):
        task(client, user_id=owner, status=status)
    answer = client.get(STATISTICS, query_string={"user_id": owner, "start_date": LONG_AGO, "end_date": FAR_AHEAD})
    assert answer.status_code == 200
    assert answer.json == {
        "user_id": owner,
        "total_tasks": 6,
        "by_status": {"done": 2, "missed": 1, "pending": 3},
        "completion_rate": 0.3333,
    }


def test_statistics_of_nobody_are_zero(client: FlaskClient):
    answer = client.get(STATISTICS, query_string={"user_id": NOWHERE, "start_date": LONG_AGO, "end_date": FAR_AHEAD})
    assert answer.json == {"user_id": NOWHERE, "total_tasks": 0, "by_status": {}, "completion_rate": 0.0}


def test_statistics_include_both_ends_of_their_time(client: FlaskClient):
    made = task(client)
    exactly = {"user_id": made["user_id"], "start_date": made["created_at"], "end_date": made["created_at"]}
    assert client.get(STATISTICS, query_string=exactly).json["total_tasks"] == 1
    later = (datetime.fromisoformat(made["created_at"]) + timedelta(microseconds=1)).isoformat()
    assert client.get(STATISTICS, query_string=exactly | {"start_date": later}).json["total_tasks"] == 0


def test_statistics_take_dates_as_whole_days_in_utc(client: FlaskClient):
    made = task(client)
    today = datetime.now(UTC).date()
    query = {"user_id": made["user_id"], "start_date": today.isoformat(), "end_date": today.isoformat()}
    assert client.get(STATISTICS, query_string=query).json["total_tasks"] == 1
    yesterday = (today - timedelta(days=1)).isoformat()
    assert client.get(STATISTICS, query_string=query | {"end_date": yesterday}).json["total_tasks"] == 0


def test_many_tasks_get_one_status(client: FlaskClient):
    ids = [task(client)["id"] for _ in range(3)]
    answer = client.post(BULK, json={"task_ids": ids, "new_status": "missed"})
    assert (answer.status_code, answer.json) == (200, {"updated_count": 3})
    for each in ids:
        changed = client.get(f"/api/v1/tasks/{each}").json
        assert (changed["status"], changed["version"]) == ("missed", 2)


def test_ids_that_do_not_exist_are_not_counted_and_one_given_twice_counts_once(client: FlaskClient):
    once = task(client)["id"]
    answer = client.post(BULK, json={"task_ids": [once, NOWHERE, once.upper()], "new_status": "done"})
    assert answer.json == {"updated_count": 1}


@pytest.mark.parametrize(
    "body",
    [
        {"task_ids": [], "new_status": "done"},
        {"task_ids": [NOWHERE] * 1001, "new_status": "done"},
        {"task_ids": ["42"], "new_status": "done"},
        {"task_ids": NOWHERE, "new_status": "done"},
        {"task_ids": [NOWHERE], "new_status": "finished"},
        {"task_ids": [NOWHERE]},
        {"new_status": "done"},
    ],
)
def test_a_wrong_bulk_update_is_422(client: FlaskClient, body: dict):
    assert client.post(BULK, json=body).status_code == 422


def test_a_bulk_update_of_a_thousand_is_fine(client: FlaskClient):
    assert client.post(BULK, json={"task_ids": [NOWHERE] * 1000, "new_status": "done"}).json == {"updated_count": 0}


def test_a_wrong_element_of_a_list_is_pointed_at(client: FlaskClient):
    answer = client.post(BULK, json={"task_ids": [NOWHERE, "42"], "new_status": "done"})
    assert answer.json["errors"][0]["pointer"] == "#/task_ids/1"


@pytest.mark.parametrize("value", [0, -1, 2**31])
def test_a_duration_is_at_least_a_minute(client: FlaskClient, value: int):
    answer = client.post("/api/v1/tasks", json={"user_id": NOWHERE, "title": "x", "duration_minutes": value})
    assert answer.status_code == 422


def test_deleting_a_task_deletes_its_notification_log(client: FlaskClient):
    made = task(client)
    entry = client.post("/api/v1/notification-log", json={"task_id": made["id"], "channel": "push"})
    client.delete(f"/api/v1/tasks/{made['id']}")
    assert client.get(entry.headers["Location"]).status_code == 404


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        (RANGE, "DELETE", {"GET", "HEAD", "OPTIONS"}),
        (STATISTICS, "PATCH", {"GET", "HEAD", "OPTIONS"}),
        (BULK, "GET", {"POST", "OPTIONS"}),
    ],
)
def test_a_path_of_its_own_is_not_taken_for_an_id(client: FlaskClient, path: str, method: str, allowed: set[str]):
    answer = client.open(path, method=method)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == allowed
    options = client.options(path)
    assert set(options.headers["Allow"].split(", ")) == allowed


def test_every_path_beside_the_rows_is_known_not_to_be_an_id(app: Flask):
    paths = [rule.rule for rule in app.url_map.iter_rules() if re.fullmatch("/api/v1/[^/]+/[^</]+", rule.rule)]
    assert len(paths) == 19
    for path in paths:
        assert app.test_client().put(path).status_code == 405


def test_the_name_of_another_entitys_path_is_a_malformed_id(client: FlaskClient):
    assert client.get("/api/v1/goals/statistics").status_code == 422
    assert client.get("/api/v1/tasks/statistics%0A").status_code == 422


def test_the_elements_of_a_list_are_kept_and_found_whatever_signs_they_have(client: FlaskClient):
    signs = ['say "a"', "a\\b", "it's", "a,b", "NULL", "{}", "%s", "Ünïcödé"]
    made = task(client, class_tags=signs)
    assert made["class_tags"] == signs
    for sign in signs:
        found = client.get("/api/v1/tasks", query_string={"class_tags__contains": sign}).json["items"]
        assert [row["id"] for row in found] == [made["id"]]


def test_days_outside_of_the_years_1_to_9999_are_counted_as_themselves(client: FlaskClient):
    owner = user(client)["id"]
    path = f"/api/v1/tasks/statistics?user_id={owner}&group_by=day,month&tz="
    for at, zone, day in (
        ("0001-01-01T00:00:00Z", "America/New_York", "0000-12-31"),
        ("9999-12-31T23:59:00Z", "Asia/Dubai", "10000-01-01"),
    ):
        row = task(client, user_id=owner, scheduled_at=at)
        answer = client.get(path + zone)
        assert answer.status_code == 200, answer.json
        [group] = answer.json["groups"]
        assert (group["day"], group["month"]) == (day, day[:-3])
        client.delete(f"/api/v1/tasks/{row['id']}")


def test_a_shared_goal_must_exist_whatever_writes_it(client: FlaskClient):
    owner = user(client)["id"]
    plan = goal(client, user_id=owner)["id"]
    made = task(client, user_id=owner, shared_with_goal_ids=[plan])
    path, new = f"/api/v1/tasks/{made['id']}", {"user_id": owner, "title": "Run"}
    bad, good = {"shared_with_goal_ids": [plan, NOWHERE]}, {"shared_with_goal_ids": [plan]}
    for answer in (
        client.post("/api/v1/tasks", json=new | bad),
        client.patch(path, json=bad),
        client.patch(f"/api/v1/tasks?user_id={owner}", json=bad),
        client.post("/api/v1/tasks?upsert=merge", json=new | bad | {"id": made["id"]}),
        client.post("/api/v1/batch", json={"operations": [{"method": "POST", "path": "/tasks", "body": new | bad}]}),
    ):
        assert (answer.status_code, answer.json["code"]) == (409, "urn:flux:problem:missing-reference")
        assert "shared_with_goal_ids refers to a row that does not exist" in answer.json["detail"]
    for way in ("", "?upsert=merge"):
        rows = [{**new, **each, "id": f"0198f3c2-0000-7000-8000-00000000000{i}"} for i, each in enumerate([good, bad])]
        many = client.post(f"/api/v1/tasks/bulk{way}", json=rows)
        assert (many.status_code, many.json["errors"][0]["pointer"]) == (409, "#/1/shared_with_goal_ids")
    assert client.get(path).json["shared_with_goal_ids"] == [plan]
    assert client.get("/api/v1/tasks").json["total"] == 1


def test_deleted_goals_leave_the_lists_of_shared_goals(client: FlaskClient):
    owner = user(client)["id"]
    plans = [goal(client, user_id=owner)["id"] for _ in range(4)]
    path = f"/api/v1/tasks/{task(client, user_id=owner, shared_with_goal_ids=plans)['id']}"
    other = f"/api/v1/tasks/{task(client, user_id=owner, shared_with_goal_ids=plans[1:2])['id']}"
    assert client.delete(f"/api/v1/goals/{plans[2]}").status_code == 204
    assert client.get(path).json["shared_with_goal_ids"] == [plans[0], plans[1], plans[3]]
    assert client.get(other).json["version"] == 1
    client.delete(f"/api/v1/goals?id__in={plans[0]},{plans[1]}")
    assert client.get(path).json["shared_with_goal_ids"] == plans[3:]
    assert client.get(other).json["shared_with_goal_ids"] == []


def test_goals_of_an_erased_person_leave_the_tasks_of_others(client: FlaskClient):
    plan = goal(client)
    path = f"/api/v1/tasks/{task(client, shared_with_goal_ids=[plan['id']])['id']}"
    assert client.delete(f"/api/v1/users/{plan['user_id']}").status_code == 204
    assert client.get(path).json["shared_with_goal_ids"] == []


def test_a_goal_is_not_its_own_parent(client: FlaskClient):
    own = goal(client)
    new = {"user_id": own["user_id"], "title": "Run", "id": NOWHERE, "parent_goal_id": NOWHERE}
    for answer in (
        client.patch(f"/api/v1/goals/{own['id']}", json={"parent_goal_id": own["id"]}),
        client.post("/api/v1/goals", json=new),
    ):
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/parent_goal_id")
