"""Bounded waiting through sockets: behind PgBouncer, and with clients who go away in the middle of an answer."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psycopg2
import pytest
from conftest import flask, run_alone, temporary_database
from neighbours import running_pgbouncer
from servers import RunningServer, running_server
from waiting import wait_until, waiting_for_locks

from app.development.embedded import EmbeddedServer

pytestmark = pytest.mark.server

USERS = "/api/v1/users"
CONVERSATION = "0198f3c2-0000-7000-8000-000000000002"
# More than the sockets between the service and its client can hold.
FILL = f"""
INSERT INTO users (id, email) VALUES ('{CONVERSATION}', 'ada@example.com');
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type)
    VALUES ('{CONVERSATION}', '{CONVERSATION}', 'thread', 'general');
INSERT INTO messages (id, conversation_id, role, content)
    SELECT gen_random_uuid(), '{CONVERSATION}', 'user', repeat('x', 2000) FROM generate_series(1, 20000);
"""
SESSIONS = """
SELECT state FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'flux-dao'
"""


@pytest.fixture(scope="module")
def long_talk(postgres: EmbeddedServer) -> Iterator[str]:
    """The URL of a database with a conversation that is too long for the sockets' buffers."""
    with temporary_database(postgres, "long") as url:
        flask("db", "upgrade", DATABASE_URL=url)
        run_alone(url, FILL)
        yield url


@contextmanager
def serving(folder: Path, url: str, **settings: str) -> Iterator[RunningServer]:
    """The service without keys, one worker with one connection."""
    one = {"WEB_CONCURRENCY": "1", "DATABASE_POOL_SIZE": "1", "DATABASE_POOL_WAIT": "1"}
    with running_server(folder, DATABASE_URL=url, AUTH_DISABLED="true", **one, **settings) as server:
        yield server


def begin_reading(server: RunningServer) -> socket.socket:
    """Ask for the long transcript, and read no more than the beginning of the answer."""
    reader = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))
    reader.sendall(f"GET /api/v1/messages?conversation_id={CONVERSATION} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert reader.recv(4096).startswith(b"HTTP/1.1 200")
    return reader


def test_a_client_who_goes_away_in_mid_answer_frees_its_connection(long_talk: str, tmp_path: Path):
    with serving(tmp_path, long_talk) as server:
        reader = begin_reading(server)
        wait_until(lambda: run_alone(long_talk, SESSIONS) == [("idle in transaction",)])
        assert httpx.get(f"{server.url}{USERS}").status_code == 503
        reader.close()
        wait_until(lambda: run_alone(long_talk, SESSIONS) == [("idle",)])
        assert httpx.get(f"{server.url}{USERS}").status_code == 200
        assert "Traceback" not in server.log


def test_a_client_who_stops_reading_is_let_go(long_talk: str, tmp_path: Path):
    with serving(tmp_path, long_talk, DATABASE_IDLE_TRANSACTION_TIMEOUT="2") as server, begin_reading(server):
        wait_until(lambda: httpx.get(f"{server.url}{USERS}").status_code == 200)
        assert ("idle in transaction",) not in run_alone(long_talk, SESSIONS)


@contextmanager
def table_locked(url: str, table: str) -> Iterator[None]:
    """Nobody can read the table meanwhile."""
    connection = psycopg2.connect(url)
    try:
        connection.cursor().execute(f"LOCK TABLE {table}")
        yield
    finally:
        connection.close()


def test_a_long_answer_that_cannot_begin_is_a_problem_with_its_own_id(long_talk: str, tmp_path: Path):
    path, mine = f"/api/v1/messages?conversation_id={CONVERSATION}", {"X-Request-Id": "mine"}
    limits = {"AUTH_DISABLED": "true", "DATABASE_LOCK_TIMEOUT": "3"}
    with (
        running_server(tmp_path, DATABASE_URL=long_talk, **limits) as server,
        ThreadPoolExecutor(2) as pool,
        closing(psycopg2.connect(long_talk)) as late,
    ):
        with table_locked(long_talk, "messages"):
            asked = pool.submit(httpx.get, f"{server.url}{path}", headers=mine, timeout=30)
            wait_until(lambda: waiting_for_locks(long_talk) == 1)
            # It comes between the statement that finds out how many rows there are, and the one that reads them all.
            between = pool.submit(late.cursor().execute, "LOCK TABLE messages")
            wait_until(lambda: waiting_for_locks(long_talk) == 2)
        between.result()
        answer = asked.result()
        late.rollback()
        wait_until(lambda: '"route":"/api/v1/messages"' in server.log)
    assert (answer.status_code, answer.json()["code"]) == (503, "urn:flux:problem:busy")
    assert (answer.headers["X-Request-Id"], answer.headers["Retry-After"]) == ("mine", "1")
    [line] = [json.loads(line) for line in server.log.splitlines() if '"route":"/api/v1/messages"' in line]
    assert (line["request_id"], line["status"], line["problem"]) == ("mine", 503, "busy")


POOLERS = {
    "refuses what the start of a session asks for": "",
    "ignores it": "ignore_startup_parameters = options",
}


@pytest.mark.direct("It brings a PgBouncer of its own.")
@pytest.mark.parametrize("extra", POOLERS.values(), ids=POOLERS)
def test_behind_a_pooler_in_transaction_mode_every_limit_holds(postgres: EmbeddedServer, tmp_path: Path, extra: str):
    limits = {
        "DATABASE_STATEMENT_TIMEOUT": "2",
        "DATABASE_LOCK_TIMEOUT": "0",
        "DATABASE_IDLE_TRANSACTION_TIMEOUT": "7",
    }
    with temporary_database(postgres, "pooled") as direct:
        flask("db", "upgrade", DATABASE_URL=direct)
        with running_pgbouncer(tmp_path, direct, extra) as pooled, serving(tmp_path, pooled, **limits) as server:
            created = httpx.post(f"{server.url}{USERS}", json={"email": "ada@example.com"})
            assert created.status_code == 201, created.text
            with held(direct, "LOCK TABLE users"):
                for answer in (
                    httpx.get(f"{server.url}{USERS}"),
                    httpx.delete(f"{server.url}{created.headers['Location']}"),
                ):
                    assert answer.status_code == 504, answer.text
            assert httpx.get(f"{server.url}{USERS}").json()["total"] == 1
            assert httpx.delete(f"{server.url}{created.headers['Location']}").status_code == 204
            assert run_alone(pooled, "SHOW statement_timeout") == [("0",)], "nothing is left to who comes next"


@pytest.mark.direct("It brings a PgBouncer of its own.")
def test_who_waits_in_vain_for_a_session_of_the_pooler_gets_503(postgres: EmbeddedServer, tmp_path: Path):
    with temporary_database(postgres, "crowded") as direct:
        flask("db", "upgrade", DATABASE_URL=direct)
        with (
            running_pgbouncer(tmp_path, direct, "query_wait_timeout = 1") as pooled,
            serving(tmp_path, pooled) as server,
        ):
            with held(pooled, "SELECT 1"):
                refused = httpx.get(f"{server.url}{USERS}", timeout=20)
            assert (refused.status_code, refused.json()["code"]) == (503, "urn:flux:problem:unavailable")
            assert int(refused.headers["Retry-After"]) >= 1
            wait_until(lambda: httpx.get(f"{server.url}{USERS}", timeout=20).status_code == 200)


@contextmanager
def held(url: str, statement: str) -> Iterator[None]:
    """Hold what the statement locks, in a session of its own."""
    connection = psycopg2.connect(url)
    try:
        connection.cursor().execute(statement)
        yield
    finally:
        connection.close()
