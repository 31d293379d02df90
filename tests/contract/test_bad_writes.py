"""Writes that are hostile, or honest mistakes: each is 4xx with a problem of its own kind, and nothing has changed."""

from collections.abc import Iterator
from typing import Any

import pytest
from entities import ALL, NOWHERE, goal, task, user
from flask.testing import FlaskClient

from app.api.problems import KINDS

BATCH = "/api/v1/batch"
USER = {"method": "POST", "path": "/users", "body": {"email": "first@b.io"}}


@pytest.fixture(autouse=True)
def nothing_changes(client: FlaskClient) -> Iterator[None]:
    """A person with a goal and a task, who are the same, and alone, when the test has ended."""
    row = goal(client, pipeline_order=1, plan_json={"a": "text"})
    task(client, user_id=row["user_id"], goal_id=row["id"], duration_minutes=5)

    def all_rows() -> list[Any]:
        return [client.get(f"/api/v1/{table}").json for table in ("users", "goals", "tasks")]

    def counts() -> list[int]:
        return [client.get(f"{entity.path}/count").json["count"] for entity in ALL]

    before = all_rows(), counts()
    yield
    assert (all_rows(), counts()) == before


def refused(client: FlaskClient, *operations: Any, status: int = 422) -> dict[str, Any]:
    """The problem of a batch that first makes a person and then does these operations."""
    answer = client.post(BATCH, json={"operations": [USER, *operations]})
    assert answer.status_code == status, answer.json
    return answer.json


@pytest.mark.parametrize("reference", ["unknown.id", "later.id", "self.id", "item.id", "", ".", "first", "0", "$ref"])
@pytest.mark.parametrize("place", ["query", "body", "each", "skip"])
def test_a_reference_to_no_earlier_operation_is_told(client: FlaskClient, reference: str, place: str):
    ref = {"$ref": reference}
    operation = {
        "query": {"method": "GET", "path": "/users", "query": {"id": ref}},
        "body": {"method": "POST", "path": "/users", "body": {"email": ref}},
        "each": {"method": "POST", "path": "/users/bulk", "body": {"$each": reference, "body": {"email": "x@b.io"}}},
        "skip": {"method": "GET", "path": "/users", "skip_if_missing": reference},
    }[place]
    problem = refused(client, operation | {"name": "self"}, {"name": "later", "method": "GET", "path": "/users"})
    if reference or place != "skip":
        assert problem["code"] == "urn:flux:problem:reference-not-resolved"
        assert problem["operation"] == {"index": 1, "name": "self"}


NOWHERE_IN_A_LIST = ("nothing", "items.7", "items.-1", "items.x", "items.0.nope", "items.0.email.x", "total.x",
                     "items.٣", "items.", "", "items.00000000000000000001", "items.0x0")  # fmt: skip


@pytest.mark.parametrize("path", NOWHERE_IN_A_LIST)
def test_a_reference_that_leads_nowhere_is_told(client: FlaskClient, path: str):
    problem = refused(
        client,
        {"name": "all", "method": "GET", "path": "/users?limit=1"},
        {"method": "POST", "path": "/users", "body": {"email": {"$ref": f"all.{path}"}}},
    )
    assert problem["operation"] == {"index": 2}
    assert problem["retryable"] is False


def test_two_operations_that_refer_to_each_other_are_told(client: FlaskClient):
    problem = refused(
        client,
        {"name": "a", "method": "GET", "path": "/users", "query": {"id": {"$ref": "b.items.0.id"}}},
        {"name": "b", "method": "GET", "path": "/users", "query": {"id": {"$ref": "a.items.0.id"}}},
    )
    assert problem["code"] == "urn:flux:problem:reference-not-resolved"


@pytest.mark.parametrize("reference", [1, None, True, [], {}, ["a"], {"$ref": "a"}])
def test_a_reference_that_is_no_text_is_told(client: FlaskClient, reference: object):
    for body in ({"email": {"$ref": reference}}, {"$each": reference, "body": {}}):
        refused(client, {"method": "POST", "path": "/users", "body": body})


@pytest.mark.parametrize("to", ["u", "u.email", "u.version"])
def test_each_over_what_is_no_list_is_told(client: FlaskClient, to: str):
    row = client.get("/api/v1/users").json["items"][0]
    problem = refused(
        client,
        {"name": "u", "method": "GET", "path": f"/users/{row['id']}"},
        {"method": "POST", "path": "/users/bulk", "body": {"$each": to, "body": {"email": "x@b.io"}}},
    )
    assert "$each" in problem["detail"]


