"""Clients that send or read slowly, or go on after their last answer: others are served, and their time ends."""

import json
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from servers import RunningServer, running_server
from waiting import wait_until

from app.server import MOST_BYTES_KEPT

pytestmark = pytest.mark.server

MANY = 200
HEAD = b"POST /api/v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def server(server_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of few threads, in which a request may take two seconds to come."""
    few = {"WEB_CONCURRENCY": "1", "WEB_THREADS": "2", "REQUEST_TIMEOUT": "2", "DATABASE_POOL_WAIT": "30"}
    settings = {"DATABASE_URL": server_database, "AUTH_DISABLED": "true"}
    with running_server(tmp_path_factory.mktemp("slow"), **settings, **few) as started:
        yield started


def connect(server: RunningServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=20)


def ask(server: RunningServer, sent: bytes) -> bytes:
    """All that the server says to these bytes until it ends the connection."""
    with connect(server) as connection:
        connection.sendall(sent)
        return connection.makefile("rb").read()


def status(answer: bytes) -> int:
    return int(answer.split()[1])


@contextmanager
def dripping(server: RunningServer, begin: bytes) -> Iterator[None]:
    """Many clients that send this, and from then on a byte a second each; who is sent away comes back."""
    done = threading.Event()

    def drip() -> None:
        with ExitStack() as stack:
            clients = [stack.enter_context(connect(server)) for _ in range(MANY)]
            fresh = set(range(MANY))
            while True:
                for number, client in enumerate(clients):
                    try:
                        client.sendall(begin if number in fresh else b"x")
                        fresh.discard(number)
                    except OSError:
                        clients[number] = stack.enter_context(connect(server))
                        fresh.add(number)
                if done.wait(1):
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize(
    "begin",
    [
        b"P",
        HEAD + b"Content-Length: 1000\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n100\r\n",
        HEAD + b"Content-Length: 100000000\r\n\r\n",
        GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
    ],
    ids=["in the head", "in the body", "in a chunk", "in a body too large", "after the last answer"],
)
def test_two_hundred_clients_that_send_a_byte_a_second_stop_nobody(server: RunningServer, begin: bytes):
    with dripping(server, begin):
        for _ in range(4):
            assert httpx.get(f"{server.url}/api/v1/users", timeout=20).status_code == 200
            time.sleep(0.5)


def test_many_clients_that_connect_and_say_nothing_stop_nobody(server: RunningServer):
    with ExitStack() as stack:
        for _ in range(MANY):
            stack.enter_context(connect(server))
        assert httpx.get(f"{server.url}/api/v1/users", timeout=20).status_code == 200


@pytest.mark.parametrize("begun", [b"GET /heal", HEAD, HEAD + b"Content-Length: 9\r\n\r\n{"])
def test_a_request_that_is_not_whole_in_time_is_answered_408(server: RunningServer, begun: bytes):
    head, _, body = ask(server, begun).partition(b"\r\n\r\n")
    assert status(head) == 408
    assert b"application/problem+json" in head
    problem = json.loads(body)
    assert problem["type"] == "urn:flux:problem:too-slow"
    assert problem["detail"] == "The request cannot be served: it was not whole after 2 s."


@contextmanager
def not_reading(server: RunningServer, clients: int, sent: bytes) -> Iterator[None]:
    """Many clients that ask and do not read, and what the kernel takes in their place is full."""
    with ExitStack() as stack:
        for _ in range(clients):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", int(server.url.rpartition(":")[2])))
            client.sendall(sent)
        time.sleep(1)
        yield


def test_clients_that_do_not_read_their_answers_stop_nobody(server: RunningServer):
    with not_reading(server, 40, b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 20):
        assert httpx.get(f"{server.url}/api/v1/users", timeout=20).status_code == 200


