"""What is asked of the servers: the requests of each operation, over many rows of the database."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

import orjson

from app.query import cursors
from app.query.parser import QueryParser
from benchmarks.measuring import Request, run_sql

API = "/api/v1"
TASKS = f"{API}/tasks"
MAX_TASKS = 10_000
MAX_PEOPLE = 1_000
MAX_CURSORS = 1_000
MANY = 100
TASKS_OF_A_GOAL = 10
# One drive meets a row this often at most.
VERSIONS_AHEAD = 8

HEALTH = "GET /health"
GET_ONE = "GET one"
LIST = "List of 100"
CURSOR = "Page by cursor, 100"
FILTERED = "Filtered list"
EXPANDED = "Expanded list of 100"
BY_TIMERANGE = "By time range, 100"
STATISTICS = "Statistics"
GROUPED = "Statistics by week"
PATCH = "PATCH"
BULK_UPDATE = "Bulk update of 100"
POST = "POST"
IF_MATCH = "PATCH with If-Match"
CLAIM = "Claim 10 of 10,000"
WITH_KEY = "POST with Idempotency-Key"
CREATE_MANY = "Create 100 in bulk"


def loads(database_url: str) -> dict[str, list[Request]]:
    """The requests by operation, those that only read first, over tasks and people drawn from the whole database."""
    # Drawn by a hash, so that they are spread over the table and the same in each run over the same rows.
    drawn = "ORDER BY md5(id::text) LIMIT"
    tasks = [row[0] for row in run_sql(database_url, f"SELECT id::text FROM tasks {drawn} {MAX_TASKS}")]
    people = run_sql(
        database_url,
        f"""
        SELECT drawn.id::text, min(scheduled_at), max(scheduled_at), min(created_at), max(created_at),
               array_agg(tasks.id::text)
        FROM (SELECT id FROM users {drawn} {MAX_PEOPLE}) AS drawn
        JOIN tasks ON tasks.user_id = drawn.id
        GROUP BY drawn.id ORDER BY md5(drawn.id::text)
        """,
    )
    # A place in the list of all tasks, newest first: the rows behind it are a page.
    places = run_sql(database_url, f"SELECT created_at, row_order FROM tasks {drawn} {MAX_CURSORS}")
    return {
        HEALTH: [Request("GET", "/health")],
        GET_ONE: [Request("GET", f"{TASKS}/{task}") for task in tasks],
        LIST: [Request("GET", f"{TASKS}?limit=100")],
        CURSOR: [asking("", limit="100", cursor=cursor_at(*place)) for place in places],
        # Those of one person that are still to come, about eighteen.
        FILTERED: [
            asking("", user_id=person, status="pending", sort="scheduled_at", limit="100", count="none")
            for person, *_ in people
        ],
        EXPANDED: [asking("", limit="100", expand="goal,user", count="none")],
        BY_TIMERANGE: [
            asking("by-timerange", user_id=person, start_at=first, end_at=last) for person, first, last, *_ in people
        ],
        STATISTICS: [
            asking("statistics", user_id=person, start_date=first, end_date=last)
            for person, _, _, first, last, _ in people
        ],
        GROUPED: [asking("statistics", user_id=person, group_by="week", tz="Asia/Dubai") for person, *_ in people],
        PATCH: [sending("PATCH", f"{TASKS}/{task}", {"title": "Run 5 km", "duration_minutes": 40}) for task in tasks],
        BULK_UPDATE: [bulk_update(ids) for *_, ids in people],
        POST: [sending("POST", TASKS, new_task(person)) for person, *_ in people],
    }


def conditional_writes(database_url: str) -> dict[str, Callable[[], list[Request]]]:
    """What makes the requests of each write that depends on what earlier ones have changed, or must not be repeated."""
    tasks = [new_task(person) for person in some_people(database_url)]
    return {
        IF_MATCH: lambda: patches_of_versions(database_url),
        CLAIM: lambda: claims(database_url),
        WITH_KEY: lambda: [sending("POST", TASKS, task, "Idempotency-Key: {unique}") for task in tasks],
        CREATE_MANY: lambda: [sending("POST", f"{TASKS}/bulk", [task] * MANY) for task in tasks[:MANY]],
    }


def some_people(database_url: str) -> list[str]:
    """The ids of people, drawn from all."""
    drawn = f"SELECT id::text FROM users ORDER BY md5(id::text) LIMIT {MAX_PEOPLE}"
    return [row[0] for row in run_sql(database_url, drawn)]


def patches_of_versions(database_url: str) -> list[Request]:
    """PATCHes of tasks at the versions that they have now, and at those to which one drive brings them."""
    drawn = f"SELECT id::text, version FROM tasks ORDER BY md5(id::text) LIMIT {MAX_TASKS}"
    return [
        sending(
            "PATCH",
            f"{TASKS}/{task}",
            {"title": "Run 5 km", "duration_minutes": 40},
            "If-Match: " + ", ".join(f'"{version + ahead}"' for ahead in range(VERSIONS_AHEAD)),
        )
        for task, version in run_sql(database_url, drawn)
    ]


def claims(database_url: str) -> list[Request]:
    """The claim of ten tasks of 10,000 that are due. They go to the end of these, so that as many are left."""
    run_sql(
        database_url,
        "UPDATE tasks SET status = 'done' WHERE status = 'pending'",
        f"""
        UPDATE tasks SET status = 'pending', scheduled_at = now() - number * interval '1 minute'
        FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM tasks ORDER BY id LIMIT {MAX_TASKS}) AS due
        WHERE tasks.id = due.id
        """,
        "VACUUM (ANALYZE) tasks",
    )
    due = {"status": "pending", "scheduled_at__lt": "now", "sort": "scheduled_at"}
    taking = {"limit": "10", "skip_locked": "true", "return": "rows"}
    body = {"reminder_sent_at": "now", "scheduled_at": "now"}
    return [sending("PATCH", f"{TASKS}?{urlencode(due | taking)}", body)]


def plans(database_url: str) -> tuple[list[Request], list[Request]]:
    """A goal and ten tasks for each person: as one batch, and as eleven requests."""
    batches, calls = [], []
    for person in some_people(database_url):
        goal = {"user_id": person, "title": "Run 10 km without a break", "class_tags": ["Health"]}
        create_goal = {"name": "goal", "method": "POST", "path": "/goals", "body": goal}
        tasks = [new_task(person) | {"goal_id": {"$ref": "goal.id"}}] * TASKS_OF_A_GOAL
        create_tasks = {"method": "POST", "path": "/tasks/bulk", "body": tasks}
        batches.append(sending("POST", f"{API}/batch", {"operations": [create_goal, create_tasks]}))
        calls.append(sending("POST", f"{API}/goals", goal))
        # Of no goal: which it is, a client would read from the answer before.
        calls += [sending("POST", TASKS, new_task(person))] * TASKS_OF_A_GOAL
    return batches, calls


def asking(what: str, **parameters: str | datetime) -> Request:
    """A GET below the tasks, or of their list."""
    written = {name: written_time(value) for name, value in parameters.items()}
    return Request("GET", f"{TASKS}{f'/{what}' if what else ''}?{urlencode(written)}")


def cursor_at(created_at: datetime, row_order: int) -> str:
    """The cursor for the tasks behind this one, as the service makes it for its list."""
    every_task = QueryParser("tasks", "list tasks").parse_pairs([])
    return cursors.encode([created_at.isoformat(), row_order], every_task.fingerprint)


def sending(method: str, path: str, body: object, header: str = "") -> Request:
    """A request with a body."""
    return Request(method, path, orjson.dumps(body).decode(), header)


def bulk_update(ids: Sequence[str]) -> Request:
    """A request that gives these tasks one status."""
    return sending("POST", f"{TASKS}/bulk-update-state", {"task_ids": ids, "new_status": "rescheduled"})


def new_task(user_id: str) -> dict[str, object]:
    """A task as the planner would write it."""
    return {
        "user_id": user_id,
        "title": "Run 3 km in the park",
        "status": "pending",
        "scheduled_at": "2026-03-02T06:30:00+04:00",
        "duration_minutes": 25,
        "recurrence_rule": "FREQ=WEEKLY;BYDAY=MO,WE,FR",
        "class_tags": ["Health"],
    }


def written_time(value: str | datetime) -> str:
    """A time as a query takes it, or a text as it is."""
    return value if isinstance(value, str) else f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
