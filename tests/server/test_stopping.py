"""Told to stop: what was accepted is answered, and nobody waits in vain."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg2
import pytest
from servers import RunningServer, running_server
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


def test_what_was_accepted_is_answered_and_who_comes_later_is_refused_at_once(server_database: str, tmp_path: Path):
    # Either worker can be the one that takes all three.
    with serving(tmp_path, server_database, WEB_THREADS="3") as server, users_locked(server_database) as let_go:
        threads, statuses = ask_in_the_background(server, times=3)
        wait_until(lambda: waiting_for_locks(server_database) == 3)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(server))
        let_go()
        for thread in threads:
            thread.join()
    assert statuses == [200, 200, 200]
