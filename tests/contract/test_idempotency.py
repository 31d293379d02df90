"""Repeats: with an Idempotency-Key a write is done once, however often it is sent, and answered the same."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from conftest import flask
from entities import ALL, EDITABLE, Entity, conversation, task, user
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.config import Settings
from app.database import database
from app.repositories import purging

KEY = "Idempotency-Key"
USERS = "/api/v1/users"
every_entity = pytest.mark.parametrize("entity", ALL, ids=lambda entity: entity.name)


def assert_done_once(send: Callable[[], object], status: int) -> None:
    """The first answer has this status, and further ones are the same, and say so."""
    first, *others = (send() for _ in range(3))
    assert first.status_code == status, first.json
    assert "Idempotent-Replayed" not in first.headers
    for other in others:
        assert (other.status_code, other.data) == (first.status_code, first.data)
        assert other.headers["Idempotent-Replayed"] == "true"
        for name in ("Content-Type", "ETag", "Location"):
            assert other.headers.get(name) == first.headers.get(name)


def age_all_answers() -> None:
    database.execute_sql("UPDATE idempotency_keys SET expires_at = now()")


@every_entity
def test_a_creation_is_done_once(client: FlaskClient, entity: Entity):
    body = entity.body(client)
    before = client.get(f"{entity.path}/count").json["count"]
    assert_done_once(lambda: client.post(entity.path, json=body, headers={KEY: "k"}), 201)
    assert client.get(f"{entity.path}/count").json["count"] == before + 1


@every_entity
def test_a_bulk_creation_is_done_once(client: FlaskClient, entity: Entity):
    body = [entity.body(client), entity.body(client)]
    before = client.get(f"{entity.path}/count").json["count"]
    assert_done_once(lambda: client.post(f"{entity.path}/bulk", json=body, headers={KEY: "k"}), 201)
    assert client.get(f"{entity.path}/count").json["count"] == before + 2


@pytest.mark.parametrize("entity", EDITABLE, ids=lambda entity: entity.name)
def test_changes_of_one_row_and_by_filter_are_done_once(client: FlaskClient, entity: Entity):
    row = client.post(entity.path, json=entity.body(client)).json
    place = f"{entity.path}/{row['id']}"
    assert_done_once(lambda: client.patch(place, json=entity.patch, headers={KEY: "one"}), 200)
    assert_done_once(
        lambda: client.patch(f"{entity.path}?id={row['id']}&return=rows", json=entity.patch, headers={KEY: "many"}), 200
    )
    assert client.get(place).json["version"] == 3


def test_the_other_writes_are_done_once_too(client: FlaskClient):
    row, talk = task(client), conversation(client)
    headers = iter({KEY: f"k{number}"} for number in range(9))
    for method, path, body, status in (
        ("POST", f"tasks/{row['id']}/increment", {"duration_minutes": 5}, 200),
        ("POST", "tasks/bulk-update-state", {"task_ids": [row["id"]], "new_status": "done"}, 200),
        ("PATCH", f"conversations/{talk['id']}/voice", {"duration_seconds": 5}, 200),
        ("POST", "users?upsert=merge", {"email": "a@b.io", "onboarded": True}, 201),
        ("POST", "users?upsert=merge", {"email": "a@b.io", "onboarded": True}, 200),
        ("POST", "batch", {"operations": [{"method": "PATCH", "path": f"/tasks/{row['id']}", "body": {"title": "x"}}]},
         200),
    ):  # fmt: skip
        key = next(headers)
        assert_done_once(lambda m=method, p=path, b=body, k=key: client.open(
            f"/api/v1/{p}", method=m, json=b, headers=k), status)  # fmt: skip
    found = client.get(f"/api/v1/tasks/{row['id']}").json
    assert (found["duration_minutes"], found["version"]) == (5, 4)


def test_a_conditional_write_that_would_not_happen_again_is_answered_as_it_was(client: FlaskClient):
    path = f"/api/v1/tasks/{task(client)['id']}?reminder_sent_at__isnull=true"
    headers = {KEY: "k", "If-Match": '"1"'}
    assert_done_once(lambda: client.patch(path, json={"reminder_sent_at": "now"}, headers=headers), 200)


def test_a_claim_that_is_repeated_is_the_same_claim(client: FlaskClient):
    owner = user(client)["id"]
    for _ in range(4):
        task(client, user_id=owner)
    path = f"/api/v1/tasks?user_id={owner}&status=pending&limit=2&skip_locked=true&return=rows"
    assert_done_once(lambda: client.patch(path, json={"status": "done"}, headers={KEY: "k"}), 200)
    assert client.get(f"/api/v1/tasks/count?user_id={owner}&status=done").json == {"count": 2}


def test_a_repeat_gets_the_answer_as_it_was_even_when_the_row_has_moved_on_or_gone(client: FlaskClient):
    first = client.post(USERS, json={"email": "a@b.io"}, headers={KEY: "k"})
    place = first.headers["Location"]
    client.patch(place, json={"onboarded": True})
    assert client.post(USERS, json={"email": "a@b.io"}, headers={KEY: "k"}).data == first.data
    client.delete(place)
    assert client.post(USERS, json={"email": "a@b.io"}, headers={KEY: "k"}).data == first.data
    assert client.get(place).status_code == 404, "the repeat did nothing"


def test_a_key_that_comes_with_another_request_is_422_and_nothing_is_done(client: FlaskClient):
    body, headers = {"email": "a@b.io"}, {KEY: "k"}
    place = client.post(USERS, json=body, headers=headers).headers["Location"]
    merge = {"Content-Type": "application/merge-patch+json"}
    for answer in (
        client.post(USERS, json={"email": "c@d.io"}, headers=headers),
        client.post(f"{USERS}?fields=id", json=body, headers=headers),
        client.post(f"{USERS}/bulk", json=[{"email": "c@d.io"}], headers=headers),
        client.patch(place, json={"onboarded": True}, headers=headers),
        client.patch(place, json={"onboarded": True}, headers=headers | merge),
        client.post("/api/v1/batch", json={"operations": [{"method": "GET", "path": "/users"}]}, headers=headers),
    ):
        assert answer.json["code"] == "urn:flux:problem:idempotency-key-reused"
        assert (answer.status_code, answer.json["retryable"]) == (422, False)
    assert client.get(f"{USERS}/count").json == {"count": 1}
    assert client.get(place).json["version"] == 1


def test_a_slash_at_the_end_is_the_same_path(client: FlaskClient):
    client.post(USERS, json={"email": "a@b.io"}, headers={KEY: "k"})
    again = client.post(f"{USERS}/", json={"email": "a@b.io"}, headers={KEY: "k"})
    assert again.headers["Idempotent-Replayed"] == "true"


def test_errors_are_not_stored_and_a_repeat_is_judged_anew(client: FlaskClient):
    there = user(client, email="a@b.io")
    path, body = USERS, {"email": "a@b.io"}
    assert client.post(path, json=body, headers={KEY: "k"}).status_code == 409
    client.delete(f"{USERS}/{there['id']}")
    assert client.post(path, json=body, headers={KEY: "k"}).status_code == 201
    row = task(client)
    claim = f"/api/v1/tasks/{row['id']}?status=done"
    assert client.patch(claim, json={"title": "x"}, headers={KEY: "c"}).status_code == 412
    client.patch(f"/api/v1/tasks/{row['id']}", json={"status": "done"})
    assert client.patch(claim, json={"title": "x"}, headers={KEY: "c"}).status_code == 200


def test_a_batch_that_fails_may_use_its_key_again(client: FlaskClient):
    operations = {"operations": [{"method": "POST", "path": "/users", "body": {"email": "a@b.io"}},
                                 {"method": "GET", "path": f"/users/{uuid4()}"}]}  # fmt: skip
    headers = {KEY: "k"}
    assert client.post("/api/v1/batch", json=operations, headers=headers).status_code == 404
    del operations["operations"][1]
    assert client.post("/api/v1/batch", json=operations, headers=headers).status_code == 200


def test_reads_take_no_notice(client: FlaskClient):
    place = client.post(USERS, json={"email": "a@b.io"}, headers={KEY: "k"}).headers["Location"]
    for _ in range(2):
        assert "Idempotent-Replayed" not in client.get(place, headers={KEY: "k"}).headers
    assert client.get(place, headers={KEY: "k" * 300}).status_code == 200


def test_deletions_are_done_once_too(client: FlaskClient):
    owner = user(client)["id"]
    for _ in range(3):
        task(client, user_id=owner)
    some = f"/api/v1/tasks?user_id={owner}&limit=1"
    assert_done_once(lambda: client.delete(some, headers={KEY: "some"}), 200)
    assert client.get(f"/api/v1/tasks/count?user_id={owner}").json == {"count": 2}
    assert_done_once(lambda: client.delete(f"{USERS}/{owner}", headers={KEY: "one"}), 204)
    assert client.delete(some, headers={KEY: "k" * 256}).status_code == 422


def updates() -> int:
    """How many rows of tasks this transaction has updated, those that were undone too."""
    counted = "SELECT n_tup_upd FROM pg_stat_xact_user_tables WHERE relname = 'tasks'"
    return database.execute_sql(counted).fetchone()[0]


def test_a_repeat_finds_its_answer_before_anything_is_done(client: FlaskClient):
    row = task(client)
    place, headers = f"/api/v1/tasks/{row['id']}", {KEY: "k"}
    client.patch(place, json={"status": "done"}, headers=headers)
    before = updates()
    assert client.patch(place, json={"status": "done"}, headers=headers).headers["Idempotent-Replayed"] == "true"
    assert updates() == before > 0


@pytest.mark.parametrize(
    "key", ["x", "x" * 255, "with spaces, commas; and 'quotes\"", "é".encode().decode("latin-1"), "%00"]
)
def test_any_key_of_up_to_255_characters_will_do(client: FlaskClient, key: str):
    assert_done_once(lambda: client.post(USERS, json={"email": "a@b.io"}, headers={KEY: key}), 201)


@pytest.mark.parametrize("key", ["", "x" * 256, "x" * 10_000])
def test_a_key_of_another_length_is_422(client: FlaskClient, key: str):
    answer = client.post(USERS, json={"email": "a@b.io"}, headers={KEY: key})
    assert (answer.status_code, "1 to 255 characters" in answer.json["detail"]) == (422, True)
    assert client.get(f"{USERS}/count").json == {"count": 0}


def test_keys_that_differ_in_anything_are_different(client: FlaskClient):
    for number, key in enumerate(("k", "K", "k ", "k1")):
        body = {"email": f"{number}@b.io"}
        assert client.post(USERS, json=body, headers={KEY: key}).status_code == 201, key


@pytest.fixture
def keyed(settings: Settings, client: FlaskClient) -> FlaskClient:
    """A client of an app that tells callers apart, in the test's transaction."""
    return create_app(replace(settings, auth_disabled=False, service_api_keys={"ada": "a", "bob": "b"})).test_client()