@pytest.mark.parametrize(
    ("expression", "where"),
    [
        ({"$ref": "u.items"}, ""),
        ({"$literal": "x"}, ""),
        ({"id": {"$ref": "u.items.0.profile"}}, ""),
        ({"id": {"$ref": f"u.items.{'9' * 5000}.id"}}, "/id"),
        ({"id__in": ["x", {"$ref": "u.nope"}]}, "/id__in/1"),
        ({"title": {"$concat": "x"}}, "/title"),
        ({"title": {"$concat": ["x", {"$ref": "u.nope"}]}}, "/title/$concat/1"),
        ({"title": {"$concat": ["x", {"$ref": "u.items.0.profile"}]}}, "/title/$concat/1"),
        ({"title": {"$concat": [True]}}, "/title/$concat/0"),
        ({"title": {"$concat": [["x"]]}}, "/title/$concat/0"),
        ({"version": {"$add": 1}}, "/version"),
        ({"version": {"$add": [1, "1"]}}, "/version/$add/1"),
        ({"version": {"$add": [1, True]}}, "/version/$add/1"),
        ({"version": {"$add": [1, {"$ref": "u.items.0.email"}]}}, "/version/$add/1"),
        ({"id__in": {"$each": "u.items", "body": {"$ref": "item.nope"}}}, "/id__in/body"),
        ({"class_tags__contains": []}, ""),
        ({"colour": "red"}, "/colour"),
        ({"limit": {"$add": [1, 10_000]}}, "/limit"),
    ],
)  # fmt: skip
def test_a_fault_in_a_query_is_pointed_at_in_the_batch(client: FlaskClient, expression: Any, where: str):
    users = {"name": "u", "method": "GET", "path": "/users"}
    problem = refused(client, users, {"method": "GET", "path": "/tasks", "query": expression})
    assert [fault["pointer"] for fault in problem["errors"]] == [f"#/operations/2/query{where}"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"email": {"$concat": ["x", {"$ref": "u.version"}]}}, "/email"),
        ({"email": "x@b.io", "profile": {"$ref": "u.email"}}, "/profile"),
        ({"email": "x@b.io", "profile/~": 1}, "/profile~1~0"),
        ({"$literal": {"email": "x"}}, "/$literal/email"),
        ({"$ref": "u.profile"}, ""),
        ({"email": "x@b.io", "profile": {"a": [1, {"$ref": "u.nope"}]}}, "/profile/a/1"),
        ({"email": "x@b.io", "title": "x"}, "/title"),
        ({}, "/email"),
    ],
)
def test_a_fault_in_a_body_is_pointed_at_in_the_batch(client: FlaskClient, body: Any, where: str):
    source = {"name": "u", "method": "POST", "path": "/users", "body": {"email": "s@b.io", "profile": {"email": "x"}}}
    problem = refused(client, source, {"method": "POST", "path": "/users", "body": body})
    assert problem["errors"][0]["pointer"] == f"#/operations/2/body{where}"


def test_a_fault_in_what_each_has_made_is_pointed_at_where_it_was_written(client: FlaskClient):
    users = {"name": "u", "method": "GET", "path": "/users"}
    body = {"$each": "u.items", "body": {"email": "new@b.io", "timezone": {"$ref": "item.email"}}}
    problem = refused(client, users, {"method": "POST", "path": "/users/bulk", "body": body})
    assert problem["errors"][0]["pointer"] == "#/operations/2/body/body/timezone"


def test_a_fault_in_a_path_is_pointed_at(client: FlaskClient):
    [fault] = refused(client, {"method": "GET", "path": "/users?colour=red", "query": {"limit": 1}})["errors"]
    assert fault["pointer"] == "#/operations/1/path"


@pytest.mark.parametrize("condition", ["skip_if_missing", "skip_if_present"])
def test_a_condition_on_no_earlier_operation_is_pointed_at(client: FlaskClient, condition: str):
    [fault] = refused(client, {"method": "GET", "path": "/users", condition: "nobody.id"})["errors"]
    assert fault["pointer"] == f"#/operations/1/{condition}"


