"""Two instances that share nothing but the database, and a load that goes to both in turn."""

import itertools
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest
from conftest import flask, run_alone, temporary_database
from neighbours import running_redis
from servers import command_environment, free_port, running_server

from app.config import PROJECT
from app.database.migrations import names
from app.development.embedded import EmbeddedServer

pytestmark = pytest.mark.server

KEY = "a-key-for-tests"
NUMBERS = itertools.count()
# What an instance remembers of a key, see app/auth/key_cache.py, and a little more.
KEY_FORGOTTEN_SECONDS = 35


class Balancer:
    """Sends each request to the next instance, with a key that both accept."""

    def __init__(self, urls: list[str]) -> None:
        self.instances = [httpx.Client(base_url=f"{url}/api/v1", timeout=30) for url in urls]
        self._turns = itertools.count()

    def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        instance = self.instances[next(self._turns) % len(self.instances)]
        headers = {"X-Flux-Service-Key": KEY} | request.pop("headers", {})
        return instance.request(method, path, headers=headers, **request)

    def at_once(self, count: int, method: str, path: str, **request: Any) -> list[httpx.Response]:
        """The answers to the same request, sent so many times at the same moment, to the instances in turn, and again
        where they ask for that.
        """
        barrier = Barrier(count)

        def send(_: int) -> httpx.Response:
            barrier.wait()
            answer = self.send(method, path, **request)
            while answer.status_code >= 400 and answer.json()["retryable"]:
                answer = self.send(method, path, **request)
            return answer

        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(send, range(count)))

    def make(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.send("POST", path, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def make_user(self) -> str:
        return self.make("/users", email=f"person-{next(NUMBERS)}@example.com")["id"]


@contextmanager
def two_instances(folder: Path, url: str, **settings: str) -> Iterator[Balancer]:
    """Two gunicorns on one database."""
    settings = {"DATABASE_URL": url, "SERVICE_API_KEYS": json.dumps({"tester": KEY}), "WEB_CONCURRENCY": "1"} | settings
    for name in ("one", "two"):
        (folder / name).mkdir()
    with running_server(folder / "one", **settings) as one, running_server(folder / "two", **settings) as two:
        balancer = Balancer([one.url, two.url])
        balancer.processes = [one.process, two.process]
        yield balancer


@pytest.fixture(scope="module")
def url(postgres: EmbeddedServer) -> Iterator[str]:
    """A database that both instances' operators migrated at the same moment."""
    with temporary_database(postgres, "shared") as url:
        command = [sys.executable, "-m", "flask", "db", "upgrade"]
        migrating = [
            subprocess.Popen(
                command, cwd=PROJECT, env=command_environment(DATABASE_URL=url), stdout=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        told = [process.communicate(timeout=60)[0] for process in migrating]
        assert [process.returncode for process in migrating] == [0, 0]
        assert sum(told[0].count(name) + told[1].count(name) for name in names()) == len(names()), told
        yield url


@pytest.fixture(scope="module")
def balancer(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balancer]:
    with two_instances(tmp_path_factory.mktemp("instances"), url) as balancer:
        yield balancer


def test_both_migrate_at_once_and_each_migration_is_applied_once(url: str):
    applied = [name for (name,) in run_alone(url, "SELECT name FROM schema_migration ORDER BY name")]
    assert applied == list(names())


def test_what_one_writes_the_other_reads_at_once(balancer: Balancer):
    for _ in range(20):
        made = balancer.make_user()
        assert balancer.send("GET", f"/users/{made}").json()["id"] == made


def test_a_request_that_is_repeated_to_the_other_instance_is_done_once(balancer: Balancer):
    owner = balancer.make_user()
    body, key = {"user_id": owner, "title": "Run"}, {"Idempotency-Key": "in-turn"}
    first, again = (balancer.send("POST", "/tasks", json=body, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.json(), "Idempotent-Replayed" in first.headers) == (again.json(), False)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_request_that_comes_to_both_at_once_is_done_once(balancer: Balancer):
    owner = balancer.make_user()
    key = {"Idempotency-Key": "at-once"}
    answers = balancer.at_once(12, "POST", "/tasks", json={"user_id": owner, "title": "Run"}, headers=key)
    assert Counter(answer.status_code for answer in answers) == {201: 12}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert balancer.send("GET", "/tasks/count", params={"user_id": owner}).json() == {"count": 1}


def test_every_task_is_claimed_through_one_instance_alone(balancer: Balancer):
    owner = balancer.make_user()
    task = {"user_id": owner, "title": "Run", "scheduled_at": "2026-01-01T08:00:00Z"}
    made = {row["id"] for row in balancer.send("POST", "/tasks/bulk", json=[task] * 60).json()["items"]}
    due = f"/tasks?user_id={owner}&status=pending&sort=scheduled_at&limit=5&skip_locked=true&return=rows"

    def claim_until_none_is_left() -> list[str]:
        mine: list[str] = []
        while rows := balancer.send("PATCH", due, json={"status": "done"}).json()["items"]:
            mine += [row["id"] for row in rows]
        return mine

    with ThreadPoolExecutor(8) as workers:
        claimed = list(itertools.chain(*workers.map(lambda _: claim_until_none_is_left(), range(8))))
    assert sorted(claimed) == sorted(made)


def test_of_writes_to_one_version_through_both_one_succeeds(balancer: Balancer):
    path = f"/users/{balancer.make_user()}"
    answers = balancer.at_once(8, "PATCH", path, json={"timezone": "Asia/Dubai"}, headers={"If-Match": '"1"'})
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 7}


def test_increments_through_both_add_up(balancer: Balancer):
    path = f"/users/{balancer.make_user()}"
    answers = balancer.at_once(16, "POST", f"{path}/increment", json={"monthly_token_usage": {"tokens": 1}})
    assert {answer.status_code for answer in answers} == {200}
    assert balancer.send("GET", path).json()["monthly_token_usage"] == {"tokens": 16}


def test_pages_may_come_from_both(balancer: Balancer):
    owner = balancer.make_user()
    made = {balancer.make("/goals", user_id=owner, title="Run")["id"] for _ in range(5)}
    found, query = set(), {"user_id": owner, "limit": "2"}
    while query:
        page = balancer.send("GET", "/goals", params=query).json()
        found |= {row["id"] for row in page["items"]}
        query = page["next_cursor"] and query | {"cursor": page["next_cursor"]}
    assert found == made


def test_a_rate_is_counted_over_both_with_a_redis(url: str, tmp_path: Path):
    port = free_port()
    limit = {"RATE_LIMIT": "10/hour", "RATE_LIMIT_STORAGE": f"redis://127.0.0.1:{port}/0"}
    with running_redis(tmp_path, port), two_instances(tmp_path, url, **limit) as balancer:
        statuses = [balancer.send("GET", "/users").status_code for _ in range(15)]
    assert statuses == [200] * 10 + [429] * 5


def test_when_one_instance_is_killed_the_other_goes_on_and_repeats_its_answers(url: str, tmp_path: Path):
    with two_instances(tmp_path, url) as balancer:
        body, key = {"email": f"person-{next(NUMBERS)}@example.com"}, {"Idempotency-Key": "killed"}
        first = balancer.send("POST", "/users", json=body, headers=key)
        balancer.processes[0].kill()
        again = balancer.send("POST", "/users", json=body, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())


def test_a_key_that_is_made_is_known_to_both_and_one_that_is_revoked_soon_to_neither(url: str, balancer: Balancer):
    made = flask("keys", "create", "scheduler", "--scope", "read", "--json", DATABASE_URL=url)
    assert made.returncode == 0, made.stderr
    key = {"X-Flux-Service-Key": json.loads(made.stdout)["key"]}

    def statuses() -> list[int]:
        return [balancer.send("GET", "/users", headers=key).status_code for _ in balancer.instances]

    assert statuses() == [200, 200]
    assert flask("keys", "revoke", "scheduler", DATABASE_URL=url).returncode == 0
    deadline = time.monotonic() + KEY_FORGOTTEN_SECONDS
    while statuses() != [401, 401]:
        assert time.monotonic() < deadline, "a revoked key is accepted for 30 s at most"
        time.sleep(1)
