"""The guide to writes: each of its requests is sent, its answer compared, and what became of the rows looked at.

What has to happen once is sent twice.
"""

import re
from collections import Counter
from typing import Any

import httpx
import pytest
from documents import documents, matches, send, with_ids
from entities import conversation, create, goal, message, task, user
from flask import Flask
from flask.testing import FlaskClient
from test_races import at_the_same_moment
from werkzeug.test import TestResponse

from app.api.parser import MAX_BULK_ROWS
from app.api.problems import KINDS
from app.config import PROJECT
from app.database import database
from app.errors import ConditionFailed
from app.query.controls import DEFAULT_MAX_AFFECTED
from app.repositories.natural_keys import NATURAL_KEYS
from app.repositories.rows import new_id
from app.schemas.batch import MAX_OPERATIONS

GUIDE = (PROJECT / "docs" / "writes.md").read_text()
REFERENCE, THINGS = GUIDE.split("# Thirty-three things that belong together\n")
EXAMPLE = r"^### (\d+)\. (.*)\n(?:(?!^##).*\n)*?```http\n((?:.*\n)*?)```\n(?:```json\n((?:.*\n)*?)```)?"
EXAMPLES = {title: (request, shown) for _, title, request, shown in re.findall(EXAMPLE, THINGS, re.MULTILINE)}


class Guide:
    """The guide's examples, sent by a client to whom its ids are known."""

    def __init__(self, client: FlaskClient, ids: dict[str, str]) -> None:
        self.client = client
        self.ids = ids

    def do(self, title: str, status: int = 200) -> TestResponse:
        """Send the example, which is answered as it shows."""
        answer = self.again(title)
        assert answer.status_code == status, answer.text
        shown = list(documents(with_ids(EXAMPLES[title][1], self.ids)))
        assert matches(shown, list(documents(answer.text))), answer.text
        return answer

    def again(self, title: str) -> TestResponse:
        """Send the example, whatever is answered."""
        return send(self.client, EXAMPLES[title][0], self.ids)

    def refused(self, title: str, kind: str) -> dict[str, Any]:
        """Send the example, which is refused; the problem."""
        problem = self.again(title).json
        assert problem["code"] == f"urn:flux:problem:{kind}", problem
        return problem

    def read(self, path: str) -> Any:
        """What a GET answers; of a page, its rows."""
        answer = self.client.get(f"/api/v1/{with_ids(path, self.ids)}").json
        return answer.get("items", answer) if isinstance(answer, dict) else answer

    def values(self, path: str, column: str) -> list[Any]:
        """One column of the rows that a GET lists."""
        return [row[column] for row in self.read(path)]

    def change(self, path: str, **body: Any) -> None:
        """Somebody else changes a row."""
        answer = self.client.patch(f"/api/v1/{with_ids(path, self.ids)}", json=body)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def guide(client: FlaskClient) -> Guide:
    return guide_of(client)


def guide_of(client: FlaskClient) -> Guide:
    """The rows that the guide writes about, and the ids that it calls by name."""
    ada = user(
        client,
        email="ada@example.com",
        profile={"language": "en"},
        push_subscription={"endpoint": "https://push.example/ada"},
        whatsapp_opt_in_at="2026-01-05T09:00:00+04:00",
        monthly_token_usage={"openai": 1000, "total": 1320},
    )["id"]
    run = goal(client, user_id=ada, title="Run 10 km", pipeline_order=0)["id"]
    waiting = {"user_id": ada, "status": "pipeline"}
    spanish = goal(client, **waiting, pipeline_order=1, title="Hold a conversation in Spanish")["id"]
    book = goal(client, **waiting, pipeline_order=2, title="Write a book")["id"]
    weekly = {"recurrence_rule": "FREQ=WEEKLY", "scheduled_at": "2030-03-01T06:30:00+04:00"}
    jog = task(client, user_id=ada, goal_id=run, title="Jog", **weekly)["id"]
    shared = {"shared_with_goal_ids": [spanish], "scheduled_at": "2030-03-02T06:30:00+04:00"}
    task(client, user_id=ada, goal_id=run, title="Listen to Spanish while running", **shared)
    task(client, user_id=ada, goal_id=run, title="Run 3 km", scheduled_at="now-2h")
    task(client, user_id=ada, goal_id=run, title="Buy shoes")
    due = task(client, user_id=ada, title="Call the dentist", scheduled_at="now+10m")["id"]
    talk = conversation(client, user_id=ada, langgraph_thread_id="thread-ada-1")["id"]
    goals = {"run": run, "spanish": spanish, "book": book}
    return Guide(client, {**goals, "ada": ada, "jog": jog, "due": due, "talk": talk})


