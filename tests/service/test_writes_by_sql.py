"""Each thing in the guide to writes leaves every column of every table as the SQL of an application would.

The request and the SQL start from the same rows, at the same moment of the database's clock.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from entities import message, task
from flask.testing import FlaskClient
from test_writes_document import (
    EXAMPLES,
    Guide,
    all_done_but_the_jog,
    call,
    dispatch_of,
    guide_of,
    notify,
    patterns,
    stuck_dispatch,
)

from app.database import database
from app.query.vocabulary import VOCABULARIES

# What says what is to be done, and goes on to the next task: all columns but those of what became of this one.
LASTING = (
    "user_id, goal_id, conversation_id, title, description, duration_minutes, trigger_type, location_trigger, "
    "recurrence_rule, class_tags, shared_with_goal_ids, escalation_policy"
)
UUID_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OPEN = "status IN ('pending', 'rescheduled') AND coalesce(cardinality(shared_with_goal_ids), 0) = 0"
SWIM = "SELECT g.id, g.user_id, g.class_tags, 'Swim %s m', '2030-03-0%s 06:30+04'::timestamptz FROM g"

SQL: dict[str, list[str]] = {
    "Save an approved plan": [
        f"""
        WITH g AS (
            INSERT INTO goals (user_id, title, class_tags, target_weeks, activated_at, plan_json) VALUES
            (%(ada)s, 'Swim 1 km', '{{Health,Water}}', 8, now(), '{{"steps": ["100 m", "500 m", "1 km"]}}') RETURNING *)
        INSERT INTO tasks (goal_id, user_id, class_tags, title, scheduled_at)
        {SWIM % (100, 4)} UNION ALL {SWIM % (200, 6)}
        """,
    ],
    "Go to the next milestone": [
        "UPDATE goals SET status = 'completed', completed_at = now() WHERE id = %(run)s",
        "UPDATE goals SET status = 'active', activated_at = now() WHERE id = %(spanish)s",
    ],
    "Complete a task and create its next occurrence": [
        "UPDATE tasks SET status = 'done', completed_at = now() WHERE id = %(jog)s",
        f"""
        INSERT INTO tasks ({LASTING}, scheduled_at, canonical_scheduled_at)
        SELECT {LASTING}, '2030-03-08 06:30+04', '2030-03-08 06:30+04' FROM tasks WHERE id = %(jog)s
        """,
    ],
    "Replan a goal": [
        f"""
        UPDATE tasks SET status = 'cancelled'
        WHERE goal_id = %(run)s AND {OPEN} AND (scheduled_at > now() OR scheduled_at IS NULL)
        """,
        """UPDATE goals SET plan_json = '{"steps": ["5 km", "7 km", "10 km"]}', target_weeks = 10 WHERE id = %(run)s""",
        """
        INSERT INTO tasks (user_id, goal_id, title, scheduled_at)
        VALUES (%(ada)s, %(run)s, 'Run 5 km slowly', '2030-03-05 06:30+04')
        """,
    ],
    "Break a wish into milestones": [
        """
        WITH whole AS (INSERT INTO goals (user_id, title) VALUES (%(ada)s, 'Play the piano') RETURNING id),
        notes AS (
            INSERT INTO goals (user_id, parent_goal_id, pipeline_order, title, activated_at)
            SELECT %(ada)s, id, 10, 'Read notes', now() FROM whole RETURNING id),
        minuet AS (
            INSERT INTO goals (user_id, parent_goal_id, pipeline_order, title, status)
            SELECT %(ada)s, id, 11, 'Play a minuet', 'pipeline' FROM whole)
        INSERT INTO tasks (user_id, goal_id, title) SELECT %(ada)s, id, 'Learn the clefs' FROM notes
        """,
    ],
    "Swap two goals in the pipeline": [
        "UPDATE goals SET pipeline_order = NULL WHERE id = %(spanish)s",
        "UPDATE goals SET pipeline_order = 1 WHERE id = %(book)s",
        "UPDATE goals SET pipeline_order = 2 WHERE id = %(spanish)s",
    ],
    "Abandon a goal": [
        "UPDATE goals SET status = 'abandoned' WHERE id = %(run)s",
        f"UPDATE tasks SET status = 'cancelled' WHERE goal_id = %(run)s AND {OPEN}",
    ],
    "Delete a goal with its tasks": [
        "DELETE FROM tasks WHERE goal_id = %(run)s AND coalesce(cardinality(shared_with_goal_ids), 0) = 0",
        "DELETE FROM goals WHERE id = %(run)s",
    ],
    "Share a task with another goal": [
        "UPDATE tasks SET shared_with_goal_ids = ARRAY[%(spanish)s]::uuid[] WHERE id = %(jog)s",
    ],
    "Import a calendar": [
        """
        INSERT INTO tasks (id, user_id, title, scheduled_at) VALUES
        ('1b4e28ba-2fa1-51d2-883f-0016d3cca427', %(ada)s, 'Dentist', '2030-03-04 15:00+04'),
        ('6fa459ea-ee8a-5ca4-894e-db77e160355e', %(ada)s, 'Parents'' evening', '2030-03-07 19:00+04')
        """,
    ],
    "Move a task to another time": [
        "UPDATE tasks SET status = 'rescheduled' WHERE id = %(jog)s",
        f"""
        INSERT INTO tasks ({LASTING}, scheduled_at, canonical_scheduled_at)
        SELECT {LASTING}, '2030-03-02 18:00+04', coalesce(canonical_scheduled_at, scheduled_at)
        FROM tasks WHERE id = %(jog)s
        """,
    ],
    "Snooze": [
        """
        UPDATE tasks SET canonical_scheduled_at = coalesce(canonical_scheduled_at, scheduled_at),
        scheduled_at = now() + interval '10 minutes', reminder_sent_at = NULL, whatsapp_sent_at = NULL,
        call_sent_at = NULL WHERE id = %(due)s
        """,
    ],
    "Mark what was missed": [
        """
        WITH missed AS (
            UPDATE tasks SET status = 'missed'
            WHERE status = 'pending' AND scheduled_at < now() - interval '1 hour' RETURNING id)
        INSERT INTO dispatch_log (task_id, channel, status, dispatched_at)
        SELECT id, 'auto_miss', 'dispatched', now() FROM missed
        """,
    ],
    "Claim reminders and record their dispatches": [
        "UPDATE tasks SET reminder_sent_at = now() WHERE id = %(due)s",
        "INSERT INTO dispatch_log (task_id, channel) VALUES (%(due)s, 'push')",
    ],
    "Escalate what nobody reacted to": [
        """
        WITH claimed AS (UPDATE tasks SET whatsapp_sent_at = now() WHERE title = 'Water the plants' RETURNING id)
        INSERT INTO dispatch_log (task_id, channel) SELECT id, 'whatsapp' FROM claimed
        """,
    ],
    "Report a dispatch and log the notification": [
        "UPDATE dispatch_log SET status = 'dispatched', dispatched_at = now() WHERE id = %(dispatch)s",
        """
        INSERT INTO notification_log (task_id, channel, external_id, sent_at)
        VALUES (%(due)s, 'push', 'push-81', now())
        """,
    ],
    "Report a failure and free the task": [
        """
        UPDATE dispatch_log SET status = 'failed', error = 'The push subscription has expired.'
        WHERE id = %(dispatch)s
        """,
        "UPDATE tasks SET reminder_sent_at = NULL WHERE id = %(due)s",
    ],
    "Recover stuck dispatches without sending twice": [
        """
        UPDATE dispatch_log SET error = 'Taken over after five minutes without a report.'
        WHERE task_id = %(due)s AND updated_at < now()
        """,
        """
        UPDATE dispatch_log SET status = 'failed', error = 'The task is no longer open.'
        WHERE task_id <> %(due)s AND updated_at < now()
        """,
    ],
    "Answer a notification once": [
        "UPDATE notification_log SET response = 'done', responded_at = now() WHERE external_id = 'wamid-7'",
        "UPDATE tasks SET status = 'done', completed_at = now() WHERE id = %(due)s",
    ],
    "Get or create a conversation": [
        """
        INSERT INTO conversations (user_id, langgraph_thread_id, context_type)
        VALUES (%(ada)s, 'thread-ada-general', 'general')
        """,
    ],
    "A chat turn": [
        "UPDATE conversations SET last_message_at = now(), title = 'Moving a run' WHERE id = %(talk)s",
        """
        INSERT INTO messages (conversation_id, role, content) VALUES
        (%(talk)s, 'user', 'I will not make it today.'), (%(talk)s, 'assistant', 'Shall I move it to tomorrow?')
        """,
    ],
    "Store an answer and count what it used": [
        """
        INSERT INTO messages (conversation_id, role, content, tokens_used, provider)
        VALUES (%(talk)s, 'assistant', 'Moved.', 180, 'openai')
        """,
        """UPDATE users SET monthly_token_usage = '{"openai": 1180, "total": 1500}' WHERE id = %(ada)s""",
    ],
    "End a voice session": [
        """
        UPDATE conversations SET ended_at = now(), duration_seconds = 42, extracted_intent = 'reschedule',
        linked_task_id = %(jog)s WHERE id = %(talk)s
        """,
        """
        UPDATE tasks SET canonical_scheduled_at = coalesce(canonical_scheduled_at, scheduled_at),
        scheduled_at = now() + interval '1 day', conversation_id = %(talk)s, reminder_sent_at = NULL,
        whatsapp_sent_at = NULL, call_sent_at = NULL WHERE id = %(jog)s
        """,
    ],
    "Put a summary in the place of a transcript": [
        "DELETE FROM messages WHERE conversation_id = %(talk)s",
        """
        INSERT INTO messages (conversation_id, role, content)
        VALUES (%(talk)s, 'summary', 'Ada moved her run to tomorrow.')
        """,
    ],
    "Record what was observed": [
        """UPDATE patterns SET confidence = 0.8, data = '{"missed": 8, "of": 10}' WHERE id = %(habit)s""",
        """
        INSERT INTO patterns (user_id, pattern_type, pattern_key, confidence)
        VALUES (%(ada)s, 'time_of_day', 'reads_at_night', 0.6)
        """,
    ],
    "Let a person overrule a habit": [
        """UPDATE patterns SET data = data || '{"user_overridden": true}' WHERE id = %(habit)s""",
    ],
    "Provision a user with an identity provider's id": [
        """
        INSERT INTO users (id, email, timezone)
        VALUES ('9f0c3d1e-5a67-4c2b-8d11-2b7c0e4a9f10', 'carla@example.com', 'Europe/Rome')
        """,
    ],
    "Finish the onboarding": [
        """UPDATE users SET onboarded = true, profile = profile || '{"wakes_up": "06:00"}' WHERE id = %(ada)s""",
        "INSERT INTO goals (user_id, title) VALUES (%(ada)s, 'Sleep eight hours')",
    ],
    "Drop a push subscription that has expired": [
        "UPDATE users SET push_subscription = NULL WHERE id = %(ada)s",
    ],
    "Erase a person": ["DELETE FROM users WHERE id = %(ada)s"],
    "The last task completes its goal": [
        "UPDATE tasks SET status = 'done', completed_at = now() WHERE id = %(jog)s",
        "UPDATE goals SET status = 'completed', completed_at = now() WHERE id = %(run)s",
    ],
    "Flag a milestone": [
        "UPDATE goals SET status = 'completed', completed_at = now() WHERE id = %(run)s",
        """
        INSERT INTO patterns (user_id, pattern_type, pattern_key, data)
        VALUES (%(ada)s, 'milestone', 'done_' || %(run)s, '{"title": "Run 10 km"}')
        """,
        "UPDATE goals SET status = 'active', activated_at = now() WHERE id = %(spanish)s",
    ],
    "Answer a call once": [
        "UPDATE notification_log SET response = 'answered', responded_at = now() WHERE external_id = 'call-7'",
        """
        INSERT INTO conversations
        (user_id, context_type, langgraph_thread_id, voice_session_id, linked_task_id, title)
        SELECT %(ada)s, 'voice', 'call-' || id, 'call-7', task_id, 'Call: Call the dentist'
        FROM notification_log WHERE external_id = 'call-7'
        """,
    ],
}


def water(guide: Guide) -> None:
    task(guide.client, user_id=guide.ids["ada"], title="Water the plants", reminder_sent_at="now-40m")


def stuck(guide: Guide) -> None:
    stuck_dispatch(guide.ids["due"])
    stuck_dispatch(task(guide.client, user_id=guide.ids["ada"], status="done")["id"])


def transcript(guide: Guide) -> None:
    for number in range(4):
        message(guide.client, conversation_id=guide.ids["talk"], content=f"Turn {number}")


def rich_jog(guide: Guide) -> None:
    """Every column of the jog has a value that is not its default."""
    guide.change(
        "tasks/{jog}",
        conversation_id=guide.ids["talk"],
        description="Along the river",
        duration_minutes=40,
        trigger_type="location",
        location_trigger="park",
        class_tags=["Health"],
        shared_with_goal_ids=[guide.ids["spanish"]],
        escalation_policy="aggressive",
        canonical_scheduled_at="2030-02-28T06:30:00+04:00",
        reminder_sent_at="now-1d",
        whatsapp_sent_at="now-1d",
        call_sent_at="now-1d",
    )


BEFORE: dict[str, tuple[Callable[[Guide], Any], ...]] = {
    "Complete a task and create its next occurrence": (rich_jog,),
    "Move a task to another time": (rich_jog,),
    "End a voice session": (rich_jog,),
    "Escalate what nobody reacted to": (water,),
    "Report a dispatch and log the notification": (dispatch_of,),
    "Report a failure and free the task": (dispatch_of,),
    "Recover stuck dispatches without sending twice": (stuck,),
    "Answer a notification once": (notify,),
    "Put a summary in the place of a transcript": (transcript,),
    "Record what was observed": (patterns,),
    "Let a person overrule a habit": (patterns,),
    "Erase a person": (notify, patterns, dispatch_of, transcript),
    "The last task completes its goal": (all_done_but_the_jog,),
    "Answer a call once": (call,),
}


@contextmanager
def undone() -> Iterator[None]:
    """A block whose changes are undone at its end."""
    with database.atomic() as transaction:
        yield
        transaction.rollback()


def tables(known: set[str]) -> dict[str, list[str]]:
    """All rows with all that callers see but versions, which count statements; the id of a new row is no matter."""
    return {table: sorted(_shown(row, known) for row in _rows(table)) for table in VOCABULARIES}


def _rows(table: str) -> list[dict[str, Any]]:
    columns = [name for name in VOCABULARIES[table].fields if name != "version"]
    cursor = database.execute_sql(f"SELECT {', '.join(columns)} FROM {table}")
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _shown(row: dict[str, Any], known: set[str]) -> str:
    return UUID_FORM.sub(lambda found: found[0] if found[0] in known else "new", str(row))


@pytest.mark.parametrize("title", EXAMPLES)
def test_a_thing_leaves_what_the_sql_of_an_application_leaves(client: FlaskClient, title: str):
    guide = guide_of(client)
    for prepare in BEFORE.get(title, ()):
        prepare(guide)
    known = {str(row["id"]) for table in VOCABULARIES for row in _rows(table)}
    before = tables(known)
    with undone():
        answer = guide.again(title)
        assert answer.status_code < 300, answer.text
        served = tables(known)
    assert tables(known) == before
    with undone():
        for statement in SQL[title]:
            database.execute_sql(statement, guide.ids)
        assert served == tables(known)
    assert served != before
