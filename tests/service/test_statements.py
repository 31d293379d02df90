"""How many statements each operation sends, and that each access path has its index."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from entities import (
    ALL,
    CONVERSATIONS,
    GOALS,
    LISTED,
    NOTIFICATION_LOG,
    NOWHERE,
    PATTERNS,
    TASKS,
    USERS,
    Entity,
    conversation,
    message,
    task,
    user,
)
from flask import Flask
from flask.testing import FlaskClient
from psycopg2 import extensions

from app import create_app
from app.auth.keys import digest, new_key
from app.config import Settings
from app.database import database
from app.query.relations import EXPANSIONS, REFERENCES, REVERSE
from app.repositories import keys
from app.repositories.tasks import SET_STATUS

sent: list[str] = []


class RecordingCursor(extensions.cursor):
    """A cursor that tells what went over its connection, BEGIN and COMMIT included."""

    def execute(self, query, vars=None):
        # BEGIN and SAVEPOINT travel in one message with the statement that follows.
        sent.extend(re.findall(r"(?:^|;)(BEGIN|SAVEPOINT)", query))
        sent.append(query.split(";")[-1].split()[0])
        return super().execute(query, vars)


@contextmanager
def assert_query_count(count: int) -> Iterator[None]:
    """Fail unless exactly so many statements are sent inside the block."""
    database.connection().cursor_factory = RecordingCursor
    sent.clear()
    try:
        yield
    finally:
        database.connection().cursor_factory = None
    assert len(sent) == count, sent


@pytest.mark.parametrize("entity", LISTED, ids=lambda entity: entity.name)
def test_a_list_is_two_statements(client: FlaskClient, entity: Entity):
    client.post(entity.path, json=entity.body(client))
    with assert_query_count(2):
        client.get(entity.path)


@pytest.mark.parametrize("entity", LISTED, ids=lambda entity: entity.name)
def test_a_read_is_one_statement_and_a_write_is_one_between_begin_and_commit(client: FlaskClient, entity: Entity):
    body = entity.body(client)
    with assert_query_count(3):
        place = client.post(entity.path, json=body).headers["Location"]
    with assert_query_count(1):
        client.get(place)
    with assert_query_count(3):
        client.patch(place, json=entity.patch)
    with assert_query_count(3):
        client.delete(place)


def test_the_other_reads_are_one_statement(client: FlaskClient):
    talk = message(client)["conversation_id"]
    owner = task(client)["user_id"]
    span = f"user_id={owner}&start_{{0}}=2000-01-01T00:00:00Z&end_{{0}}=2100-01-01T00:00:00Z"
    for path in (
        f"/api/v1/messages?conversation_id={talk}",
        f"/api/v1/tasks/by-timerange?{span.format('at')}",
        f"/api/v1/tasks/statistics?{span.format('date')}",
    ):
        with assert_query_count(1):
            assert client.get(path).status_code == 200


@pytest.mark.parametrize("entity", LISTED, ids=lambda entity: entity.name)
def test_a_page_by_cursor_a_count_and_a_page_that_is_not_counted_are_one_statement(client: FlaskClient, entity: Entity):
    for _ in range(2):
        client.post(entity.path, json=entity.body(client))
    cursor = client.get(f"{entity.path}?limit=1").json["next_cursor"]
    for query in (f"?limit=1&cursor={cursor}", "?count=none", "/count", "/count?or=(version:1;version:2)"):
        with assert_query_count(1):
            assert client.get(f"{entity.path}{query}").status_code == 200
    for query in ("?count=estimated", f"?limit=1&cursor={cursor}&count=exact"):
        with assert_query_count(2):
            assert client.get(f"{entity.path}{query}").status_code == 200


@pytest.mark.parametrize("entity", ALL, ids=lambda entity: entity.name)
def test_what_expands_rows_or_filters_by_others_adds_no_statement(client: FlaskClient, entity: Entity):
    row = client.post(entity.path, json=entity.body(client)).json
    table = entity.name.replace("-", "_")
    names = EXPANSIONS[table]
    filters = [f"{name}.version__isnull=true" for name in REFERENCES[table]]
    filters += [f"{name}__exists=false" for name in REVERSE[table]]
    query = "&".join([*filters, "version=1", *([f"expand={','.join(names)}"] if names else [])])
    scope = "" if entity.listed else f"conversation_id={row['conversation_id']}&"
    with assert_query_count(2 if entity.listed else 1):
        assert client.get(f"{entity.path}?{scope}{query}").status_code == 200
    if names:
        with assert_query_count(1):
            client.get(f"{entity.path}/{row['id']}?expand={','.join(names)}")


def test_statistics_are_one_statement_in_groups_too(client: FlaskClient):
    task(client)
    for query in ("status=pending", "group_by=day,goal_class_tag&goal.title__isnull=true"):
        with assert_query_count(1):
            assert client.get(f"/api/v1/tasks/statistics?{query}").status_code == 200


def test_a_bulk_update_of_any_size_is_one_statement_between_begin_and_commit(client: FlaskClient):
    with assert_query_count(3):
        client.post("/api/v1/tasks/bulk-update-state", json={"task_ids": [NOWHERE] * 1000, "new_status": "done"})


def test_what_is_refused_before_the_database_sends_nothing(client: FlaskClient):
    with assert_query_count(0):
        client.post("/api/v1/users", json={})
        client.get("/health")
        client.get("/nowhere")


@dataclass
class Filled:
    """A client on full tables, and the ids of a user and a conversation."""

    client: FlaskClient
    ids: dict[str, str]

    def plans(self, path: str) -> list[str]:
        """The plans of the statements that a GET sends."""
        statements: list[bytes] = []

        class Cursor(extensions.cursor):
            def execute(self, query, vars=None):
                statements.append(self.mogrify(query, vars))
                return super().execute(query, vars)

        database.connection().cursor_factory = Cursor
        try:
            answer = self.client.get(path)
        finally:
            database.connection().cursor_factory = None
        assert answer.status_code in (200, 404), answer.json
        return [plan(statement.decode()) for statement in statements]


@pytest.fixture(scope="module")
def filled(app: Flask) -> Iterator[Filled]:
    """Tables that are large enough for the planner to choose an index."""
    client = app.test_client()
    owner = user(client)["id"]
    talk = conversation(client, user_id=owner)["id"]
    database.execute_sql(FILL)
    database.execute_sql("ANALYZE")
    yield Filled(client, {"user_id": owner, "conversation_id": talk})
    database.execute_sql("TRUNCATE users CASCADE")
    database.release()


FILL = """
INSERT INTO users (id, email) SELECT gen_random_uuid(), i || '@b.io' FROM generate_series(1, 500) i;
INSERT INTO goals (id, user_id, title) SELECT gen_random_uuid(), id, 'x' FROM users;
INSERT INTO tasks (id, user_id, goal_id, title, scheduled_at, created_at)
    SELECT gen_random_uuid(), user_id, id, 'x', now() + i * interval '1 hour', now() - i * interval '1 hour'
    FROM goals, generate_series(1, 30) i;
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, linked_task_id)
    SELECT gen_random_uuid(), user_id, id::text, 'general', id FROM tasks;
