"""Several operations in one transaction: later ones refer to earlier answers, and the first that fails undoes all."""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from entities import ALL, Entity, goal, message, task, user
from flask.testing import FlaskClient

BATCH = "/api/v1/batch"
every_entity = pytest.mark.parametrize("entity", ALL, ids=lambda entity: entity.name)


def run(client: FlaskClient, *operations: dict[str, Any], **headers: str):
    return client.post(BATCH, json={"operations": list(operations)}, headers=headers)


def done(client: FlaskClient, *operations: dict[str, Any]) -> list[dict[str, Any]]:
    """What became of each operation of a batch that succeeds."""
    answer = run(client, *operations)
    assert answer.status_code == 200, answer.json
    return answer.json["operations"]


def count(client: FlaskClient, path: str) -> int:
    return client.get(f"/api/v1/{path}").json["count"]


@every_entity
def test_each_operation_answers_as_it_would_alone(client: FlaskClient, entity: Entity):
    body, path = entity.body(client), f"/{entity.name}"
    own = str(uuid4())
    made, read, counted = done(
        client,
        {"name": "made", "method": "POST", "path": path, "body": body | {"id": own}},
        {"method": "GET", "path": f"{path}/{own}"},
        {"method": "GET", "path": f"{path}/count?id={own}"},
    )
    row = client.get(f"{entity.path}/{own}")
    location = {"ETag": '"1"', "Location": f"{entity.path}/{own}"}
    assert made == {"name": "made", "status": 201, "headers": location, "body": row.json}
    assert read == {"status": 200, "headers": {"ETag": '"1"'}, "body": row.json}
    assert counted["body"] == {"count": 1}
    gone, none = done(
        client,
        {"method": "DELETE", "path": f"{path}/{own}"},
        {"method": "GET", "path": f"{path}/count?id={own}"},
    )
    assert gone == {"status": 204, "headers": {}, "body": None}
    assert none["body"] == {"count": 0}


@every_entity
def test_the_first_that_fails_undoes_what_came_before(client: FlaskClient, entity: Entity):
    body = entity.body(client) | {"id": str(uuid4())}
    answer = run(
        client,
        {"method": "POST", "path": f"/{entity.name}", "body": body},
        {"name": "again", "method": "POST", "path": f"/{entity.name}", "body": body},
        {"method": "GET", "path": "/nowhere"},
    )
    assert answer.status_code == 409
    assert answer.content_type == "application/problem+json"
    assert answer.json["operation"] == {"index": 1, "name": "again"}
    assert answer.json["instance"] == BATCH
    assert count(client, f"{entity.name}/count?id={body['id']}") == 0


def test_a_plan_of_a_goal_and_its_tasks_is_one_request(client: FlaskClient):
    owner = user(client)["id"]
    waiting = goal(client, user_id=owner, status="pipeline", pipeline_order=1)
    made, tasks, found, activated = done(
        client,
        {"name": "goal", "method": "POST", "path": "/goals",
         "body": {"user_id": owner, "title": "Run 10k", "activated_at": "now"}},
        {"method": "POST", "path": "/tasks/bulk",
         "body": [{"user_id": owner, "goal_id": {"$ref": "goal.id"}, "title": "3 km"}]},
        {"name": "next", "method": "GET",
         "path": f"/goals?user_id={owner}&status=pipeline&sort=pipeline_order&limit=1"},
        {"method": "PATCH", "path": "/goals", "query": {"id": {"$ref": "next.items.0.id"}, "status": "pipeline"},
         "body": {"status": "active"}, "skip_if_missing": "next.items.0", "expect": {"min_affected": 1}},
    )  # fmt: skip
    assert tasks["body"]["items"][0]["goal_id"] == made["body"]["id"]
    assert found["body"]["items"][0]["id"] == waiting["id"]
    assert activated["body"] == {"updated_count": 1}
    assert client.get(f"/api/v1/goals/{waiting['id']}").json["status"] == "active"


