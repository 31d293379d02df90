"""Columns that this service does not know: no answer shows them, in whatever order the table has all of them."""

import pytest
from entities import task
from flask.testing import FlaskClient

from app.database import database

TASKS = "/api/v1/tasks"
SECRET = "of nobody's business"


@pytest.fixture
def owner(client: FlaskClient) -> str:
    """A person with a task, in tables with a column more."""
    for table in ("users", "tasks"):
        database.execute_sql(f"ALTER TABLE {table} ADD COLUMN legacy text DEFAULT %s", (SECRET,))
    return task(client)["user_id"]


def test_no_read_shows_a_column_that_the_model_does_not_know(client: FlaskClient, owner: str):
    [row] = client.get(TASKS).json["items"]
    for path in (
        f"{TASKS}/{row['id']}",
        f"{TASKS}/{row['id']}?expand=user",
        f"{TASKS}?expand=user&sort=title",
        f"{TASKS}?fields=id,user",
        f"/api/v1/users/{owner}/export",
    ):
        answer = client.get(path)
        assert answer.status_code == 200
        assert SECRET not in answer.text, path
    assert SECRET not in client.get(TASKS, headers={"Accept": "application/x-ndjson"}).text


def test_no_write_shows_a_column_that_the_model_does_not_know(client: FlaskClient, owner: str):
    [row] = client.get(TASKS).json["items"]
    new = {"user_id": owner, "title": "Run"}
    for answer in (
        client.post(TASKS, json=new),
        client.post(f"{TASKS}/bulk", json=[new]),
        client.post(f"{TASKS}?upsert=merge", json=new | {"id": row["id"]}),
        client.patch(f"{TASKS}/{row['id']}", json={"title": "Walk"}),
        client.patch(f"{TASKS}?user_id={owner}&return=rows", json={"title": "Walk"}),
    ):
        assert answer.status_code in (200, 201)
        assert SECRET not in answer.text