def test_few_expressions_cannot_stand_for_much_work(client: FlaskClient):
    """However little comes of them: each step of a walk through many elements costs."""
    source = {
        "name": "u",
        "method": "POST",
        "path": "/users",
        "body": {"email": "s@b.io", "profile": {"l": [0] * 3000}},
    }
    inner: Any = {"$concat": []}
    for _ in range(4):
        inner = {"$each": "u.profile.l", "body": inner}
    refused(client, source, {"method": "POST", "path": "/users/bulk", "body": inner}, status=413)


def test_an_operation_that_was_left_out_has_no_answer_to_refer_to(client: FlaskClient):
    problem = refused(
        client,
        {"name": "none", "method": "GET", "path": f"/users?id={NOWHERE}"},
        {"name": "left_out", "method": "GET", "path": "/users", "skip_if_missing": "none.items.0"},
        {"method": "GET", "path": "/users", "query": {"id": {"$ref": "left_out.items.0.id"}}},
    )
    assert problem["operation"] == {"index": 3}


@pytest.mark.parametrize("names", [("a", "a"), ("item",), ("a.b",), ("",), ("x" * 101,), (1,), (None,)])
def test_names_are_unique_texts_without_a_dot(client: FlaskClient, names: tuple):
    problem = refused(client, *({"name": name, "method": "GET", "path": "/users"} for name in names))
    assert problem["errors"][0]["pointer"].startswith("#/operations/")


@pytest.mark.parametrize("operations", [[], [USER] * 101, None, {}, "x", [None], [[]], ["x"], [1], [{}]])
def test_what_is_no_list_of_one_to_a_hundred_operations_is_422(client: FlaskClient, operations: object):
    assert client.post(BATCH, json={"operations": operations}).status_code == 422


@pytest.mark.parametrize("body", ["[]", "null", "1", '"x"', "{}", '{"operations": [], "more": 1}'])
def test_another_body_than_operations_is_422(client: FlaskClient, body: str):
    assert client.post(BATCH, data=body, content_type="application/json").status_code == 422


@pytest.mark.parametrize("more", [{"colour": "red"}, {"expect": {"rows": 1}}, {"expect": {"min_affected": -1}},
                                  {"expect": {"min_affected": "1"}}, {"expect": 1}, {"query": []}, {"query": "limit=1"},
                                  {"skip_if_missing": 1}, {"path": 1}, {"path": {"$ref": "a.id"}}, {"method": "get"},
                                  {"query": {"limit": None}}, {"query": {"status": {"a": 1}}},
                                  {"query": {"id__in": [["a"]]}}, {"query": {"id__in": [None]}}])  # fmt: skip
def test_an_operation_of_another_form_is_422_at_its_place(client: FlaskClient, more: dict):
    problem = refused(client, {"method": "GET", "path": "/tasks"} | more)
    assert problem["errors"][0]["pointer"].startswith("#/operations/1/")


def test_a_batch_and_a_stream_cannot_stand_in_a_batch(client: FlaskClient):
    owner = client.get("/api/v1/users").json["items"][0]["id"]
    inner = {"operations": [{"method": "GET", "path": "/users"}]}
    for operation in (
        {"method": "POST", "path": "/batch", "body": inner},
        {"method": "POST", "path": "/batch/", "body": inner},
        {"method": "GET", "path": f"/users/{owner}/export"},
    ):
        assert "cannot stand in a batch" in refused(client, operation)["detail"]


OUTSIDE = {
    "health": 422,
    "http://elsewhere/tasks": 422,
    "?x=1": 422,
    "/api/v1/tasks": 422,
    "/health": 404,
    "/../../health": 404,
    "//tasks": 404,
    "/tasks/../users": 404,
    "/openapi.json": 404,
    "/docs": 404,
    "/tasks#x": 404,
    "/tasks\n": 404,
    "/tasks\r\nX: y": 404,
    "/": 404,
    "/ tasks": 404,
    "/tasks;x": 404,
    "/bätch": 404,
    "/tasks/%2e%2e": 422,
    '/users/{"$ref": "a.id"}': 422,
    "/users/$ref": 422,
    "/tasks?limit=1#x": 422,
    "/tasks?colour=red": 422,
}


