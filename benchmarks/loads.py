"""What is asked of the servers: the requests of each operation, over many rows of the database."""

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

import orjson

from benchmarks.measuring import Request, run_sql

TASKS = "/api/v1/tasks"
MOST_TASKS = 10_000
MOST_PEOPLE = 1_000

HEALTH = "GET /health"
GET_ONE = "GET one"
LIST = "List of 100"
BY_TIMERANGE = "By time range, 100"
STATISTICS = "Statistics"
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
    return {
        HEALTH: [Request("GET", "/health")],
        GET_ONE: [Request("GET", f"{TASKS}/{task}") for task in tasks],
        LIST: [Request("GET", f"{TASKS}?limit=100")],
        BY_TIMERANGE: [
            asking("by-timerange", user_id=person, start_at=first, end_at=last) for person, first, last, *_ in people
        ],
        STATISTICS: [
            asking("statistics", user_id=person, start_date=first, end_date=last)
            for person, _, _, first, last, _ in people
        ],
        PATCH: [sending("PATCH", f"{TASKS}/{task}", {"title": "Run 5 km", "duration_minutes": 40}) for task in tasks],
        BULK_UPDATE: [bulk_update(ids) for *_, ids in people],
        POST: [sending("POST", TASKS, new_task(person)) for person, *_ in people],
    }


def asking(what: str, **parameters: str | datetime) -> Request:
    """A GET below the tasks."""
    written = {name: written_time(value) for name, value in parameters.items()}
    return Request("GET", f"{TASKS}/{what}?{urlencode(written)}")


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
