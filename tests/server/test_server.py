"""The real server: how it starts, what it survives, how it stops, and what it says to broken requests."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import psycopg2
import pytest
from conftest import flask, temporary_database
from servers import RunningServer, free_port, running_server, start_server, wait_until_ready
from waiting import wait_until

from app.config import PROJECT
from app.development.embedded import EmbeddedServer

pytestmark = pytest.mark.server

USERS = "/api/v1/users"


@pytest.fixture(scope="module")
def data(apart: Path) -> Path:
    """A folder for an embedded database that the tests of this module share, as runs of one checkout do."""
    return apart / "embedded"


@pytest.fixture
def embedded(data: Path, tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path, EMBEDDED_DATA_DIR=str(data), WEB_CONCURRENCY="2") as server:
        yield server


def postgres_pid(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().split()[0])


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def workers(server: RunningServer) -> list[int]:
    return [child.pid for child in psutil.Process(server.process.pid).children()]


def create_user(server: RunningServer, email: str) -> str:
    answer = httpx.post(f"{server.url}{USERS}", json={"email": email})
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def test_it_tells_where_the_api_the_docs_and_the_data_are_with_a_request_that_works(
    embedded: RunningServer, data: Path
):
    welcome = embedded.log
    assert f"API   {embedded.url}/api/v1" in welcome
    assert f"Docs  {embedded.url}/docs" in welcome
    assert f"Data  {data}" in welcome
    command = re.search(r"curl -i .*\\\n.*'", welcome)[0].replace("ada@", f"ada-{time.time_ns()}@")
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout
    assert answer.startswith("HTTP/1.1 201")


def test_where_a_key_is_needed_the_first_request_that_it_tells_has_one(data: Path, tmp_path: Path):
    with running_server(tmp_path, EMBEDDED_DATA_DIR=str(data), DATABASE_KEYS="true") as server:
        made = flask("keys", "create", "first", "--scope", "users:write", EMBEDDED_DATA_DIR=str(data))
        command = re.search(r"curl -i .*\\\n.*'", server.log)[0].replace("<key>", made.stdout.strip())
        answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout
    assert answer.startswith(("HTTP/1.1 201", "HTTP/1.1 409"))


def test_the_limits_of_waiting_hold_with_the_embedded_database_too(data: Path, tmp_path: Path):
    with running_server(tmp_path, EMBEDDED_DATA_DIR=str(data), DATABASE_LOCK_TIMEOUT="1") as server:
        with contextlib.closing(psycopg2.connect(EmbeddedServer(data).url)) as holder:
            holder.cursor().execute("LOCK TABLE users")
            answer = httpx.get(f"{server.url}{USERS}", timeout=20)
        assert answer.status_code == 503, answer.text
        assert answer.headers["Retry-After"] == "1"
        assert httpx.get(f"{server.url}{USERS}").status_code == 200


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_when_it_is_stopped_all_that_it_started_stops_and_the_data_stays(
    data: Path, tmp_path: Path, by: signal.Signals
):
    with running_server(tmp_path, EMBEDDED_DATA_DIR=str(data)) as server:
        place = create_user(server, f"{by.name}@example.com")
        postgres = postgres_pid(data)
        assert server.stop(by) == 0
    wait_until(lambda: not is_alive(postgres))
    with running_server(tmp_path, EMBEDDED_DATA_DIR=str(data)) as server:
        assert httpx.get(f"{server.url}{place}").status_code == 200


def test_killing_a_worker_loses_nothing_that_was_answered(embedded: RunningServer):
    place = create_user(embedded, "worker@example.com")
    os.kill(workers(embedded)[0], signal.SIGKILL)
    wait_until_ready(embedded)
    assert httpx.get(f"{embedded.url}{place}").status_code == 200


@pytest.mark.parametrize("victim", ["server", "database", "both"])
def test_killing_any_part_loses_nothing_and_the_next_start_just_works(data: Path, tmp_path: Path, victim: str):
    with running_server(tmp_path, EMBEDDED_DATA_DIR=str(data)) as server:
        place = create_user(server, f"killed-{victim}@example.com")
        postgres = postgres_pid(data)
        if victim in ("database", "both"):
            os.kill(postgres, signal.SIGKILL)
        if victim in ("server", "both"):
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()
        elif victim == "database":
            wait_until(lambda: httpx.get(f"{server.url}{USERS}").status_code == 503)
    with running_server(tmp_path, EMBEDDED_DATA_DIR=str(data)) as server:
        assert httpx.get(f"{server.url}{place}").status_code == 200
        postgres = postgres_pid(data)
    # What outlived a killed server is stopped by the next one.
    wait_until(lambda: not is_alive(postgres))


def test_two_servers_share_the_database_and_the_last_one_stops_it(data: Path, tmp_path: Path):
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with running_server(tmp_path / "first", EMBEDDED_DATA_DIR=str(data)) as first:
        postgres = postgres_pid(data)
        with running_server(tmp_path / "second", EMBEDDED_DATA_DIR=str(data)) as second:
            place = create_user(second, "shared@example.com")
        assert httpx.get(f"{first.url}{place}").status_code == 200
    wait_until(lambda: not is_alive(postgres))


def test_a_folder_of_any_length_and_with_spaces_will_do(tmp_path: Path):
    data = tmp_path / ("a long name " * 10).strip() / "postgres"
    with running_server(tmp_path, EMBEDDED_DATA_DIR=str(data)) as server:
        create_user(server, "ada@example.com")


def test_a_port_that_is_taken_stops_the_start_and_the_database(data: Path, tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = start_server(tmp_path / "log", EMBEDDED_DATA_DIR=str(data), PORT=str(taken.getsockname()[1]))
        assert server.process.wait(timeout=60) != 0
    assert "Address already in use" in server.log
    assert not (data / "postmaster.pid").exists(), server.log


def test_while_developing_a_change_of_the_code_is_served_also_after_one_that_is_no_python(data: Path, tmp_path: Path):
    project = tmp_path / "project"
    for part in ("app", "migrations"):
        shutil.copytree(PROJECT / part, project / part)
    for file in ("wsgi.py", "gunicorn.conf.py"):
        shutil.copy(PROJECT / file, project)
    with running_server(tmp_path, project, EMBEDDED_DATA_DIR=str(data), RELOAD="true", WEB_CONCURRENCY="1") as server:
        operations = project / "app" / "api" / "operations.py"
        code = operations.read_text()
        operations.write_text(f"{code}\nreturn")
        wait_until(lambda: "SyntaxError" in health_of(server))
        operations.write_text(code.replace('{"status": "ok"}', '{"status": "changed"}'))
        wait_until(lambda: "changed" in health_of(server))


def health_of(server: RunningServer) -> str:
    """What /health says; a server that restarts refuses connections for a moment."""
    try:
        return httpx.get(f"{server.url}/health").text
    except httpx.TransportError:
        return ""


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"DATABASE_URL": "postgresql://127.0.0.1/x"}, "flux-dao: DATABASE_URL is set but SERVICE_API_KEYS is not"),
        ({"HOST": "0.0.0.0"}, "flux-dao: HOST=0.0.0.0 would open the service"),
        ({"PORT": "eight"}, "flux-dao: PORT cannot be used: it must be a whole number from 1 to 65535."),
        ({"EMBEDDED_DATA_DIR": "/proc/nowhere/postgres"}, "flux-dao: The embedded PostgreSQL in /proc/nowhere"),
    ],
)
def test_a_start_that_cannot_be_is_one_sentence(tmp_path: Path, settings: dict[str, str], sentence: str):
    server = start_server(tmp_path / "log", **settings)
    assert server.process.wait(timeout=30) != 0
    assert sentence in server.log
    assert "Traceback" not in server.log


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET /health HTTP/9.9\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n", 400),
        (b"GET /" + b"x" * 8190 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", 431),
        (b"POST /api/v1/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: nonsense\r\n\r\n", 501),
    ],
)
def test_a_request_that_breaks_http_is_answered_with_a_problem(keyed_server: RunningServer, sent: bytes, status: int):
    port = int(keyed_server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(sent)
        answer = connection.makefile("rb").read()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"application/problem+json" in head
    assert b"X-Content-Type-Options: nosniff" in head
    assert not re.search(rb"gunicorn|python", head, re.IGNORECASE)
    assert json.loads(body)["status"] == status


@pytest.mark.parametrize(
    "path",
    ["//api/v1/users", "/api/v1/%75sers", "/%61pi/v1/users", "/api%2Fv1/users", "http://x/api/v1/users", "/api/v1"],
)
def test_no_form_of_a_path_leads_around_the_key(keyed_server: RunningServer, path: str):
    port = int(keyed_server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 401 ")


def test_no_field_says_that_another_path_is_meant(keyed_server: RunningServer):
    for field in ("SCRIPT_NAME", "PATH_INFO", "X-Script-Name", "X-Original-URL", "X-Forwarded-Prefix"):
        answer = httpx.get(f"{keyed_server.url}/elsewhere/health", headers={field: "/elsewhere"})
        assert (answer.status_code, answer.json()["instance"]) == (404, "/elsewhere/health")


def test_a_body_in_chunks_is_read_like_any_other(keyed_server: RunningServer):
    headers = {"X-Flux-Service-Key": keyed_server.key, "Content-Type": "application/json"}
    chunks = (b'{"email": ', f'"chunked-{free_port()}-{time.time_ns()}@example.com"'.encode(), b"}")
    answer = httpx.post(f"{keyed_server.url}{USERS}", headers=headers, content=iter(chunks))
    assert answer.status_code == 201
    too_large = (b"x" * 100_000 for _ in range(20))
    answer = httpx.post(f"{keyed_server.url}{USERS}", headers=headers, content=too_large)
    assert answer.status_code == 413


def test_a_query_is_bounded(keyed_server: RunningServer):
    connection = http.client.HTTPConnection(keyed_server.url.removeprefix("http://"), timeout=10)
    connection.request("GET", "/health?x=" + "y" * 8190)
    longest = connection.getresponse()
    assert longest.status == 414
    assert longest.headers["Content-Type"] == "application/problem+json"
    assert "/api/v1/batch" in json.load(longest)["hint"]
    connection.close()


@pytest.mark.parametrize("path", ["/health", "/nowhere", "/docs/", "/openapi.json"])
def test_no_answer_tells_the_version_of_the_server(keyed_server: RunningServer, path: str):
    headers = httpx.get(f"{keyed_server.url}{path}").headers
    assert headers.get("Server", "gunicorn") == "gunicorn"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_port_that_is_taken_is_one_sentence_that_names_the_setting(server_database: str, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        server = start_server(tmp_path / "log", PORT=port, DATABASE_URL=server_database, AUTH_DISABLED="true")
        assert server.process.wait(timeout=30) == 1
    assert f"flux-dao: PORT={port} cannot be used: Address already in use. Set another PORT.\n" in server.log
    assert "Traceback" not in server.log


def test_the_start_says_that_the_database_is_wrong(postgres: EmbeddedServer, tmp_path: Path):
    with temporary_database(postgres, "unmigrated") as url:
        server = start_server(tmp_path / "log", DATABASE_URL=url, AUTH_DISABLED="true")
        try:
            wait_until(lambda: "Until then /ready says 503." in server.log)
            assert "flask db upgrade" in server.log
        finally:
            server.stop()