def test_the_guide_has_thirty_three_things():
    assert re.findall(r"^### (\d+)\.", THINGS, re.MULTILINE) == [str(number) for number in range(1, 34)]
    assert len(EXAMPLES) == 33


def test_save_an_approved_plan(guide: Guide):
    saved = guide.do("Save an approved plan")
    goal_id = saved.json["operations"][0]["body"]["id"]
    again = guide.again("Save an approved plan")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.data == saved.data
    assert guide.values("goals?title__like=Swim*", "id") == [goal_id]
    assert guide.values(f"tasks?goal_id={goal_id}", "class_tags") == [["Health", "Water"]] * 2


def test_go_to_the_next_milestone(guide: Guide):
    guide.do("Go to the next milestone")
    guide.refused("Go to the next milestone", "condition-failed")
    goals = guide.read("goals?user_id={ada}&sort=pipeline_order")
    assert [each["status"] for each in goals] == ["completed", "active", "pipeline"]
    assert goals[0]["completed_at"] == goals[1]["activated_at"]


def test_go_to_the_next_milestone_when_there_is_none(guide: Guide):
    guide.client.delete(f"/api/v1/goals?user_id={guide.ids['ada']}&status=pipeline")
    assert guide.again("Go to the next milestone").json["operations"][1]["body"] == {"updated_count": 0, "items": []}
    assert guide.values("goals?user_id={ada}", "status") == ["completed"]


def test_complete_a_task_and_create_its_next_occurrence(guide: Guide):
    guide.do("Complete a task and create its next occurrence")
    problem = guide.refused("Complete a task and create its next occurrence", "condition-failed")
    assert problem["current"]["status"] == "done"
    assert problem["operation"] == {"index": 0, "name": "done"}
    assert guide.values("tasks?title=Jog&sort=scheduled_at", "status") == ["done", "pending"]


def test_replan_a_goal(guide: Guide):
    guide.do("Replan a goal")
    guide.refused("Replan a goal", "stale-version")
    assert guide.read("goals/{run}")["plan_json"] == {"steps": ["5 km", "7 km", "10 km"]}
    statuses = {each["title"]: each["status"] for each in guide.read("tasks?goal_id={run}")}
    assert statuses == {
        "Jog": "cancelled",
        "Listen to Spanish while running": "pending",
        "Run 3 km": "pending",
        "Buy shoes": "cancelled",
        "Run 5 km slowly": "pending",
    }


def test_break_a_wish_into_milestones(guide: Guide):
    whole = guide.do("Break a wish into milestones").json["operations"][0]["body"]["id"]
    guide.again("Break a wish into milestones")
    milestones = guide.read(f"goals?parent_goal_id={whole}&sort=pipeline_order&expand=task_counts")
    assert [each["status"] for each in milestones] == ["active", "pipeline"]
    assert [each["task_counts"]["total"] for each in milestones] == [1, 0]


def test_swap_two_goals_in_the_pipeline(guide: Guide):
    guide.do("Swap two goals in the pipeline")
    guide.refused("Swap two goals in the pipeline", "condition-failed")
    in_order = guide.values("goals?user_id={ada}&sort=pipeline_order", "title")
    assert in_order == ["Run 10 km", "Write a book", "Hold a conversation in Spanish"]


def test_abandon_a_goal(guide: Guide):
    guide.do("Abandon a goal")
    assert guide.read("goals/{run}")["status"] == "abandoned"
    statuses = {each["title"]: each["status"] for each in guide.read("tasks?goal_id={run}")}
    assert statuses.pop("Listen to Spanish while running") == "pending"
    assert set(statuses.values()) == {"cancelled"}
    assert guide.read("tasks/{due}")["status"] == "pending"