@pytest.mark.parametrize(("path", "status"), OUTSIDE.items(), ids=OUTSIDE)
def test_a_path_outside_the_api_is_refused(client: FlaskClient, path: str, status: int):
    refused(client, {"method": "GET", "path": path}, status=status)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/tasks", 422),
        ("HEAD", "/tasks", 422),
        ("OPTIONS", "/tasks", 422),
        ("get", "/tasks", 422),
        ("DELETE", "/batch", 405),
        ("PATCH", "/messages", 405),
        ("POST", f"/tasks/{NOWHERE}", 405),
        ("DELETE", "/tasks/bulk", 405),
    ],
)
def test_a_method_that_does_not_fit_is_refused(client: FlaskClient, method: str, path: str, status: int):
    refused(client, {"method": method, "path": path, "body": {}}, status=status)


def test_a_parameter_in_the_path_and_in_the_query_is_given_twice(client: FlaskClient):
    operation = {"method": "DELETE", "path": "/tasks?status=done", "query": {"status": "pending"}}
    assert "more than once" in refused(client, operation)["detail"]


@pytest.mark.parametrize("body", [None, [], "x", 1, True])
def test_a_body_that_is_no_object_is_422_in_a_batch_too(client: FlaskClient, body: object):
    refused(client, {"method": "POST", "path": "/users", "body": body})


def test_an_operation_without_a_body_that_needs_one_is_told(client: FlaskClient):
    refused(client, {"method": "POST", "path": "/users"}, status=400)
    refused(client, {"method": "PATCH", "path": "/tasks?status=pending"}, status=400)


@pytest.mark.parametrize("levels", [104, 300, 900, 1500, 5000, 100_000])
def test_an_operation_that_is_nested_too_deep_is_422(client: FlaskClient, levels: int):
    for opening, closing in (('{"a":', "}"), ("[", "]")):
        body = opening * levels + "1" + closing * levels
        text = f'{{"operations":[{{"method":"POST","path":"/users","body":{body}}}]}}'
        answer = client.post(BATCH, data=text, content_type="application/json")
        assert (answer.status_code, "nested" in answer.json["detail"]) == (422, True)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", str(2**70) + ', "b": NaN', r'"\ud800"', r'"\u0000"'])
def test_a_value_that_cannot_be_stored_is_422_and_no_null_in_its_place(client: FlaskClient, value: str):
    text = (
        f'{{"operations":[{{"method":"POST","path":"/users","body":{{"email":"x@b.io","profile":{{"a":{value}}}}}}}]}}'
    )
    answer = client.post(BATCH, data=text, content_type="application/json")
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/operations/0/body")


def test_a_few_references_cannot_stand_for_a_flood(client: FlaskClient):
    source = {"name": "big", "method": "POST", "path": "/users",
              "body": {"email": "big@b.io", "profile": {"text": "x" * 300_000, "list": [1] * 5000}}}  # fmt: skip
    many = {"a": [{"$ref": "big.profile.text"}] * 5000}
    for operation in (
        {"method": "POST", "path": "/users", "body": {"email": "y@b.io", "profile": many}},
        {"method": "POST", "path": "/users/bulk",
         "body": {"$each": "big.profile.list", "body": {"profile": {"$ref": "big.profile"}}}},
        {"method": "POST", "path": "/users/bulk",
         "body": {"$each": "big.profile.list", "body": {"email": "y" * 500_000}}},
        {"method": "GET", "path": "/users", "query": {"email__in": [{"$ref": "big.profile.text"}] * 900}},
    ):  # fmt: skip
        problem = refused(client, source, operation, status=413)
        assert problem["operation"] == {"index": 2}


@pytest.mark.parametrize("query", ["", "?limit=5", "?sort=id&skip_locked=true&max_affected=1"])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_condition_without_a_filter_is_refused_for_many(client: FlaskClient, method: str, query: str):
    assert client.open(f"/api/v1/tasks{query}", method=method, json={"status": "done"}).status_code == 422
    refused(client, {"method": method, "path": f"/tasks{query}", "body": {"status": "done"}})


NO_PARAMETERS_OF_A_WRITE = (
    "colour=red",
    "status=sleeping",
    "status__near=done",
    "limit=0&status=pending",
    "limit=1001&status=pending",
    "max_affected=0&status=pending",
    "skip=1&status=pending",
    "max_affected=100001&status=pending",
    "return=all&status=pending",
    "skip_locked=1&status=pending",
    "cursor=x&status=pending",
    "upsert=merge&status=done",
    "user.goals=1",
    "id__in=x",
    "status__in=",
    "or=()",
    "or=(status:pending",
)