INSERT INTO messages (id, conversation_id, role, content)
    SELECT gen_random_uuid(), id, 'user', 'x' FROM conversations;
INSERT INTO patterns (id, user_id, pattern_key) SELECT gen_random_uuid(), id, 'x' FROM users;
INSERT INTO notification_log (id, task_id, channel, sent_at) SELECT gen_random_uuid(), id, 'push', now() FROM tasks;
"""


def plan(sql: str, parameters: tuple = ()) -> str:
    return "\n".join(line for (line,) in database.read(f"EXPLAIN {sql}", parameters))


@pytest.mark.parametrize(
    ("entity", "index"),
    [
        (USERS, "users_newest"),
        (GOALS, "goals_newest"),
        (TASKS, "tasks_newest"),
        (CONVERSATIONS, "conversations_newest"),
        (PATTERNS, "patterns_newest"),
        (NOTIFICATION_LOG, "notification_log_by_sending"),
    ],
    ids=lambda each: getattr(each, "name", each),
)
def test_the_first_page_of_a_list_comes_from_its_index(filled: Filled, entity: Entity, index: str):
    [page, _] = filled.plans(entity.path)
    assert index in page
    assert "Seq Scan" not in page


PATHS = {
    "/users?phone=%2B971501": "users_by_phone",
    "/users?email=1@b.io": "users_email_key",
    "/users/{user_id}": "users_pkey",
    "/users?id__in={user_id}": "users_pkey",
    "/goals?user_id={user_id}&status=active&sort=pipeline_order": "goals_by_user_and_status",
    "/goals?parent_goal_id={user_id}": "goals_by_parent",
    "/goals/count?user_id={user_id}": "goals_by_user_and_status",
    "/tasks/by-timerange?user_id={user_id}&start_at=now-3h&end_at=now%2B3h": "tasks_by_user_and_time",
    "/tasks/statistics?user_id={user_id}&start_date=now-5h&end_date=now": "tasks_by_user_and_creation",
    "/tasks?user_id={user_id}&status=done": "tasks_by_user_and_status",
    "/tasks?user_id={user_id}&sort=-scheduled_at": "tasks_by_user",
    "/tasks?goal_id={user_id}": "tasks_by_goal",
    "/tasks?shared_with_goal_ids__contains={user_id}": "tasks_by_shared_goal",
    "/tasks?conversation_id={user_id}": "tasks_by_conversation",
    "/tasks?status=pending&reminder_sent_at__isnull=true&scheduled_at__lt=now&sort=scheduled_at": "tasks_pending",
    "/conversations?user_id={user_id}&sort=-last_message_at": "conversations_by_user_and_recency",
    "/conversations?langgraph_thread_id=x": "conversations_langgraph_thread_id_key",
    "/conversations?voice_session_id=x": "conversations_by_voice_session",
    "/conversations?linked_task_id={user_id}": "conversations_by_linked_task",
    "/messages?conversation_id={conversation_id}": "messages_transcript",
    "/messages?conversation_id__in={conversation_id},{user_id}": "messages_transcript",
    "/messages?conversation.user_id={user_id}": "messages_transcript",
    "/goals/{user_id}?user_id={user_id}": "goals_",
    "/messages/{user_id}?conversation.user_id={user_id}": "conversations_pkey",
    "/tasks?user_id={user_id}&conversation.user.timezone=UTC": "users_pkey",
    "/patterns?user_id={user_id}": "patterns_by_user",
    "/patterns?user_id={user_id}&pattern_type=x&pattern_key=y": "patterns_user_id__pattern_type__pattern_key_key",
    "/notification-log?external_id=x": "notification_log_external_id_key",
    "/notification-log?task_id={user_id}": "notification_log_by_task",
}


@pytest.mark.parametrize(("path", "index"), PATHS.items(), ids=PATHS)
def test_a_documented_access_path_has_its_index(filled: Filled, path: str, index: str):
    for found in filled.plans("/api/v1" + path.format(**filled.ids)):
        assert index in found
        assert "Seq Scan" not in found


def test_what_expands_a_row_comes_from_indexes(filled: Filled):
    for path in (
        "/tasks?expand=user,goal,conversation,notification_log&count=none",
        "/goals?expand=user,parent_goal,task_counts,children&count=none",
        "/conversations?expand=first_user_message,last_message,messages(limit:5,sort:-created_at)&count=none",
        "/notification-log?expand=task(title,user(push_subscription),notification_log)&count=none",
        "/goals?fields=children(task_counts,user(id)),parent_goal(children)&count=none",
    ):
        [found] = filled.plans(f"/api/v1{path}&limit=5")
        assert "Seq Scan" not in found, found


def test_a_bulk_update_finds_its_rows_by_their_ids(filled: Filled):
    assert "tasks_pkey" in plan(*SET_STATUS.bind({"ids": f"{{{NOWHERE}}}", "status": "done"}))


@pytest.mark.parametrize(
    "path",
    ["/tasks?", "/tasks?status=pending&sort=-scheduled_at&", "/tasks?status=pending&sort=scheduled_at:nullsfirst&"],
)
def test_a_page_behind_a_cursor_starts_in_the_index(filled: Filled, path: str):
    cursor = filled.client.get(f"/api/v1{path}limit=5").json["next_cursor"]
    [found] = filled.plans(f"/api/v1{path}limit=5&cursor={cursor}")
    assert "Index Cond" in found
    assert "Seq Scan" not in found


FOREIGN_KEYS = """
SELECT conrelid::regclass::text, attname FROM pg_constraint JOIN pg_attribute
    ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'f'
