"""The floor: the same operations and equivalent SQL in a bare WSGI function, with no framework, validation or ORM.

It takes the service's cursors at their word, and puts goals and users into tasks by a join.
It is the least that an ordinary Python service on this stack can cost:
`gunicorn --worker-class gthread benchmarks.floor:app`.
"""

import os
import re
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import orjson
import psycopg2
import uuid_utils
from psycopg2 import extensions, extras

from app.models import Goal, Task, User
from app.query.model import ROW_ORDER

Environment = dict[str, Any]
Answer = tuple[str, Any]

COLUMNS = tuple(name for name in Task._meta.columns if name != ROW_ORDER)
LISTED = ", ".join(COLUMNS)
GET = f"SELECT {LISTED} FROM tasks WHERE id = %s"
PAGE = f"SELECT {LISTED} FROM tasks ORDER BY created_at DESC, row_order DESC LIMIT %s OFFSET %s"
COUNT = "SELECT count(*) FROM tasks"
PAGE_BEHIND = (
    f"SELECT {LISTED} FROM tasks WHERE (created_at, row_order) < (%s::timestamptz, %s::bigint) "
    "ORDER BY created_at DESC, row_order DESC LIMIT %s"
)
OF_A_PERSON = f"SELECT {LISTED} FROM tasks WHERE user_id = %s AND status = %s ORDER BY scheduled_at, row_order LIMIT %s"
GOAL_COLUMNS, USER_COLUMNS = (
    tuple(name for name in model._meta.columns if name != ROW_ORDER) for model in (Goal, User)
)
JOINED = ", ".join(
    f"{table}.{column}"
    for table, columns in (("tasks", COLUMNS), ("goals", GOAL_COLUMNS), ("users", USER_COLUMNS))
    for column in columns
)
EXPANDED_PAGE = (
    f"SELECT {JOINED} FROM tasks JOIN users ON users.id = tasks.user_id LEFT JOIN goals ON goals.id = tasks.goal_id "
    "ORDER BY tasks.created_at DESC, tasks.row_order DESC LIMIT %s"
)
IN_RANGE = (
    f"SELECT {LISTED} FROM tasks WHERE user_id = %s AND scheduled_at BETWEEN %s AND %s ORDER BY scheduled_at, row_order"
)
STATISTICS = (
    "SELECT status, count(*) FROM tasks WHERE user_id = %s AND created_at BETWEEN %s AND %s "
    "GROUP BY status ORDER BY status"
)
BY_WEEK = (
    "SELECT to_char(date_trunc('week', scheduled_at AT TIME ZONE %s), 'YYYY-MM-DD'), status, count(*) FROM tasks "
    "WHERE user_id = %s GROUP BY 1, 2 ORDER BY 1, 2"
)
BULK_UPDATE = (
    "UPDATE tasks SET status = %s WHERE id IN "
    "(SELECT id FROM tasks WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE)"
)
CLAIM = f"""
UPDATE tasks SET {{changes}} FROM (
    SELECT id AS claimed FROM tasks WHERE status = %s AND scheduled_at < now()
    ORDER BY scheduled_at, row_order LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
) AS due WHERE id = claimed RETURNING {LISTED}
"""
LOCK_KEY = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
STORE_ANSWER = (
    "INSERT INTO idempotency_keys (caller, key, request, status, headers, body, expires_at) "
    "VALUES ('', %s, %s, 201, '{}', %s, now() + interval '1 day')"
)
TASKS = "/api/v1/tasks"
UUID_OID = 2950
# What the service writes before a cursor's position, to know a damaged one.
CHECK_BYTES = 8

kept = threading.local()


