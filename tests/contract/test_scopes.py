"""Keys of the table: which are taken, what each may do, and what the others are told."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from entities import ALL, Entity, task
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.api import BLUEPRINTS
from app.api.auth import CHECKS_ITSELF, require_scope, required_scope
from app.api.blueprint import Blueprint
from app.api.responses import no_content
from app.auth import key_cache, scopes
from app.auth.keys import digest, new_key
from app.config import Settings
from app.repositories import keys

USERS = "/api/v1/users"
Headers = dict[str, str]
HeadersWith = Callable[..., Headers]


@pytest.fixture
def app_with_keys(settings: Settings, client: FlaskClient) -> Flask:
    """An app that takes the keys of the table, in the test's transaction."""
    return create_app(replace(settings, auth_disabled=False, database_keys=True, service_api_keys={"boss": "listed"}))


@pytest.fixture
def guarded(app_with_keys: Flask) -> FlaskClient:
    return app_with_keys.test_client()


@pytest.fixture
def headers_with(client: FlaskClient) -> HeadersWith:
    """Makes the headers of a caller whose key has these scopes."""

    def make(*scopes: str, name: str = "", lasts: timedelta | None = None) -> Headers:
        key = new_key()
        keys.create(name or key[-10:], digest(key), scopes, lasts)
        return {"X-Flux-Service-Key": key}

    return make


def status(client: FlaskClient, method: str, path: str, headers: Headers) -> int:
    return client.open(
        path, method=method, headers=headers, json={} if method in ("POST", "PATCH") else None
    ).status_code


@pytest.mark.parametrize("entity", ALL, ids=lambda entity: entity.name)
@pytest.mark.parametrize(("method", "action", "other"), [("GET", "read", "write"), ("POST", "write", "read")])
def test_an_operation_needs_the_scope_of_its_entity_and_its_kind(
    guarded: FlaskClient, headers_with: HeadersWith, entity: Entity, method: str, action: str, other: str
):
    for opening in (f"{entity.name}:{action}", action, "admin"):
        assert status(guarded, method, entity.path, headers_with(opening)) in (200, 422)
    elsewhere = "goals" if entity.name == "users" else "users"
    not_opening = (f"{entity.name}:{other}", other, f"{elsewhere}:{action}")
    assert status(guarded, method, entity.path, headers_with(*not_opening)) == 403


def test_who_lacks_a_scope_is_told_which_and_nothing_is_changed(guarded: FlaskClient, headers_with: HeadersWith):
    headers = headers_with("read", name="observer")
    answer = guarded.post(USERS, headers=headers, json={"email": "ada@example.com"})
    assert answer.status_code == 403
    assert answer.json["code"] == "urn:flux:problem:forbidden"
    assert "observer" in answer.json["detail"]
    assert "users:write, write or admin, and has read" in answer.json["detail"]
    assert 'error="insufficient_scope", scope="users:write"' in answer.headers["WWW-Authenticate"]
    assert guarded.get(USERS, headers=headers).json["total"] == 0


LOOKS_ELSEWHERE = [
    ("tasks", "expand=user", "users"),
    ("tasks", "fields=id,goal(title)", "goals"),
    ("tasks", "user.email=ada@example.com", "users"),
    ("tasks", "or=(status:done;user.profile.language:en)", "users"),
    ("tasks/count", "notification_log__exists=true", "notification-log"),
    ("tasks/statistics", "goal.title=Run", "goals"),
    ("tasks/statistics", "group_by=day,goal_class_tag", "goals"),
    ("goals", "expand=task_counts", "tasks"),
    ("conversations", "fields=last_message(content)", "messages"),
    ("users", "tasks__exists=false", "tasks"),
    ("goals", "parent_goal.user.email=ada@example.com", "users"),
    ("goals", "fields=children(id,user(id))", "users"),
]


@pytest.mark.parametrize(("path", "query", "other"), LOOKS_ELSEWHERE)
def test_who_looks_into_another_entity_needs_its_scope_too(
    guarded: FlaskClient, headers_with: HeadersWith, path: str, query: str, other: str
):
    entity, address = path.partition("/")[0], f"/api/v1/{path}?{query}"
    refused = guarded.get(address, headers=headers_with(f"{entity}:read", f"{other}:write"))
    assert (refused.status_code, f"the scope {other}:read" in refused.json["detail"]) == (403, True)
    assert guarded.get(address, headers=headers_with(f"{entity}:read", f"{other}:read")).status_code == 200


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("POST", "expand=user"),
        ("PATCH", "user.email=ada@example.com"),
        ("DELETE", "user.email=ada@example.com"),
        ("DELETE", "notification_log__exists=true"),
    ],
)
def test_a_write_tells_nothing_of_other_entities_either(
    guarded: FlaskClient, headers_with: HeadersWith, method: str, query: str
):
    assert status(guarded, method, f"/api/v1/tasks?{query}", headers_with("tasks:write", "write")) == 403


