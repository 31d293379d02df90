"""Health and readiness, and the paths that lead people to the docs."""

from dataclasses import replace
from time import monotonic

from conftest import temporary_database
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.config import Settings
from app.database import configure, database
from app.development.embedded import EmbeddedServer


def test_health_needs_no_database(client: FlaskClient):
    answer = client.get("/health")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_ready_when_the_database_answers_and_is_current(app: Flask):
    answer = app.test_client().get("/ready")
    assert (answer.status_code, answer.json) == (200, {"status": "ready", "pending_migrations": []})


def test_not_ready_while_migrations_are_pending(app: Flask, settings: Settings, postgres: EmbeddedServer):
    with temporary_database(postgres, "unmigrated") as url:
        answer = ready_at(settings, url)
    assert answer.status_code == 503
    assert answer.json["status"] == "not_ready"
    assert "0001_initial" in answer.json["detail"]
    assert "flask db upgrade" in answer.json["detail"]


def test_an_unmigrated_database_is_503_with_the_sentence_of_ready(
    app: Flask, settings: Settings, postgres: EmbeddedServer
):
    with temporary_database(postgres, "unmigrated") as url:
        ready = ready_at(settings, url).json["detail"]
        answer = ready_at(settings, url, "/api/v1/users")
    assert (answer.status_code, answer.json["detail"]) == (503, ready)
    assert answer.json["code"] == "urn:flux:problem:unavailable"


def test_a_busy_pool_is_named_as_such(app: Flask, settings: Settings):
    configure(replace(settings, database_pool_size=1))
    database.connection()
    try:
        answer = app.test_client().get("/ready")
        assert answer.status_code == 503
        assert answer.json["detail"].startswith("All database connections of this worker were in use")
    finally:
        database.release()
        ready = app.test_client().get("/ready")
        configure(settings)
    assert ready.status_code == 200


def test_not_ready_within_two_seconds_when_nobody_answers(app: Flask, settings: Settings):
    # 192.0.2.1 is an address for documentation (RFC 5737): nothing is ever there.
    for url in ("postgresql://127.0.0.1:1/x", "postgresql://192.0.2.1/x"):
        answer = ready_at(settings, url)
        assert (answer.status_code, answer.json["status"]) == (503, "not_ready")
        assert "Retry-After" in answer.headers
        assert answer.seconds < 3


def ready_at(settings: Settings, url: str, path: str = "/ready"):
    """What /ready, or another path, says of another database, and in how many seconds."""
    other = replace(settings, database_url=url)
    database.close_idle()
    client = create_app(other).test_client()
    started = monotonic()
    try:
        answer = client.get(path)
        answer.seconds = monotonic() - started
        return answer
    finally:
        database.close_idle()
        configure(settings)


def test_the_root_leads_to_the_docs(client: FlaskClient):
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/docs")


def test_the_docs_page_refers_to_nothing_outside(client: FlaskClient):
    for path in ("/docs", "/docs/api"):
        page = client.get(path).text
        assert "http://" not in page.replace('"oauth2RedirectUrl": "http://localhost/docs', "")
        assert "https://" not in page