def app(environment: Environment, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The WSGI function."""
    status, document = answer(environment)
    body = orjson.dumps(document)
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def answer(environment: Environment) -> Answer:
    """The status and the document for a request."""
    method, path = environment["REQUEST_METHOD"], environment["PATH_INFO"]
    operation = OPERATIONS.get((method, path))
    if operation:
        return operation(environment)
    if path.startswith(f"{TASKS}/"):
        return ON_A_TASK[method](environment, path.rpartition("/")[2])
    return "404 Not Found", {}


def health(_: Environment) -> Answer:
    """GET /health."""
    return "200 OK", {"status": "ok"}


def get_task(_: Environment, id: str) -> Answer:
    """GET of one task."""
    return one(rows(GET, (id,)), "200 OK")


def list_tasks(environment: Environment) -> Answer:
    """GET of a page of tasks: all of them, those behind a cursor, a person's, or with their goals and users."""
    asked = query_of(environment)
    limit = int(asked["limit"])
    if "cursor" in asked:
        return page(rows(PAGE_BEHIND, (*position_in(asked["cursor"]), limit + 1)), limit, behind=True)
    if "user_id" in asked:
        return page(rows(OF_A_PERSON, (asked["user_id"], asked["status"], limit + 1)), limit)
    if "expand" in asked:
        return page([expanded(row) for row in read(EXPANDED_PAGE, (limit + 1,)).fetchall()], limit)
    skip = int(asked.get("skip", 0))
    return page(rows(PAGE, (limit + 1, skip)), limit, read(COUNT).fetchone()[0], skip)


def page(
    found: list[dict[str, Any]], limit: int, total: int | None = None, skip: int = 0, behind: bool = False
) -> Answer:
    """The answer of a page, of which one row more than fits on it was read."""
    has_next = len(found) > limit
    items = found[:limit]
    return "200 OK", {
        "items": items,
        "total": total,
        "page": None if behind else skip // limit + 1,
        "page_size": limit,
        "has_next": has_next,
        "has_prev": behind or skip > 0,
        "next_cursor": cursor_of(items[-1]) if has_next else None,
    }


def cursor_of(row: dict[str, Any]) -> str:
    """A cursor for the rows behind this one."""
    return urlsafe_b64encode(orjson.dumps([row["created_at"], row["id"]])).decode()


def position_in(cursor: str) -> list[str]:
    """The position in one of the service's cursors."""
    position: list[str] = orjson.loads(urlsafe_b64decode(f"{cursor}==")[CHECK_BYTES:])[1]
    return position


def expanded(row: Sequence[Any]) -> dict[str, Any]:
    """A task with its goal and its user in it."""
    task = dict(zip(COLUMNS, row, strict=False))
    goal = dict(zip(GOAL_COLUMNS, row[len(COLUMNS) :], strict=False))
    user = dict(zip(USER_COLUMNS, row[-len(USER_COLUMNS) :], strict=True))
    return {**task, "goal": goal if goal["id"] else None, "user": user}


def list_by_timerange(environment: Environment) -> Answer:
    """GET of a person's tasks in a range of time."""
    asked = query_of(environment)
    return "200 OK", rows(IN_RANGE, (asked["user_id"], asked["start_at"], asked["end_at"]))


def statistics(environment: Environment) -> Answer:
    """GET of a person's tasks counted by status, or by week and status."""
    asked = query_of(environment)
    if "group_by" in asked:
        return "200 OK", {"groups": weeks(read(BY_WEEK, (asked["tz"], asked["user_id"])).fetchall())}
    by_status = dict(read(STATISTICS, (asked["user_id"], asked["start_date"], asked["end_date"])).fetchall())
    total = sum(by_status.values())
    return "200 OK", {
        "user_id": asked["user_id"],
        "total_tasks": total,
        "by_status": by_status,
        "completion_rate": round(by_status.get("done", 0) / total, 4) if total else 0.0,
    }


def weeks(found: Sequence[tuple[str, str, int]]) -> list[dict[str, Any]]:
    """The weeks of rows of week, status and count."""
    by_week: dict[str, dict[str, int]] = {}
    for week, status, count in found:
        by_week.setdefault(week, {})[status] = count
    return [
        {
            "week": week,
            "total": sum(by_status.values()),
            "by_status": by_status,
            "completion_rate": round(by_status.get("done", 0) / sum(by_status.values()), 4),
        }
        for week, by_status in by_week.items()
    ]


def create_task(environment: Environment) -> Answer:
    """POST of a task; with an Idempotency-Key the answer is stored."""
    text, key = text_of(environment), environment.get("HTTP_IDEMPOTENCY_KEY")
    insert = partial(inserted, [orjson.loads(text)])
    return one(in_a_transaction(insert if key is None else lambda: remembered(key, text, insert)), "201 Created")


def create_tasks(environment: Environment) -> Answer:
    """POST of many tasks, all of which name the same columns."""
    items = in_a_transaction(partial(inserted, orjson.loads(text_of(environment))))
    return "201 Created", {"created_count": len(items), "items": items}


def inserted(tasks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of new tasks."""
    given = [{"id": str(uuid_utils.uuid7()), **task} for task in tasks]
    marks = ", ".join([f"({', '.join(['%s'] * len(given[0]))})"] * len(given))
    sql = f"INSERT INTO tasks ({', '.join(given[0])}) VALUES {marks} RETURNING {LISTED}"
    return rows(sql, [value for task in given for value in task.values()])


def remembered(key: str, text: bytes, work: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What the work gives, after the answer that it makes was stored for the key."""
    read(LOCK_KEY, (key,))
    found = work()
    read(STORE_ANSWER, (key, sha256(text).digest(), orjson.dumps(found[0])))
    return found


def change_task(environment: Environment, id: str) -> Answer:
    """PATCH of a task, at one of the versions that If-Match names, if it does."""
    values, versions = body_of(environment), environment.get("HTTP_IF_MATCH")
    changes = ", ".join(f"{column} = %s" for column in values)
    condition, given = "id = %s", [id]
    if versions:
        condition += " AND version = ANY (%s::integer[])"
        given.append("{" + ",".join(re.findall(r'"(\d+)"', versions)) + "}")
    sql = f"UPDATE tasks SET {changes} WHERE {condition} RETURNING {LISTED}"
    return one(in_a_transaction(lambda: rows(sql, (*values.values(), *given))), "200 OK")


def claim_tasks(environment: Environment) -> Answer:
    """PATCH of the first so many tasks that are due and that nobody else holds; every time in the body is now."""
    asked = query_of(environment)
    changes = ", ".join(f"{column} = now()" for column in body_of(environment))
    sql = CLAIM.format(changes=changes)
    items = in_a_transaction(lambda: rows(sql, (asked["status"], int(asked["limit"]))))
    return "200 OK", {"updated_count": len(items), "items": items}


def bulk_update(environment: Environment) -> Answer:
    """POST of one status for many tasks."""
    body = body_of(environment)
    named = "{" + ",".join(body["task_ids"]) + "}"
    updated = in_a_transaction(lambda: read(BULK_UPDATE, (body["new_status"], named)).rowcount)
    return "200 OK", {"updated_count": updated}


OPERATIONS: dict[tuple[str, str], Callable[[Environment], Answer]] = {
    ("GET", "/health"): health,
    ("GET", TASKS): list_tasks,
    ("GET", f"{TASKS}/by-timerange"): list_by_timerange,
    ("GET", f"{TASKS}/statistics"): statistics,
    ("POST", TASKS): create_task,
    ("PATCH", TASKS): claim_tasks,
    ("POST", f"{TASKS}/bulk"): create_tasks,
    ("POST", f"{TASKS}/bulk-update-state"): bulk_update,
}
ON_A_TASK: dict[str, Callable[[Environment, str], Answer]] = {"GET": get_task, "PATCH": change_task}


def query_of(environment: Environment) -> dict[str, str]:
    """The parameters in the URL."""
    return dict(parse_qsl(environment["QUERY_STRING"]))


def body_of(environment: Environment) -> dict[str, Any]:
    """The JSON object in the body."""
    body: dict[str, Any] = orjson.loads(text_of(environment))
    return body


def text_of(environment: Environment) -> bytes:
    """The body as it was sent."""
    text: bytes = environment["wsgi.input"].read(int(environment["CONTENT_LENGTH"]))
    return text


def one(found: list[dict[str, Any]], status: str) -> Answer:
    """The answer of one row, or of none."""
    return (status, found[0]) if found else ("404 Not Found", {})


def rows(sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    """The rows of a statement, each by the names of its columns."""
    return [dict(zip(COLUMNS, row, strict=True)) for row in read(sql, values).fetchall()]


def read(sql: str, values: Sequence[Any] = ()) -> extensions.cursor:
    """The cursor of a statement that was run on this thread's connection."""
    cursor = connection().cursor()
    cursor.execute(sql, values)
    return cursor


def in_a_transaction(work: Callable[[], Any]) -> Any:
    """What the work gives, between BEGIN and COMMIT."""
    read("BEGIN")
    try:
        given = work()
    except BaseException:
        read("ROLLBACK")
        raise
    read("COMMIT")
    return given


def connection() -> extensions.connection:
    """This thread's connection, opened with its first statement."""
    if not hasattr(kept, "connection"):
        kept.connection = psycopg2.connect(os.environ["DATABASE_URL"])
        kept.connection.autocommit = True
        # Ids as the text they come as: Peewee, which gunicorn.conf.py imports, has psycopg2 make UUID objects of them.
        kept.connection.string_types[UUID_OID] = extensions.UNICODE
        extras.register_default_jsonb(kept.connection, loads=orjson.loads)
    return kept.connection