def test_a_reference_stands_anywhere_in_a_body_and_keeps_its_type(client: FlaskClient):
    profile = {"n": 1.5, "flag": True, "none": None, "list": [1, {"a": "b"}], "text": "ü,\"'\\"}
    *_, copy = done(
        client,
        {"name": "a", "method": "POST", "path": "/users", "body": {"email": "a@b.io", "profile": profile}},
        {"method": "POST", "path": "/users", "body": {
            "email": "b@b.io", "timezone": {"$ref": "a.timezone"}, "profile": {"$ref": "a.profile"},
            "push_subscription": {"deep": [{"x": {"$ref": "a.profile.list.1.a"}}, {"$ref": "a.profile.none"},
                                           {"$ref": "a.profile.n"}, {"$ref": "a.profile.list"}]},
        }},
    )  # fmt: skip
    assert copy["body"]["profile"] == profile
    assert copy["body"]["push_subscription"] == {"deep": [{"x": "b"}, None, 1.5, [1, {"a": "b"}]]}


def test_a_reference_may_be_the_whole_body(client: FlaskClient):
    row = user(client, profile={"duration_minutes": 7})
    _, changed = done(
        client,
        {"name": "u", "method": "GET", "path": f"/users/{row['id']}"},
        {"method": "PATCH", "path": f"/tasks/{task(client)['id']}", "body": {"$ref": "u.profile"}},
    )
    assert changed["body"]["duration_minutes"] == 7


@pytest.mark.parametrize("title", ["a,b", 'say "x"', "", " b ", "back\\slash", "a&b=c;d", "100%", "ü 😀", "(x)", '",'])
def test_a_reference_in_a_query_is_the_value_whatever_signs_it_has(client: FlaskClient, title: str):
    row = user(client, profile={"titles": [title, "another"]})
    owner = row["id"]
    made = [task(client, user_id=owner, title=each or "empty")["id"] for each in (title, "another", "third")]
    *_, listed, alone = done(
        client,
        {"name": "u", "method": "GET", "path": f"/users/{owner}"},
        {"name": "in", "method": "GET", "path": f"/tasks?user_id={owner}&sort=id",
         "query": {"title__in": {"$ref": "u.profile.titles"}}},
        {"method": "GET", "path": "/tasks", "query": {"user_id": owner, "title": {"$ref": "u.profile.titles.0"}}},
    )  # fmt: skip
    expected = made[:2] if title else made[1:2]
    assert [each["id"] for each in listed["body"]["items"]] == expected
    assert [each["id"] for each in alone["body"]["items"]] == expected[:-1]


def test_a_query_takes_lists_numbers_and_truth_values_as_json_has_them(client: FlaskClient):
    row = task(client, duration_minutes=5)
    query = {"user_id": row["user_id"], "status__in": ["pending", "done"], "goal_id__isnull": True,
             "duration_minutes__lte": 5, "limit": 1, "reminder_sent_at__isnull": "true",
             "conversation_id__isnull": True}  # fmt: skip
    [found] = done(client, {"method": "GET", "path": "/tasks?sort=id", "query": query})
    assert [each["id"] for each in found["body"]["items"]] == [row["id"]]
    [none] = done(client, {"method": "GET", "path": "/tasks", "query": query | {"goal_id__isnull": False}})
    assert none["body"]["items"] == []


def test_a_literal_is_passed_untouched(client: FlaskClient):
    profile = {"$ref": "no.such.thing", "inner": {"$literal": {"$ref": "x"}}, "$each": "x"}
    [made] = done(
        client, {"method": "POST", "path": "/users", "body": {"email": "a@b.io", "profile": {"$literal": profile}}}
    )
    assert made["body"]["profile"] == profile


def test_an_object_that_holds_more_than_a_reference_is_itself(client: FlaskClient):
    profile = {"$ref": "x", "more": 1}
    [made] = done(client, {"method": "POST", "path": "/users", "body": {"email": "a@b.io", "profile": profile}})
    assert made["body"]["profile"] == profile


def test_each_element_of_an_answer_makes_one_of_a_body(client: FlaskClient):
    owner = user(client)["id"]
    ids = [task(client, user_id=owner, scheduled_at="now-1h", title=title)["id"] for title in "ab"]
    claim = (f"/tasks?user_id={owner}&status=pending&reminder_sent_at__isnull=true&scheduled_at__lte=now"
             "&sort=scheduled_at&limit=50&skip_locked=true&return=rows")  # fmt: skip
    claimed, dispatched = done(
        client,
        {"name": "claimed", "method": "PATCH", "path": claim, "body": {"reminder_sent_at": "now"}},
        {"method": "POST", "path": "/dispatch-log/bulk", "skip_if_missing": "claimed.items.0",
         "body": {"$each": "claimed.items", "body": {
             "task_id": {"$ref": "item.id"}, "channel": "push", "error": {"$ref": "claimed.items.1.title"}}}},
    )  # fmt: skip
    assert claimed["body"]["updated_count"] == 2
    assert sorted(each["task_id"] for each in dispatched["body"]["items"]) == sorted(ids)
    assert {each["error"] for each in dispatched["body"]["items"]} == {"b"}


