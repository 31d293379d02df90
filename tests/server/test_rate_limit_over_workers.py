"""The rate limit of real workers: counted together in a Redis, each by itself without one, under a flood of keys."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import redis
from conftest import flask
from neighbours import running_redis
from servers import RunningServer, free_port, running_server
from waiting import wait_until

from app.auth.keys import new_key

pytestmark = pytest.mark.server

USERS = "/api/v1/users"


def limited(database: str, **settings: str) -> dict[str, str]:
    """The settings of two workers that allow ten requests an hour."""
    return {
        "DATABASE_URL": database,
        "AUTH_DISABLED": "true",
        "RATE_LIMIT": "10/hour",
        "WEB_CONCURRENCY": "2",
    } | settings


def statuses(server: RunningServer, count: int) -> list[int]:
    """The answers to requests on connections of their own, so that both workers have their part."""
    return [httpx.get(f"{server.url}{USERS}", timeout=10).status_code for _ in range(count)]


def test_with_a_redis_the_workers_count_together(server_database: str, tmp_path: Path):
    port = free_port()
    with running_redis(tmp_path, port):
        settings = limited(server_database, RATE_LIMIT_STORAGE=f"redis://127.0.0.1:{port}/0")
        with running_server(tmp_path, **settings) as server:
            assert statuses(server, 15) == [200] * 10 + [429] * 5
            assert "RATE_LIMIT" not in server.log


@pytest.mark.parametrize("what", ["gone", "hanging"])
def test_without_its_redis_the_service_goes_on_and_each_worker_counts_by_itself(
    server_database: str, tmp_path: Path, what: str
):
    port = free_port()
    settings = limited(server_database, RATE_LIMIT_STORAGE=f"redis://127.0.0.1:{port}/0", WEB_CONCURRENCY="1")
    with running_redis(tmp_path, port) as storage, running_server(tmp_path, **settings) as server:
        assert statuses(server, 10) == [200] * 10
        storage.send_signal(signal.SIGKILL if what == "gone" else signal.SIGSTOP)
        with ThreadPoolExecutor(8) as at_once:
            assert set(at_once.map(lambda _: statuses(server, 1)[0], range(8))) == {200}
        assert 429 in statuses(server, 11)
        assert "Rate limit storage unreachable" in server.log


def test_a_redis_that_comes_later_is_found(server_database: str, tmp_path: Path):
    port = free_port()
    settings = limited(server_database, RATE_LIMIT_STORAGE=f"redis://127.0.0.1:{port}/0", WEB_CONCURRENCY="1")
    with running_server(tmp_path, **settings) as server:
        assert statuses(server, 1) == [200]
        with running_redis(tmp_path, port):
            counted = redis.Redis(port=port)
            deadline = time.monotonic() + 20
            while not counted.dbsize() and time.monotonic() < deadline:
                time.sleep(0.5)
                statuses(server, 1)
            assert counted.dbsize() > 0


def test_without_a_redis_the_start_says_that_each_worker_counts_by_itself(server_database: str, tmp_path: Path):
    with running_server(tmp_path, **limited(server_database)) as server:
        assert "RATE_LIMIT=10/hour is counted by each of the 2 workers for itself" in server.log


def test_a_flood_of_made_up_keys_keeps_out_none_that_a_worker_has_not_seen(server_database: str, tmp_path: Path):
    honest = [flask("keys", "create", f"flood-{n}", "--scope", "read", DATABASE_URL=server_database) for n in range(3)]
    settings = {"DATABASE_URL": server_database, "DATABASE_KEYS": "true", "WEB_CONCURRENCY": "1"}
    with running_server(tmp_path, **settings, RATE_LIMIT="5/hour") as server, ThreadPoolExecutor(8) as flood:
        over = threading.Event()

        def status(key: str) -> int:
            return httpx.get(f"{server.url}{USERS}", headers={"X-Flux-Service-Key": key}, timeout=20).status_code

        def call() -> set[int]:
            return {status(new_key()) for _ in iter(over.is_set, True)}

        calling = [flood.submit(call) for _ in range(8)]
        wait_until(lambda: status(new_key()) == 429)
        assert [status(made.stdout.strip()) for made in honest] == [200] * 3
        over.set()
        assert set().union(*(each.result() for each in calling)) == {401, 429}