def test_delete_a_goal_with_its_tasks(guide: Guide):
    guide.do("Delete a goal with its tasks")
    assert guide.client.get(f"/api/v1/goals/{guide.ids['run']}").status_code == 404
    left = guide.read("tasks?user_id={ada}&sort=title")
    assert [each["title"] for each in left] == ["Call the dentist", "Listen to Spanish while running"]
    assert [each["goal_id"] for each in left] == [None, None]


def test_share_a_task_with_another_goal(guide: Guide):
    guide.do("Share a task with another goal")
    guide.refused("Share a task with another goal", "stale-version")
    assert guide.values("tasks?shared_with_goal_ids__contains={spanish}&title=Jog", "version") == [2]


def test_import_a_calendar(guide: Guide):
    first, second = guide.do("Import a calendar", 201), guide.again("Import a calendar")
    assert (second.status_code, second.json["created_count"], second.json["updated_count"]) == (200, 0, 0)
    assert second.json["items"] == first.json["items"]
    assert len(guide.read("tasks?title=Dentist")) == 1


def test_move_a_task_to_another_time(guide: Guide):
    guide.do("Move a task to another time")
    guide.refused("Move a task to another time", "condition-failed")
    assert guide.values("tasks?title=Jog&sort=scheduled_at", "status") == ["rescheduled", "pending"]


def test_snooze(guide: Guide):
    guide.change("tasks/{due}", reminder_sent_at="now")
    guide.do("Snooze")
    guide.change("tasks/{due}", status="done")
    guide.refused("Snooze", "condition-failed")


def test_mark_what_was_missed(guide: Guide):
    guide.do("Mark what was missed")
    second = guide.again("Mark what was missed").json["operations"]
    assert second[1]["body"] == {"created_count": 0, "items": []}
    [missed] = guide.read("tasks?status=missed&expand=dispatch_log")
    assert [entry["channel"] for entry in missed["dispatch_log"]] == ["auto_miss"]


def test_claim_reminders_and_record_their_dispatches(guide: Guide):
    title = "Claim reminders and record their dispatches"
    guide.do(title)
    second = guide.again(title).json["operations"]
    assert second[0]["body"] == {"updated_count": 0, "items": []}
    assert second[1]["body"] == {"created_count": 0, "items": []}
    assert guide.values("dispatch-log", "task_id") == [guide.ids["due"]]
    assert guide.read("tasks/{due}")["reminder_sent_at"]


def test_escalate_what_nobody_reacted_to(guide: Guide):
    reminded = {"user_id": guide.ids["ada"], "reminder_sent_at": "now-40m"}
    task(guide.client, **reminded, title="Water the plants")
    task(guide.client, **reminded, title="Breathe", escalation_policy="silent")
    task(guide.client, title="Of somebody without WhatsApp", reminder_sent_at="now-40m")
    guide.do("Escalate what nobody reacted to")
    assert guide.again("Escalate what nobody reacted to").json["operations"][1]["body"]["created_count"] == 0
    assert guide.values("tasks?whatsapp_sent_at__isnull=false", "title") == ["Water the plants"]
    assert guide.values("dispatch-log", "channel") == ["whatsapp"]


def dispatch_of(guide: Guide) -> str:
    """A dispatch that waits to be sent."""
    guide.change("tasks/{due}", reminder_sent_at="now")
    guide.ids["dispatch"] = create(guide.client, "dispatch-log", task_id=guide.ids["due"], channel="push")["id"]
    return guide.ids["dispatch"]


def test_report_a_dispatch_and_log_the_notification(guide: Guide):
    dispatch_of(guide)
    guide.do("Report a dispatch and log the notification")
    guide.refused("Report a dispatch and log the notification", "stale-version")
    [dispatch], [entry] = guide.read("dispatch-log"), guide.read("notification-log?task_id={due}")
    assert dispatch["status"] == "dispatched"
    assert dispatch["dispatched_at"] == entry["sent_at"]