def test_what_refers_to_something_left_out_is_left_out_too(client: FlaskClient):
    owner = user(client)["id"]
    answers = done(
        client,
        {"name": "found", "method": "GET", "path": f"/goals?user_id={owner}&limit=1"},
        {"name": "first", "method": "GET", "path": "/goals", "query": {"id": {"$ref": "found.items.0.id"}},
         "skip_if_missing": "found.items.0"},
        {"name": "second", "method": "GET", "path": "/goals", "query": {"id": {"$ref": "first.items.0.id"}},
         "skip_if_missing": "first.items.0.id"},
        {"method": "GET", "path": "/goals/count", "skip_if_missing": "second"},
        {"name": "last", "method": "GET", "path": f"/goals/count?user_id={owner}", "skip_if_missing": "found.items"},
    )  # fmt: skip
    assert answers[1:4] == [{"name": "first", "skipped": True}, {"name": "second", "skipped": True}, {"skipped": True}]
    assert answers[4]["body"] == {"count": 0}


def test_what_is_left_out_is_not_resolved(client: FlaskClient):
    answers = done(
        client,
        {"name": "none", "method": "GET", "path": f"/goals?id={uuid4()}"},
        {"method": "POST", "path": "/goals", "body": {"$ref": "none.items.0"}, "skip_if_missing": "none.items.0"},
    )
    assert answers[1] == {"skipped": True}


@pytest.mark.parametrize("reference", ["made.items[0].id", "made.items.first.id", "made[0]"])
def test_a_reference_that_leads_nowhere_is_told_how_elements_are_named(client: FlaskClient, reference: str):
    bulk = {"name": "made", "method": "POST", "path": "/users/bulk", "body": [{"email": "ada@example.com"}]}
    answer = run(client, bulk, {"method": "POST", "path": "/tasks", "body": {"user_id": {"$ref": reference}}})
    assert answer.json["code"] == "urn:flux:problem:reference-not-resolved"
    assert "joined by dots, as in claimed.items.0.id." in answer.json["detail"]


@pytest.mark.parametrize("id", ['{"$ref": "made.id"}', "$made.id", "{made.id}", "made.id"])
def test_a_reference_in_a_path_is_told_to_stand_in_the_query(client: FlaskClient, id: str):
    made = {"name": "made", "method": "POST", "path": "/users", "body": {"email": "ada@example.com"}}
    answer = run(client, made, {"method": "PATCH", "path": f"/users/{id}", "body": {"onboarded": True}})
    assert answer.status_code == 422
    assert '"query": {"id": {"$ref": "goal.id"}}' in answer.json["detail"]
    whole = run(client, made, {"method": "PATCH", "path": {"$concat": ["/users/", {"$ref": "made.id"}]}, "body": {}})
    assert "References stand in query and body" in whole.json["detail"]


def test_a_reference_to_null_leads_nowhere_for_a_condition(client: FlaskClient):
    alone, owned = task(client), task(client, goal_id=goal(client)["id"])
    for row, skipped in ((alone, "skip_if_missing"), (owned, "skip_if_present")):
        path = f"/tasks/{row['id']}"
        answers = done(
            client,
            {"name": "t", "method": "GET", "path": path},
            {"method": "GET", "path": path, skipped: "t.goal_id"},
            {"method": "GET", "path": path, "skip_if_present": "t.nope", "skip_if_missing": "t.id"},
            {"method": "GET", "path": path, "skip_if_present": "t.goal_id", "skip_if_missing": "t.goal_id"},
            {"name": "made", "method": "PATCH", "path": path, "body": {"goal_id": {"$ref": "t.goal_id"}}},
        )
        assert answers[1] == {"skipped": True}
        assert answers[2]["status"] == 200
        assert answers[3] == {"skipped": True}
        assert answers[4]["body"]["goal_id"] == row["goal_id"], "in a body it is the value that it is"


