"""A mixed load: callers in threads that read, create, change, claim, count and send batches, and note each answer."""

import http.client
import itertools
import json
import random
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from conftest import run_alone
from faults.ledger import Entry, Ledger

CALLERS = 6
ANSWERS_WITHIN_SECONDS = 20
PAUSE_SECONDS = 0.004
PAUSE_AFTER_AN_ERROR_SECONDS = 0.05
QUEUED = 4_000
PREPARE = f"""
INSERT INTO users (id, email) VALUES ('{{user}}', '{{user}}@example.com'), ('{{queue}}', '{{queue}}@example.com');
INSERT INTO tasks (id, user_id, title)
    SELECT gen_random_uuid(), '{{queue}}', 'queued' FROM generate_series(1, {QUEUED});
"""
COUNTER = "INSERT INTO goals (id, user_id, title, target_weeks) VALUES ('{goal}', '{user}', 'counter', 1)"

marks = itertools.count(1)


class Line:
    """A caller's connections, one to each address, kept while they work, and the headers that it always sends."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def send(self, url: str, entry: Entry) -> None:
        """Make the request and write the answer into the entry; an answer that never comes leaves it empty."""
        entry.status, entry.problem, entry.answer = None, None, {}
        entry.began = time.monotonic()
        try:
            self._exchange(url, entry)
        except (OSError, http.client.HTTPException):
            self._connections.pop(url).close()
        entry.ended = time.monotonic()

    def _exchange(self, url: str, entry: Entry) -> None:
        address = urlsplit(url).netloc
        connection = self._connections.setdefault(
            url, http.client.HTTPConnection(address, timeout=ANSWERS_WITHIN_SECONDS)
        )
        if connection.sock and select.select([connection.sock], [], [], 0)[0]:
            # The service has ended it meanwhile; each client that keeps connections looks before it uses one.
            connection.close()
        headers = self._headers | ({"Idempotency-Key": entry.key} if entry.key else {})
        body = None
        if entry.body is not None:
            headers["Content-Type"], body = "application/json", json.dumps(entry.body)
        connection.request(entry.method, f"/api/v1{entry.path}", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        entry.answer = json.loads(text) if "json" in answer.getheader("Content-Type", "") else {}
        if answer.status >= 400:
            entry.problem = entry.answer.get("code", "that is no problem+json").rpartition(":")[2]
        else:
            entry.answer = {name: entry.answer[name] for name in ("id", "updated_count") if name in entry.answer}
        entry.status = answer.status


class Caller(threading.Thread):
    """One client of the service: a request, a short pause, the next request."""

    def __init__(self, load: "Load") -> None:
        super().__init__()
        self.load = load
        self.line = Line(load.headers)
        self.goal = str(uuid4())
        self.mine: list[str] = []

    def run(self) -> None:
        while not self.load.over.is_set():
            entry = self.next_request()
            self.line.send(self.load.address(), entry)
            if entry.done:
                self.learn(entry)
            self.load.ledger.note(entry)
            time.sleep(PAUSE_SECONDS if entry.done else PAUSE_AFTER_AN_ERROR_SECONDS)

    def next_request(self) -> Entry:
        """Half of the requests read."""
        writes = (self.create_with_id, self.create_with_key, self.change, self.claim, self.count_one, self.batch)
        return random.choice((*writes, *[self.read] * 3, *[self.list] * 3))()

    def learn(self, entry: Entry) -> None:
        """Remember rows to read and to change, and how many the service says that it changed."""
        if entry.kind == "create with id":
            self.mine.append(entry.answer["id"])
        if entry.kind == "claim":
            entry.rows = entry.answer["updated_count"]

    def read(self) -> Entry:
        return Entry("read", "GET", f"/tasks/{self.mine[0]}" if self.mine else "/users?limit=1")

    def list(self) -> Entry:
        return Entry("list", "GET", f"/tasks?user_id={self.load.user}&limit=5&count=none")

    def create_with_id(self) -> Entry:
        body = {"id": str(uuid4()), **self.task(mark := new_mark())}
        return Entry("create with id", "POST", "/tasks", body, mark, rows=1)

    def create_with_key(self) -> Entry:
        return Entry("create with key", "POST", "/tasks", self.task(mark := new_mark()), mark, key=mark, rows=1)

    def change(self) -> Entry:
        """Each task is changed once, so that no mark is written over."""
        if len(self.mine) < 2:
            return self.create_with_id()
        mark = new_mark()
        return Entry("change", "PATCH", f"/tasks/{self.mine.pop()}", {"description": mark}, mark, rows=1)

    def claim(self) -> Entry:
        """Take the next task of a queue, as several schedulers at once do."""
        path = f"/tasks?user_id={self.load.queue}&status=pending&sort=id&limit=1&skip_locked=true"
        mark = new_mark()
        return Entry("claim", "PATCH", path, {"status": "done", "description": mark}, mark, key=mark, rows=1)

    def count_one(self) -> Entry:
        body = {"target_weeks": 1}
        mark = new_mark()
        return Entry("count", "POST", f"/goals/{self.goal}/increment", body, mark, key=mark, counter=self.goal)

    def batch(self) -> Entry:
        mark = new_mark()
        operation = {"method": "POST", "path": "/tasks", "body": self.task(mark)}
        return Entry("batch", "POST", "/batch", {"operations": [operation, operation]}, mark, key=mark, rows=2)

    def task(self, mark: str) -> dict[str, Any]:
        return {"user_id": self.load.user, "title": mark}


class Load:
    """Callers at work. `address` tells each, for every request, where the service is."""

    def __init__(self, ledger: Ledger, address: Callable[[], str], database_url: str, key: str = "") -> None:
        self.ledger, self.address = ledger, address
        self.headers = {"X-Flux-Service-Key": key} if key else {}
        self.over = threading.Event()
        self.user, self.queue = str(uuid4()), str(uuid4())
        self.callers = [Caller(self) for _ in range(CALLERS)]
        run_alone(database_url, PREPARE.format(user=self.user, queue=self.queue))
        for caller in self.callers:
            run_alone(database_url, COUNTER.format(goal=caller.goal, user=self.user))

    @contextmanager
    def running(self) -> Iterator[None]:
        for caller in self.callers:
            caller.start()
        try:
            yield
        finally:
            self.over.set()
            for caller in self.callers:
                caller.join()

    def repeat_what_failed(self) -> None:
        """Send every write again that was not answered 2xx, as its caller would; the ledger then has the new answer."""
        line = Line(self.headers)
        for entry in self.ledger.writes:
            if entry.done:
                continue
            line.send(self.address(), entry)
            if entry.kind == "claim" and entry.done:
                entry.rows = entry.answer["updated_count"]
            if entry.kind == "create with id" and entry.problem == "value-taken":
                # It was done the first time: the id, which is the caller's own, tells so.
                entry.status = 200


def new_mark() -> str:
    """A text that no other request has."""
    return f"mark-{next(marks)}-{uuid4()}"
