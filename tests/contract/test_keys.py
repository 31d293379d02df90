"""Who may call: keys on every path of the API, and none on what describes the service."""

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.config import Settings

KEYS = {"planner": "planner-key", "scheduler": "scheduler-key"}


@pytest.fixture
def guarded(client: FlaskClient, settings: Settings) -> FlaskClient:
    """A client of an app that needs a key, in the test's transaction."""
    return create_app(replace(settings, auth_disabled=False, service_api_keys=KEYS)).test_client()


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Flux-Service-Key": "planner-key"},
        {"X-Flux-Service-Key": "scheduler-key"},
        {"Authorization": "Bearer planner-key"},
        {"Authorization": "bearer planner-key"},
        {"X-Flux-Service-Key": "planner-key", "Authorization": "Bearer another-systems-token"},
    ],
)
def test_a_known_key_opens_the_api(guarded: FlaskClient, headers: dict[str, str]):
    assert guarded.get("/api/v1/users", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Flux-Service-Key": ""},
        {"X-Flux-Service-Key": "planner-ke"},
        {"X-Flux-Service-Key": "planner-key2"},
        {"X-Flux-Service-Key": "ключ"},
        {"Authorization": "Basic cGxhbm5lci1rZXk="},
        {"Authorization": "planner-key"},
        {"Authorization": "Bearer "},
        {"X-Flux-Service-Key": "wrong", "Authorization": "Bearer planner-key"},
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/users", "/api/v1/nowhere", "/api/v1/users/42", "/api/v1/users?x=1"])
def test_any_other_is_401_before_anything_else_is_looked_at(guarded: FlaskClient, path: str, headers: dict[str, str]):
    encoded = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    answer = guarded.get(path, headers=encoded)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="flux-dao"'
    assert answer.json["code"] == "urn:flux:problem:unauthorized"
    assert "planner-key" not in answer.text


@pytest.mark.parametrize("path", ["/health", "/ready", "/docs", "/docs/api/swagger-ui.css", "/openapi.json", "/"])
def test_what_describes_the_service_needs_no_key(guarded: FlaskClient, path: str):
    assert guarded.get(path).status_code in (200, 302)


def test_without_keys_a_real_database_is_closed_even_where_the_start_was_not_refused(settings: Settings, client):
    closed = replace(settings, auth_disabled=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLASK_RUN_FROM_CLI", "true")
        app: Flask = create_app(closed)
    assert app.test_client().get("/api/v1/users").status_code == 401
