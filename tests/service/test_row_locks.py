"""Which rows a write locks, in which order, and what it does about those that another session holds."""

import threading
from typing import Any

import pytest
from conftest import run_alone
from entities import task, user
from flask.testing import FlaskClient
from test_time_limits import held
from waiting import wait_until, waiting_for_locks

from app.config import Settings
from app.database import database
from app.repositories.rows import new_id

TASKS = "/api/v1/tasks"


@pytest.fixture
def owner(committing_client: FlaskClient) -> str:
    return user(committing_client)["id"]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_claim_takes_at_once_the_next_that_nobody_else_holds(
    committing_client: FlaskClient, settings: Settings, owner: str, method: str
):
    hours = [f"2026-01-01T{hour:02}:00:00Z" for hour in range(3)]
    first, *others = [task(committing_client, user_id=owner, scheduled_at=hour)["id"] for hour in hours]
    claim = f"{TASKS}?user_id={owner}&sort=scheduled_at&limit=2&skip_locked=true"
    with held(settings.database_url, f"SELECT FROM tasks WHERE id = '{first}' FOR UPDATE"):
        if method == "PATCH":
            answer = committing_client.patch(f"{claim}&return=rows", json={"status": "done"})
            assert [row["id"] for row in answer.json["items"]] == others
        else:
            assert committing_client.delete(claim).json == {"deleted_count": 2}
    assert committing_client.get(f"{TASKS}/{first}").json["status"] == "pending"


WRITES = {
    "bulk-update-state": lambda client, ids: client.post(
        f"{TASKS}/bulk-update-state", json={"task_ids": ids, "new_status": "done"}
    ),
    # By a column that has no index, whose order would be another.
    "PATCH": lambda client, ids: client.patch(f"{TASKS}?version=1", json={"status": "done"}),
    "DELETE": lambda client, ids: client.delete(f"{TASKS}?version=1"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_of_many_rows_locks_them_in_the_order_of_their_ids(
    committing_client: FlaskClient, settings: Settings, owner: str, write: Any
):
    """Two of them then wait for each other in turn, and never both: neither has what the other waits for."""
    ids = sorted(new_id() for _ in range(3))
    # The table has them the other way round.
    for each in reversed(ids):
        task(committing_client, id=each, user_id=owner)
    url, answers = settings.database_url, []

    def change() -> None:
        answers.append(write(committing_client.application.test_client(), ids[::-1]))
        database.release()

    with held(url, f"SELECT FROM tasks WHERE id = '{ids[0]}' FOR UPDATE"):
        thread = threading.Thread(target=change)
        thread.start()
        wait_until(lambda: waiting_for_locks(url) == 1)
        free = run_alone(url, "SELECT id::text FROM tasks ORDER BY id FOR UPDATE SKIP LOCKED")
    thread.join()
    assert free == [(each,) for each in ids[1:]], "it waits for the first and holds none of the others"
    assert answers[0].status_code == 200