def test_report_a_failure_and_free_the_task(guide: Guide):
    dispatch_of(guide)
    guide.do("Report a failure and free the task")
    guide.refused("Report a failure and free the task", "condition-failed")
    assert guide.read("tasks/{due}")["reminder_sent_at"] is None
    guide.do("Claim reminders and record their dispatches")
    assert guide.values("dispatch-log?sort=created_at,status", "status") == ["failed", "pending"]


def test_recover_stuck_dispatches_without_sending_twice(guide: Guide):
    done = task(guide.client, user_id=guide.ids["ada"], title="Water the plants", status="done")["id"]
    stuck, finished = stuck_dispatch(guide.ids["due"]), stuck_dispatch(done)
    recent = dispatch_of(guide)
    guide.do("Recover stuck dispatches without sending twice")
    second = guide.again("Recover stuck dispatches without sending twice").json["operations"]
    assert [each["body"]["updated_count"] for each in second] == [0, 0]
    statuses = {each["id"]: each["status"] for each in guide.read("dispatch-log")}
    assert statuses == {stuck: "pending", finished: "failed", recent: "pending"}
    guide.ids["dispatch"] = stuck
    guide.refused("Report a dispatch and log the notification", "stale-version")


def stuck_dispatch(task_id: str) -> str:
    """A dispatch of ten minutes ago, which nobody can make through the service."""
    columns, dispatch_id = "id, task_id, channel, updated_at", new_id()
    insert = f"INSERT INTO dispatch_log ({columns}) VALUES (%s, %s, 'push', now() - interval '10 minutes')"
    database.execute_sql(insert, (dispatch_id, task_id))
    return dispatch_id


def notify(guide: Guide) -> None:
    create(guide.client, "notification-log", task_id=guide.ids["due"], channel="whatsapp", external_id="wamid-7")


def test_answer_a_notification_once(guide: Guide):
    notify(guide)
    guide.do("Answer a notification once")
    guide.refused("Answer a notification once", "expectation-unmet")
    assert guide.read("tasks/{due}")["status"] == "done"
    assert guide.values("notification-log", "version") == [2]


def test_an_answer_moves_a_task_only_from_pending(guide: Guide):
    notify(guide)
    guide.change("tasks/{due}", status="cancelled")
    assert guide.again("Answer a notification once").status_code == 200
    assert guide.read("tasks/{due}")["status"] == "cancelled"
    assert guide.values("notification-log", "response") == ["done"]


def test_get_or_create_a_conversation(guide: Guide):
    first, second = guide.do("Get or create a conversation", 201), guide.again("Get or create a conversation")
    assert (second.status_code, second.json) == (200, first.json)
    assert len(guide.read("conversations?user_id={ada}")) == 2


def test_a_chat_turn(guide: Guide):
    guide.do("A chat turn")
    assert guide.again("A chat turn").headers["Idempotent-Replayed"] == "true"
    assert guide.values("messages?conversation_id={talk}", "role") == ["user", "assistant"]
    talk = guide.read("conversations/{talk}")
    assert talk["title"] == "Moving a run"
    assert talk["last_message_at"]


def test_a_chat_turn_leaves_a_title_alone(guide: Guide):
    guide.change("conversations/{talk}", title="Of old")
    guide.again("A chat turn")
    assert guide.read("conversations/{talk}")["title"] == "Of old"


def test_store_an_answer_and_count_what_it_used(guide: Guide):
    guide.do("Store an answer and count what it used")
    guide.again("Store an answer and count what it used")
    assert guide.read("users/{ada}")["monthly_token_usage"] == {"openai": 1180, "total": 1500}
    assert len(guide.read("messages?conversation_id={talk}")) == 1


def test_end_a_voice_session(guide: Guide):
    guide.do("End a voice session")
    guide.refused("End a voice session", "condition-failed")
    assert guide.read("conversations/{talk}")["linked_task_id"] == guide.ids["jog"]
    assert guide.read("tasks/{jog}")["conversation_id"] == guide.ids["talk"]


def test_put_a_summary_in_the_place_of_a_transcript(guide: Guide):
    for number in range(4):
        message(guide.client, conversation_id=guide.ids["talk"], content=f"Turn {number}")
    guide.do("Put a summary in the place of a transcript")
    guide.refused("Put a summary in the place of a transcript", "expectation-unmet")
    assert guide.values("messages?conversation_id={talk}", "role") == ["summary"]


