"""Repeats against a plain model: what is sent twice is stored as if it were sent once."""

import json
from typing import Any

from entities import user
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

USERS = "/api/v1/users"
with_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = st.sampled_from(["a", "b", 'c":', "\\"])
LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", '"x":1', "é"])
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3))
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=3)
KINDS = st.sampled_from(["add", "both", "create", "delete", "spend"])
STEPS = st.lists(st.tuples(st.sampled_from("xyz"), KINDS, st.integers(1, 3)), max_size=10)


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
@given(st.none() | OBJECTS, OBJECTS, st.booleans())
def test_a_merge_patch_does_what_its_rfc_says_however_often_it_is_sent(
    client: FlaskClient, before: Any, patch: Any, by_filter: bool
):
    place = f"{USERS}{'?id=' if by_filter else '/'}{user(client, profile=before)['id']}"
    sent = {"data": json.dumps({"profile": patch}), "content_type": "application/merge-patch+json"}
    for _ in range(2):
        answer = client.patch(f"{place}&return=rows" if by_filter else place, **sent).json
        [row] = answer["items"] if by_filter else [answer]
        assert row["profile"] == merged(before, patch)


class Model:
    """A person's tokens, and how many tasks they have."""

    def __init__(self) -> None:
        self.tokens = self.tasks = 0

    def do(self, kind: str, amount: int) -> int:
        """Do what a request asks for; the status that it is answered with."""
        if kind == "spend" and self.tokens < amount:
            return 412
        self.tokens += {"add": amount, "both": amount, "spend": -self.tokens}.get(kind, 0)
        self.tasks += {"create": amount, "both": 1, "delete": -min(amount, self.tasks)}.get(kind, 0)
        return 201 if kind == "create" else 200


def request_of(kind: str, amount: int, owner: str) -> tuple[str, str, Any]:
    """Method, path and body."""
    add = {"monthly_token_usage": {"total": amount}}
    task = {"user_id": owner, "title": "x"}
    spend = f"/users/{owner}?monthly_token_usage.total__gte={amount}"
    both = [("POST", f"/users/{owner}/increment", add), ("POST", "/tasks", task)]
    operations = [{"method": method, "path": path, "body": body} for method, path, body in both]
    return {
        "add": both[0],
        "both": ("POST", "/batch", {"operations": operations}),
        "create": ("POST", "/tasks/bulk", [task] * amount),
        "delete": ("DELETE", f"/tasks?user_id={owner}&limit={amount}", None),
        "spend": ("PATCH", spend, {"monthly_token_usage": {"total": 0}}),
    }[kind]


@with_fixtures
@given(STEPS)
@example([("x", "create", 3), ("y", "delete", 1), ("y", "delete", 1)])
@example([("x", "spend", 2), ("y", "add", 2), ("x", "spend", 2), ("x", "spend", 2)])
def test_what_comes_with_one_key_is_done_once_unless_it_failed(client: FlaskClient, steps: list[tuple[str, str, int]]):
    owner, model = user(client, monthly_token_usage={"total": 0})["id"], Model()
    done: dict[str, tuple[tuple[str, int], bytes]] = {}
    for name, kind, amount in steps:
        method, path, body = request_of(kind, amount, owner)
        options = {} if body is None else {"json": body}
        headers = {"Idempotency-Key": f"{owner} {name}"}
        answer = client.open(f"/api/v1{path}", method=method, headers=headers, **options)
        if name not in done:
            assert answer.status_code == model.do(kind, amount), answer.text
            if answer.status_code < 300:
                done[name] = (kind, amount), answer.data
        elif done[name][0] == (kind, amount):
            assert (answer.data, answer.headers["Idempotent-Replayed"]) == (done[name][1], "true")
        else:
            assert answer.json["code"] == "urn:flux:problem:idempotency-key-reused"
    tokens = client.get(f"{USERS}/{owner}").json["monthly_token_usage"]["total"]
    assert (tokens, client.get(f"/api/v1/tasks/count?user_id={owner}").json["count"]) == (model.tokens, model.tasks)
