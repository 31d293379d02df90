"""Bounds against plain sums: what is within one is taken, what is beyond is 422 with the bound's number in it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from entities import NOWHERE, task, user
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app import create_app
from app.config import Settings

with_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
MERGE = {"Content-Type": "application/merge-patch+json"}
MAX_OBJECT, MAX_ANSWER = 1_048_576, 20_000
WHOLE = st.integers(-5, 1100) | st.integers() | st.sampled_from([0, 1, 1000, 1001, 2**31 - 1, 2**31])


def near(bound: int) -> st.SearchStrategy[int]:
    return st.integers(1, bound * 2) | st.integers(max(bound - 2, 1), bound + 2)


def check(answer: Any, is_within: bool, bound: int, taken: int = 200) -> None:
    assert answer.status_code == (taken if is_within else 422), answer.text
    assert is_within or str(bound) in answer.text, answer.text


@with_fixtures
@given(WHOLE)
@example(10**20)
def test_limits_are_kept(client: FlaskClient, number: int):
    check(client.get(f"/api/v1/users?limit={number}"), 1 <= number <= 1000, 1000)
    check(client.get(f"/api/v1/users?skip={number}"), 0 <= number < 2**31, 2**31 - 1)
    check(client.delete(f"/api/v1/users?id={NOWHERE}&max_affected={number}"), 1 <= number <= 100_000, 100_000)


@with_fixtures
@given(near(1000), near(50), near(255), near(500), near(100))
def test_lengths_are_kept(client: FlaskClient, values: int, conditions: int, key: int, title: int, depth: int):
    check(client.get(f"/api/v1/users?id__in={','.join([NOWHERE] * values)}"), values <= 1000, 1000)
    several = ",".join(["onboarded:true"] * conditions)
    check(client.get(f"/api/v1/users?or=({several})"), conditions <= 50, 50)
    headers = {"Idempotency-Key": "k" * key}
    check(client.delete(f"/api/v1/users?id={NOWHERE}", headers=headers), key <= 255, 255)
    owner = user(client)["id"]
    check(client.post("/api/v1/tasks", json={"user_id": owner, "title": "é" * title}), title <= 500, 500, 201)
    nested: dict[str, Any] = {}
    for _ in range(depth - 1):
        nested = {"a": nested}
    check(client.patch(f"/api/v1/users/{owner}", json={"profile": nested}), depth <= 100, 100)


def written(held: dict[str, str]) -> int:
    """The bytes of an object of texts as PostgreSQL writes it."""
    return 2 + sum(len(name) + len(text.encode()) + 6 for name, text in held.items()) + 2 * max(len(held) - 1, 0)


@settings(with_fixtures, max_examples=20)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 400_000), st.sampled_from("xé")), max_size=5))
@example([("a", 300_000, "é"), ("b", MAX_OBJECT - 600_018, "x")])
@example([("a", 300_000, "é"), ("b", MAX_OBJECT - 600_017, "x")])
def test_an_object_grows_to_its_bound(client: FlaskClient, steps: list[tuple[str, int, str]]):
    place, held = f"/api/v1/users/{user(client, profile={})['id']}", {}
    for name, length, sign in steps:
        becomes = held | {name: sign * min(length, 400_000 if sign == "é" else MAX_OBJECT)}
        patch = orjson.dumps({"profile": {name: becomes[name]}})
        is_within = written(becomes) <= max(MAX_OBJECT, written(held))
        check(client.patch(f"{place}?fields=id", data=patch, headers=MERGE), is_within, MAX_OBJECT)
        held = becomes if is_within else held
    assert client.get(place).json["profile"] == held


@pytest.fixture
def narrow(settings: Settings, client: FlaskClient) -> Iterator[FlaskClient]:
    yield create_app(replace(settings, max_answer_bytes=MAX_ANSWER)).test_client()
    create_app(settings)


@with_fixtures
@given(st.lists(st.integers(0, 9000), min_size=1, max_size=5), st.integers(1, 5), st.integers(-2, 2))
def test_an_answer_has_no_more_bytes_than_it_may(narrow: FlaskClient, sizes: list[int], limit: int, more: int):
    owner = user(narrow)["id"]
    for size in sizes:
        newest = task(narrow, user_id=owner, description="é" * size)
    query, place = f"/api/v1/tasks?user_id={owner}", f"/api/v1/tasks/{newest['id']}"
    for size in (sizes[-1] * 2, sizes[-1] * 2 + MAX_ANSWER - page_bytes(narrow, query, limit) + more):
        if size > 0:
            assert narrow.patch(place, json={"description": "x" * size}).status_code == 200
        total = page_bytes(narrow, query, limit)
        check(answer := narrow.get(f"{query}&limit={limit}"), total <= MAX_ANSWER, MAX_ANSWER)
        assert answer.status_code == 422 or len(answer.json["items"]) == min(limit, len(sizes))


def page_bytes(client: FlaskClient, query: str, limit: int) -> int:
    """What a page weighs for PostgreSQL: its rows with what stands between them, brackets, and the value's own head."""
    rows = client.get(query, headers={"Accept": "application/x-ndjson"}).data.splitlines()[:limit]
    return sum(map(len, rows)) + 4 * (len(rows) - 1) + 2 + 4