def patterns(guide: Guide) -> None:
    """What the Observer knows, one of which Ada has overruled."""
    known = {"user_id": guide.ids["ada"], "pattern_type": "time_of_day", "pattern_key": "misses_mornings"}
    guide.ids["habit"] = create(guide.client, "patterns", **known, data={"missed": 7, "of": 9})["id"]
    overruled = {"user_id": guide.ids["ada"], "pattern_type": "weather", "pattern_key": "likes_rain"}
    create(guide.client, "patterns", **overruled, confidence=0.2, data={"user_overridden": True})


def test_record_what_was_observed(guide: Guide):
    patterns(guide)
    guide.do("Record what was observed", 201)
    assert guide.again("Record what was observed").json["created_count"] == 0
    data = {each["pattern_key"]: each["data"] for each in guide.read("patterns?user_id={ada}")}
    assert data == {
        "misses_mornings": {"missed": 8, "of": 10},
        "likes_rain": {"user_overridden": True},
        "reads_at_night": None,
    }


def test_let_a_person_overrule_a_habit(guide: Guide):
    patterns(guide)
    guide.do("Let a person overrule a habit")
    guide.again("Record what was observed")
    assert guide.read("patterns/{habit}")["data"] == {"missed": 7, "of": 9, "user_overridden": True}


def test_provision_a_user_with_an_identity_providers_id(guide: Guide):
    title = "Provision a user with an identity provider's id"
    first, second = guide.do(title, 201), guide.again(title)
    assert (second.status_code, second.json) == (200, first.json)
    assert guide.values("users?email=carla@example.com", "version") == [1]


def test_an_address_of_another_id_is_told(guide: Guide):
    user(guide.client, email="carla@example.com")
    guide.refused("Provision a user with an identity provider's id", "value-taken")


def test_finish_the_onboarding(guide: Guide):
    guide.do("Finish the onboarding")
    guide.refused("Finish the onboarding", "condition-failed")
    assert len(guide.read("goals?title=Sleep eight hours")) == 1


def test_drop_a_push_subscription_that_has_expired(guide: Guide):
    guide.do("Drop a push subscription that has expired")
    guide.change("users/{ada}", push_subscription={"endpoint": "https://push.example/ada-2"})
    guide.refused("Drop a push subscription that has expired", "condition-failed")
    assert guide.read("users/{ada}")["push_subscription"]


def test_erase_a_person(guide: Guide):
    notify(guide)
    patterns(guide)
    dispatch_of(guide)
    message(guide.client, conversation_id=guide.ids["talk"])
    guide.do("Erase a person", 204)
    guide.refused("Erase a person", "not-found")
    for entity in ("users", "goals", "tasks", "conversations", "patterns", "notification-log", "dispatch-log"):
        assert guide.read(entity) == []
    assert guide.read("messages?conversation_id={talk}") == []


def all_done_but_the_jog(guide: Guide) -> None:
    """The jog is the last open task of its goal."""
    guide.client.patch(f"/api/v1/tasks?goal_id={guide.ids['run']}&title__ne=Jog", json={"status": "done"})


def test_the_last_task_completes_its_goal(guide: Guide):
    all_done_but_the_jog(guide)
    guide.do("The last task completes its goal")
    guide.refused("The last task completes its goal", "condition-failed")
    assert guide.read("goals/{run}")["status"] == "completed"


def test_a_task_that_is_not_the_last_leaves_its_goal_active(guide: Guide):
    operations = guide.again("The last task completes its goal").json["operations"]
    assert [each.get("skipped") for each in operations] == [None, None, None, None, True]
    assert guide.read("goals/{run}")["status"] == "active"
    assert guide.read("tasks/{jog}")["status"] == "done"


@pytest.mark.parametrize("change", [{"goal_id": None}, {"status": "abandoned"}])
def test_a_last_task_has_no_goal_to_complete(guide: Guide, change: dict[str, Any]):
    all_done_but_the_jog(guide)
    guide.change("goals/{run}" if "status" in change else "tasks/{jog}", **change)
    assert guide.again("The last task completes its goal").status_code == 200
    assert guide.read("tasks/{jog}")["status"] == "done"
    assert guide.read("goals/{run}")["status"] == change.get("status", "active")


