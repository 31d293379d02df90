"""Bounded waiting: each limit has its answer, and the connection that met it can be used again."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from conftest import flask, run_alone, temporary_database, url_with
from flask import Flask, request_finished
from flask.testing import FlaskClient
from neighbours import running_pgbouncer

from app.config import Settings
from app.database import atomic, configure, database
from app.database.migrations import LOCK
from app.development.embedded import EmbeddedServer
from app.errors import Unavailable
from app.repositories import users

USERS = "/api/v1/users"


@pytest.fixture
def configured(app: Flask, settings: Settings) -> Iterator[Callable[..., FlaskClient]]:
    """Lets a test set limits, on a pool of one connection; what the suite uses comes back afterwards."""

    def configured_with(**limits: int) -> FlaskClient:
        database.release()
        configure(replace(settings, database_pool_size=1, **limits))
        return app.test_client()

    yield configured_with
    database.release()
    configure(settings)


@contextmanager
def held(url: str, statement: str) -> Iterator[psycopg2.extensions.cursor]:
    """Hold what the statement locks, in a session of its own."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            yield cursor
    finally:
        connection.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("limit", "status", "kind"),
    [("database_lock_timeout", 503, "busy"), ("database_statement_timeout", 504, "timed-out")],
)
def test_a_statement_that_takes_too_long_is_answered_and_its_connection_goes_on(
    configured, settings: Settings, method: str, limit: str, status: int, kind: str
):
    client = configured(**{limit: 2})
    body = {"email": "ada@example.com"} if method == "POST" else None
    with held(settings.database_url, "LOCK TABLE users"):
        answer = client.open(USERS, method=method, json=body)
    assert (answer.status_code, answer.json["code"]) == (status, f"urn:flux:problem:{kind}")
    assert int(answer.headers["Retry-After"]) >= 1
    assert client.get(USERS).json["total"] == 0
    assert database.is_closed()


@pytest.fixture(params=["directly", "by a pooler"])
def url(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[str]:
    """The URL of the suite's database."""
    if request.param == "directly":
        yield settings.database_url
    else:
        with running_pgbouncer(tmp_path, settings.database_url) as pooled:
            yield pooled


@pytest.mark.parametrize("alone", [True, False], ids=["by itself", "in a batch"])
def test_a_request_ends_at_its_limit_whatever_its_statements_may_take(configured, settings, url: str, alone: bool):
    client = configured(database_url=url, request_timeout=1, database_lock_timeout=0)
    work = [{"method": "POST", "path": "/users", "body": {"email": "ada@example.com"}}]
    work.append({"method": "GET", "path": "/goals"})
    began = time.monotonic()
    with held(settings.database_url, "LOCK TABLE goals"):
        answer = client.get("/api/v1/goals") if alone else client.post("/api/v1/batch", json={"operations": work})
    assert (answer.status_code, answer.json["code"]) == (504, "urn:flux:problem:timed-out")
    assert 1 <= time.monotonic() - began < 5
    assert client.get(USERS).json["total"] == 0


def test_no_operation_of_a_batch_begins_behind_its_limit(configured):
    client = configured(request_timeout=1)
    made = [{"method": "POST", "path": "/users", "body": {"email": f"{n}@example.com"}} for n in range(3)]
    with request_finished.connected_to(lambda *_, **__: time.sleep(0.6)):
        answer = client.post("/api/v1/batch", json={"operations": made})
    assert (answer.status_code, answer.json["operation"]["index"]) == (504, 2)
    assert "longer than the 1 s" in answer.json["detail"]
    assert users.count() == 0


def test_when_no_connection_is_free_in_time_the_answer_says_when_to_try_again(configured):
    client = configured(database_pool_wait=1)
    taken, done = threading.Event(), threading.Event()

    def take() -> None:
        database.connect()
        taken.set()
        done.wait()
        database.release()

    thread = threading.Thread(target=take)
    thread.start()
    taken.wait()
    answer = client.get(USERS)
    done.set()
    thread.join()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert client.get(USERS).status_code == 200


def test_a_transaction_that_stands_still_is_ended_and_frees_what_it_holds(configured):
    configured(database_idle_transaction_timeout=1)
    with pytest.raises(Unavailable), atomic():
        users.create({"email": "ada@example.com"})
        time.sleep(1.5)
        users.count()
    database.release()
    assert users.count() == 0


def test_limits_of_zero_are_none_whatever_the_role_has(configured, settings: Settings):
    configured(database_statement_timeout=0, database_lock_timeout=7)
    assert database.read("SHOW statement_timeout") == [("0",)]
    assert database.read("SHOW lock_timeout") == [("7s",)]


def test_behind_a_pooler_too_limits_of_zero_are_none(configured, postgres: EmbeddedServer, tmp_path: Path):
    with temporary_database(postgres, "unlimited") as url, running_pgbouncer(tmp_path, url) as pooled:
        name = run_alone(url, "SELECT current_database()")[0][0]
        run_alone(url, f"ALTER ROLE CURRENT_USER IN DATABASE {name} SET statement_timeout = '40ms'")
        configured(database_url=pooled, database_statement_timeout=0)
        assert database.read("SHOW statement_timeout") == [("0",)]
        database.release()
        database.close_idle()


def test_what_the_url_asks_for_goes_before_the_settings(configured, settings: Settings):
    configured(database_url=url_with(settings.database_url, options="-c statement_timeout=5000"))
    assert database.read("SHOW statement_timeout") == [("5s",)]
    assert database.read("SHOW lock_timeout") == [("10s",)]


def test_a_network_that_fell_silent_is_noticed(configured):
    configured()
    assert database.connection().get_dsn_parameters()["tcp_user_timeout"] == "30000"


def test_a_migration_may_take_its_time(postgres: EmbeddedServer):
    with temporary_database(postgres, "patient") as url, held(url, f"SELECT pg_advisory_lock({LOCK})") as holder:

        def let_go_after_the_limit() -> None:
            holder.execute("SELECT pg_sleep(2.5); SELECT pg_advisory_unlock_all()")

        thread = threading.Thread(target=let_go_after_the_limit)
        thread.start()
        limits = {"DATABASE_STATEMENT_TIMEOUT": "1", "DATABASE_LOCK_TIMEOUT": "1"}
        done = flask("db", "upgrade", DATABASE_URL=url, **limits)
        thread.join()
    assert done.returncode == 0, done.stderr


def test_copied_rows_are_undone_with_the_block_that_they_begin(configured):
    configured()
    row = io.StringIO("0198f3c2-0000-7000-8000-000000000001\tada@example.com\n")
    with pytest.raises(KeyError), atomic():
        database.cursor().copy_expert("COPY users (id, email) FROM STDIN", row)
        raise KeyError
    assert users.count() == 0
