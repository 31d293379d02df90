"""Two instances behind the nginx of compose.yaml: slow clients, too much at once, and instances that stop."""

import itertools
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from neighbours import running_nginx
from servers import RunningServer, running_server

pytestmark = pytest.mark.server

USERS = "/api/v1/users"
NUMBERS = itertools.count()
SLOW_CLIENTS = 50


@dataclass
class Proxied:
    """The proxy's address, and the instances behind it."""

    url: str
    instances: list[RunningServer]

    def post_user(self) -> httpx.Response:
        return httpx.post(f"{self.url}{USERS}", json={"email": f"proxied-{next(NUMBERS)}@example.com"}, timeout=30)


@contextmanager
def proxied(folder: Path, url: str) -> Iterator[Proxied]:
    """Two small instances behind the proxy."""
    settings = {"DATABASE_URL": url, "AUTH_DISABLED": "true", "WEB_CONCURRENCY": "1", "WEB_THREADS": "2"}
    with ExitStack() as stack:
        for name in ("one", "two"):
            (folder / name).mkdir()
        instances = [stack.enter_context(running_server(folder / name, **settings)) for name in ("one", "two")]
        addresses = [instance.url.removeprefix("http://") for instance in instances]
        yield Proxied(stack.enter_context(running_nginx(folder, addresses)), instances)


@pytest.fixture(scope="module")
def service(server_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    with proxied(tmp_path_factory.mktemp("proxied"), server_database) as started:
        yield started


@pytest.mark.parametrize(
    "begun",
    [b"GET /heal", b"POST /api/v1/users HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"],
    ids=["in the head", "in the body"],
)
def test_clients_that_send_half_a_request_stop_nobody(service: Proxied, begun: bytes):
    with ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            client = stack.enter_context(connect(service))
            client.sendall(begun)
        assert {service.post_user().status_code for _ in range(6)} == {201}


def test_clients_that_do_not_read_their_answers_stop_nobody(service: Proxied):
    with ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            client = stack.enter_context(connect(service))
            client.sendall(b"GET /docs/api/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n")
        assert {service.post_user().status_code for _ in range(6)} == {201}


def connect(service: Proxied) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", int(service.url.rpartition(":")[2])))
    return client


def test_a_body_that_is_too_large_is_a_problem_and_reaches_no_instance(service: Proxied):
    answer = httpx.post(f"{service.url}{USERS}", content=b"x" * 2_000_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "urn:flux:problem:too-large")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_who_sends_a_url_that_is_too_long_is_led_to_the_batch(service: Proxied):
    answer = httpx.get(f"{service.url}{USERS}", params={"id__in": "x" * 40_000})
    assert answer.status_code == 414
    assert "/api/v1/batch" in answer.json()["hint"]


def test_what_the_service_answers_passes_as_it_is(service: Proxied):
    answer = httpx.get(f"{service.url}/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "urn:flux:problem:no-such-path")


@pytest.mark.parametrize("connection", ["close", "TE, close", "x, close, y"])
def test_the_proxy_ends_a_connection_that_its_client_wants_to_end(service: Proxied, connection: str):
    head = f"GET /health HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: {connection}\r\n\r\n"
    assert said(service, head).startswith("HTTP/1.1 200 ")


@pytest.mark.parametrize("host", ["", "Host: a b/c@d\r\n", "Host: a\r\nHost: b\r\n"])
def test_the_proxy_refuses_a_request_that_does_not_say_for_whom_it_is(service: Proxied, host: str):
    assert said(service, f"GET {USERS} HTTP/1.1\r\n{host}\r\n").startswith("HTTP/1.1 400 ")


def said(service: Proxied, request: str) -> str:
    """All that is said to a request until the connection ends."""
    with connect(service) as client:
        client.settimeout(10)
        client.sendall(request.encode())
        return client.makefile().read()


def test_an_instance_may_stop_under_load_and_nobody_sees_an_error(server_database: str, tmp_path: Path):
    with proxied(tmp_path, server_database) as service, ThreadPoolExecutor(4) as callers:
        over = threading.Event()

        def call() -> set[int]:
            seen = set()
            while not over.is_set():
                seen |= {service.post_user().status_code, httpx.get(f"{service.url}{USERS}?limit=1").status_code}
            return seen

        calling = [callers.submit(call) for _ in range(4)]
        assert service.instances[0].stop(signal.SIGTERM) == 0
        assert {service.post_user().status_code for _ in range(20)} == {201}
        over.set()
        assert set().union(*(each.result() for each in calling)) == {200, 201}


def test_when_no_instance_answers_a_read_may_be_repeated_and_a_write_is_in_doubt(server_database: str, tmp_path: Path):
    with proxied(tmp_path, server_database) as service:
        for instance in service.instances:
            instance.stop()
        read, write = httpx.get(f"{service.url}{USERS}"), service.post_user()
        deleted = httpx.delete(f"{service.url}{USERS}?email=x", headers={"Idempotency-Key": "once"})
    assert (read.status_code, read.json()["code"]) == (503, "urn:flux:problem:unavailable")
    assert (read.json()["retryable"], read.headers["Retry-After"]) == (True, "5")
    for answer, retryable in ((write, False), (deleted, True)):
        assert (answer.status_code, answer.json()["code"]) == (503, "urn:flux:problem:in-doubt")
        assert answer.json()["retryable"] is retryable
    assert read.headers["Server"] == "nginx"
