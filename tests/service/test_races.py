"""Callers at the same moment: threads that commit against the real database."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from entities import goal, task, user
from flask.testing import FlaskClient

from app.database import atomic, database
from app.database.transactions import ATTEMPTS, ATTEMPTS_IN_STRICT_ISOLATION
from app.errors import Contended
from app.repositories import tasks, users


def at_the_same_moment(calls: list[Callable[[], Any]]) -> list[Any]:
    """What the calls return, each made by a thread of its own, all let go together."""
    barrier = Barrier(len(calls))

    def let_go(call: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return call()
        finally:
            database.release()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(let_go, calls))


def test_of_eight_that_take_one_address_one_gets_it(committing_client: FlaskClient):
    def take() -> int:
        return committing_client.application.test_client().post("/api/v1/users", json={"email": "a@b.io"}).status_code

    assert Counter(at_the_same_moment([take] * 8)) == {201: 1, 409: 7}
    assert committing_client.get("/api/v1/users").json["total"] == 1


def test_of_eight_that_take_one_place_in_a_pipeline_one_gets_it(committing_client: FlaskClient):
    body = {"user_id": user(committing_client)["id"], "title": "Run", "pipeline_order": 1}

    def take() -> int:
        return committing_client.application.test_client().post("/api/v1/goals", json=body).status_code

    assert Counter(at_the_same_moment([take] * 8)) == {201: 1, 409: 7}


@pytest.mark.parametrize("round", range(5))
def test_no_task_names_a_goal_that_was_deleted_in_the_same_moment(committing_client: FlaskClient, round: int):
    owner = user(committing_client)["id"]
    plan = goal(committing_client, user_id=owner)["id"]
    client = committing_client.application.test_client

    def share() -> int:
        body = {"user_id": owner, "title": "Run", "shared_with_goal_ids": [plan]}
        return client().post("/api/v1/tasks", json=body).status_code

    def remove() -> int:
        return client().delete(f"/api/v1/goals/{plan}").status_code

    *shared, removed = at_the_same_moment([share] * 6 + [remove])
    assert (set(shared) <= {201, 409}, removed) == (True, 204)
    rows = committing_client.get("/api/v1/tasks").json["items"]
    assert len(rows) == shared.count(201)
    assert all(row["shared_with_goal_ids"] == [] for row in rows)


def test_overlapping_bulk_updates_in_any_order_never_deadlock(committing_client: FlaskClient):
    owner = user(committing_client)["id"]
    ids = [task(committing_client, user_id=owner)["id"] for _ in range(100)]

    def update(status: str, order: int) -> Callable[[], Any]:
        body = {"task_ids": ids[::order], "new_status": status}
        client = committing_client.application.test_client()
        return lambda: client.post("/api/v1/tasks/bulk-update-state", json=body)

    answers = at_the_same_moment([update(status, order) for status in ("done", "missed") * 2 for order in (1, -1)])
    assert [answer.status_code for answer in answers] == [200] * 8
    assert {answer.json["updated_count"] for answer in answers} == {100}
    rows = committing_client.get("/api/v1/tasks?limit=1000").json["items"]
    assert len({row["status"] for row in rows}) == 1, "each update is all or nothing"
    assert {row["version"] for row in rows} == {9}


def test_versions_count_every_change_of_parallel_writers(committing_client: FlaskClient):
    path = f"/api/v1/goals/{goal(committing_client)['id']}"
    client = committing_client.application.test_client

    def change() -> int:
        return client().patch(path, json={"target_weeks": 2}).json["version"]

    assert sorted(at_the_same_moment([change] * 8)) == list(range(2, 10))


def test_a_deadlock_is_settled_by_repeating_the_whole_block(committing_client: FlaskClient):
    first, second = (task(committing_client)["id"] for _ in range(2))
    both_hold_one = Barrier(2)
    runs = Counter()

    def crossing(mine: str, other: str) -> Callable[[], str]:
        @atomic()
        def change() -> str:
            runs[mine] += 1
            tasks.update(mine, {"title": mine})
            if runs[mine] == 1:
                both_hold_one.wait()
            return tasks.update(other, {"title": mine})["title"]

        return change

    assert at_the_same_moment([crossing(first, second), crossing(second, first)]) == [first, second]
    # Seldom more than once: the victim may lock its row again before the other comes to it.
    assert sum(runs.values()) >= 3, "one of the two ran again"


def test_inside_an_outer_transaction_nothing_is_repeated(committing_client: FlaskClient):
    runs = Counter()

    @atomic()
    def contended() -> None:
        runs["made"] += 1
        raise Contended("Always.")

    with pytest.raises(Contended), atomic():
        contended()
    assert runs["made"] == 1
    with pytest.raises(Contended):
        contended()
    assert runs["made"] == 1 + (ATTEMPTS_IN_STRICT_ISOLATION if database.strict else ATTEMPTS)


def test_a_block_that_fails_leaves_nothing(committing_client: FlaskClient):
    with pytest.raises(RuntimeError), atomic():
        users.create({"email": "a@b.io"})
        raise RuntimeError
    assert users.count() == 0


def test_an_inner_block_that_fails_leaves_the_outer_one_whole(committing_client: FlaskClient):
    with atomic():
        users.create({"email": "a@b.io"})
        with pytest.raises(RuntimeError), atomic():
            users.create({"email": "c@d.io"})
            raise RuntimeError
    assert users.count() == 1
