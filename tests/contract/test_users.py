"""What only users have: an address that is theirs alone, a time zone that exists, and all that is theirs."""

from urllib.parse import quote

import pytest
from entities import conversation, goal, message, task, user
from flask.testing import FlaskClient

from app.database import database


def test_a_user_gets_the_defaults_of_the_contract(client: FlaskClient):
    created = client.post("/api/v1/users", json={"email": "ada@example.com"}).json
    read_only = ("id", "created_at", "updated_at", "version")
    assert {name: value for name, value in created.items() if name not in read_only} == {
        "email": "ada@example.com",
        "onboarded": False,
        "profile": None,
        "notification_preferences": None,
        "timezone": "UTC",
        "phone_verified": False,
        "whatsapp_opt_in_at": None,
        "push_subscription": None,
        "monthly_token_usage": None,
    }


def test_every_field_of_a_user_is_kept(client: FlaskClient):
    given = {
        "email": "ada@example.com",
        "onboarded": True,
        "profile": {"name": "Ada", "tags": ["a", {"b": None}], "ü": 1.5},
        "notification_preferences": {"phone_number": "+971501234567"},
        "timezone": "Asia/Dubai",
        "phone_verified": True,
        "whatsapp_opt_in_at": "2026-03-01T09:00:00+00:00",
        "push_subscription": {"endpoint": "https://example.com", "keys": {}},
        "monthly_token_usage": {"total": 9007199254740993},
    }
    assert client.post("/api/v1/users", json=given).json.items() >= given.items()


def test_an_address_is_taken_once(client: FlaskClient):
    user(client, email="ada@example.com")
    answer = client.post("/api/v1/users", json={"email": "ada@example.com"})
    assert answer.status_code == 409
    assert answer.json["code"] == "urn:flux:problem:value-taken"
    assert [error["pointer"] for error in answer.json["errors"]] == ["#/email"]


def test_an_address_cannot_be_changed_to_one_that_is_taken(client: FlaskClient):
    user(client, email="ada@example.com")
    other = user(client)
    answer = client.patch(f"/api/v1/users/{other['id']}", json={"email": "ada@example.com"})
    assert answer.status_code == 409


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@example.com", "a b@example.com", "x" * 251 + "@a.io", 7, None])
def test_an_address_must_be_valid(client: FlaskClient, email: object):
    answer = client.post("/api/v1/users", json={"email": email})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/email"


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "utc+4", "../etc/passwd"])
def test_a_time_zone_must_exist(client: FlaskClient, name: str):
    answer = client.post("/api/v1/users", json={"email": "ada@example.com", "timezone": name})
    assert answer.status_code == 422
    assert "IANA" in answer.json["detail"]


def test_an_object_is_replaced_whole_or_taken_away(client: FlaskClient):
    path = f"/api/v1/users/{user(client, profile={'name': 'Ada', 'age': 36})['id']}"
    assert client.patch(path, json={"profile": {"name": "Ben"}}).json["profile"] == {"name": "Ben"}
    assert client.patch(path, json={"profile": None}).json["profile"] is None


def test_deleting_a_user_deletes_all_that_is_theirs(client: FlaskClient):
    owner = user(client)["id"]
    plan = goal(client, user_id=owner)
    todo = task(client, user_id=owner, goal_id=plan["id"])
    talk = conversation(client, user_id=owner, linked_goal_id=plan["id"], linked_task_id=todo["id"])
    said = message(client, conversation_id=talk["id"])
    seen = client.post("/api/v1/patterns", json={"user_id": owner}).json
    sent = client.post("/api/v1/notification-log", json={"task_id": todo["id"], "channel": "call"}).json

    assert client.delete(f"/api/v1/users/{owner}").status_code == 204

    rows = {"goals": plan, "tasks": todo, "conversations": talk, "messages": said, "patterns": seen}
    for path, row in (rows | {"notification-log": sent}).items():
        assert client.get(f"/api/v1/{path}/{row['id']}").status_code == 404


OTHER_CASES = ("ada@example.com", "ADA@EXAMPLE.COM", "Ada@example.com")


@pytest.mark.parametrize("email", OTHER_CASES)
def test_an_address_is_one_persons_in_any_case_and_stored_as_it_came(client: FlaskClient, email: str):
    assert user(client, email="Ada@Example.com")["email"] == "Ada@Example.com"
    other = user(client)
    for answer in (
        client.post("/api/v1/users", json={"email": email}),
        client.patch(f"/api/v1/users/{other['id']}", json={"email": email}),
        client.post("/api/v1/users/bulk", json=[{"email": "new@example.com"}, {"email": email}]),
    ):
        assert answer.status_code == 409
        assert answer.json["errors"][0]["pointer"].endswith("/email")


