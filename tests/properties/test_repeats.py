"""Repeats against a plain model: what is sent twice is stored as if it were sent once."""

from typing import Any

from entities import user
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

USERS = "/api/v1/users"
with_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = st.sampled_from(["a", "b", 'c":', "\\"])
LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", '"x":1', "é"])
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3))
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=3)
STEPS = st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from([1, 2]), st.booleans()), max_size=8)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, as it is written there."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


@with_fixtures
@given(st.none() | OBJECTS, st.none() | OBJECTS, st.booleans())
def test_an_upsert_is_a_merge_however_often_it_is_sent(client: FlaskClient, before: Any, patch: Any, bulk: bool):
    there = user(client, profile=before)
    new = {"email": f"new-{there['email']}", "profile": patch}
    for body, was in (({"email": there["email"], "profile": patch}, before), (new, None)):
        for _ in range(2):
            path = f"{USERS}{'/bulk' if bulk else ''}?upsert=merge"
            answer = client.post(path, json=[body] if bulk else body).json
            [row] = answer["items"] if bulk else [answer]
            assert row["profile"] == merged(was, patch)


@with_fixtures
@given(STEPS)
def test_of_the_requests_with_one_key_the_first_is_done(client: FlaskClient, steps: list[tuple[str, int, bool]]):
    row = user(client, monthly_token_usage={"total": 0})
    place, total, first = f"{USERS}/{row['id']}", 0, {}
    for name, amount, is_deletion in steps:
        request = (amount, is_deletion)
        seen = first.setdefault(name, request)
        headers = {"Idempotency-Key": f"{row['id']} {name}"}
        if is_deletion:
            # Of a row that is not there, so that it changes nothing but what is kept.
            answer = client.delete(f"{USERS}?email=nobody-{amount}", headers=headers)
        else:
            body = {"monthly_token_usage": {"total": amount}}
            answer = client.post(f"{place}/increment", json=body, headers=headers)
        if seen != request:
            assert answer.json["code"] == "urn:flux:problem:idempotency-key-reused"
            continue
        assert answer.status_code == 200
        if "Idempotent-Replayed" not in answer.headers:
            total += 0 if is_deletion else amount
    done = sum(amount for amount, is_deletion in first.values() if not is_deletion)
    assert client.get(place).json["monthly_token_usage"] == {"total": total} == {"total": done}
