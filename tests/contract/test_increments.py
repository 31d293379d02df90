"""Counters: amounts are added to numbers in columns and inside objects, and nothing else is."""

import pytest
from entities import ALL, NOWHERE, conversation, goal, message, task, user
from flask.testing import FlaskClient

COUNTED = [
    ("users", user, {"monthly_token_usage": {"total": 120}}),
    ("goals", goal, {"target_weeks": 2}),
    ("tasks", task, {"duration_minutes": 5}),
    ("conversations", conversation, {"duration_seconds": 60}),
]


def increment(client: FlaskClient, path: str, row: dict, amounts: object, more: str = ""):
    return client.post(f"/api/v1/{path}/{row['id']}/increment{more}", json=amounts)


@pytest.mark.parametrize(("path", "make", "amounts"), COUNTED, ids=[each[0] for each in COUNTED])
def test_what_is_missing_counts_as_nothing_and_the_row_is_answered(client: FlaskClient, path, make, amounts):
    row = make(client)
    for times in (1, 2):
        answer = increment(client, path, row, amounts)
        assert (answer.status_code, answer.headers["ETag"]) == (200, f'"{times + 1}"')
        for column, amount in amounts.items():
            expected = {"total": 120 * times} if isinstance(amount, dict) else (row[column] or 0) + amount * times
            assert answer.json[column] == expected
        assert answer.json == client.get(f"/api/v1/{path}/{row['id']}").json


def test_numbers_inside_objects_are_added_to_at_every_depth_and_the_rest_stays(client: FlaskClient):
    row = user(client, monthly_token_usage={"openai": 10, "by": {"day": {"1": 1}, "name": "x"}, "note": "n"})
    amounts = {"openai": 120, "anthropic": 7, "by": {"day": {"1": 0.5, "2": 2}}, "new": {"a": {"b": -3}}}
    assert increment(client, "users", row, {"monthly_token_usage": amounts}).json["monthly_token_usage"] == {
        "openai": 130,
        "anthropic": 7,
        "by": {"day": {"1": 1.5, "2": 2}, "name": "x"},
        "new": {"a": {"b": -3}},
        "note": "n",
    }


def test_null_inside_an_object_counts_as_nothing(client: FlaskClient):
    row = user(client, profile={"a": None, "b": None})
    assert increment(client, "users", row, {"profile": {"a": 1, "b": {"c": 2}}}).json["profile"] == {
        "a": 1,
        "b": {"c": 2},
    }


def test_sums_are_exact(client: FlaskClient):
    row = user(client, profile={"a": 0.1, "b": 9007199254740993})
    answer = increment(client, "users", row, {"profile": {"a": 0.2, "b": 1}})
    assert answer.json["profile"] == {"a": 0.3, "b": 9007199254740994}


@pytest.mark.parametrize("there", ["text", True, [1], {"b": 1}])
def test_what_is_no_number_is_409_and_nothing_changes(client: FlaskClient, there: object):
    row = user(client, profile={"a": there}, monthly_token_usage={"total": 1})
    answer = increment(client, "users", row, {"monthly_token_usage": {"total": 1}, "profile": {"a": 1}})
    assert answer.status_code == 409
    assert answer.json["code"] == "urn:flux:problem:not-a-number"
    assert client.get(f"/api/v1/users/{row['id']}").json == row


def test_a_number_where_an_object_was_meant_is_409(client: FlaskClient):
    row = user(client, profile={"a": 1})
    assert increment(client, "users", row, {"profile": {"a": {"b": 1}}}).status_code == 409


