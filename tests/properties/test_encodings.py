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
            operation = {"method": "GET", "path": "/tasks/count", "query": query}
            in_path = {"method": "GET", "path": f"/tasks/count?user_id={owner}&{name}={quote(text, safe='')}"}
            answer = client.post("/api/v1/batch", json={"operations": [operation, in_path]})
            assert [each["body"] for each in answer.json["operations"]] == [{"count": count}] * 2, (query, stored)


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
    removed = client.delete(f"/api/v1/tasks?user_id={owner}&title__ne={written}")
    assert removed.status_code == (200 if is_text else 422), removed.text