def test_two_who_do_the_last_two_tasks_at_once_complete_the_goal(committing_client: FlaskClient):
    title = "The last task completes its goal"
    guide = guide_of(committing_client)
    all_done_but_the_jog(guide)
    for number in range(20):
        guide.change("goals/{run}", status="active")
        guide.change("tasks/{jog}", status="pending")
        other = task(guide.client, user_id=guide.ids["ada"], goal_id=guide.ids["run"], title=f"Run {number}")["id"]
        last_two = [
            Guide(guide.client.application.test_client(), guide.ids | {"jog": each})
            for each in (guide.ids["jog"], other)
        ]
        answers = at_the_same_moment([lambda one=one: one.again(title).status_code for one in last_two])
        assert answers == [200, 200]
        assert guide.read("goals/{run}")["status"] == "completed"


def test_flag_a_milestone(guide: Guide):
    guide.do("Flag a milestone")
    guide.refused("Flag a milestone", "condition-failed")
    guide.change("goals/{run}", status="active")
    assert guide.again("Flag a milestone").json["operations"][1]["status"] == 200
    assert guide.values("patterns?pattern_type=milestone", "version") == [1]
    guide.change("goals/{run}", status="active", pipeline_order=None)
    assert guide.again("Flag a milestone").json["operations"][2] == {"skipped": True}


def call(guide: Guide) -> None:
    create(guide.client, "notification-log", task_id=guide.ids["due"], channel="call", external_id="call-7")


def test_answer_a_call_once(guide: Guide):
    call(guide)
    guide.do("Answer a call once")
    guide.refused("Answer a call once", "expectation-unmet")
    [log] = guide.read("notification-log")
    assert guide.values("conversations?context_type=voice", "langgraph_thread_id") == [f"call-{log['id']}"]


ONCE = {200: 1, 412: 7}
ALL_ALIKE = {200: 8}


@pytest.mark.parametrize(
    ("title", "statuses"),
    [
        ("Save an approved plan", ALL_ALIKE),
        ("Go to the next milestone", ONCE),
        ("Complete a task and create its next occurrence", ONCE),
        ("Replan a goal", ONCE),
        ("Swap two goals in the pipeline", ONCE),
        ("Import a calendar", {201: 1, 200: 7}),
        ("Mark what was missed", ALL_ALIKE),
        ("Claim reminders and record their dispatches", ALL_ALIKE),
        ("Report a dispatch and log the notification", ONCE),
        ("Recover stuck dispatches without sending twice", ALL_ALIKE),
        ("Answer a notification once", ONCE),
        ("Get or create a conversation", {201: 1, 200: 7}),
        ("A chat turn", ALL_ALIKE),
        ("Store an answer and count what it used", ALL_ALIKE),
        ("End a voice session", ONCE),
        ("Provision a user with an identity provider's id", {201: 1, 200: 7}),
        ("Finish the onboarding", ONCE),
        ("The last task completes its goal", ONCE),
        ("Flag a milestone", ONCE),
        ("Answer a call once", ONCE),
    ],
)
def test_what_eight_do_at_once_happens_once(committing_client: FlaskClient, title: str, statuses: dict[int, int]):
    guide = guide_of(committing_client)
    notify(guide)
    call(guide)
    if title in DISPATCHING:
        dispatch_of(guide)
        stuck_dispatch(guide.ids["due"])

    def do() -> int:
        of_this_thread = Guide(committing_client.application.test_client(), guide.ids)
        answer = of_this_thread.again(title)
        while answer.status_code >= 400 and answer.json["retryable"]:
            answer = of_this_thread.again(title)
        return answer.status_code

    before = row_counts(guide)
    assert Counter(at_the_same_moment([do] * 8)) == statuses
    made = {entity: count - before[entity] for entity, count in row_counts(guide).items() if count > before[entity]}
    assert made == MAKES.get(title, {})


