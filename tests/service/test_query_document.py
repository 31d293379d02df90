"""The guide to the query language: its requests are sent, its answers compared, its tables held to the code."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from documents import documents, matches, send
from entities import conversation, create, goal, message, task, user
from flask.testing import FlaskClient

from app.config import PROJECT
from app.database import database
from app.query import controls, parser, values, vocabulary
from app.query.model import MAX_GROUPS
from app.query.relations import EXPANSIONS
from app.schemas.pages import MAX_PAGE_SIZE

GUIDE = (PROJECT / "docs" / "query-language.md").read_text()
EXAMPLES = re.findall(r"```http\n(.*?)```(?:\n```json\n(.*?)```)?", GUIDE, re.DOTALL)


@pytest.fixture
def ids(client: FlaskClient) -> dict[str, str]:
    """The rows that the guide asks about, and the ids that it calls by name."""
    ada = user(
        client,
        email="ada@example.com",
        timezone="Asia/Dubai",
        notification_preferences={"phone_number": "+971 50 123 4567", "channels": ["push", "whatsapp"]},
    )["id"]
    run = goal(client, user_id=ada, title="Run 10 km", class_tags=["Health"], pipeline_order=0)["id"]
    spanish = goal(client, **pipeline(ada, 1), title="Hold a conversation in Spanish", class_tags=["Learning"])["id"]
    goal(client, **pipeline(ada, 2), title="Write a book")
    missed = history(client, ada, run, spanish)
    shoes = task(client, user_id=ada, goal_id=run, title="Buy running shoes")["id"]
    sent_at = moment(hours=-1)
    create(client, "notification-log", task_id=shoes, channel="whatsapp", external_id="wamid-1", sent_at=sent_at)
    what_is_due_for_ben(client)
    for key, confidence, overridden in (("misses_mornings", 0.75, False), ("likes_rain", 0.9, True)):
        data = {"user_overridden": overridden}
        create(client, "patterns", user_id=ada, pattern_key=key, confidence=confidence, data=data)
    return {"ada": ada, "run": run, "shoes": shoes, "talk": talks(client, ada, missed)}


def pipeline(owner: str, order: int) -> dict[str, Any]:
    return {"user_id": owner, "status": "pipeline", "pipeline_order": order}


def moment(**later: float) -> str:
    return (datetime.now(UTC) + timedelta(**later)).isoformat()


def history(client: FlaskClient, owner: str, run: str, spanish: str) -> str:
    """Two weeks of March; the id of the run that was missed last."""
    last_missed = ""
    for day, hour, goal_id, title, status in (
        (2, 6, run, "Run 3 km", "done"),
        (4, 6, run, "Run 3 km", "missed"),
        (4, 20, spanish, "Learn 20 words", "done"),
        (7, 6, run, "Run 5 km", "done"),
        (9, 6, run, "Run 5 km", "missed"),
        (11, 20, spanish, "Learn 20 words", "missed"),
        (14, 6, run, "Run 8 km", "done"),
    ):
        at = f"2026-03-{day:02}T{hour:02}:30:00+04:00"
        given = {"user_id": owner, "goal_id": goal_id, "title": title, "status": status, "scheduled_at": at}
        made = task(client, **given, completed_at=at if status == "done" else None)
        last_missed = made["id"] if day == 9 else last_missed
    return last_missed


def what_is_due_for_ben(client: FlaskClient) -> None:
    push = {"endpoint": "https://push.example/ben"}
    ben = user(client, email="ben@example.com", timezone="Europe/Berlin", push_subscription=push)["id"]
    task(client, user_id=ben, title="Call the dentist", scheduled_at=moment(minutes=10))
    reminded = {"scheduled_at": moment(minutes=5), "reminder_sent_at": moment(minutes=-1)}
    task(client, user_id=ben, title="Water the plants", **reminded)


def talks(client: FlaskClient, owner: str, about: str) -> str:
    """Two conversations, one of them empty; the id of the other."""
    conversation(client, user_id=owner, title="A new start")
    talk = conversation(
        client,
        user_id=owner,
        title="Moving a run",
        context_type="voice",
        voice_session_id="session-1",
        last_message_at="2026-03-09T20:02:00+04:00",
    )["id"]
    client.patch(f"/api/v1/conversations/{talk}/voice", json={"linked_task_id": about})
    for role, content in (
        ("user", "I will not make it today."),
        ("assistant", "Shall I move it?"),
        ("user", "Tomorrow at seven."),
        ("assistant", "Moved to tomorrow at seven."),
    ):
        message(client, conversation_id=talk, role=role, content=content)
    return talk


def test_every_request_of_the_guide_is_answered_as_it_shows(client: FlaskClient, ids: dict[str, str]):
    assert len(EXAMPLES) > 25
    found: dict[str, str] = dict(ids)
    for request, shown in EXAMPLES:
        answer = send(client, request, found)
        expected, answered = list(documents(shown)), list(documents(answer.text))
        problem = next((each for each in expected if "type" in each), {"status": 200})
        assert answer.status_code == problem["status"], answer.text
        # What is too long to show is only asked for.
        assert not shown or matches(expected, answered), f"{request}\nis answered:\n{answer.text}"
        if isinstance(answered[0], dict) and answered[0].get("next_cursor"):
            found["next_cursor"] = answered[0]["next_cursor"]


def test_the_guide_names_the_operators_of_each_type():
    for name, kind in values.KINDS.items():
        if kind.field or name == "key":
            [line] = re.findall(rf"^\| {name} \|(.*)\|$", GUIDE, re.MULTILINE)
            assert re.findall(r"`__(\w+)`", line) == [each for each in kind.operators if each != "eq"]


def test_the_guide_names_all_that_can_be_expanded():
    for table in vocabulary.VOCABULARIES:
        names = re.findall(rf"^\| {table} \| (`.*) \|$", GUIDE, re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", names[0] if names else "")) >= set(EXPANSIONS[table])


@pytest.mark.parametrize(
    ("what", "most"),
    [
        ("rows on a page", MAX_PAGE_SIZE),
        ("values in a list", parser.MAX_LIST_VALUES),
        ("conditions in a query", parser.MAX_CONDITIONS),
        ("wildcards in a pattern", values.MAX_WILDCARDS),
        ("characters in a pattern", values.MAX_PATTERN_LENGTH),
        ("levels into an object", vocabulary.MAX_PATH_DEPTH),
        ("keys inside objects in `fields`", controls.MAX_KEYS),
        ("references in a path, expansions in one another", vocabulary.MAX_REFERENCES),
        ("groups of a statistic", MAX_GROUPS),
    ],
)
def test_the_guide_tells_the_limits(what: str, most: int):
    assert re.search(rf"^\| {what} \| {most}( \||;)", GUIDE, re.MULTILINE)


def test_the_guide_names_every_index_and_no_other(client: FlaskClient):
    tables = list(vocabulary.VOCABULARIES)
    rows = database.read("SELECT indexname FROM pg_indexes WHERE tablename = ANY (%s)", (tables,))
    section = GUIDE.split("## What has an index")[1].split("\nSlow at")[0]
    assert set(re.findall(r"\| `(\w+)` \|", section)) == {name for (name,) in rows}


def test_the_guides_program_in_the_same_process_runs(client: FlaskClient, ids: dict[str, str]):
    [program] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(program, names)
    assert [row["title"] for row in names["due"]] == ["Water the plants", "Call the dentist"]