"""


def test_every_reference_is_found_by_an_index_when_its_row_is_deleted(filled: Filled):
    database.execute_sql("SET enable_seqscan = off")
    try:
        for table, column in database.read(FOREIGN_KEYS):
            found = plan(f"SELECT FROM {table} WHERE {column} = %s", (NOWHERE,))
            assert "Index Cond" in found, f"{table}.{column}"
    finally:
        database.execute_sql("RESET enable_seqscan")


def test_a_key_of_the_table_is_asked_for_once_and_a_mistyped_one_never(client: FlaskClient, settings: Settings):
    guarded = create_app(replace(settings, auth_disabled=False, database_keys=True)).test_client()
    key, unknown = new_key(), new_key()
    keys.create("planner", digest(key), ["read"], None)
    with assert_query_count(1 + 3 * 2):
        for _ in range(3):
            assert guarded.get("/api/v1/users", headers={"X-Flux-Service-Key": key}).status_code == 200
    with assert_query_count(1):
        for _ in range(3):
            assert guarded.get("/api/v1/users", headers={"X-Flux-Service-Key": unknown}).status_code == 401
    with assert_query_count(0):
        for wrong in (f"{key}x", "flux_", "nonsense"):
            assert guarded.get("/api/v1/users", headers={"X-Flux-Service-Key": wrong}).status_code == 401
        assert guarded.post("/api/v1/users", headers={"X-Flux-Service-Key": key}, json={}).status_code == 403


def test_a_caller_over_the_limit_costs_no_statement(client: FlaskClient, settings: Settings):
    limited = create_app(replace(settings, rate_limit="1/hour")).test_client()
    assert limited.get("/api/v1/users").status_code == 200
    with assert_query_count(0):
        assert limited.get("/api/v1/users").status_code == 429
