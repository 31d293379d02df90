"""Bounds: nothing that callers send again and again grows for ever, and each bound says what it is."""

import socket
from dataclasses import replace
from datetime import timedelta

import pytest
from asking import pages
from entities import conversation, message, task, user
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.auth.keys import digest, new_key
from app.config import Settings
from app.repositories import idempotency, keys

MERGE = {"Content-Type": "application/merge-patch+json"}
USERS, PATTERNS = "/api/v1/users", "/api/v1/patterns"


def part(number: int) -> dict[str, str]:
    return {f"key{number}": "x" * 300_000}


def test_an_object_grows_by_merges_to_a_mebibyte_and_no_further(client: FlaskClient):
    key = {"user_id": user(client)["id"], "pattern_type": "habit", "pattern_key": "runs"}
    row = client.post(PATTERNS, json=key | {"data": {}}).json
    place = f"{PATTERNS}/{row['id']}"
    for number in range(3):
        assert client.patch(place, json={"data": part(number)}, headers=MERGE).status_code == 200
    for refused in (
        client.patch(place, json={"data": part(3)}, headers=MERGE),
        client.patch(f"{PATTERNS}?id={row['id']}", json={"data": part(3)}, headers=MERGE),
        client.post(f"{PATTERNS}?upsert=merge", json=key | {"data": part(3)}),
        client.post(f"{place}/increment", json={"data": {f"{number:0600}": 1 for number in range(500)}}),
    ):
        assert (refused.status_code, "1048576" in refused.json["detail"]) == (422, True)
    assert client.patch(place, json={"data": {"key0": None}}, headers=MERGE).status_code == 200
    assert client.patch(place, json={"data": part(3)}, headers=MERGE).status_code == 200


@pytest.fixture
def narrow(settings: Settings, client: FlaskClient) -> FlaskClient:
    """A client of an app whose answers may have 20,000 bytes, in the test's transaction."""
    yield create_app(replace(settings, max_answer_bytes=20_000)).test_client()
    create_app(settings)


def test_an_answer_has_a_bound_and_says_what_to_ask_for(narrow: FlaskClient):
    owner = user(narrow)["id"]
    for _ in range(3):
        task(narrow, user_id=owner, description="x" * 9000)
    mine = f"user_id={owner}"
    some = {"operations": [{"method": "GET", "path": f"/tasks?{mine}&limit=1"}] * 3}
    for refused in (
        narrow.get(f"/api/v1/tasks?{mine}"),
        narrow.get(f"/api/v1/tasks?{mine}&sort=title&fields=description"),
        narrow.patch(f"/api/v1/tasks?{mine}&return=rows", json={"status": "done"}),
        narrow.post("/api/v1/batch", json=some),
    ):
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "?limit")
        assert "20000 bytes" in refused.json["detail"]
    assert narrow.get(f"/api/v1/tasks/count?{mine}&status=done").json == {"count": 0}
    assert len(narrow.get(f"/api/v1/tasks?{mine}&limit=1").json["items"]) == 1
    assert len(narrow.get(f"/api/v1/tasks?{mine}&fields=id").json["items"]) == 3
    assert narrow.get(f"/api/v1/tasks?{mine}", headers={"Accept": "application/x-ndjson"}).data.count(b"\n") == 3


@pytest.mark.parametrize("shape", [{}, {"sort": "title", "fields": "description"}], ids=["whole", "some fields"])
def test_the_row_behind_a_page_counts_for_nothing(narrow: FlaskClient, shape: dict[str, str]):
    owner = user(narrow)["id"]
    stored = [task(narrow, user_id=owner, description=sign * 15_000)["description"] for sign in "xyz"]
    walk = pages(narrow, "/tasks", {"user_id": owner, "limit": 1} | shape)
    walked = [row["description"] for page in walk for row in page]
    assert sorted(walked) == stored


def test_an_array_that_is_never_cut_is_a_stream_beyond_the_bound(narrow: FlaskClient):
    talk = conversation(narrow)["id"]
    for _ in range(3):
        message(narrow, conversation_id=talk, content="x" * 9000)
    assert len(narrow.get(f"/api/v1/messages?conversation_id={talk}").json) == 3


def test_answers_that_are_kept_have_a_bound_each_and_together(
    client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    app = create_app(replace(settings, idempotency_max_mib=1)).test_client()
    place = f"/api/v1/users/{user(client, profile={'a': 'x' * 300_000})['id']}"
    answers = [app.patch(place, json={}, headers={"Idempotency-Key": f"k{number}"}) for number in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 422]
    assert "more than 1 MiB" in answers[4].json["detail"]
    monkeypatch.setattr(idempotency, "MAX_ANSWER_BYTES", 1000)
    refused = client.patch(place, json={"onboarded": True}, headers={"Idempotency-Key": "k"})
    assert (refused.status_code, "1000 bytes" in refused.json["detail"]) == (422, True)
    assert client.get(place).json["onboarded"] is False


def test_a_batch_whose_client_has_gone_is_undone(client: FlaskClient):
    ours, theirs = socket.socketpair()
    body = {"operations": [{"method": "POST", "path": "/users", "body": {"email": "a@b.io"}}]}
    there = client.post("/api/v1/batch", json=body, environ_overrides={"gunicorn.socket": ours})
    theirs.close()
    body["operations"][0]["body"]["email"] = "c@d.io"
    gone = client.post("/api/v1/batch", json=body, environ_overrides={"gunicorn.socket": ours})
    ours.close()
    assert (there.status_code, gone.status_code) == (200, 400)
    assert client.get("/api/v1/users/count").json == {"count": 1}


def test_a_caller_has_no_more_in_progress_than_it_may(client: FlaskClient, settings: Settings):
    limits = {"caller_max_in_progress": 1, "rate_limit": "7/minute"}
    app = create_app(replace(settings, auth_disabled=False, service_api_keys={"other": "other"}, **limits))
    old, new = new_key(), new_key()
    keys.create("planner", digest(old), ["read", "write"], None)
    keys.rotate("planner", digest(new), timedelta(hours=1))

    def ask(key: str, scheme: str = "Bearer") -> TestResponse:
        return app.test_client().get(USERS, headers={"Authorization": f"{scheme} {key}"}, buffered=True)

    # Its answer is not read to its end, so that it stays in progress.
    stream = {"X-Flux-Service-Key": old, "Accept": "application/x-ndjson"}
    first = app.test_client().get(USERS, headers=stream, buffered=False)
    refused = [ask(old), ask(new, "bearer "), ask(new)]
    other, unknown = ask("other"), ask(new_key())
    first.close()
    batch = {"operations": [{"method": "GET", "path": "/users/count"}] * 2}
    together = app.test_client().post("/api/v1/batch", json=batch, headers={"X-Flux-Service-Key": new}, buffered=True)
    assert [each.status_code for each in (*refused, other, unknown, together)] == [429, 429, 429, 200, 401, 200]
    assert (refused[0].json["code"], refused[0].headers["Retry-After"]) == ("urn:flux:problem:rate-limited", "1")
    assert "planner has 1 requests" in refused[0].json["detail"]
    # The batch counts as two: its keys are one caller for the other limit too.
    assert [ask(new).status_code, ask(old).status_code] == [200, 429]