def test_a_person_may_write_the_own_address_in_another_case(client: FlaskClient):
    path = f"/api/v1/users/{user(client, email='Ada@Example.com')['id']}"
    assert client.patch(path, json={"email": "ada@example.com"}).json["email"] == "ada@example.com"


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ("email=ada@example.COM", ["Ada"]),
        ("email__in=ADA@example.com,nobody@example.com", ["Ada"]),
        ("email__ne=ADA@example.com", ["Ben"]),
        ("email__nin=ADA@example.com", ["Ben"]),
        ("email__like=ADA*", ["Ada"]),
        ("email__ilike=ADA*", ["Ada"]),
        ("or=(email:ADA@example.com;email:BEN@example.com)", ["Ada", "Ben"]),
    ],
)
def test_filters_compare_addresses_without_case(client: FlaskClient, filter: str, found: list[str]):
    for name in ("Ada", "Ben"):
        user(client, email=f"{name}@Example.com")
    rows = client.get(f"/api/v1/users?sort=email&{filter}").json["items"]
    assert [row["email"] for row in rows] == [f"{name}@Example.com" for name in found]


def test_filters_over_references_compare_addresses_without_case(client: FlaskClient):
    made = task(client, user_id=user(client, email="Ada@Example.com")["id"])
    assert client.get("/api/v1/tasks?user.email=ADA@example.com").json["total"] == 1
    changed = client.patch(f"/api/v1/tasks/{made['id']}?user.email=ADA@example.com", json={"title": "Run"})
    assert changed.status_code == 200


def test_pages_sorted_by_the_address_lose_nobody(client: FlaskClient):
    names = ["a@x.io", "B@x.io", "c@x.io", "D@x.io"]
    for name in reversed(names):
        user(client, email=name)
    for sort, expected in (("email", names), ("-email", names[::-1])):
        seen, cursor = [], ""
        while cursor is not None:
            page = client.get(f"/api/v1/users?sort={sort}&limit=1{cursor and f'&cursor={cursor}'}").json
            seen += [row["email"] for row in page["items"]]
            cursor = page["next_cursor"]
        assert seen == expected


# Of some signs the lower case is another for Python than for the database, which decides.
SIGNS = ("İ", "i", "I", "\u212a", "k", "ß", "ẞ", "aΣ", "aς", "a\u03c3")


@pytest.mark.parametrize("one", SIGNS)
@pytest.mark.parametrize("other", SIGNS)
def test_the_database_alone_decides_which_addresses_are_the_same(client: FlaskClient, one: str, other: str):
    one, other = f"{one}@example.com", f"{other}@example.com"
    [(same,)] = database.read("SELECT lower(%s) = lower(%s)", (one, other))
    assert client.post("/api/v1/users/bulk?upsert=merge", json=[{"email": one}]).json["created_count"] == 1
    assert client.get(f"/api/v1/users/count?email={quote(other)}").json["count"] == int(same)
    merged = client.post("/api/v1/users?upsert=merge", json={"email": other, "onboarded": True})
    assert (merged.status_code, merged.json["onboarded"]) == (200 if same else 201, True)
    left = client.post("/api/v1/users/bulk?upsert=ignore", json=[{"email": other}])
    assert left.json["items"] == [merged.json]
    taken = client.post("/api/v1/users/bulk", json=[{"email": "new@example.com"}, {"email": other}])
    assert (taken.status_code, taken.json["errors"][0]["pointer"]) == (409, "#/1/email")
    twins = client.post("/api/v1/users/bulk?upsert=merge", json=[{"email": f"x{each}"} for each in (one, other)])
    assert twins.status_code == (422 if same else 201)


@pytest.mark.parametrize("how", ["merge", "ignore"])
@pytest.mark.parametrize("email", [*OTHER_CASES, "JÜRGEN@example.com"])
def test_an_upsert_finds_the_person_by_the_address_in_any_case(client: FlaskClient, how: str, email: str):
    own = email.replace("JÜRGEN", "Jürgen").replace("ADA", "Ada")
    made = user(client, email=own, timezone="UTC")
    one = client.post(f"/api/v1/users?upsert={how}", json={"email": email, "timezone": "Asia/Dubai"})
    assert (one.status_code, one.json["id"], one.json["email"]) == (200, made["id"], own)
    assert one.json["timezone"] == ("Asia/Dubai" if how == "merge" else "UTC")
    rows = [{"email": email}, {"email": "Other@Example.com"}]
    many = client.post(f"/api/v1/users/bulk?upsert={how}", json=rows)
    assert [row["email"] for row in many.json["items"]] == [own, "Other@Example.com"]
    assert client.get("/api/v1/users").json["total"] == 2


def test_two_of_an_upsert_with_one_address_in_two_cases_are_refused(client: FlaskClient):
    rows = [{"email": "ada@example.com"}, {"email": "ADA@example.com"}]
    answer = client.post("/api/v1/users/bulk?upsert=merge", json=rows)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/1/email")
