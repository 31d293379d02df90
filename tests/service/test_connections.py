"""The pool: bounded, lazy, and not shaken by a database that goes away for a moment."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from conftest import run_alone
from flask import Flask
from flask.testing import FlaskClient
from waiting import wait_until

from app.config import Settings
from app.database import atomic, configure, database, pool
from app.errors import Busy, Unavailable
from app.repositories import users

SESSIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'flux-dao'
"""
TERMINATE = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
def other_settings(app: Flask, settings: Settings) -> Iterator[None]:
    """Lets a test configure the pool otherwise; what the suite uses comes back afterwards."""
    database.release()
    yield
    database.release()
    configure(settings)


def test_a_request_gives_its_connection_back(committing_client: FlaskClient):
    committing_client.get("/api/v1/users")
    assert database.is_closed()


def sessions(settings: Settings) -> int:
    """How many connections of this service the database has."""
    return run_alone(settings.database_url, SESSIONS)[0][0]


def test_a_request_that_needs_no_database_takes_no_connection(committing_client: FlaskClient, settings: Settings):
    database.release()
    database.close_idle()
    wait_until(lambda: sessions(settings) == 0)
    committing_client.get("/health")
    committing_client.post("/api/v1/users", json={})
    assert sessions(settings) == 0


def test_a_connection_in_an_open_transaction_is_given_to_nobody(committing_client: FlaskClient):
    database.execute_sql("BEGIN")
    database.execute_sql("INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'ada@example.com')")
    database.release()
    assert users.count() == 0


def test_a_write_to_a_server_that_became_a_standby_is_503_and_the_next_goes_to_another_session(
    committing_client: FlaskClient,
):
    database.execute_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    database.release()
    answer = committing_client.post("/api/v1/users", json={"email": "a@b.io"})
    assert (answer.status_code, answer.json["code"]) == (503, "urn:flux:problem:unavailable")
    assert committing_client.post("/api/v1/users", json={"email": "a@b.io"}).status_code == 201


def test_a_connection_is_used_again(committing_client: FlaskClient):
    database.close_idle()
    pids = set()
    for _ in range(5):
        pids.update(database.read("SELECT pg_backend_pid()"))
        database.release()
    assert len(pids) == 1


def test_when_all_connections_stay_in_use_the_wait_is_bounded(settings: Settings, other_settings: None):
    configure(replace(settings, database_pool_size=1, database_pool_wait=1))
    database.connect()

    def read() -> None:
        with pytest.raises(Busy, match="DATABASE_POOL_SIZE"):
            users.count()
        database.release()
        waited.set()

    waited = threading.Event()
    thread = threading.Thread(target=read)
    thread.start()
    assert waited.wait(30)
    thread.join()
    database.close()
    assert users.count() == 0, "the slot is free again"


def test_a_read_that_finds_its_connection_dead_is_repeated(committing_client: FlaskClient, settings: Settings):
    committing_client.get("/api/v1/users")
    run_alone(settings.database_url, TERMINATE)
    assert committing_client.get("/api/v1/users").status_code == 200


def test_a_write_that_finds_its_connection_dead_begins_on_a_new_one(committing_client: FlaskClient, settings: Settings):
    committing_client.get("/api/v1/users")
    run_alone(settings.database_url, TERMINATE)
    assert committing_client.post("/api/v1/users", json={"email": "a@b.io"}).status_code == 201


def test_a_transaction_that_loses_its_connection_is_not_repeated(committing_client: FlaskClient, settings: Settings):
    with pytest.raises(Unavailable), atomic():
        users.create({"email": "a@b.io"})
        run_alone(settings.database_url, TERMINATE)
        users.create({"email": "c@d.io"})
    database.release()
    assert users.count() == 0


def test_a_connection_that_was_idle_for_long_is_asked_whether_it_is_alive(
    committing_client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    committing_client.get("/api/v1/users")
    run_alone(settings.database_url, TERMINATE)
    monkeypatch.setattr(pool, "PROBE_AFTER_IDLE_SECONDS", -1)
    assert committing_client.get("/api/v1/users").status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_database_that_is_not_there_is_503(settings: Settings, other_settings: None, app: Flask, method: str):
    configure(replace(settings, database_url="postgresql://127.0.0.1:1/x"))
    answer = app.test_client().open(
        "/api/v1/users", method=method, json={"email": "a@b.io"} if method == "POST" else None
    )
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.json["code"] == "urn:flux:problem:unavailable"
    assert "127.0.0.1" not in answer.text


def test_sessions_are_in_utc_whatever_the_database_prefers(settings: Settings, other_settings: None):
    run_alone(settings.database_url, "ALTER ROLE CURRENT_USER SET timezone = 'Asia/Dubai'")
    try:
        database.close_idle()
        assert database.read("SHOW TimeZone") == [("UTC",)]
    finally:
        database.release()
        run_alone(settings.database_url, "ALTER ROLE CURRENT_USER RESET timezone")


def test_what_keeps_sessions_from_utc_keeps_no_statement_from_it(
    settings: Settings, other_settings: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PGTZ", "Asia/Dubai")
    configure(replace(settings, database_pool_size=1))
    with atomic():
        assert database.read("SHOW TimeZone") == [("UTC",)]
    assert database.read("SHOW TimeZone") == [("UTC",)]
