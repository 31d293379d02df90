"""The entities as the contract suite sees them: where they live, what creates one, what changes one."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient

NOWHERE = "0198f3c2-0000-7000-8000-000000000000"
numbers = itertools.count(1)


@dataclass(frozen=True)
class Entity:
    """One entity: `body` makes a body of what is required, creating the parents that it needs; `patch` is a change.

    `noun` is what the operations call one row; `numbers` says that amounts can be added to its numbers.
    """

    name: str
    body: Callable[[FlaskClient], dict[str, Any]]
    patch: dict[str, Any] = field(default_factory=dict)
    reference: str | None = None
    listed: bool = True
    numbers: bool = False
    noun: str = ""

    @property
    def path(self) -> str:
        return f"/api/v1/{self.name}"

    @property
    def operations(self) -> set[str]:
        """The names of the operations that all entities share, as far as this one has them."""
        rows = self.name.replace("-", "_")
        row = self.noun or rows.removesuffix("s")
        names = {f"list_{rows}", f"count_{rows}", f"create_{row}", f"create_{rows}_in_bulk", f"get_{row}"}
        names |= {f"delete_{row}", f"delete_{rows}_by_filter"}
        if self.patch:
            names |= {f"update_{row}", f"update_{rows}_by_filter"}
        return names | {f"increment_{row}"} if self.numbers else names


def create(client: FlaskClient, path: str, **body: Any) -> dict[str, Any]:
    """A new row by POST."""
    answer = client.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == 201, answer.json
    return answer.json


def user(client: FlaskClient, **body: Any) -> dict[str, Any]:
    return create(client, "users", **{"email": f"person-{next(numbers)}@example.com", **body})


def goal(client: FlaskClient, **body: Any) -> dict[str, Any]:
    if "user_id" not in body:
        body["user_id"] = user(client)["id"]
    return create(client, "goals", **{"title": "Run 10 km", **body})


def task(client: FlaskClient, **body: Any) -> dict[str, Any]:
    if "user_id" not in body:
        body["user_id"] = user(client)["id"]
    return create(client, "tasks", **{"title": "Run 3 km", **body})


def conversation(client: FlaskClient, **body: Any) -> dict[str, Any]:
    if "user_id" not in body:
        body["user_id"] = user(client)["id"]
    given = {"langgraph_thread_id": f"thread-{next(numbers)}", "context_type": "general", **body}
    return create(client, "conversations", **given)


def message(client: FlaskClient, **body: Any) -> dict[str, Any]:
    if "conversation_id" not in body:
        body["conversation_id"] = conversation(client)["id"]
    return create(client, "messages", **{"role": "user", "content": "Hello", **body})


USERS = Entity(
    "users",
    lambda client: {"email": f"person-{next(numbers)}@example.com"},
    {"timezone": "Asia/Dubai"},
    numbers=True,
)
GOALS = Entity(
    "goals",
    lambda client: {"user_id": user(client)["id"], "title": "Run 10 km"},
    {"title": "Run 5 km"},
    "user_id",
    numbers=True,
)
TASKS = Entity(
    "tasks",
    lambda client: {"user_id": user(client)["id"], "title": "Run 3 km"},
    {"status": "done"},
    "user_id",
    numbers=True,
)
CONVERSATIONS = Entity(
    "conversations",
    lambda client: {
        "user_id": user(client)["id"],
        "langgraph_thread_id": f"thread-{next(numbers)}",
        "context_type": "general",
    },
    {"title": "Planning the week"},
    "user_id",
    numbers=True,
)
MESSAGES = Entity(
    "messages",
    lambda client: {"conversation_id": conversation(client)["id"], "role": "user", "content": "Hello"},
    reference="conversation_id",
    listed=False,
)
PATTERNS = Entity(
    "patterns",
    lambda client: {"user_id": user(client)["id"], "pattern_key": f"key-{next(numbers)}"},
    {"confidence": 0.5},
    "user_id",
    numbers=True,
)
NOTIFICATION_LOG = Entity(
    "notification-log",
    lambda client: {"task_id": task(client)["id"], "channel": "push"},
    {"response": "ok"},
    "task_id",
    noun="notification_log_entry",
)
DISPATCH_LOG = Entity(
    "dispatch-log",
    lambda client: {"task_id": task(client)["id"], "channel": "auto_miss"},
    {"status": "failed", "error": "no token"},
    "task_id",
    noun="dispatch_log_entry",
)

ALL = (
    USERS,
    GOALS,
    TASKS,
    CONVERSATIONS,
    MESSAGES,
    PATTERNS,
    NOTIFICATION_LOG,
    DISPATCH_LOG,
)
EDITABLE = tuple(entity for entity in ALL if entity.patch)
LISTED = tuple(entity for entity in ALL if entity.listed)
REFERRING = tuple(entity for entity in ALL if entity.reference)
