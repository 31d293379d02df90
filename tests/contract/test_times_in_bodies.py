"""Times in bodies that the database's clock decides: now, and so much before or after it."""

from datetime import datetime, timedelta

import pytest
from entities import goal, task, user
from flask.testing import FlaskClient

from app.database import database

COLUMNS = ("scheduled_at", "canonical_scheduled_at", "reminder_sent_at", "whatsapp_sent_at", "call_sent_at",
           "completed_at")  # fmt: skip
TEN_MINUTES = timedelta(minutes=10)
SPANS = {
    "now": timedelta(),
    "now+10m": TEN_MINUTES,
    "now-30s": timedelta(seconds=-30),
    "now+2h": timedelta(hours=2),
    "now-7d": timedelta(days=-7),
    "now+1w": timedelta(weeks=1),
}


def database_clock() -> datetime:
    """The time at which the test's transaction began, which is its `now`."""
    return database.execute_sql("SELECT now()").fetchone()[0]


def time(text: str | None) -> datetime | None:
    """The time that an answer tells, however many digits it takes."""
    return text and datetime.fromisoformat(text)


@pytest.mark.parametrize(("text", "span"), SPANS.items(), ids=SPANS)
def test_a_time_is_told_by_the_clock_of_the_database(client: FlaskClient, text: str, span: timedelta):
    expected = database_clock() + span
    row = task(client, **dict.fromkeys(COLUMNS, text))
    assert {time(row[column]) for column in COLUMNS} == {expected}


@pytest.mark.parametrize("content_type", ["application/json", "application/merge-patch+json"])
def test_every_kind_of_write_takes_them(client: FlaskClient, content_type: str):
    expected = database_clock() + TEN_MINUTES
    row = goal(client)
    body, headers = {"activated_at": "now+10m"}, {"Content-Type": content_type}
    changed = client.patch(f"/api/v1/goals/{row['id']}", json=body, headers=headers)
    assert time(changed.json["activated_at"]) == expected
    by_filter = client.patch(f"/api/v1/goals?id={row['id']}&return=rows", json=body, headers=headers)
    assert time(by_filter.json["items"][0]["activated_at"]) == expected


def test_many_rows_may_mix_them_with_times_that_are_written_out(client: FlaskClient):
    expected, owner = database_clock(), user(client)["id"]
    times = ["now", "2026-03-01T09:00:00Z", None, "now"]
    rows = [{"user_id": owner, "title": "x", "scheduled_at": time} for time in times]
    rows.append({"user_id": owner, "title": "x"})
    items = client.post("/api/v1/tasks/bulk", json=rows).json["items"]
    assert [time(row["scheduled_at"]) for row in items] == [expected, time(times[1]), None, expected, None]


def test_an_upsert_takes_them_when_it_makes_and_when_it_merges(client: FlaskClient):
    expected = database_clock()
    body = {"email": "a@b.io", "whatsapp_opt_in_at": "now"}
    for status in (201, 200):
        answer = client.post("/api/v1/users?upsert=merge", json=body)
        assert (answer.status_code, time(answer.json["whatsapp_opt_in_at"])) == (status, expected)


def test_in_an_object_and_in_a_text_it_is_only_a_text(client: FlaskClient):
    assert user(client, profile={"at": "now"})["profile"] == {"at": "now"}
    assert task(client, title="now+10m")["title"] == "now+10m"


WRONG = ("now+10", "now+m", "now+10y", "NOW", "now+-1m", "now+1.5h", "now+ 1h", "now+9999999w", "nowhere", "now+10m\n",
         "tomorrow", "now;DROP TABLE tasks")  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_such_time_is_422(client: FlaskClient, text: str):
    answer = client.post("/api/v1/tasks", json={"user_id": user(client)["id"], "title": "x", "scheduled_at": text})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/scheduled_at")
