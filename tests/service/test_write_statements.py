"""What careful writes cost: how many statements each kind sends, and that each finds its rows by an index."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from entities import EDITABLE, NOWHERE, Entity, goal, task, user
from flask import Flask
from flask.testing import FlaskClient
from psycopg2 import extensions
from test_statements import FILL, RecordingCursor, assert_query_count, plan, sent

from app.database import database
from app.repositories import idempotency

CONTROLS = ("BEGIN", "SAVEPOINT", "RELEASE", "COMMIT", "ROLLBACK")
MERGE = {"Content-Type": "application/merge-patch+json"}
KEY = {"Idempotency-Key": "k"}
# BEGIN, which within the test's transaction is a savepoint; the statement; COMMIT.
ONE_STATEMENT = 3


def statements_of(work: Callable[[], Any]) -> list[str]:
    """What the work sends beside BEGIN, COMMIT and savepoints."""
    database.connection().cursor_factory = RecordingCursor
    sent.clear()
    try:
        assert work().status_code < 500
    finally:
        database.connection().cursor_factory = None
    return [each for each in sent if each not in CONTROLS]


@pytest.mark.parametrize("entity", EDITABLE, ids=lambda entity: entity.name)
def test_versions_conditions_and_merging_cost_no_statement(client: FlaskClient, entity: Entity):
    place = client.post(entity.path, json=entity.body(client)).headers["Location"]
    with assert_query_count(ONE_STATEMENT):
        assert client.patch(place, json=entity.patch, headers={"If-Match": '"1"'}).status_code == 200
    with assert_query_count(ONE_STATEMENT):
        assert client.patch(f"{place}?version__lt=9", json=entity.patch, headers=MERGE).status_code == 200
    with assert_query_count(ONE_STATEMENT):
        assert client.delete(f"{place}?version__lt=9", headers={"If-Match": '"3"'}).status_code == 204


def test_only_a_condition_that_is_not_met_reads_the_row(client: FlaskClient):
    place = f"/api/v1/tasks/{task(client)['id']}"
    assert statements_of(lambda: client.patch(f"{place}?status=done", json={"title": "x"})) == ["UPDATE", "SELECT"]
    assert statements_of(lambda: client.delete(f"{place}?status=done")) == ["DELETE", "SELECT"]


def test_a_write_by_filter_and_the_rows_that_it_answers_are_one_statement(client: FlaskClient):
    owner = task(client)["user_id"]
    path = f"/api/v1/tasks?user_id={owner}&limit=50&skip_locked=true&sort=scheduled_at"
    with assert_query_count(ONE_STATEMENT):
        client.patch(f"{path}&return=rows&expand=user,goal", json={"title": "x"})
    with assert_query_count(ONE_STATEMENT):
        client.patch(f"/api/v1/tasks?user_id={owner}&max_affected=1", json={"title": "x"})
    with assert_query_count(ONE_STATEMENT):
        client.delete(path)


def test_an_increment_is_one_statement(client: FlaskClient):
    place = f"/api/v1/users/{user(client)['id']}/increment"
    with assert_query_count(ONE_STATEMENT):
        client.post(place, json={"monthly_token_usage": {"a": 1, "b": {"c": 2}}, "profile": {"n": 1}})


def test_a_thousand_rows_are_one_statement(client: FlaskClient):
    bodies = [{"email": f"{number}@b.io", "profile": {"n": number}} for number in range(1000)]
    mixed = [body if number % 2 else {"email": body["email"], "onboarded": True} for number, body in enumerate(bodies)]

    def post(query: str, rows: list[dict]) -> list[str]:
        return statements_of(lambda: client.post(f"/api/v1/users/bulk{query}", json=rows))

    assert post("", bodies) == ["INSERT"]
    assert post("?upsert=merge", bodies) == ["INSERT"]
    assert post("?upsert=merge", mixed) == ["INSERT"], "whatever each of them names"
    assert post("?upsert=ignore", bodies) == ["INSERT", "SELECT"], "what is left alone is read once"
    owner = user(client)["id"]
    rows = [{"user_id": owner, "title": "x"}] * 1000
    assert statements_of(lambda: client.post("/api/v1/tasks/bulk", json=rows)) == ["INSERT"]
    change = {"title": "y"}
    assert statements_of(lambda: client.patch(f"/api/v1/tasks?user_id={owner}", json=change)) == ["WITH"]
    assert statements_of(lambda: client.delete(f"/api/v1/tasks?user_id={owner}")) == ["WITH"]


def test_an_upsert_of_one_row_is_one_statement(client: FlaskClient):
    path, body = "/api/v1/users?upsert=merge", {"email": "a@b.io", "onboarded": True}
    for _ in range(2):
        assert statements_of(lambda: client.post(path, json=body)) == ["INSERT"]


def test_a_key_costs_one_statement_and_nothing_without_it(client: FlaskClient):
    place = f"/api/v1/goals/{goal(client)['id']}"
    with assert_query_count(ONE_STATEMENT):
        client.patch(place, json={"title": "x"})
    with assert_query_count(ONE_STATEMENT + 1):
        client.patch(place, json={"title": "x"}, headers=KEY)


def test_a_batch_is_one_transaction_with_one_statement_for_each_operation(client: FlaskClient):
    owner = user(client)["id"]
    operations = [
        {"name": "goal", "method": "POST", "path": "/goals", "body": {"user_id": owner, "title": "x"}},
        {"method": "PATCH", "path": "/goals", "query": {"id": {"$ref": "goal.id"}}, "body": {"title": "y"}},
        {"method": "POST", "path": f"/users/{owner}/increment", "body": {"profile": {"n": 1}}},
        {"method": "DELETE", "path": "/goals", "query": {"id": {"$ref": "goal.id"}}},
    ]
    with assert_query_count(len(operations) + 2):
        assert client.post("/api/v1/batch", json={"operations": operations}).status_code == 200


@pytest.fixture(scope="module")
def filled(app: Flask) -> Iterator[FlaskClient]:
    """A client on tables that are large enough for the planner to choose an index."""
    database.execute_sql(FILL)
    database.execute_sql(MORE)
    database.execute_sql("ANALYZE")
    yield app.test_client()
    database.execute_sql("TRUNCATE users, idempotency_keys CASCADE")
    database.release()


MORE = """
INSERT INTO dispatch_log (id, task_id, channel, status)
    SELECT gen_random_uuid(), id, 'push', CASE WHEN random() < 0.01 THEN 'pending' ELSE 'dispatched' END FROM tasks;