def test_what_is_there_already_is_not_made_again(client: FlaskClient):
    owner = user(client)["id"]
    operations = [
        {"name": "there", "method": "GET", "path": f"/goals?user_id={owner}&limit=1"},
        {"name": "made", "method": "POST", "path": "/goals", "body": {"user_id": owner, "title": "x"},
         "skip_if_present": "there.items.0"},
        {"method": "GET", "path": "/goals/count", "skip_if_present": "made"},
    ]  # fmt: skip
    assert [each.get("skipped") for each in done(client, *operations)] == [None, None, True]
    assert [each.get("skipped") for each in done(client, *operations)] == [None, True, None]
    assert count(client, f"goals/count?user_id={owner}") == 1


def test_texts_and_sums_are_made_of_references(client: FlaskClient):
    row = goal(client, pipeline_order=7, plan_json={"steps": [1, 2.5], "none": None})
    *_, pattern, after = done(
        client,
        {"name": "g", "method": "GET", "path": f"/goals/{row['id']}"},
        {"method": "POST", "path": "/patterns", "body": {
            "user_id": row["user_id"],
            "pattern_key": {"$concat": ["done_", {"$ref": "g.id"}, "_", {"$ref": "g.version"}]},
            "data": {"sum": {"$add": [{"$ref": "g.pipeline_order"}, {"$ref": "g.plan_json.steps.1"}, -1]},
                     "text": {"$concat": ["€", {"$concat": ["a", 1]}, {"$add": [1, 2]}, 1.5]},
                     "none": [{"$concat": []}, {"$add": []}]}}},
        {"method": "POST", "path": "/goals", "body": {
            "user_id": row["user_id"], "title": "next", "pipeline_order": {"$add": [{"$ref": "g.pipeline_order"}, 1]}}},
    )  # fmt: skip
    assert pattern["body"]["pattern_key"] == f"done_{row['id']}_1"
    assert pattern["body"]["data"] == {"sum": 8.5, "text": "€a131.5", "none": ["", 0]}
    assert after["body"]["pipeline_order"] == 8


def test_sums_are_exact_and_a_number_goes_on_as_it_is(client: FlaskClient):
    data = {"usd": 0.30000000000000004, "cents": 0.1}
    row = client.post("/api/v1/patterns", json={"user_id": user(client)["id"], "data": data}).json
    _, copied = done(
        client,
        {"name": "p", "method": "GET", "path": f"/patterns/{row['id']}"},
        {"method": "POST", "path": "/patterns", "body": {"user_id": row["user_id"], "data": {
            "same": {"$ref": "p.data"}, "text": {"$concat": [{"$ref": "p.data.usd"}]},
            "sum": {"$add": [{"$ref": "p.data.cents"}, 0.2]}}}},
    )  # fmt: skip
    assert copied["body"]["data"] == {"same": data, "text": "0.30000000000000004", "sum": 0.3}


def test_each_stands_anywhere_and_within_itself(client: FlaskClient):
    owner = user(client, profile={"weeks": [{"days": ["mo", "tu"]}, {"days": []}, {"days": ["we"]}]})["id"]
    rows = [task(client, user_id=owner, goal_id=goal(client, user_id=owner)["id"]) for _ in range(2)]
    task(client, user_id=owner)
    _, _, goals, made = done(
        client,
        {"name": "u", "method": "GET", "path": f"/users/{owner}"},
        {"name": "t", "method": "GET", "path": f"/tasks?user_id={owner}&goal_id__isnull=false"},
        {"method": "GET", "path": "/goals",
         "query": {"id__in": {"$each": "t.items", "body": {"$ref": "item.goal_id"}}}},
        {"method": "POST", "path": "/patterns", "body": {"user_id": owner, "data": {
            "plan": {"$each": "u.profile.weeks", "body": {
                "first": {"$each": "item.days", "body": {"$concat": ["on ", {"$ref": "item"}]}}}}}}},
    )  # fmt: skip
    assert {each["id"] for each in goals["body"]["items"]} == {row["goal_id"] for row in rows}
    plan = [{"first": ["on mo", "on tu"]}, {"first": []}, {"first": ["on we"]}]
    assert made["body"]["data"] == {"plan": plan}


