"""Bodies that are hostile, or honest mistakes: each gets a clear answer, and nothing is stored."""

from time import thread_time

import pytest
from entities import ALL, EDITABLE, Entity, task, user
from flask.testing import FlaskClient

JSON = "application/json"
USERS = "/api/v1/users"
every_entity = pytest.mark.parametrize("entity", ALL, ids=lambda entity: entity.name)


def post(client: FlaskClient, body: bytes | str, content_type: str | None = JSON, path: str = USERS):
    return client.post(path, data=body, content_type=content_type)


@every_entity
@pytest.mark.parametrize("body", [b"", b"  ", b"{", b'{"a": 1,}', b"'x'", b"\xff\xfe", b'{"email": "\xe9"}'])
def test_what_is_not_json_is_400(client: FlaskClient, entity: Entity, body: bytes):
    answer = post(client, body, path=entity.path)
    assert answer.status_code == 400
    assert answer.json["code"] == "urn:flux:problem:not-json"


def test_a_request_without_a_body_is_told_so(client: FlaskClient):
    answer = client.post(USERS)
    assert answer.status_code == 400
    assert answer.json["detail"] == "The request has no body. Send a JSON object."


def test_broken_json_is_told_where(client: FlaskClient):
    assert "line 2, column 10" in post(client, '{\n"email": }').json["detail"]


@every_entity
@pytest.mark.parametrize("body", ["[]", "null", "1", '"text"', "true", "[{}]"])
def test_what_is_not_an_object_is_422(client: FlaskClient, entity: Entity, body: str):
    answer = post(client, body, path=entity.path)
    assert answer.status_code == 422
    assert answer.json["detail"] == "The body must be a JSON object."


@every_entity
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_another_content_type_is_415(client: FlaskClient, entity: Entity, content_type: str | None):
    answer = post(client, "{}", content_type, entity.path)
    assert answer.status_code == 415
    assert "application/json" in answer.json["detail"]


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_the_content_type_may_carry_parameters_and_capitals(client: FlaskClient, content_type: str):
    assert post(client, '{"email": "ada@example.com"}', content_type).status_code == 201


@pytest.mark.parametrize("entity", EDITABLE, ids=lambda entity: entity.name)
def test_a_patch_is_as_strict_about_its_content_type(client: FlaskClient, entity: Entity):
    place = client.post(entity.path, json=entity.body(client)).headers["Location"]
    assert client.patch(place, data="{}", content_type="text/plain").status_code == 415


@every_entity
def test_a_body_of_two_mebibytes_is_413(client: FlaskClient, entity: Entity):
    answer = post(client, b'{"title": "%b"}' % (b"x" * 2 * 1024 * 1024), path=entity.path)
    assert answer.status_code == 413
    assert "1048576 bytes" in answer.json["detail"]


@pytest.mark.parametrize("body", ["[" * 10_000 + "]" * 10_000, "[" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000])
def test_ten_thousand_levels_are_422(client: FlaskClient, body: str):
    answer = post(client, body)
    assert answer.status_code == 422
    assert "100 levels" in answer.json["detail"]


def test_an_object_may_be_nested_to_a_hundred_levels_and_no_deeper(client: FlaskClient):
    def nested(levels: int) -> str:
        return '{"a":' * levels + "1" + "}" * levels

    assert post(client, f'{{"email": "a@example.com", "profile": {nested(99)}}}').status_code == 201
    answer = post(client, f'{{"email": "b@example.com", "profile": {nested(100)}}}')
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/profile"


UNSTORABLE = [
    r'"a\u0000b"',
    r'"\ud800"',
    r'"\udc00\ud800"',
]


@pytest.mark.parametrize("text", UNSTORABLE)
def test_a_text_that_postgresql_cannot_store_is_422(client: FlaskClient, text: str):
    owner = user(client)["id"]
    answer = post(client, f'{{"user_id": "{owner}", "title": {text}}}', path="/api/v1/tasks")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/title"


@pytest.mark.parametrize(
    "value",
    [
        *(f'{{"a": {text}}}' for text in UNSTORABLE),
        *(f"{{{text}: 1}}" for text in UNSTORABLE),
        '{"a": NaN}',
        '{"a": [Infinity]}',
        '{"a": -Infinity}',
        '{"a": 1e400}',
        "[1]",
        "1",
    ],
)
def test_an_object_that_postgresql_cannot_store_is_422(client: FlaskClient, value: str):
    answer = post(client, f'{{"email": "ada@example.com", "profile": {value}}}')
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/profile"


def test_a_text_of_the_letters_that_write_a_nul_is_only_letters(client: FlaskClient):
    profile = {"a": "\\u0000", "b": "\\\\u0000"}
    assert user(client, profile=profile)["profile"] == profile


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "9" * 5000, str(2**31), str(2**70), "-1e99"])
def test_a_number_that_the_column_cannot_hold_is_422(client: FlaskClient, value: str):
    owner = user(client)["id"]
    body = f'{{"user_id": "{owner}", "title": "Run", "duration_minutes": {value}}}'
    assert post(client, body, path="/api/v1/tasks").status_code == 422


