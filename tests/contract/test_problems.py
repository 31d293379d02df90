"""Every error is application/problem+json with the members that the contract names, whatever raised it."""

import inspect
import json

import peewee
import psycopg2
import psycopg2.errors
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import default_exceptions

from app import create_app, errors
from app.api.problems import KINDS
from app.config import Settings

SECRET = "SELECT secret FROM users WHERE password = 'hunter2'"
MEMBERS = {"type", "code", "title", "status", "detail", "instance", "request_id", "retryable"}


def assert_problem(answer, status: int | None = None) -> dict:
    assert answer.content_type == "application/problem+json"
    problem = json.loads(answer.data)
    assert set(problem) - {"errors", "hint", "current", "operation"} == MEMBERS
    assert problem["status"] == answer.status_code
    assert status is None or answer.status_code == status
    assert problem["detail"].endswith((".", "?")), "a full sentence"
    assert (problem["type"], problem["code"]) in {(kind.uri, kind.code) for kind in KINDS}
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    for leak in ("SELECT", "hunter2", "Traceback", "psycopg", "<html"):
        assert leak not in answer.text
    return problem


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/api/v1/nowhere", 404),
        ("GET", "/api/v1", 404),
        ("GET", "/api/v1//users", 404),
        ("GET", "/docs/nowhere", 404),
        ("GET", "/docs/../wsgi.py", 404),
        ("PUT", "/api/v1/users", 405),
        ("POST", "/health", 405),
        ("DELETE", "/openapi.json", 405),
        ("POST", "/docs/", 405),
        ("POST", "/", 405),
        ("BREW", "/api/v1/users", 405),
        ("POST", "/api/v1/users/0198f3c2-0000-7000-8000-000000000000", 405),
        ("GET", "/api/v1/users/%00", 422),
        ("GET", "/api/v1/users/{0198f3c2-0000-7000-8000-000000000000}", 422),
        ("GET", "/api/v1/users?limit=%00", 422),
        ("GET", "/health?x=1", 422),
        ("GET", "/ready?x=1", 422),
        ("POST", "/api/v1/users", 400),
    ],
)
def test_every_kind_of_route_fails_with_a_problem(client: FlaskClient, method: str, path: str, status: int):
    answer = client.open(path, method=method)
    problem = assert_problem(answer, status)
    assert problem["instance"].startswith("/")
    assert ("Allow" in answer.headers) is (status == 405)


def test_a_path_that_nearly_exists_gets_a_hint(client: FlaskClient):
    assert client.get("/api/v1/task").json["hint"] == "Did you mean /api/v1/tasks?"


@pytest.fixture(scope="module")
def raising(app: Flask, settings: Settings) -> dict:
    """Errors by the path that raises them, in an app that has such paths."""
    made = create_app(settings)
    raised: dict[str, Exception] = {}

    @made.get("/raise/<name>")
    def raise_error(name: str):
        raise raised[name]

    raised["client"] = made.test_client()
    return raised


def subclasses(base: type) -> set[type]:
    return {base}.union(*(subclasses(each) for each in base.__subclasses__()))


PEEWEE = {each for each in vars(peewee).values() if inspect.isclass(each) and issubclass(each, peewee.PeeweeException)}
PSYCOPG2 = subclasses(psycopg2.Error) | {each for each in vars(psycopg2.errors).values() if inspect.isclass(each)}
EVERY_DRIVER_ERROR = sorted((each for each in PEEWEE | PSYCOPG2 if issubclass(each, Exception)), key=str)


@pytest.mark.parametrize("kind", EVERY_DRIVER_ERROR, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_error_of_the_drivers_is_a_problem_that_leaks_nothing(raising: dict, kind: type[Exception]):
    raising["driver"] = kind(SECRET)
    problem = assert_problem(raising["client"].get("/raise/driver"))
    assert problem["status"] in (409, 422, 500, 503)


@pytest.mark.parametrize(
    "kind", [ValueError, KeyError, TypeError, RuntimeError, RecursionError, MemoryError, OSError, AssertionError]
)
def test_what_nobody_foresaw_is_500_and_logged(raising: dict, kind: type[Exception], caplog: pytest.LogCaptureFixture):
    raising["unforeseen"] = kind(SECRET)
    problem = assert_problem(raising["client"].get("/raise/unforeseen"), 500)
    assert problem["request_id"] in caplog.text
    assert "hunter2" in caplog.text, "the log has the stack and the message, the answer has not"


@pytest.mark.parametrize("code", sorted(default_exceptions))
def test_every_http_error_of_the_framework_is_a_problem(raising: dict, code: int):
    raising["http"] = default_exceptions[code]()
    assert_problem(raising["client"].get("/raise/http"), code)


@pytest.mark.parametrize("kind", sorted(subclasses(errors.ServiceError) - {errors.ServiceError}, key=str))
def test_every_error_of_our_own_has_a_kind(raising: dict, kind: type[errors.ServiceError]):
    raising["own"] = kind("A sentence.")
    answer = raising["client"].get("/raise/own")
    assert assert_problem(answer)["status"] < 500 or issubclass(kind, errors.Unavailable)
    assert ("Retry-After" in answer.headers) is hasattr(kind, "retry_after")


def test_a_harmless_request_id_is_kept_and_any_other_replaced(client: FlaskClient):
    for given, kept in (("abc-123", True), ("a b", False), ("x" * 129, False), ("<script>", False)):
        problem = client.get("/nowhere", headers={"X-Request-Id": given}).json
        assert (problem["request_id"] == given) is kept
