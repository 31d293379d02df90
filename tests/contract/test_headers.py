"""The headers that every answer carries for browsers and caches, and which web pages may call."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from entities import NOWHERE, task
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.config import Settings
from app.database import database

PAGE = "https://app.example.com"
USERS = "/api/v1/users"
NOTHING_LOADS = "default-src 'none'; frame-ancestors 'none'"


@pytest.fixture
def open_client(app: Flask, settings: Settings) -> Iterator[FlaskClient]:
    """A client of a service that pages of two origins may call, and that needs a key."""
    cors = replace(
        settings, auth_disabled=False, service_api_keys={"page": "k"}, cors_origins=(PAGE, "http://localhost:3000")
    )
    made = create_app(cors)
    with database.atomic() as transaction:
        yield made.test_client()
        transaction.rollback()


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/", USERS, f"{USERS}/{NOWHERE}", "/nowhere", "/docs/"])
def test_every_answer_keeps_browsers_from_guessing_and_from_telling(client: FlaskClient, path: str):
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/health", "/openapi.json", USERS, f"{USERS}/{NOWHERE}", "/nowhere"])
def test_an_answer_of_the_api_is_no_page_and_is_not_stored(client: FlaskClient, path: str):
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"] == NOTHING_LOADS
    assert headers["Cache-Control"] == "no-store"


def test_a_row_may_be_kept_to_be_asked_about_again(client: FlaskClient):
    answer = client.post(USERS, json={"email": "ada@example.com"})
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert client.get(answer.headers["Location"]).headers["Cache-Control"] == "private, no-cache"


def test_the_docs_page_runs_only_its_own_files_and_the_same_for_every_host(client: FlaskClient):
    page = client.get("/docs/", headers={"Host": "elsewhere.example"})
    assert "elsewhere" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self' 'sha256-" in policy
    assert "unsafe" not in policy


def test_no_page_may_call_unless_it_is_set(client: FlaskClient):
    for answer in (
        client.get("/health", headers={"Origin": PAGE}),
        client.options(USERS, headers={"Origin": PAGE, "Access-Control-Request-Method": "GET"}),
    ):
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


def test_a_page_of_a_set_origin_may_call_and_read_what_it_needs(open_client: FlaskClient):
    answer = open_client.get(USERS, headers={"Origin": PAGE, "X-Flux-Service-Key": "k"})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert "Origin" in answer.headers.getlist("Vary")
    assert answer.headers["Access-Control-Expose-Headers"].split(", ") == [
        "ETag", "Link", "Location", "Retry-After", "X-Request-Id", "Idempotent-Replayed", "RateLimit",
        "RateLimit-Policy", "Server-Timing", "Upserted", "Hint",
    ]  # fmt: skip


def test_a_preflight_needs_no_key_and_allows_to_send_one(open_client: FlaskClient):
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "x-flux-service-key"}
    answer = open_client.options(f"{USERS}/{NOWHERE}", headers={"Origin": PAGE, **asked})
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, PATCH, DELETE"
    assert {"X-Flux-Service-Key", "Authorization", "Content-Type", "If-Match", "traceparent"} <= set(
        answer.headers["Access-Control-Allow-Headers"].split(", ")
    )


def test_a_page_can_read_why_it_is_refused(open_client: FlaskClient):
    answer = open_client.get(USERS, headers={"Origin": PAGE})
    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.com.evil.example", "null", "*"])
def test_a_page_of_another_origin_is_not_let_in(open_client: FlaskClient, origin: str):
    answer = open_client.get("/health", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"
    answer = open_client.options(USERS, headers={"Origin": origin, "Access-Control-Request-Method": "GET"})
    assert answer.status_code == 401
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("accept", "streams"),
    [
        ("application/x-ndjson", True),
        ("Application/X-NDJSON", True),
        ("application/x-ndjson, application/json;q=0.5", True),
        ("application/x-ndjson;q=0", False),
        ("application/x-ndjson;q=0.2, application/json", False),
        ("*/*", False),
    ],
)
def test_a_list_is_of_the_type_that_is_preferred_and_says_that_it_varies(
    client: FlaskClient, accept: str, streams: bool
):
    answer = client.get("/api/v1/users", headers={"Accept": accept})
    assert (answer.mimetype == "application/x-ndjson", answer.headers["Vary"]) == (streams, "Accept")


def test_a_row_with_something_of_another_row_in_it_has_no_etag(client: FlaskClient):
    row = task(client)
    for query, has_tag in (
        ("", True),
        ("?fields=title", True),
        ("?expand=user", False),
        ("?fields=user(email)", False),
    ):
        place = f"/api/v1/tasks/{row['id']}{query}"
        for answer in (client.get(place), client.patch(place, json={"title": "x"})):
            assert ("ETag" in answer.headers) == has_tag


@pytest.mark.parametrize("host", ["a b/c@d", "evil.example.com", ""])
def test_no_address_in_an_answer_is_made_of_the_host_that_a_request_names(client: FlaskClient, host: str):
    made = [client.post(USERS, json={"email": f"{n}@b.io"}, headers={"Host": host}) for n in range(2)]
    page = client.get(f"{USERS}?limit=1", headers={"Host": host})
    assert [answer.headers["Location"].startswith(f"{USERS}/") for answer in made] == [True, True]
    assert page.headers["Link"].startswith(f"<{USERS}?")