DISPATCHING = ("Report a dispatch and log the notification", "Recover stuck dispatches without sending twice")
MAKES = {
    "Save an approved plan": {"goals": 1, "tasks": 2},
    "Complete a task and create its next occurrence": {"tasks": 1},
    "Replan a goal": {"tasks": 1},
    "Import a calendar": {"tasks": 2},
    "Mark what was missed": {"dispatch-log": 1},
    "Claim reminders and record their dispatches": {"dispatch-log": 1},
    "Report a dispatch and log the notification": {"notification-log": 1},
    "Get or create a conversation": {"conversations": 1},
    "A chat turn": {"messages": 2},
    "Store an answer and count what it used": {"messages": 1},
    "Provision a user with an identity provider's id": {"users": 1},
    "Finish the onboarding": {"goals": 1},
    "Answer a call once": {"conversations": 1},
}


def row_counts(guide: Guide) -> dict[str, int]:
    """How many rows there are of each kind."""
    entities = ("users", "goals", "tasks", "conversations", "messages", "notification-log", "dispatch-log")
    return {entity: guide.read(f"{entity}/count")["count"] for entity in entities}


def test_the_guide_tells_of_every_problem_whether_it_is_retryable():
    for kind in KINDS:
        star = r" \\\*" if kind.name in ("unforeseen", "unavailable") else ""
        retryable = "yes" if kind.retryable else "no"
        line = rf"^\| `{kind.name}`{star} \| {kind.status or 'any'} \| {retryable} \|"
        assert re.search(line, REFERENCE, re.MULTILINE)


def test_a_negative_amount_subtracts_as_the_guide_says(guide: Guide):
    used = {"monthly_token_usage": {"total": -20}}
    answer = guide.client.post(f"/api/v1/users/{guide.ids['ada']}/increment", json=used)
    assert answer.json["monthly_token_usage"]["total"] == 1300


def test_the_guide_names_the_natural_keys():
    for model, keys in NATURAL_KEYS.items():
        for key in keys[:1]:
            columns = ", ".join(f"`{column}`" for column in key.columns)
            assert f"| {model._meta.table_name} | {columns}" in REFERENCE


def test_the_guide_tells_the_limits():
    assert f"1 to {MAX_OPERATIONS} operations" in REFERENCE
    assert f"({DEFAULT_MAX_AFFECTED} unless the query says otherwise" in REFERENCE
    assert f"up to {MAX_BULK_ROWS} objects" in REFERENCE


def programs() -> list[dict[str, Any]]:
    """What the guide's Python programs define."""
    found = []
    for program in re.findall(r"```python\n(.*?)```", REFERENCE, re.DOTALL):
        names: dict[str, Any] = {}
        exec(program, names)
        found.append(names)
    return found


def test_the_guides_client_sends_a_write_that_happens_once(app: Flask, guide: Guide):
    [retrying, _] = programs()
    with LosesTheFirstAnswer(app) as lossy, httpx.Client(transport=lossy, base_url="http://flux/api/v1") as flux:
        answer = retrying["send"](flux, "POST", "/users", {"email": "dora@example.com"})
    assert (answer.status_code, answer.headers["Idempotent-Replayed"]) == (201, "true")
    assert guide.values("users?email=dora@example.com", "id") == [answer.json()["id"]]


def test_the_guides_client_takes_a_refusal_for_final(app: Flask, guide: Guide):
    [retrying, _] = programs()
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://flux/api/v1") as flux:
        assert retrying["send"](flux, "POST", "/users", {"email": "ada@example.com"}).status_code == 409


class LosesTheFirstAnswer(httpx.WSGITransport):
    """A way to the service on which the connection breaks once, after the service has done its work."""

    lost = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if not self.lost:
            self.lost = True
            answer.read()
            raise httpx.ReadError("The connection broke.")
        return answer


def test_the_guides_program_in_the_same_process_runs(guide: Guide):
    [_, complete] = programs()
    complete["complete"](guide.ids["jog"], "2030-03-06T06:30:00+04:00")
    with pytest.raises(ConditionFailed):
        complete["complete"](guide.ids["jog"], "2030-03-06T06:30:00+04:00")
    assert guide.values("tasks?title=Jog&sort=scheduled_at", "status") == ["done", "pending"]