def test_a_list_of_nothing_does_nothing(client: FlaskClient):
    row = task(client)
    each = {"$each": "none.items", "body": {"$ref": "item.id"}}
    _, _, *answers = done(
        client,
        {"name": "none", "method": "GET", "path": f"/tasks?id={uuid4()}"},
        {"name": "t", "method": "GET", "path": f"/tasks/{row['id']}"},
        {"method": "POST", "path": "/tasks/bulk", "body": each, "expect": {"max_affected": 0}},
        {"method": "POST", "path": "/tasks/bulk?upsert=merge", "body": []},
        {"method": "POST", "path": "/tasks/bulk", "body": {"$each": "t.class_tags", "body": {"title": "x"}}},
        {"method": "POST", "path": "/tasks/bulk-update-state", "body": {"task_ids": each, "new_status": "done"}},
        {"method": "PATCH", "path": "/tasks", "query": {"id__in": each}, "body": {"status": "done"}},
        {"method": "DELETE", "path": "/tasks", "query": {"title__in": []}},
        {"method": "GET", "path": "/tasks/count", "query": {"status__in": each}},
        {"method": "GET", "path": "/tasks/count", "query": {"id": row["id"], "status__nin": []}},
    )
    created = {"created_count": 0, "items": []}
    assert [answer["body"] for answer in answers] == [
        created,
        created | {"updated_count": 0, "upserted": []},
        created,
        {"updated_count": 0},
        {"updated_count": 0},
        {"deleted_count": 0},
        {"count": 0},
        {"count": 1},
    ]
    assert client.get(f"/api/v1/tasks/{row['id']}").json == row


def test_a_list_of_elements_to_contain_is_of_several(client: FlaskClient):
    owner = user(client)["id"]
    tags = (["a,b", "c"], ["a,b"], ["c"], None)
    both, first, second, none = (task(client, user_id=owner, class_tags=each)["id"] for each in tags)
    answers = done(
        client,
        *(
            {"method": "GET", "path": f"/tasks?user_id={owner}", "query": {name: value}}
            for name in ("class_tags__contains", "class_tags__ncontains")
            for value in (["a,b", "c"], ["a,b"], "a,b")
        ),
    )
    found = [{row["id"] for row in answer["body"]["items"]} for answer in answers]
    assert found == [{both}, {both, first}, {both, first}, {none}, {second, none}, {second, none}]


@pytest.mark.parametrize(("expected", "status"), [({"min_affected": 3}, 412), ({"min_affected": 2}, 200),
                                                  ({"max_affected": 1}, 412), ({"max_affected": 2}, 200)])  # fmt: skip
def test_what_is_expected_of_a_count_is_its_number(client: FlaskClient, expected: dict, status: int):
    owner = user(client)["id"]
    for _ in range(2):
        task(client, user_id=owner)
    answer = run(client, {"method": "GET", "path": f"/tasks/count?user_id={owner}", "expect": expected})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("expected", "status"),
    [
        ({"min_affected": 2}, 200),
        ({"min_affected": 3}, 412),
        ({"max_affected": 2}, 200),
        ({"max_affected": 1}, 412),
        ({"min_affected": 1, "max_affected": 2}, 200),
        ({"min_affected": 0, "max_affected": 0}, 412),
        ({}, 200),
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "DELETE", "GET", "BULK", "UPSERT"])
def test_what_is_expected_of_an_operation_is_held(client: FlaskClient, method: str, expected: dict, status: int):
    owner = user(client)["id"]
    ids = [task(client, user_id=owner)["id"] for _ in range(2)]
    bodies = [{"user_id": owner, "title": "changed"}] * 2
    operation = {
        "PATCH": {"method": "PATCH", "path": f"/tasks?user_id={owner}", "body": {"title": "changed"}},
        "DELETE": {"method": "DELETE", "path": f"/tasks?user_id={owner}"},
        "GET": {"method": "GET", "path": f"/tasks?user_id={owner}"},
        "BULK": {"method": "POST", "path": "/tasks/bulk", "body": bodies},
        "UPSERT": {"method": "POST", "path": "/tasks/bulk?upsert=merge",
                   "body": [bodies[0] | {"id": each} for each in ids]},
    }[method]  # fmt: skip
    answer = run(client, operation | {"expect": expected})
    assert answer.status_code == status
    if status == 412:
        assert answer.json["code"] == "urn:flux:problem:expectation-unmet"
        assert count(client, f"tasks/count?user_id={owner}") == 2
        assert count(client, f"tasks/count?user_id={owner}&title=changed") == 0


