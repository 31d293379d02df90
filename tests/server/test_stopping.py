"""Told to stop: balancers learn of it first, what was accepted is answered, and nobody waits in vain."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg2
import pytest
from servers import RunningServer, running_server, start_server
from waiting import wait_until, waiting_for_locks

pytestmark = pytest.mark.server

USERS = "/api/v1/users"


@contextmanager
def serving(folder: Path, url: str, **settings: str) -> Iterator[RunningServer]:
    """The service without keys; two workers of two threads, unless the settings say otherwise."""
    few = {"WEB_CONCURRENCY": "2", "WEB_THREADS": "2", "AUTH_DISABLED": "true"}
    with running_server(folder, DATABASE_URL=url, **(few | settings)) as server:
        yield server


@contextmanager
def users_locked(url: str) -> Iterator[Callable[[], None]]:
    """Every statement about users waits, until what this gives is called."""
    connection = psycopg2.connect(url)
    try:
        connection.cursor().execute("LOCK TABLE users")
        yield connection.rollback
    finally:
        connection.close()


def ask_in_the_background(server: RunningServer, times: int = 1) -> tuple[list[threading.Thread], list[int]]:
    """The threads that ask for the users, and where they put the status that they get."""
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(httpx.get(f"{server.url}{USERS}", timeout=30).status_code)

    threads = [threading.Thread(target=ask) for _ in range(times)]
    for thread in threads:
        thread.start()
    return threads, statuses


def refuses(server: RunningServer) -> bool:
    """Whether nobody listens there any more."""
    try:
        httpx.get(f"{server.url}/health")
    except httpx.ConnectError:
        return True
    except httpx.TransportError:
        pass
    return False


def test_ready_says_first_that_it_stops_while_requests_are_still_served(server_database: str, tmp_path: Path):
    settings = {"WEB_CONCURRENCY": "1", "DRAIN_SECONDS": "10"}
    with serving(tmp_path, server_database, **settings) as server, httpx.Client(base_url=server.url) as client:
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: client.get("/ready").status_code == 503)
        for _ in range(6):
            ready = client.get("/ready")
            assert (ready.status_code, ready.json()["status"]) == (503, "not_ready")
            assert "stopping" in ready.json()["detail"]
            served = client.get(USERS)
            assert (served.status_code, served.headers["Connection"]) == (200, "close")
        assert client.get("/health").status_code == 200
        assert server.process.wait(timeout=40) == 0


def test_without_a_time_to_drain_it_stops_at_once(server_database: str, tmp_path: Path):
    with serving(tmp_path, server_database, DRAIN_SECONDS="0") as server:
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(server))


def test_what_was_accepted_is_answered_and_who_comes_later_is_refused_at_once(server_database: str, tmp_path: Path):
    # Either worker can be the one that takes all three.
    settings = {"DRAIN_SECONDS": "0", "WEB_THREADS": "3"}
    with serving(tmp_path, server_database, **settings) as server, users_locked(server_database) as let_go:
        threads, statuses = ask_in_the_background(server, times=3)
        wait_until(lambda: waiting_for_locks(server_database) == 3)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(server))
        let_go()
        for thread in threads:
            thread.join()
    assert statuses == [200, 200, 200]


BEGINNING_SLOWLY = """
import time
from pathlib import Path
exec(Path("gunicorn.conf.py").read_text())
begin = post_fork

def post_fork(arbiter, worker):
    begin(arbiter, worker)
    print("begun", flush=True)
    time.sleep(3)
"""


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_that_is_only_beginning_is_not_waited_for(server_database: str, tmp_path: Path, by: signal.Signals):
    (tmp_path / "slow.conf.py").write_text(BEGINNING_SLOWLY)
    server = start_server(
        tmp_path / "log",
        DATABASE_URL=server_database,
        AUTH_DISABLED="true",
        WEB_CONCURRENCY="2",
        GUNICORN_CMD_ARGS=f"--config {tmp_path / 'slow.conf.py'}",
    )
    wait_until(lambda: server.log.count("begun") == 2)
    server.process.send_signal(by)
    assert server.process.wait(timeout=15) == 0


def test_when_all_threads_wait_for_the_database_the_worker_still_tells_that_it_lives(
    server_database: str, tmp_path: Path
):
    patient = {"DATABASE_POOL_WAIT": "30", "DATABASE_LOCK_TIMEOUT": "60"}
    with serving(tmp_path, server_database, **patient) as server, users_locked(server_database) as let_go:
        threads, statuses = ask_in_the_background(server, times=12)
        wait_until(lambda: waiting_for_locks(server_database) >= 2)
        for _ in range(4):
            assert httpx.get(f"{server.url}/health", timeout=20).status_code == 200
            assert httpx.get(f"{server.url}/ready", timeout=20).status_code == 200
        let_go()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200}
