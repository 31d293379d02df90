"""Texts of any characters against Python's own comparison: stored and found to the letter, or 422."""

import json
from urllib.parse import quote, quote_from_bytes

from asking import ask
from entities import user
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

with_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
SIGNS = st.sampled_from(
    ['"', "\\", ",", "(", ")", ";", ":", "*", "%", "_", "+", "&", "=", "#", " ", "é", "\u0301", "a"]
)
TEXTS = st.text(SIGNS | st.characters(), min_size=1, max_size=8)
STORABLE = TEXTS.filter(lambda text: "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text))


def as_people_write(text: str) -> str:
    """A text in a URL with no more escapes than it needs."""
    return "".join(sign if sign.isalnum() or ord(sign) > 127 else quote(sign, safe="") for sign in text)


def quoted(text: str) -> str:
    """As a value of a list and of an `or` is written."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@with_fixtures
@given(TEXTS)
@example("\ud83d\ude00")
def test_a_text_is_stored_to_the_letter_or_refused(client: FlaskClient, text: str):
    body = json.dumps({"user_id": user(client)["id"], "title": text, "class_tags": [text]})
    answer = client.post("/api/v1/tasks", data=body, content_type="application/json")
    try:
        # JSON writes what lies beyond U+FFFF as two escapes.
        expected = json.loads(body)["title"]
        is_storable = "\0" not in expected and bool(expected.encode())
    except UnicodeEncodeError:
        is_storable = False
    assert answer.status_code == (201 if is_storable else 422), answer.text
    if is_storable:
        assert (answer.json["title"], answer.json["class_tags"]) == (expected, [expected])


@with_fixtures
@given(st.lists(STORABLE, min_size=1, max_size=4), STORABLE)
def test_each_way_to_ask_for_a_text_finds_just_that(client: FlaskClient, stored: list[str], other: str):
    owner = user(client)["id"]
    client.post("/api/v1/tasks/bulk", json=[{"user_id": owner, "title": each, "class_tags": [each]} for each in stored])
    for wanted in (stored[0], other):
        same = stored.count(wanted)
        queries = {
            "title": (wanted, same),
            "title__ne": (wanted, len(stored) - same),
            "title__in": (quoted(wanted), same),
            "title__nin": (f"{quoted(wanted)},another sort", len(stored) - same),
            "class_tags__contains": (wanted, same),
            "or": (f"(title:{quoted(wanted)},title__in:({quoted(wanted)}))", same),
        }  # fmt: skip
        if "*" not in wanted:
            queries["title__like"] = (wanted, same)
        for name, (text, count) in queries.items():
            query = {"user_id": owner, name: text}
            assert ask(client, "/tasks/count", query) == {"count": count}, (query, stored)
            operations = [{"method": "GET", "path": "/tasks/count", "query": query}]
            for written in (quote(text, safe=""), as_people_write(text)):
                operations.append({"method": "GET", "path": f"/tasks/count?user_id={owner}&{name}={written}"})
            answer = client.post("/api/v1/batch", json={"operations": operations})
            assert [each["body"] for each in answer.json["operations"]] == [{"count": count}] * 3, (query, stored)
    # What a deletion leaves.
    path = f"/tasks?user_id={owner}&title__ne={as_people_write(stored[0])}"
    removed = client.post("/api/v1/batch", json={"operations": [{"method": "DELETE", "path": path}]})
    assert removed.json["operations"][0]["body"] == {"deleted_count": len(stored) - stored.count(stored[0])}
    assert {row["title"] for row in ask(client, "/tasks", {"user_id": owner})["items"]} == {stored[0]}


@with_fixtures
@given(STORABLE.filter(lambda text: "." not in text and "__" not in text and text != "other"), STORABLE)
def test_a_key_of_an_object_may_be_any_text(client: FlaskClient, key: str, value: str):
    owner = user(client, profile={key: value, "other": {key: value}})["id"]
    for name in (f"profile.{key}", f"profile.other.{key}"):
        assert ask(client, "/users/count", {"id": owner, name: value}) == {"count": 1}
        assert ask(client, "/users/count", {"id": owner, f"{name}__ne": value}) == {"count": 0}
    patch = json.dumps({"profile": {key: None}})
    merged = client.patch(f"/api/v1/users/{owner}", data=patch, content_type="application/merge-patch+json")
    assert merged.json["profile"] == {"other": {key: value}}


@with_fixtures
@given(st.binary(min_size=1, max_size=6) | st.text(max_size=4).map(lambda text: text.encode("utf-16")))
@example(b"caf\xe9")
@example(b"\xed\xa0\x80")
@example(b"\xff")
@example(b"\0")
def test_bytes_in_a_query_and_a_path_are_a_text_or_refused(client: FlaskClient, raw: bytes):
    owner, written = user(client)["id"], quote_from_bytes(raw, safe="")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = "\0"
    is_text = "\0" not in text
    for stored in {text, raw.decode(errors="replace")} - {""}:
        client.post("/api/v1/tasks", json={"user_id": owner, "title": stored})
    asked = client.get(f"/api/v1/tasks/count?user_id={owner}&title={written}")
    assert (asked.status_code, asked.json.get("count")) == ((200, 1) if is_text else (422, None)), asked.text
    inside = client.get(f"/api/v1/tasks/count?user_id={owner}&location_trigger__in={written},b")
    assert inside.status_code in ((200, 422) if is_text and '"' in text else (200,) if is_text else (422,)), inside.text
    assert client.get(f"/api/v1/tasks/count?{written}={written}").status_code == 422
    assert client.get(f"/api/v1/tasks/{written}").status_code in (404, 422, 405, 200)
    # Bytes that have no escapes; WSGI has them in the shape of latin-1 texts (PEP 3333).
    bare = "".join(chr(byte) if byte > 127 else quote(chr(byte), safe="") for byte in raw)
    environ = {"QUERY_STRING": f"user_id={owner}&title={bare}"}
    asked = client.get("/api/v1/tasks/count", environ_overrides=environ)
    assert (asked.status_code, asked.json.get("count")) == ((200, 1) if is_text else (422, None)), asked.text
    path = f"/tasks?user_id={owner}&title__ne={written}"
    in_batch = client.post("/api/v1/batch", json={"operations": [{"method": "GET", "path": path}]})
    assert in_batch.status_code == (200 if is_text else 422), in_batch.text
    removed = client.delete(f"/api/v1{path}")
    assert removed.status_code == (200 if is_text else 422), removed.text
