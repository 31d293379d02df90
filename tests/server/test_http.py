"""HTTP itself: where requests end, what is too large, and connections that are kept."""

import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from servers import RunningServer, running_server

pytestmark = pytest.mark.server

HEAD = b"POST /api/v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
USERS = "/api/v1/users"
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def server(server_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of one worker, without keys."""
    settings = {"DATABASE_URL": server_database, "AUTH_DISABLED": "true", "WEB_CONCURRENCY": "1"}
    with running_server(tmp_path_factory.mktemp("http"), **settings) as started:
        yield started


def connect(server: RunningServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=20)


def ask(server: RunningServer, sent: bytes) -> bytes:
    """All that the server says to these bytes until it ends the connection."""
    with connect(server) as connection:
        connection.sendall(sent)
        return connection.makefile("rb").read()


def statuses(answers: bytes) -> list[int]:
    return [int(part[:3]) for part in answers.split(b"HTTP/1.1 ")[1:]]


def test_requests_that_come_together_are_answered_in_their_order(server: RunningServer):
    post = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answers = ask(server, GET + post + b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" + last)
    assert statuses(answers) == [200, 422, 404, 200]


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
    assert statuses(answers) == [400]
    assert b"application/problem+json" in answers


@pytest.mark.parametrize("host", ["", "Host:", "Host: evil.example", "Host: a b/c@evil.example"])
@pytest.mark.parametrize(
    "path", ["/", "//evil/", "/docs/", "/docs//api", "/api/v1//users", "/openapi.json", USERS, "*"]
)
def test_no_answer_has_in_it_what_a_client_calls_the_service(server: RunningServer, host: str, path: str):
    fields = [host, "X-Forwarded-Host: evil.example", "X-Forwarded-Prefix: /evil", "SCRIPT_NAME: /docs"]
    for target in (f"POST {path}", f"POST {path}", f"GET {path}", f"GET {path}?limit=1"):
        body = f'{{"email": "{uuid4()}@example.com"}}' if target.startswith("POST") else ""
        head = [f"{target} HTTP/1.1", *fields, "Content-Type: application/json", f"Content-Length: {len(body)}"]
        answer = ask(server, "\r\n".join([*filter(None, head), "Connection: close", "", body]).encode())
        [status] = statuses(answer)
        assert status < 500
        assert b"evil.example" not in answer
        assert not re.search(rb"Location: (?!/[^/])|Link: (?!</[^/])", answer)


def test_a_client_that_waits_to_be_told_sends_its_body_then(server: RunningServer):
    with connect(server) as connection:
        connection.sendall(HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert statuses(connection.makefile("rb").read()) == [422]


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(server: RunningServer):
    announced = HEAD + b"Content-Length: 100000000\r\nConnection: close\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(announced)
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_head_without_end_is_refused(server: RunningServer):
    assert statuses(ask(server, b"GET / HTTP/1.1\r\nX: " + b"x" * 600_000)) == [431]
    assert statuses(ask(server, b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 200 + b"\r\n")) == [431]


def test_a_long_answer_reaches_a_slow_reader_whole(server: RunningServer):
    with connect(server) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 100_000)
        client.sendall(b"GET /docs/api/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(0.2)
        body = client.makefile("rb").read().partition(b"\r\n\r\n")[2]
    assert body == httpx.get(f"{server.url}/docs/api/swagger-ui-bundle.js").content


def test_a_connection_is_kept_for_the_next_request(server: RunningServer):
    with httpx.Client(base_url=server.url) as client:
        streams = {client.get("/health").extensions["network_stream"] for _ in range(3)}
    assert len(streams) == 1


def test_stopping_does_not_wait_for_who_has_not_begun(server_database: str, tmp_path: Path):
    settings = {"DATABASE_URL": server_database, "AUTH_DISABLED": "true"}
    with running_server(tmp_path, **settings) as server, connect(server):
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=15) == 0