def test_each_caller_has_keys_of_its_own(keyed: FlaskClient):
    answers = [
        keyed.post(USERS, json={"email": email}, headers={KEY: "k", "X-Flux-Service-Key": caller})
        for caller, email in (("a", "a@b.io"), ("b", "b@b.io"), ("a", "a@b.io"), ("b", "a@b.io"))
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 422]
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, None, "true", None]
    assert answers[1].json["email"] == "b@b.io"
    unknown = keyed.post(USERS, json={"email": "a@b.io"}, headers={KEY: "k"})
    assert unknown.status_code == 401


@pytest.mark.parametrize("hours", [1, 24, 1000])
def test_an_answer_is_kept_for_as_long_as_the_setting_says(client: FlaskClient, settings: Settings, hours: int):
    app: Flask = create_app(replace(settings, idempotency_hours=hours))
    app.test_client().post(USERS, json={"email": "a@b.io"}, headers={KEY: "k"})
    kept = database.execute_sql("SELECT extract(epoch FROM expires_at - now()) / 3600 FROM idempotency_keys")
    assert [float(each) for (each,) in kept.fetchall()] == [hours]
    assert settings.idempotency_hours == 24


def test_after_that_the_key_is_free_again(client: FlaskClient):
    client.post(USERS, json={"email": "a@b.io"}, headers={KEY: "k"})
    age_all_answers()
    again = client.post(USERS, json={"email": "c@d.io"}, headers={KEY: "k"})
    assert (again.status_code, again.json["email"]) == (201, "c@d.io")
    assert client.post(USERS, json={"email": "c@d.io"}, headers={KEY: "k"}).data == again.data


