"""What only goals have: a pipeline with one goal at each place, and goals above goals."""

import pytest
from entities import goal, task, user
from flask.testing import FlaskClient


def test_a_goal_gets_the_defaults_of_the_contract(client: FlaskClient):
    created = goal(client)
    assert created.items() >= {"status": "active", "target_weeks": 6, "pipeline_order": None, "plan_json": None}.items()


def test_every_field_of_a_goal_is_kept(client: FlaskClient):
    owner = user(client)["id"]
    given = {
        "user_id": owner,
        "title": "Läuft 🏃",
        "description": "slowly",
        "class_tags": ["Health", 'with "quotes", commas', ""],
        "status": "pipeline",
        "parent_goal_id": goal(client, user_id=owner)["id"],
        "pipeline_order": -3,
        "activated_at": "2026-03-01T09:00:00+00:00",
        "completed_at": "2026-03-02T09:00:00.123456+00:00",
        "target_weeks": 2147483647,
        "plan_json": {"steps": []},
    }
    assert client.post("/api/v1/goals", json=given).json.items() >= given.items()


@pytest.mark.parametrize("status", ["pipeline", "active"])
def test_an_open_goal_holds_its_place_in_the_pipeline_alone(client: FlaskClient, status: str):
    owner = user(client)["id"]
    goal(client, user_id=owner, pipeline_order=1, status="pipeline")
    body = {"user_id": owner, "title": "Another", "pipeline_order": 1, "status": status}
    answer = client.post("/api/v1/goals", json=body)
    assert answer.status_code == 409
    assert [error["pointer"] for error in answer.json["errors"]] == ["#/user_id", "#/pipeline_order"]


def test_a_closed_goal_frees_its_place(client: FlaskClient):
    owner = user(client)["id"]
    for status in ("completed", "abandoned", "active"):
        goal(client, user_id=owner, pipeline_order=1, status=status)
    goal(client, user_id=owner, pipeline_order=2, status="active")


def test_goals_without_a_place_do_not_collide(client: FlaskClient):
    owner = user(client)["id"]
    assert goal(client, user_id=owner)["pipeline_order"] is goal(client, user_id=owner)["pipeline_order"] is None


def test_deleting_a_goal_frees_what_referred_to_it(client: FlaskClient):
    owner = user(client)["id"]
    parent = goal(client, user_id=owner)["id"]
    child = goal(client, user_id=owner, parent_goal_id=parent)
    todo = task(client, user_id=owner, goal_id=parent)

    client.delete(f"/api/v1/goals/{parent}")

    assert client.get(f"/api/v1/goals/{child['id']}").json["parent_goal_id"] is None
    freed = client.get(f"/api/v1/tasks/{todo['id']}")
    assert freed.json["goal_id"] is None
    assert freed.headers["ETag"] == '"2"', "the row changed, so its version must say so"


def test_a_whole_number_may_be_written_with_a_point(client: FlaskClient):
    assert goal(client, target_weeks=6.0)["target_weeks"] == 6


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", ""),
        ("title", "x" * 501),
        ("target_weeks", 0),
        ("target_weeks", 2**31),
        ("target_weeks", 1.5),
        ("target_weeks", True),
        ("target_weeks", "6"),
        ("pipeline_order", -(2**31) - 1),
        ("status", "done"),
        ("class_tags", "Health"),
        ("class_tags", [1]),
        ("class_tags", [None]),
        ("plan_json", []),
        ("plan_json", "text"),
        ("user_id", "42"),
    ],
)
def test_a_wrong_value_names_its_field(client: FlaskClient, name: str, value: object):
    answer = client.post("/api/v1/goals", json={"user_id": user(client)["id"], "title": "Run", name: value})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"].startswith(f"#/{name}")
    assert answer.json["detail"].startswith(name)