def test_an_answer_that_is_too_long_to_be_kept_holds_its_thread_for_a_time_that_ends(server: RunningServer):
    at = "user_id={}&start_at=2000-01-01T00:00:00Z&end_at=2100-01-01T00:00:00Z"
    user = httpx.post(f"{server.url}/api/v1/users", json={"email": f"slow-{time.time_ns()}@example.com"}).json()["id"]
    task = {"user_id": user, "title": "x", "description": "x" * 500_000, "scheduled_at": "2026-01-01T00:00:00Z"}
    for _ in range(20):
        assert httpx.post(f"{server.url}/api/v1/tasks", json=task).status_code == 201
    with not_reading(
        server, 4, f"GET /api/v1/tasks/by-timerange?{at.format(user)} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    ):
        assert httpx.get(f"{server.url}/api/v1/users", timeout=60).status_code == 200
        # Two of them may still be waited for, and would be told as gone if they went now.
        wait_until(lambda: server.log.count('"route":"/api/v1/tasks/by-timerange"') == 4)
    assert "did not take its answer within 2 s" in server.log
    lines = [json.loads(line) for line in server.log.splitlines() if '"route":"/api/v1/tasks/by-timerange"' in line]
    assert {(line["level"], line["status"]) for line in lines} == {("error", 200)}


def test_a_long_answer_reaches_a_slow_reader_whole(server: RunningServer):
    with connect(server) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 100_000)
        client.sendall(b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(0.2)
        body = client.makefile("rb").read().partition(b"\r\n\r\n")[2]
    assert body == httpx.get(f"{server.url}/docs/swagger-ui-bundle.js").content


def test_requests_that_come_together_are_answered_in_their_order(server: RunningServer):
    post = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answers = ask(server, GET + post + b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" + last)
    assert [int(part[:3]) for part in answers.split(b"HTTP/1.1 ")[1:]] == [200, 422, 404, 200]


@pytest.mark.parametrize(
    "body",
    [
        b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n",
        b"Content-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
    ids=["no size", "no end", "a length and chunks", "chunks and a length"],
)
def test_a_request_whose_end_is_in_doubt_gets_one_400_and_ends_the_connection(server: RunningServer, body: bytes):
    answers = ask(server, HEAD + body + GET)
    assert [int(part[:3]) for part in answers.split(b"HTTP/1.1 ")[1:]] == [400]
    assert b"application/problem+json" in answers
    assert b"Connection: close" in answers


def test_a_client_that_waits_to_be_told_sends_its_body_then(server: RunningServer):
    with connect(server) as connection:
        connection.sendall(HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert status(connection.makefile("rb").read()) == 422


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(server: RunningServer):
    announced = ask(server, HEAD + b"Content-Length: 100000000\r\nExpect: 100-continue\r\n\r\n")
    assert status(announced) == 413
    assert b"Connection: close" in announced
    assert status(ask(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n5F5E100\r\n")) == 413


def test_requests_that_are_not_whole_cannot_fill_the_memory(server_database: str, tmp_path: Path):
    settings = {"DATABASE_URL": server_database, "AUTH_DISABLED": "true", "WEB_CONCURRENCY": "1"}
    nearly = HEAD + b"Content-Length: 1000000\r\n\r\n" + b"x" * 999_999
    with running_server(tmp_path, **settings) as server, ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(MOST_BYTES_KEPT // len(nearly) + 5)]
        for client in clients:
            client.sendall(nearly)
        refused, _, _ = select.select(clients, [], [], 15)
        answers = [client.makefile("rb").read() for client in refused]
        assert {status(answer) for answer in answers} == {503}
        assert all(b"Retry-After: 1\r\n" in answer for answer in answers)
        assert len(refused) < len(clients) / 2


def test_a_head_without_end_is_refused(server: RunningServer):
    assert status(ask(server, b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000)) == 431
    assert status(ask(server, b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 200 + b"\r\n")) == 431


def test_a_connection_is_kept_for_the_next_request(server: RunningServer):
    with httpx.Client(base_url=server.url) as client:
        streams = {client.get("/health").extensions["network_stream"] for _ in range(3)}
    assert len(streams) == 1


def test_stopping_waits_for_nobody_who_has_not_begun(server_database: str, tmp_path: Path):
    settings = {"DATABASE_URL": server_database, "AUTH_DISABLED": "true", "REQUEST_TIMEOUT": "300"}
    with running_server(tmp_path, **settings) as server, connect(server):
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=15) == 0
