"""What is asked of the servers: the requests of each operation, over many rows of the database."""

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

import orjson

from app.query import cursors
from app.query.reading import QueryReader
from benchmarks.measuring import Request, run_sql

TASKS = "/api/v1/tasks"
MOST_TASKS = 10_000
MOST_PEOPLE = 1_000
MOST_CURSORS = 1_000

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


def loads(database_url: str) -> dict[str, list[Request]]:
    """The requests by operation, those that only read first, over tasks and people drawn from the whole database."""
    # Drawn by a hash, so that they are spread over the table and the same in each run over the same rows.
    drawn = "ORDER BY md5(id::text) LIMIT"
    tasks = [row[0] for row in run_sql(database_url, f"SELECT id::text FROM tasks {drawn} {MOST_TASKS}")]
    people = run_sql(
        database_url,
        f"""
        SELECT drawn.id::text, min(scheduled_at), max(scheduled_at), min(created_at), max(created_at),
               array_agg(tasks.id::text)
        FROM (SELECT id FROM users {drawn} {MOST_PEOPLE}) AS drawn
        JOIN tasks ON tasks.user_id = drawn.id
        GROUP BY drawn.id ORDER BY md5(drawn.id::text)
        """,
    )
    # A place in the list of all tasks, newest first: the rows behind it are a page.
    places = run_sql(database_url, f"SELECT created_at, id::text FROM tasks {drawn} {MOST_CURSORS}")
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


def asking(what: str, **parameters: str | datetime) -> Request:
    """A GET below the tasks, or of their list."""
    written = {name: written_time(value) for name, value in parameters.items()}
    return Request("GET", f"{TASKS}{f'/{what}' if what else ''}?{urlencode(written)}")


def cursor_at(created_at: datetime, id: str) -> str:
    """The cursor for the tasks behind this one, as the service makes it for its list."""
    every_task = QueryReader("tasks", "list tasks").read([])
    return cursors.encode([created_at.isoformat(), id], every_task.fingerprint)


def sending(method: str, path: str, body: object) -> Request:
    """A request with a body."""
    return Request(method, path, orjson.dumps(body).decode())


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