def test_headers_of_an_operation_are_its_own(client: FlaskClient):
    row = user(client, profile={"a": 1})
    path = f"/users/{row['id']}"
    operation = {"method": "PATCH", "path": path, "body": {"profile": {"b": 2}}}
    merge = {"If-Match": '"1"', "content-type": "application/merge-patch+json"}
    merged, replaced, unchanged = done(
        client,
        operation | {"headers": merge},
        operation | {"headers": {"IF-MATCH": '"2"'}},
        {"method": "GET", "path": path, "headers": {"If-None-Match": '"3"'}},
    )
    assert merged["body"]["profile"] == {"a": 1, "b": 2}
    assert replaced["body"]["profile"] == {"b": 2}
    assert (unchanged["status"], unchanged["body"]) == (304, None)
    stale = run(client, operation | {"headers": {"If-Match": '"1"'}})
    assert (stale.status_code, stale.headers["ETag"], stale.json["operation"]) == (412, '"3"', {"index": 0})
    none = run(client, {"name": "n", "method": "GET", "path": path, "headers": {"If-None-Match": "*"}},
               {"method": "GET", "path": "/users", "query": {"id": {"$ref": "n.id"}}})  # fmt: skip
    assert none.json["code"] == "urn:flux:problem:reference-not-resolved", "304 has no body to refer to"


REFUSED_HEADERS = ({"X-Flux-Service-Key": "k"}, {"Accept": "application/x-ndjson"}, {"Idempotency-Key": "k"},
                   {"If-Match": 1}, {"If-Match": {"$ref": "a.id"}}, [])  # fmt: skip


@pytest.mark.parametrize("headers", REFUSED_HEADERS)
def test_other_headers_and_values_are_refused(client: FlaskClient, headers: object):
    answer = run(client, {"method": "GET", "path": "/users", "headers": headers})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"].startswith("#/operations/0/headers")


def test_operations_see_what_earlier_ones_wrote(client: FlaskClient):
    row = task(client)
    path = f"/tasks/{row['id']}"
    versions = [answer["body"]["version"] for answer in done(
        client,
        {"method": "PATCH", "path": path, "body": {"status": "done"}},
        {"method": "PATCH", "path": f"{path}?status=done", "body": {"status": "missed"}},
        {"method": "POST", "path": f"{path}/increment", "body": {"duration_minutes": 1}},
        {"method": "GET", "path": path},
    )]  # fmt: skip
    assert versions == [2, 3, 4, 4]


def test_a_problem_of_an_operation_is_its_own_with_where_it_stands(client: FlaskClient):
    row = task(client)
    unmet = run(
        client,
        {"method": "GET", "path": "/users"},
        {"name": "claim", "method": "PATCH", "path": f"/tasks/{row['id']}?status=done", "body": {"title": "x"}},
    )
    assert unmet.status_code == 412
    assert unmet.json["operation"] == {"index": 1, "name": "claim"}
    assert unmet.json["current"] == row
    invalid = run(client, {"method": "POST", "path": "/users/bulk", "body": [{"email": "a@b.io"}, {"email": "no"}]})
    assert (invalid.status_code, invalid.json["errors"][0]["pointer"]) == (422, "#/operations/0/body/1/email")
    assert invalid.json["operation"] == {"index": 0}


def test_after_a_batch_other_requests_are_told_nothing_of_its_operations(client: FlaskClient):
    assert run(client, {"method": "GET", "path": "/nowhere"}).json["operation"] == {"index": 0}
    assert "operation" not in client.get("/api/v1/nowhere").json