def test_a_batch_needs_the_scope_of_each_operation_and_without_one_does_nothing(
    guarded: FlaskClient, headers_with: HeadersWith
):
    made = {"method": "POST", "path": "/users", "body": {"email": "ada@example.com"}}
    for second, missing in (
        ({"method": "POST", "path": "/goals/bulk", "body": []}, "goals:write"),
        ({"method": "GET", "path": "/users"}, "users:read"),
        ({"method": "PATCH", "path": "/tasks?user.email=x", "body": {}}, "tasks:write"),
    ):
        body = {"operations": [made, second]}
        refused = guarded.post("/api/v1/batch", headers=headers_with("users:write"), json=body)
        assert (refused.status_code, missing in refused.json["detail"]) == (403, True)
        assert refused.json["operation"] == {"index": 1}
    assert guarded.get(USERS, headers=headers_with("read")).json["total"] == 0
    alone = guarded.post("/api/v1/batch", headers=headers_with("users:write"), json={"operations": [made]})
    assert alone.status_code == 200


def test_all_that_is_a_persons_is_for_who_may_read_everything(guarded: FlaskClient, headers_with: HeadersWith):
    boss = {"X-Flux-Service-Key": "listed"}
    export = f"{guarded.post(USERS, headers=boss, json={'email': 'ada@example.com'}).headers['Location']}/export"
    assert status(guarded, "GET", export, headers_with("users:read", "write")) == 403
    assert status(guarded, "GET", export, headers_with("read")) == 200


def test_an_answer_that_is_kept_is_not_for_a_later_key_of_the_name_with_fewer_scopes(
    guarded: FlaskClient, headers_with: HeadersWith
):
    made = {"method": "POST", "path": "/users", "body": {"email": "ada@example.com"}}
    body = {"operations": [made, {"method": "GET", "path": "/goals"}]}
    for given, expected in ((("users:write", "goals:read"), 200), (("users:write",), 409)):
        headers = headers_with(*given, name="planner") | {"Idempotency-Key": "once"}
        assert guarded.post("/api/v1/batch", headers=headers, json=body).status_code == expected
        keys.revoke("planner")


def test_a_key_of_the_settings_has_every_scope(guarded: FlaskClient):
    headers = {"X-Flux-Service-Key": "listed"}
    assert guarded.post(USERS, headers=headers, json={"email": "ada@example.com"}).status_code == 201


def test_a_key_that_ends_works_until_then(guarded: FlaskClient, headers_with: HeadersWith):
    assert status(guarded, "GET", USERS, headers_with("read", lasts=timedelta(hours=1))) == 200
    assert status(guarded, "GET", USERS, headers_with("read", lasts=timedelta(0))) == 401


def test_a_revoked_key_works_no_longer_than_it_is_remembered(
    guarded: FlaskClient, headers_with: HeadersWith, monkeypatch: pytest.MonkeyPatch
):
    remembered, asked_each_time = headers_with("read", name="a"), headers_with("read", name="b")
    assert key_cache.CACHE_SECONDS <= 30
    assert status(guarded, "GET", USERS, remembered) == 200
    monkeypatch.setattr(key_cache, "CACHE_SECONDS", 0)
    assert status(guarded, "GET", USERS, asked_each_time) == 200
    keys.revoke("a")
    keys.revoke("b")
    assert status(guarded, "GET", USERS, remembered) == 200
    assert status(guarded, "GET", USERS, asked_each_time) == 401


def test_while_a_key_is_rotated_both_work(guarded: FlaskClient, headers_with: HeadersWith):
    old, new = headers_with("users:read", name="planner"), new_key()
    made, _ = keys.rotate("planner", digest(new), timedelta(hours=24))
    assert made["scopes"] == ["users:read"]
    assert status(guarded, "GET", USERS, old) == 200
    assert status(guarded, "GET", USERS, {"Authorization": f"Bearer {new}"}) == 200
    keys.rotate("planner", digest(new_key()), timedelta(0))
    assert keys.find_active(digest(new)) is None


def test_a_mistyped_key_is_told_apart_from_an_unknown_one(guarded: FlaskClient):
    key = new_key()
    mistyped = key[:20] + ("a" if key[20] != "a" else "b") + key[21:]
    told = [
        guarded.get(USERS, headers={"X-Flux-Service-Key": each}).json["detail"] for each in (mistyped, key, key[:-1])
    ]
    assert ["mistyped" in each for each in told] == [True, False, True]
    assert "not known" in told[1]


