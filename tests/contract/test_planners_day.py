"""Twenty jobs of a planner's day, asked for in planners_day.http as /llms.txt teaches it: each does what it meant."""

from pathlib import Path
from typing import Any

import pytest
from documents import send
from entities import conversation, goal, message, task, user
from flask.testing import FlaskClient

WRITTEN = (Path(__file__).parent / "planners_day.http").read_text()
REQUESTS = dict(each.strip().split("\n\n", 1) for each in WRITTEN.split("### ")[1:])


@pytest.fixture
def ids(client: FlaskClient) -> dict[str, str]:
    """A person with a goal, tasks of the past and the next minutes, and a talk."""
    preferences = {"phone_number": "+971 50 123 4567", "quiet_hours": {"to": "07:00"}, "sound": "on"}
    ada = user(client, email="ada@example.com", notification_preferences=preferences)["id"]
    run = goal(client, user_id=ada, pipeline_order=1)["id"]
    soon = task(client, user_id=ada, goal_id=run, scheduled_at="now+5m")["id"]
    task(client, user_id=ada, status="missed", scheduled_at="now-15d")
    task(client, user_id=ada, title="Stretch", scheduled_at="now-2d", reminder_sent_at="now-2d")
    talk = conversation(client, user_id=ada)["id"]
    message(client, conversation_id=talk)
    later = task(client, user_id=ada, scheduled_at="now+1d")["id"]
    return {"ada": ada, "goal": run, "task": soon, "later": later, "talk": talk}


def answered(client: FlaskClient, job: str, ids: dict[str, str]) -> Any:
    """What the job's request is answered with, sent twice where it says that it may be."""
    written = REQUESTS[job]
    answer = send(client, written, ids)
    assert answer.status_code in (200, 201), answer.text
    assert "Hint" not in answer.headers
    if "Idempotency-Key" in written:
        assert send(client, written, ids).data == answer.data
    return answer.json


@pytest.mark.parametrize("job", REQUESTS)
def test_a_job_of_the_day_is_done_by_its_first_request(client: FlaskClient, ids: dict[str, str], job: str):
    answered(client, job, ids)


def test_the_jobs_have_done_what_they_meant(client: FlaskClient, ids: dict[str, str]):
    day = {job: answered(client, job, ids) for job in REQUESTS}
    assert day["a person who comes back"]["id"] == ids["ada"]
    goal, part, tasks = (each["body"] for each in day["a plan saved whole"]["operations"])
    assert part["parent_goal_id"] == goal["id"]
    assert tasks["items"][0]["shared_with_goal_ids"] == [goal["id"]]
    claim = day["due reminders claimed, and a dispatch noted for each"]
    claimed, noted = (each["body"] for each in claim["operations"])
    assert [row["task_id"] for row in noted["items"]] == [row["id"] for row in claimed["items"]] == [ids["task"]]
    assert day["a tapped button"]["operations"][1]["body"] == {"updated_count": 1}
    assert answered(client, "a tapped button", ids)["operations"][1]["body"] == {"updated_count": 0}
    assert day["a preference merged"]["notification_preferences"] == {
        "phone_number": "+971 50 123 4567",
        "quiet_hours": {"from": "22:00", "to": "07:00"},
    }
    assert len(day["the last weeks in a time zone"]["groups"]) >= 3
    assert [row["title"] for row in day["what is overdue becomes missed"]["items"]] == ["Stretch"]
    assert day["a goal given up, and the next begun"]["operations"][3]["body"] == {"updated_count": 1}
    assert day["whose number this is"]["items"] == [{"id": ids["ada"], "email": "ada@example.com"}]