def test_one_idempotency_key_covers_the_whole(client: FlaskClient):
    operations = [
        {"name": "u", "method": "POST", "path": "/users", "body": {"email": "a@b.io"}},
        {"method": "POST", "path": "/goals", "body": {"user_id": {"$ref": "u.id"}, "title": "x"}},
    ]
    answers = [run(client, *operations, **{"Idempotency-Key": "k"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({answer.data for answer in answers}) == 1
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, "true", "true"]
    assert count(client, "users/count") == count(client, "goals/count") == 1
    reused = run(client, operations[0], **{"Idempotency-Key": "k"})
    assert reused.json["code"] == "urn:flux:problem:idempotency-key-reused"


def test_a_hundred_operations_are_done(client: FlaskClient):
    operations = [{"method": "POST", "path": "/users", "body": {"email": f"{n}@b.io"}} for n in range(100)]
    assert [answer["status"] for answer in done(client, *operations)] == [201] * 100
    assert count(client, "users/count") == 100


def test_a_batch_may_read_several_long_lists(client: FlaskClient):
    first = message(client)
    talk = first["conversation_id"]
    rows = [{"conversation_id": talk, "role": "user", "content": "x"}] * 600
    read = {"method": "GET", "path": f"/messages?conversation_id={talk}"}
    assert client.post("/api/v1/messages/bulk", json=rows).status_code == 201
    assert client.post("/api/v1/messages/bulk", json=rows).status_code == 201
    lists = done(client, read, read, {"method": "GET", "path": f"/messages/count?conversation_id={talk}"}, read)
    assert [len(each["body"]) for each in lists if isinstance(each["body"], list)] == [1201] * 3


def test_very_many_rows_can_be_made_in_one_batch(client: FlaskClient):
    owner = user(client)["id"]
    body = [{"user_id": owner, "title": "x"}] * 1000
    operations = [{"name": "first", "method": "POST", "path": "/tasks/bulk?fields=user_id,title", "body": body}]
    operations += [
        {"method": "POST", "path": "/tasks/bulk?fields=id", "body": {"$ref": "first.items"}} for _ in range(9)
    ]
    assert {answer["body"]["created_count"] for answer in done(client, *operations)} == {1000}
    assert count(client, f"tasks/count?user_id={owner}") == 10_000


@pytest.mark.parametrize("title", ["Übung", "€", "日本", "a b", "50%", "100%25", 'say "hi"', "a&b=c#d+e", "e\u0301"])
def test_a_path_a_query_and_a_body_mean_to_the_letter_what_they_mean_alone(client: FlaskClient, title: str):
    own = goal(client, title=title)["id"]
    path = f"/goals?id={own}&title__ne={''.join(sign if ord(sign) > 127 else quote(sign) for sign in title)}"
    by_path, by_query, found, changed = done(
        client,
        {"method": "DELETE", "path": path},
        {"method": "DELETE", "path": f"/goals?id={own}", "query": {"title__ne": title}},
        {"method": "GET", "path": f"/goals?id={own}", "query": {"title": title}},
        {"method": "PATCH", "path": f"/go%61ls/{own}", "body": {"description": title}},
    )
    assert by_path["body"] == by_query["body"] == {"deleted_count": 0}
    assert [row["title"] for row in found["body"]["items"]] == [title]
    assert changed["body"]["description"] == title


@pytest.mark.parametrize(
    "query",
    [{"$ref": "a.items"}, {"$literal": "x"}, {"$literal": None}, {"$ref": "a.total"}, {"$literal": [["a", "b"]]}],
)
def test_what_stands_for_a_query_and_is_no_object_is_422(client: FlaskClient, query: Any):
    answer = run(
        client,
        {"name": "a", "method": "GET", "path": "/goals"},
        {"method": "GET", "path": "/goals", "query": query},
    )
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/operations/1/query")


@pytest.mark.parametrize("index", ["9" * 5000, "1" * 10, "-1", "01x", "٣", "1e2"])
def test_an_index_that_is_none_leads_nowhere(client: FlaskClient, index: str):
    goal(client)
    read = {"name": "a", "method": "GET", "path": "/goals"}
    reference = f"a.items.{index}.id"
    refers = {"method": "PATCH", "path": "/goals", "query": {"id": {"$ref": reference}}, "body": {"title": "x"}}
    assert run(client, read, refers).status_code == 422
    assert done(client, read, refers | {"skip_if_missing": reference})[1]["skipped"]


def test_operations_beyond_the_most_are_counted_and_not_looked_at(client: FlaskClient):
    answer = client.post(BATCH, json={"operations": [{}] * 100_000})
    assert (answer.status_code, len(answer.json["errors"])) == (422, 1)
    assert "1 to 100 operations" in answer.json["errors"][0]["detail"]
