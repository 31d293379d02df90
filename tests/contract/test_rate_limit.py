"""The rate limit: who is counted as one caller, what callers are told, and what is not counted."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from servers import command_environment

from app import create_app
from app.auth.keys import digest, new_key
from app.config import PROJECT, Settings
from app.repositories import keys

USERS = "/api/v1/users"
POLICY = '"requests";q=2;w=60'


@pytest.fixture
def limited(client: FlaskClient, settings: Settings) -> FlaskClient:
    """A client of an open app that allows two requests a minute, in the test's transaction."""
    return create_app(replace(settings, rate_limit="2/minute")).test_client()


def statuses(client: FlaskClient, count: int, path: str = USERS, **headers: str) -> list[int]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return [client.get(path, headers=given).status_code for _ in range(count)]


def test_who_goes_over_the_limit_is_told_when_to_go_on(limited: FlaskClient):
    first, second, third = (limited.get(USERS) for _ in range(3))
    assert [each.status_code for each in (first, second, third)] == [200, 200, 429]
    assert {each.headers["RateLimit-Policy"] for each in (first, second, third)} == {POLICY}
    left = [re.fullmatch(r'"requests";r=(\d+);t=(\d+)', each.headers["RateLimit"]) for each in (first, second, third)]
    assert [each[1] for each in left] == ["1", "0", "0"]
    assert third.headers["Retry-After"] == left[2][2]
    assert 1 <= int(third.headers["Retry-After"]) <= 60
    assert third.json["code"] == "urn:flux:problem:rate-limited"
    assert "2 requests" in third.json["detail"]


def test_paths_that_do_not_exist_count_and_those_that_need_no_key_do_not(limited: FlaskClient):
    assert statuses(limited, 3, "/health") == [200] * 3
    assert "RateLimit" not in limited.get("/openapi.json").headers
    assert statuses(limited, 3, "/api/v1/nowhere") == [404, 404, 429]


def test_each_key_is_counted_by_itself(client: FlaskClient, settings: Settings):
    keyed = replace(settings, auth_disabled=False, service_api_keys={"a": "key-a", "b": "key-b"}, rate_limit="2/minute")
    guarded = create_app(keyed).test_client()
    assert statuses(guarded, 3, X_Flux_Service_Key="key-a") == [200, 200, 429]
    assert statuses(guarded, 1, X_Flux_Service_Key="key-b") == [200]


def test_a_batch_counts_as_its_operations(client: FlaskClient, settings: Settings):
    limited = create_app(replace(settings, rate_limit="5/minute")).test_client()
    three = {"operations": [{"method": "GET", "path": "/users/count"}] * 3}
    answers = [limited.post("/api/v1/batch", json=three) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert (answers[0].headers["RateLimit"].partition(";t")[0], answers[1].json["operation"]) == (
        '"requests";r=2',
        {"index": 2},
    )


def test_a_flood_of_unknown_keys_is_counted_by_its_address_and_harms_no_key_of_anybody(
    client: FlaskClient, settings: Settings
):
    keyed = replace(settings, auth_disabled=False, database_keys=True, rate_limit="2/minute")
    guarded, key = create_app(keyed).test_client(), new_key()
    keys.create("planner", digest(key), ["read"], None)
    flood = [guarded.get(USERS, headers={"X-Flux-Service-Key": new_key()}).status_code for _ in range(5)]
    assert flood == [401, 401, 429, 429, 429]
    assert statuses(guarded, 1, X_Flux_Service_Key=key) == [200]
    assert statuses(guarded, 2, Authorization=f"Bearer {key}") == [200, 429]


def test_a_flood_without_keys_keeps_no_key_out_that_was_not_seen_yet(client: FlaskClient, settings: Settings):
    keyed = replace(settings, auth_disabled=False, database_keys=True, rate_limit="2/minute")
    guarded, key = create_app(keyed).test_client(), new_key()
    keys.create("planner", digest(key), ["read"], None)
    assert statuses(guarded, 2) == [401, 401]
    mistyped = {"X_Flux_Service_Key": key[:-1]}
    assert statuses(guarded, 2, **mistyped) == [429, 429]
    assert statuses(guarded, 2, X_Flux_Service_Key=key) == [200, 200]


def test_without_a_limit_nothing_of_it_is_loaded_or_answered(client: FlaskClient):
    assert "RateLimit" not in client.get(USERS).headers
    loaded = "import sys, wsgi; print({'flask_limiter', 'limits', 'redis'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", loaded], cwd=PROJECT, env=command_environment(), capture_output=True, text=True
    )
    assert done.stdout == "set()\n", done.stderr