UPDATE tasks SET status = 'done' WHERE scheduled_at > now() + interval '2 hours';
INSERT INTO idempotency_keys SELECT '', i::text, '', 201, '{}', '', now() + interval '1 day'
    FROM generate_series(1, 10000) i;
"""
CLAIM = "status=pending&reminder_sent_at__isnull=true&scheduled_at__lte=now&sort=scheduled_at&limit=50&skip_locked=true"
# The same in each process, since the names of the tests are made of them.
ONE = f"/{NOWHERE}"
PLANS = [
    ("PATCH", f"/tasks?{CLAIM}&return=rows", {"reminder_sent_at": "now"}, "tasks_pending"),
    ("PATCH", f"/tasks?{CLAIM}&return=rows&expand=user", {"reminder_sent_at": "now"}, "tasks_pending"),
    ("DELETE", f"/tasks?{CLAIM}", None, "tasks_pending"),
    ("PATCH", "/dispatch-log?status=pending&created_at__lte=now&sort=created_at&limit=50&skip_locked=true",
     {"status": "failed"}, "dispatch_log_open"),
    ("PATCH", f"/tasks?goal_id={NOWHERE}&status=pending", {"status": "done"}, "tasks_by_goal"),
    ("PATCH", f"/tasks?id__in={NOWHERE},{NOWHERE[:-1]}1", {"status": "done"}, "tasks_pkey"),
    ("DELETE", f"/tasks?user_id={NOWHERE}&status=pending", None, "tasks_by_user"),
    ("PATCH", f"/tasks{ONE}?status=pending&user.timezone=UTC", {"title": "x"}, "tasks_pkey"),
    ("DELETE", f"/tasks{ONE}?status=pending", None, "tasks_pkey"),
    ("POST", f"/users{ONE}/increment", {"profile": {"n": 1}}, "users_pkey"),
    ("POST", "/users?upsert=merge", {"email": "1@b.io", "onboarded": True}, "users_email_key"),
]  # fmt: skip


def write_sent_by(client: FlaskClient, method: str, path: str, body: object) -> str:
    """The first statement that a write sends, with its values."""
    statements: list[str] = []

    class Cursor(extensions.cursor):
        def execute(self, query, vars=None):
            statements.append(self.mogrify(query, vars).decode())
            return super().execute(query, vars)

    with database.atomic() as transaction:
        database.connection().cursor_factory = Cursor
        try:
            client.open(f"/api/v1{path}", method=method, json=body)
        finally:
            database.connection().cursor_factory = None
            transaction.rollback()
    return statements[0].rpartition("SAVEPOINT")[2].partition(";")[2]


@pytest.mark.parametrize(("method", "path", "body", "index"), PLANS, ids=lambda each: str(each)[:60])
def test_a_write_finds_its_rows_by_an_index(filled: FlaskClient, method: str, path: str, body: object, index: str):
    found = plan(write_sent_by(filled, method, path, body))
    assert index in found
    assert "Seq Scan" not in found


def test_a_stored_answer_is_found_and_kept_by_its_key(filled: FlaskClient):
    named = {"caller": "", "key": "77"}
    values = named | {"request": b"", "status": 201, "headers": "{}", "body": b"", "lifetime": timedelta(hours=1)}
    for statement in (idempotency.FIND.bind(named), idempotency.STORE.bind(values)):
        assert "idempotency_keys_pkey" in plan(*statement)
    assert "idempotency_keys_by_expiry" in plan("SELECT FROM idempotency_keys WHERE expires_at <= now()")
