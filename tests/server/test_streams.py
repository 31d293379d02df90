"""Streams from the real server: flat memory, long queries, and clients that go away in mid-stream."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest
from conftest import run_alone
from servers import RunningServer, running_server
from waiting import wait_until

pytestmark = pytest.mark.server

ROWS = 60_000
NDJSON = {"Accept": "application/x-ndjson"}
OWNER = "0198f3c2-0000-7000-8000-0000000000bb"
FILL = f"""
INSERT INTO users (id, email) VALUES ('{OWNER}', 'streams@example.com');
INSERT INTO tasks (id, user_id, title, description)
    SELECT gen_random_uuid(), '{OWNER}', 'task ' || i, repeat('x', 500) FROM generate_series(1, {ROWS}) i;
"""
OPEN_TRANSACTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND xact_start < now()
"""
TERMINATE_STREAMS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%flux_stream%'
"""
MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def filled(server_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with one worker of two threads, and many tasks."""
    run_alone(server_database, FILL)
    folder = tmp_path_factory.mktemp("streams")
    options = {"DATABASE_URL": server_database, "AUTH_DISABLED": "true", "WEB_CONCURRENCY": "1", "WEB_THREADS": "2"}
    with running_server(folder, **options) as server:
        yield server
    run_alone(server_database, f"DELETE FROM users WHERE id = '{OWNER}'")


def tasks_of(server: RunningServer) -> str:
    return f"{server.url}/api/v1/tasks?user_id={OWNER}"


def worker_of(server: RunningServer) -> psutil.Process:
    [worker] = psutil.Process(server.process.pid).children()
    return worker


def test_a_stream_of_many_rows_does_not_grow_the_worker(filled: RunningServer):
    httpx.get(tasks_of(filled))
    worker = worker_of(filled)
    before = most = worker.memory_info().rss
    received = 0
    with httpx.stream("GET", tasks_of(filled), headers=NDJSON, timeout=60) as answer:
        for piece in answer.iter_bytes():
            received += piece.count(b"\n")
            most = max(most, worker.memory_info().rss)
    assert received == ROWS
    assert most - before < 15 * MEBIBYTE, "the answer has more than 50 MiB"


def open_transactions(url: str) -> int:
    return run_alone(url, OPEN_TRANSACTIONS)[0][0]


def asked_for_stream(server: RunningServer) -> socket.socket:
    """A connection on which a stream was asked for, and on which little is received at a time."""
    connection = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    head = [
        f"GET /api/v1/tasks?user_id={OWNER} HTTP/1.1",
        "Host: x",
        "Connection: close",
        f"Accept: {NDJSON['Accept']}",
    ]
    connection.sendall("\r\n".join([*head, "", ""]).encode())
    return connection


def begun_stream(server: RunningServer) -> socket.socket:
    """A connection on which a stream has begun, and whose client reads no further."""
    connection = asked_for_stream(server)
    assert connection.recv(100).startswith(b"HTTP/1.1 200")
    return connection


def test_a_client_who_closes_in_mid_stream_frees_the_connection(filled: RunningServer, server_database: str):
    connections = [begun_stream(filled) for _ in range(2)]
    assert open_transactions(server_database) == 2
    for connection in connections:
        connection.close()
    wait_until(lambda: open_transactions(server_database) == 0)
    assert httpx.get(tasks_of(filled)).status_code == 200
    assert "Traceback" not in filled.log


def read_slowly(server: RunningServer, until: float) -> None:
    """Ask for all tasks again and again, and stay behind with reading."""
    while time.monotonic() < until:
        with contextlib.suppress(OSError), asked_for_stream(server) as connection:
            while connection.recv(65_536) and time.monotonic() < until:
                time.sleep(0.002)


def test_an_answer_that_breaks_off_disturbs_no_other_request(filled: RunningServer, server_database: str):
    worker, until = worker_of(filled).pid, time.monotonic() + 3
    with ThreadPoolExecutor(4) as readers:
        reading = [readers.submit(read_slowly, filled, until) for _ in range(4)]
        while time.monotonic() < until:
            run_alone(server_database, TERMINATE_STREAMS)
            assert httpx.get(f"{filled.url}/health").status_code == 200
            time.sleep(0.05)
        for each in reading:
            each.result()
    assert worker_of(filled).pid == worker
    assert "Exception in worker process" not in filled.log


def test_who_only_asks_for_the_head_of_a_stream_leaves_nothing_open(filled: RunningServer, server_database: str):
    for _ in range(5):
        assert httpx.head(tasks_of(filled), headers=NDJSON).status_code == 200
    wait_until(lambda: open_transactions(server_database) == 0)


def test_a_row_that_is_written_while_a_stream_is_read_is_not_in_it(filled: RunningServer, server_database: str):
    late = "0198f3c2-0000-7000-8000-0000000000cc"
    with httpx.stream("GET", f"{tasks_of(filled)}&sort=-id", headers=NDJSON, timeout=60) as answer:
        lines = answer.iter_lines()
        ids = [json.loads(next(lines))["id"]]
        insert = f"INSERT INTO tasks (id, user_id, title) VALUES ('{late}', '{OWNER}', 'late')"
        run_alone(server_database, insert)
        ids += [json.loads(line)["id"] for line in lines]
    run_alone(server_database, f"DELETE FROM tasks WHERE id = '{late}'")
    assert (len(ids), late in ids) == (ROWS, False)


def test_a_thousand_ids_fit_into_a_batch(filled: RunningServer):
    ids = [row["id"] for row in httpx.get(f"{tasks_of(filled)}&limit=1000").json()["items"]]
    query = {"id__in": ",".join(ids), "limit": 1000}
    assert httpx.get(f"{filled.url}/api/v1/tasks", params=query).status_code == 414
    batch = {"operations": [{"method": "GET", "path": "/tasks", "query": query}]}
    answer = httpx.post(f"{filled.url}/api/v1/batch", json=batch, timeout=30)
    assert answer.json()["operations"][0]["body"]["total"] == 1000