@pytest.mark.parametrize("query", NO_PARAMETERS_OF_A_WRITE)
def test_a_write_by_filter_knows_no_other_parameters(client: FlaskClient, query: str):
    assert client.patch(f"/api/v1/tasks?{query}", json={"status": "done"}).status_code == 422
    assert client.delete(f"/api/v1/tasks?{query}").status_code == 422


@pytest.mark.parametrize(
    "query", ["colour=red", "limit=1", "sort=id", "status=sleeping", "skip_locked=true", "upsert=merge"]
)
def test_a_conditional_write_of_one_row_knows_only_conditions(client: FlaskClient, query: str):
    place = f"/api/v1/tasks/{client.get('/api/v1/tasks').json['items'][0]['id']}"
    assert client.patch(f"{place}?{query}", json={"status": "done"}).status_code == 422
    assert client.delete(f"{place}?{query}").status_code == 422


INJECTIONS = ("x' OR '1'='1", "x'); DROP TABLE tasks; --", "%s", "%(id)s", "\\", "$1", 'x" OR ""="', "{0}", "%%")


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_text_is_ever_read_as_sql(client: FlaskClient, text: str):
    for column in ("title", "goal.title", "goal.plan_json.a", f"goal.plan_json.{text.replace('.', '')}", "user.email"):
        assert client.delete("/api/v1/tasks", query_string={column: text}).json.get("deleted_count", 0) == 0
        query = {column: text, "return": "rows"}
        answer = client.patch("/api/v1/tasks", query_string=query, json={"title": text})
        assert answer.json.get("updated_count", 0) == 0
        assert answer.status_code in (200, 422)


def test_a_body_that_changes_under_the_same_key_is_refused(client: FlaskClient):
    place = f"/api/v1/goals/{client.get('/api/v1/goals').json['items'][0]['id']}"
    headers = {"Idempotency-Key": "k"}
    row = client.patch(f"{place}?fields=id", json={}, headers=headers)
    changed = client.patch(f"{place}?fields=id", json={"title": "x"}, headers=headers)
    assert (row.status_code, changed.status_code) == (200, 422)
    assert changed.json["code"] == "urn:flux:problem:idempotency-key-reused"


def test_a_merge_patch_of_what_is_no_object_is_refused(client: FlaskClient):
    merge = {"Content-Type": "application/merge-patch+json"}
    place = f"/api/v1/goals/{client.get('/api/v1/goals').json['items'][0]['id']}"
    for body in (
        {"plan_json": 1},
        {"plan_json": ["a"]},
        {"title": {"a": 1}},
        {"title": None},
        {"status": None},
        [],
        None,
    ):
        data = client.application.json.dumps(body)
        assert client.patch(place, data=data, headers=merge).status_code == 422
    refused(client, {"method": "PATCH", "path": place.removeprefix("/api/v1"), "body": {"plan_json": [1]},
                     "headers": merge})  # fmt: skip


def test_increments_of_what_is_no_number_or_grows_too_large_are_refused(client: FlaskClient):
    one = client.get("/api/v1/goals").json["items"][0]["id"]
    for amounts, status in (({"plan_json": {"a": 1}}, 409), ({"target_weeks": 2**31 - 1}, 422), ({"title": 1}, 422),
                            ({"target_weeks": "1"}, 422), ({"target_weeks": -6}, 422)):  # fmt: skip
        assert client.post(f"/api/v1/goals/{one}/increment", json=amounts).status_code == status
        refused(client, {"method": "POST", "path": f"/goals/{one}/increment", "body": amounts}, status=status)


def test_each_kind_of_refusal_has_a_type_of_its_own_and_says_whether_to_try_again():
    retryable = {kind.name for kind in KINDS if kind.retryable}
    names = {kind.name for kind in KINDS}
    assert names >= {"stale-version", "condition-failed", "too-many-affected", "idempotency-key-reused", "in-progress",
                     "reference-not-resolved", "expectation-unmet", "not-a-number"}  # fmt: skip
    assert retryable == {"in-progress", "rate-limited", "unavailable", "busy", "timed-out"}


def test_a_batch_of_someone_elses_rows_needs_their_owner(client: FlaskClient):
    row, other = client.get("/api/v1/tasks").json["items"][0], user(client)["id"]
    refused(client, {"method": "DELETE", "path": f"/tasks/{row['id']}", "query": {"user_id": other}}, status=404)
    client.delete(f"/api/v1/users/{other}")