def test_a_worker_remembers_a_thousand_keys_at_most(
    guarded: FlaskClient, headers_with: HeadersWith, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(key_cache, "MAX_CACHED_KEYS", 3)
    known = key_cache.KeyCache(wait=5)
    for _ in range(10):
        known.find(digest(headers_with("read")["X-Flux-Service-Key"]))
        known.find(digest(new_key()))
    assert (len(known._active), len(known._rejected)) == (3, 3)


def answer_nothing():
    """Do nothing."""
    return no_content()


def checked_one_by_one():
    """Check each thing that is done."""
    require_scope("tasks:write")
    require_scope("goals:read")
    return no_content()


def test_an_operation_of_no_entity_says_what_it_needs_and_otherwise_needs_admin(
    app_with_keys: Flask, headers_with: HeadersWith
):
    other = Blueprint("other", "Operations of no entity.", "/api/v1/other")
    other.route("/undeclared", methods=["POST"])(other.response(204)(answer_nothing))
    other.route("/export", methods=["GET"])(other.response(204)(required_scope("read")(lambda: no_content())))
    other.route("/batch", methods=["POST"])(other.response(204)(required_scope(CHECKS_ITSELF)(checked_one_by_one)))
    app_with_keys.register_blueprint(other)
    client = app_with_keys.test_client()
    everything = headers_with("read", "write")
    assert status(client, "POST", "/api/v1/other/undeclared", everything) == 403
    assert status(client, "POST", "/api/v1/other/undeclared", headers_with("admin")) == 204
    assert status(client, "GET", "/api/v1/other/export", headers_with("read")) == 204
    assert status(client, "GET", "/api/v1/other/export", headers_with("users:read")) == 403
    assert status(client, "POST", "/api/v1/other/batch", headers_with("tasks:write", "goals:read")) == 204
    assert status(client, "POST", "/api/v1/other/batch", headers_with("tasks:write")) == 403


def test_every_group_of_rows_is_an_entity_of_the_scopes():
    groups = {blueprint.url_prefix.strip("/") for blueprint in BLUEPRINTS if blueprint.url_prefix}
    assert groups - {"batch"} <= set(scopes.ENTITIES), "a batch asks for the scopes of its operations"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/tasks?id__isnull=false&return=rows"),
        ("PATCH", "/tasks?title__like=a*"),
        ("DELETE", "/tasks?or=(status:done;title:x)"),
        ("PATCH", "/tasks/{id}?title=x"),
        ("PATCH", "/tasks/{id}?fields=title"),
        ("POST", "/tasks/{id}/increment?fields=title"),
    ],
)
def test_what_shows_rows_or_asks_what_stands_in_them_needs_the_scope_to_read_them(
    client: FlaskClient, guarded: FlaskClient, headers_with: HeadersWith, method: str, path: str
):
    row = task(client)
    address, body = f"/api/v1{path}".replace("{id}", row["id"]), None if method == "DELETE" else {"duration_minutes": 1}
    refused = guarded.open(address, method=method, json=body, headers=headers_with("tasks:write", "users:read"))
    assert (refused.status_code, "the scope tasks:read" in refused.json["detail"]) == (403, True)


def test_a_write_shows_who_may_not_read_the_id_and_the_version_alone(
    client: FlaskClient, guarded: FlaskClient, headers_with: HeadersWith
):
    row = task(client)
    place, headers = f"/api/v1/tasks/{row['id']}", headers_with("tasks:write")
    assert guarded.patch(place, json={}, headers=headers).json == {"id": row["id"], "version": 1}
    assert guarded.patch(place, json={"title": "x"}, headers=headers).json == {"id": row["id"], "version": 2}
    failed = guarded.patch(f"{place}?goal_id={row['id']}", json={"title": "x"}, headers=headers)
    assert (failed.status_code, "current" in failed.json) == (412, False)
    stale = guarded.patch(place, json={"title": "x"}, headers={**headers, "If-Match": '"9"'})
    assert (stale.status_code, "current" in stale.json) == (412, False)
    made = guarded.post("/api/v1/tasks/bulk", json=[{"user_id": row["user_id"], "title": "y"}], headers=headers)
    assert [set(each) for each in made.json["items"]] == [{"id", "version"}]
    assert guarded.delete(f"/api/v1/tasks?user_id={row['user_id']}", headers=headers).json == {"deleted_count": 2}
