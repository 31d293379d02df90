"""How many files of app/ a request passes, and how often it goes from one to another: `python -m benchmarks.calls`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any
from uuid import uuid4

from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.config import PROJECT, Settings
from app.database import database
from benchmarks.measuring import loaded_database, markdown_table, postgres, run_sql

APP = f"{PROJECT / 'app'}/"
TASKS = 100
# The first ones fill caches.
WARM_UP = 3
MAX_FILES = {"GET one": 14, "A batch of two": 24}


@dataclass
class Passed:
    """The files that were called into, in the order of the first call, and the changes from file to file."""

    files: list[str] = field(default_factory=list)
    calls: int = 0
    changes: int = 0
    last: str = ""

    def note(self, file: str) -> None:
        """A call into this file."""
        self.calls += 1
        if file not in self.files:
            self.files.append(file)
        self.changes += self.last not in ("", file)
        self.last = file


@contextmanager
def counted() -> Iterator[Passed]:
    """What the calls of this thread pass inside the block."""
    passed = Passed()

    def look(frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(APP):
            passed.note(name.removeprefix(APP))

    sys.setprofile(look)
    try:
        yield passed
    finally:
        sys.setprofile(None)


def requests(database_url: str) -> dict[str, Callable[[FlaskClient], Any]]:
    """What is counted."""
    [(task, person)] = run_sql(database_url, "SELECT id::text, user_id::text FROM tasks LIMIT 1")

    def run_batch(client: FlaskClient) -> Any:
        goal = {"id": str(uuid4()), "user_id": person, "title": "Run 10 km"}
        new = {"user_id": person, "goal_id": {"$ref": "goal.id"}, "title": "Run 3 km"}
        operations = [
            {"name": "goal", "method": "POST", "path": "/goals", "body": goal},
            {"method": "POST", "path": "/tasks", "body": new},
        ]
        return client.post("/api/v1/batch", json={"operations": operations})

    return {
        "GET one": lambda client: client.get(f"/api/v1/tasks/{task}"),
        "PATCH": lambda client: client.patch(f"/api/v1/tasks/{task}", json={"title": "Run 5 km"}),
        "A batch of two": run_batch,
    }


def count(app: Flask, send: Callable[[FlaskClient], Any]) -> Passed:
    """What one request passes when others went before it; ends when it fails."""
    client = app.test_client()
    for _ in range(WARM_UP):
        send(client)
    with counted() as passed:
        answer = send(client)
    if answer.status_code != 200:
        sys.exit(f"{answer.status_code}: {answer.text}")
    return passed


def main() -> None:
    """Count, and print a table and each request's files; exit with 1 when one passes more than it may."""
    with postgres() as server, loaded_database(server, "bench_calls", TASKS) as url:
        app = create_app(Settings(database_url=url, auth_disabled=True))
        found = {name: count(app, send) for name, send in requests(url).items()}
        database.release()
        database.close_idle()
    rows = [
        [name, str(len(each.files)), str(MAX_FILES.get(name, "")), str(each.changes), str(each.calls)]
        for name, each in found.items()
    ]
    print(markdown_table(("Request", "Files", "at most", "Changes of file", "Calls"), rows))
    for name, each in found.items():
        print(f"\n{name}: {', '.join(each.files)}")
    if any(len(found[name].files) > most for name, most in MAX_FILES.items()):
        sys.exit(1)


if __name__ == "__main__":
    main()