@pytest.mark.parametrize(
    ("time", "fault"),
    [
        ("2026-03-01T09:00:00", "no offset"),
        ("2026-02-30T09:00:00Z", "exists"),
        ("2025-02-29T09:00:00Z", "exists"),
        ("2026-03-01T24:00:01Z", "exists"),
        ("0001-01-01T00:00:00+05:00", "years 1 to 9999"),
        ("9999-12-31T23:59:59-05:00", "years 1 to 9999"),
        ("2026-03-01", "RFC 3339"),
        ("2026-W09-7T09:00:00Z", "RFC 3339"),
        ("20260301T090000Z", "RFC 3339"),
        (1772355600, "RFC 3339"),
        (True, "RFC 3339"),
        ({}, "RFC 3339"),
    ],
)
def test_a_time_that_is_not_one_says_why(client: FlaskClient, time: object, fault: str):
    answer = client.post("/api/v1/tasks", json={"user_id": user(client)["id"], "title": "x", "scheduled_at": time})
    assert answer.status_code == 422
    assert fault in answer.json["detail"]


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ("2026-03-01t09:00:00z", "2026-03-01T09:00:00+00:00"),
        ("2026-03-01 09:00:00-00:00", "2026-03-01T09:00:00+00:00"),
        ("2026-03-01T09:00:00.1234567Z", "2026-03-01T09:00:00.123456+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59+00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
    ],
)
def test_every_form_of_rfc_3339_is_taken(client: FlaskClient, given: str, answered: str):
    body = {"user_id": user(client)["id"], "title": "x", "scheduled_at": given}
    assert client.post("/api/v1/tasks", json=body).json["scheduled_at"] == answered


def test_a_misspelt_field_is_guessed_without_a_list_of_all(client: FlaskClient):
    answer = client.post("/api/v1/tasks", json={"user_id": user(client)["id"], "titel": "Run"})
    assert "Did you mean title?" in answer.json["detail"]
    assert "escalation_policy" not in answer.text


def test_the_names_that_are_known_are_listed_once_however_many_are_not(client: FlaskClient):
    answer = client.post("/api/v1/tasks/bulk", json=[{"title": "Run", "colour": "red", "taste": "sweet"}] * 3)
    assert answer.text.count("escalation_policy") == 1


def test_a_name_with_a_dot_is_told_how_objects_nest(client: FlaskClient):
    place = f"{USERS}/{user(client)['id']}"
    for path, method in ((place, "PATCH"), (f"{place}/increment", "POST")):
        answer = client.open(path, method=method, json={"monthly_token_usage.openai": 5})
        assert 'Nest it: {"monthly_token_usage": {"openai": …}}.' in answer.json["detail"]


def test_a_time_that_is_none_is_told_of_relative_ones(client: FlaskClient):
    answer = client.post("/api/v1/tasks", json={"title": "Run", "scheduled_at": "tomorrow"})
    assert "or relative, as now+1d" in answer.json["detail"]


def test_a_fault_in_a_field_with_a_slash_is_pointed_at_as_rfc_6901_has_it(client: FlaskClient):
    answer = client.post(USERS, json={"email": "ada@example.com", "a/b~c": 1})
    assert answer.json["errors"][0]["pointer"] == "#/a~1b~0c"


def test_of_very_many_faults_the_first_are_told(client: FlaskClient):
    body = {"task_ids": ["x"] * 1000, "new_status": "done"}
    answer = client.post("/api/v1/tasks/bulk-update-state", json=body)
    assert len(answer.json["errors"]) == 20
    assert answer.json["detail"].endswith("And 980 more.")


def test_nothing_is_stored_of_a_refused_request(client: FlaskClient):
    before = client.get(USERS).json["total"]
    for body in ({"email": "a@example.com", "colour": 1}, {"email": "a@example.com", "timezone": "Mars"}):
        assert client.post(USERS, json=body).status_code == 422
    assert client.get(USERS).json["total"] == before


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_body_where_none_is_taken_is_422_and_nothing_is_done(client: FlaskClient, method: str):
    row = task(client)
    body = {"task_ids": [row["id"]]}
    for path in ("/tasks", f"/tasks?user_id={row['user_id']}", f"/tasks/{row['id']}"):
        answer = client.open(f"/api/v1{path}", method=method, json=body)
        assert (answer.status_code, f"A {method} here takes no body" in answer.json["detail"]) == (422, True)
        operation = {"method": method, "path": path, "body": body}
        refused = client.post("/api/v1/batch", json={"operations": [operation]})
        assert (refused.status_code, refused.json.get("operation")) == (422, {"index": 0})
    assert client.get(f"/api/v1/tasks/{row['id']}").status_code == 200


@pytest.mark.parametrize(
    "body",
    ['{"email": "a@b.io", "email": "c@d.io"}', '{"email": "a@b.io", "profile": {"a" : 1, "b": [{"x":1,"x":2}]}}'],
)
def test_a_member_that_is_named_twice_is_422(client: FlaskClient, body: str):
    answer = client.post("/api/v1/users", data=body, content_type="application/json")
    assert (answer.status_code, "twice" in answer.json["detail"]) == (422, True)


def test_a_member_that_is_named_twice_is_found_among_as_many_as_fit(client: FlaskClient):
    members = ",".join(f'"m{number}":1' for number in [*range(80_000), 79_999])
    began = thread_time()
    answer = post(client, f"{{{members}}}")
    assert (answer.status_code, "m79999 twice" in answer.json["detail"]) == (422, True)
    assert thread_time() - began < 5


def test_a_text_that_looks_like_members_is_a_text(client: FlaskClient):
    profile = {"a": '"b":1,"b":2', "c\\": '\\":'}
    assert user(client, profile=profile)["profile"] == profile


@pytest.mark.parametrize(("charset", "status"), [("utf-16", 415), ("latin-1", 415), ("UTF-8", 201), ('"utf-8"', 201)])
def test_json_is_utf_8_and_says_nothing_else(client: FlaskClient, charset: str, status: int):
    kind = f"application/json; charset={charset}"
    assert client.post("/api/v1/users", data='{"email": "a@b.io"}', content_type=kind).status_code == status