def test_what_has_expired_is_dropped_and_nothing_else(client: FlaskClient):
    for number in range(3):
        client.post(USERS, json={"email": f"{number}@b.io"}, headers={KEY: f"k{number}"})
    database.execute_sql("UPDATE idempotency_keys SET expires_at = now() WHERE key <> 'k0'")
    now = purging.moment_before_now(timedelta())
    assert purging.count_older(purging.ANSWERS, now) == 2
    assert [list(purging.delete_older(purging.ANSWERS, now)) for _ in range(2)] == [[2], [0]]
    assert client.post(USERS, json={"email": "0@b.io"}, headers={KEY: "k0"}).headers["Idempotent-Replayed"] == "true"


def test_the_command_drops_what_has_expired(committing_client: FlaskClient, settings: Settings):
    for number in range(3):
        committing_client.post(USERS, json={"email": f"{number}@b.io"}, headers={KEY: f"k{number}"})
    database.execute_sql("UPDATE idempotency_keys SET expires_at = now() WHERE key <> 'k0'")
    url = settings.database_url
    would = flask("idempotency", "purge", "--dry-run", DATABASE_URL=url)
    done = flask("idempotency", "purge", DATABASE_URL=url)
    assert (would.stdout, done.stdout) == (
        "2 expired answers would be dropped.\n",
        "2 expired answers dropped.\n",
    )
    assert flask("idempotency", "purge", DATABASE_URL=url).stdout == "0 expired answers dropped.\n"
    told = flask("idempotency", "purge", "--json", DATABASE_URL=url)
    assert json.loads(told.stdout) == {"found": 0, "dropped": 0, "dry_run": False}
    database.execute_sql("DELETE FROM idempotency_keys")