@pytest.mark.parametrize(
    ("path", "make", "amounts"),
    [
        ("tasks", task, {"title": 1}),
        ("tasks", task, {"duration_minutes": "1"}),
        ("tasks", task, {"duration_minutes": 1.5}),
        ("tasks", task, {"duration_minutes": None}),
        ("tasks", task, {"duration_minutes": True}),
        ("tasks", task, {"duration_minutes": 2**31}),
        ("tasks", task, {"version": 1}),
        ("tasks", task, {"scheduled_at": 1}),
        ("tasks", task, {}),
        ("tasks", task, [1]),
        ("users", user, {"profile": 1}),
        ("users", user, {"profile": {"a": "1"}}),
        ("users", user, {"profile": {"a": None}}),
        ("users", user, {"profile": {"a": [1]}}),
        ("users", user, {"profile": {"a": True}}),
    ],
)
def test_what_is_no_amount_is_422_and_nothing_changes(client: FlaskClient, path, make, amounts):
    row = make(client)
    assert increment(client, path, row, amounts).status_code == 422
    assert client.get(f"/api/v1/{path}/{row['id']}").json == row


def test_each_amount_that_is_none_is_pointed_to(client: FlaskClient):
    amounts = {"monthly_token_usage": {"total": "5", "openai": 1, "by": {"day": {"1": None}}}}
    problem = increment(client, "users", user(client), amounts).json
    assert {each["pointer"] for each in problem["errors"]} == {
        "#/monthly_token_usage/total", "#/monthly_token_usage/by/day/1",
    }  # fmt: skip
    assert "monthly_token_usage.total must be a number to add, or an object of such numbers." in problem["detail"]


@pytest.mark.parametrize(
    ("path", "body", "amounts"),
    [
        ("tasks", {"duration_minutes": 2**31 - 1}, {"duration_minutes": 1}),
        ("tasks", {"duration_minutes": 5}, {"duration_minutes": -5}),
        ("users", {"profile": {"a": 1e308}}, {"profile": {"a": 1e308}}),
        ("users", {"profile": {"a": -1e308}}, {"profile": {"a": -1e308}}),
    ],
)
def test_a_sum_that_the_column_cannot_hold_is_422_and_nothing_changes(client: FlaskClient, path, body, amounts):
    row = {"tasks": task, "users": user}[path](client, **body)
    assert increment(client, path, row, amounts).status_code == 422
    assert client.get(f"/api/v1/{path}/{row['id']}").json == row


def test_a_sum_that_another_row_has_is_409(client: FlaskClient):
    first = goal(client, pipeline_order=1)
    goal(client, user_id=first["user_id"], pipeline_order=2)
    assert increment(client, "goals", first, {"pipeline_order": 1}).status_code == 409


def test_a_confidence_stays_between_nought_and_one(client: FlaskClient):
    row = client.post("/api/v1/patterns", json={"user_id": user(client)["id"], "confidence": 0.5}).json
    assert increment(client, "patterns", row, {"confidence": 0.25}).json["confidence"] == 0.75
    assert increment(client, "patterns", row, {"confidence": 0.5}).status_code == 422


def test_an_increment_answers_the_shape_that_is_asked_for_and_takes_no_filters(client: FlaskClient):
    row = task(client)
    shaped = increment(client, "tasks", row, {"duration_minutes": 1}, "?fields=duration_minutes,user(timezone)")
    assert shaped.json == {"duration_minutes": 1, "user": {"timezone": "UTC"}}
    assert increment(client, "tasks", row, {"duration_minutes": 1}, "?status=pending").status_code == 422


def test_a_row_that_is_not_there_is_404(client: FlaskClient):
    for entity in ALL:
        answer = client.post(f"{entity.path}/{NOWHERE}/increment", json={"duration_minutes": 1})
        assert answer.status_code in (404, 422), entity.name
    assert increment(client, "tasks", {"id": NOWHERE}, {"duration_minutes": 1}).status_code == 404


def test_where_nothing_can_be_counted_there_is_no_such_path(client: FlaskClient):
    row = message(client)
    assert increment(client, "messages", row, {"tokens_used": 1}).status_code == 404, "a transcript is not edited"
    assert increment(client, "dispatch-log", {"id": NOWHERE}, {}).status_code == 404
