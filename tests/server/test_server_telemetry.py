"""The log, the metrics and the traces of the real server, across its workers and after one has died."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psutil
import psycopg2
import pytest
from conftest import flask, run_alone, temporary_database
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families
from servers import RunningServer, command_environment, free_port, running_server, start_server
from waiting import wait_until, waiting_for_locks

from app.config import PROJECT
from app.development.embedded import EmbeddedServer

pytestmark = pytest.mark.server

USERS = "/api/v1/users"
KEY = "opensesame"
HEADERS = {"X-Flux-Service-Key": KEY}
DOCUMENT = (PROJECT / "docs" / "telemetry.md").read_text()
DASHBOARD = json.loads((PROJECT / "deploy" / "grafana-dashboard.json").read_text())
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
# Servers that other tests share lose their connections too, and replace them.
TERMINATE = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
COUNT = "http_server_request_duration_seconds_count"
IN_FLIGHT = "http_server_active_requests"
PAGE = "https://app.example.com"


@contextmanager
def observed(folder: Path, database: str, **settings: str) -> Iterator[tuple[RunningServer, str]]:
    """A server that counts, and the address of its metrics."""
    port = settings.setdefault("ADMIN_PORT", str(free_port()))
    keys = json.dumps({"planner": KEY})
    with running_server(folder, DATABASE_URL=database, SERVICE_API_KEYS=keys, **settings) as server:
        yield server, f"http://127.0.0.1:{port}/metrics"


def scrape(metrics: str) -> dict[str, float]:
    """Every sample by its name, those of one name and other labels added up."""
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(httpx.get(metrics, timeout=10).text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums


def get_users(server: RunningServer) -> int:
    """The status of a list, asked for on a connection of its own."""
    return httpx.get(f"{server.url}{USERS}", headers=HEADERS, timeout=30).status_code


def get_users_in_vain(server: RunningServer) -> None:
    with pytest.raises(httpx.TransportError):
        get_users(server)


def counted(metrics: str) -> float:
    """How many requests for the list of users have been counted."""
    for family in text_string_to_metric_families(httpx.get(metrics, timeout=10).text):
        for sample in family.samples:
            if sample.name == COUNT and sample.labels["http_route"] == USERS:
                return sample.value
    return 0


def workers(server: RunningServer) -> list[int]:
    return [child.pid for child in psutil.Process(server.process.pid).children()]


def request_lines(server: RunningServer) -> list[dict]:
    return [line for line in map(json.loads, server.log.splitlines()) if "route" in line]


def test_one_port_answers_for_all_workers_and_a_killed_ones_requests_stay_counted(tmp_path: Path, server_database: str):
    with observed(tmp_path, server_database, WEB_CONCURRENCY="2") as (server, metrics):
        for _ in range(40):
            get_users(server)
        wait_until(lambda: counted(metrics) == 40)
        assert {counted(metrics) for _ in range(20)} == {40}
        for victim in workers(server):
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda victim=victim: victim not in workers(server) and len(workers(server)) == 2)
        wait_until(lambda: {get_users(server) for _ in range(5)} == {200})
        wait_until(lambda: counted(metrics) >= 45)
        assert counted(metrics) % 5 == 0, "each of the forty once, and each since"


def test_a_reload_keeps_the_counts(tmp_path: Path, server_database: str):
    with observed(tmp_path, server_database, WEB_CONCURRENCY="2") as (server, metrics):
        for _ in range(10):
            get_users(server)
        wait_until(lambda: counted(metrics) == 10)
        before = workers(server)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(workers(server)) == 2 and not set(before) & set(workers(server)))
        assert counted(metrics) == 10
        get_users(server)
        wait_until(lambda: counted(metrics) == 11)
        assert scrape(metrics)["db_client_connection_max"] == 20


def test_what_is_under_way_is_told_while_all_threads_are_busy_and_forgotten_when_they_die(
    tmp_path: Path, server_database: str
):
    busy = {"WEB_CONCURRENCY": "1", "WEB_THREADS": "2", "DATABASE_POOL_SIZE": "1", "DATABASE_POOL_WAIT": "30"}
    with observed(tmp_path, server_database, **busy) as (server, metrics), holding_users(server_database):
        for _ in range(5):
            threading.Thread(target=get_users_in_vain, args=[server]).start()
        wait_until(lambda: scrape(metrics)[IN_FLIGHT] == 2)
        wait_until(lambda: scrape(metrics)["db_client_connection_pending_requests"] == 1)
        for path in ("health", "ready"):
            assert httpx.get(metrics.replace("metrics", path)).status_code == 200
        now = scrape(metrics)
        assert (now["db_client_connection_used"], now["db_client_connection_max"]) == (1, 1)
        [worker] = workers(server)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: worker not in workers(server))
        wait_until(lambda: scrape(metrics).get(IN_FLIGHT) == 0)
        assert scrape(metrics)["db_client_connection_used"] == 0


def test_who_waits_for_a_connection_in_vain_is_counted(tmp_path: Path, server_database: str):
    small = {"WEB_CONCURRENCY": "1", "DATABASE_POOL_SIZE": "1", "DATABASE_POOL_WAIT": "1"}
    with observed(tmp_path, server_database, **small) as (server, metrics):
        with holding_users(server_database):
            waiting = threading.Thread(target=get_users, args=[server])
            waiting.start()
            wait_until(lambda: scrape(metrics)["db_client_connection_used"] == 1)
            assert get_users(server) == 503
        waiting.join()
        wait_until(lambda: 'flux_requests_rejected_total{reason="busy"} 1.0' in httpx.get(metrics, timeout=20).text)
        assert scrape(metrics)["db_client_connection_timeouts_total"] == 1


@pytest.mark.direct("PgBouncer itself replaces the connections that end while nobody uses them.")
def test_what_is_tried_again_on_another_connection_is_counted(tmp_path: Path, server_database: str):
    with observed(tmp_path, server_database, WEB_CONCURRENCY="1") as (server, metrics):
        assert get_users(server) == 200
        run_alone(server_database, TERMINATE)
        assert get_users(server) == 200
        assert 'db_client_retries_total{reason="connection"} 1.0' in httpx.get(metrics).text


def test_a_transaction_that_is_tried_again_is_counted(tmp_path: Path, server_database: str):
    with observed(tmp_path, server_database, DATABASE_ISOLATION="repeatable read") as (server, metrics):
        made = httpx.post(f"{server.url}{USERS}", json={"email": "again@example.com"}, headers=HEADERS)
        change = f"UPDATE users SET onboarded = true WHERE id = '{made.json()['id']}'"
        with contextlib.closing(psycopg2.connect(server_database)) as first, ThreadPoolExecutor(1) as callers:
            first.cursor().execute(change)
            late = callers.submit(
                httpx.patch, f"{server.url}{made.headers['Location']}", json={"timezone": "Asia/Dubai"}, headers=HEADERS
            )
            wait_until(lambda: waiting_for_locks(server_database) == 1)
            first.commit()
            assert late.result().status_code == 200
        assert 'db_client_retries_total{reason="contention"} 1.0' in httpx.get(metrics).text


@contextmanager
def holding_users(url: str) -> Iterator[None]:
    """Nobody can read the users meanwhile."""
    connection = psycopg2.connect(url)
    try:
        connection.cursor().execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        yield
    finally:
        connection.close()


def test_the_numbers_of_a_server_go_when_it_stops(tmp_path: Path, server_database: str):
    with observed(tmp_path, server_database) as (server, metrics):
        get_users(server)
        wait_until(lambda: counted(metrics) == 1)
        [folder] = {
            Path(mapped.path).parent
            for worker in workers(server)
            for mapped in psutil.Process(worker).memory_maps()
            if "flux-dao-metrics-" in mapped.path
        }
        assert folder.exists()
    assert not folder.exists()


def test_metrics_have_a_port_of_their_own(tmp_path: Path, server_database: str):
    with observed(tmp_path, server_database) as (server, metrics):
        assert httpx.get(f"{server.url}/metrics").status_code == 404
        assert httpx.get(metrics).headers["Content-Type"].startswith("text/plain; version=")
        assert httpx.get(metrics.replace("/metrics", "/nowhere")).status_code == 404


@pytest.mark.parametrize(
    ("port", "sentence"), [("{taken}", "Address already in use"), ("{own}", "is the PORT of the service")]
)
def test_a_metrics_port_that_cannot_be_is_one_sentence(tmp_path: Path, server_url: str, port: str, sentence: str):
    own = str(free_port())
    name = port.format(taken=server_url.rpartition(":")[2], own=own)
    server = start_server(tmp_path / "log", PORT=own, ADMIN_PORT=name)
    assert server.process.wait(timeout=30) != 0
    assert f"flux-dao: ADMIN_PORT={name} " in server.log
    assert sentence in server.log
    assert "Traceback" not in server.log


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory, server_database: str) -> Iterator[tuple[RunningServer, str]]:
    """A server that has answered requests of several kinds."""
    folder, settings = tmp_path_factory.mktemp("visited"), {"WEB_CONCURRENCY": "2", "CORS_ORIGINS": PAGE}
    with observed(folder, server_database, **settings) as (server, metrics):
        get_users(server)
        httpx.get(f"{server.url}{USERS}")
        httpx.request("BREW", f"{server.url}/nowhere")
        wait_until(lambda: scrape(metrics).get(COUNT, 0) >= 3)
        yield server, metrics


def test_every_metric_that_the_dashboard_asks_for_exists(visited: tuple[RunningServer, str]):
    exposed = scrape(visited[1])
    asked = {name for panel in DASHBOARD["panels"] for target in panel["targets"] for name in names(target["expr"])}
    assert len(asked) >= 10
    assert asked - set(exposed) == set()
    shown = {name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for name in asked}
    for name in exposed:
        assert any(name.startswith(each) for each in shown), f"{name} is on no panel"


def names(expression: str) -> list[str]:
    """The metrics of a PromQL expression, without its labels."""
    return re.findall(r"\b(?:http|db|flux)_\w+", re.sub(r"\{[^}]*\}|by \([^)]*\)", "", expression))


def test_durations_are_told_by_route_method_and_status(visited: tuple[RunningServer, str]):
    text = httpx.get(visited[1]).text
    for method, status, route in (("GET", 200, USERS), ("GET", 401, USERS), ("_OTHER", 404, "unmatched")):
        labels = f'http_request_method="{method}",http_response_status_code="{status}",http_route="{route}"'
        assert f"{COUNT}{{{labels}}}" in text
    assert 'flux_requests_rejected_total{reason="unauthorized"}' in text


def test_every_line_of_the_log_is_json_and_tells_who_called(visited: tuple[RunningServer, str]):
    def lines_of_users() -> list[dict]:
        return [line for line in request_lines(visited[0]) if line["route"] == USERS]

    wait_until(lambda: len(lines_of_users()) >= 2)
    assert {(line["caller"], line["status"]) for line in lines_of_users()} >= {("planner", 200), (None, 401)}
    assert KEY not in visited[0].log


def test_the_lines_of_the_last_requests_are_written_before_the_end(tmp_path: Path, server_database: str):
    with observed(tmp_path, server_database, WEB_CONCURRENCY="1") as (server, _):
        for number in range(50):
            httpx.get(f"{server.url}/health", headers={"X-Request-Id": f"request-{number}"})
        server.stop(signal.SIGTERM)
    told = [line["request_id"] for line in request_lines(server) if line["route"] == "/health"]
    assert sorted(told) == sorted(f"request-{number}" for number in range(50))


def test_the_administration_port_tells_that_the_database_is_not_ready(postgres: EmbeddedServer, tmp_path: Path):
    with temporary_database(postgres, "bare") as url:
        port = str(free_port())
        server = start_server(tmp_path / "log", DATABASE_URL=url, AUTH_DISABLED="true", ADMIN_PORT=port)
        try:
            wait_until(lambda: "Listening at" in server.log)
            answer = httpx.get(f"http://127.0.0.1:{port}/ready")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert "flask db upgrade" in answer.json()["detail"]
            flask("db", "upgrade", DATABASE_URL=url)
            assert httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200
        finally:
            server.stop()


def test_a_request_that_breaks_http_is_a_line_without_what_was_sent(visited: tuple[RunningServer, str]):
    answer = subprocess.run(
        ["bash", "-c", f'exec 3<>/dev/tcp/127.0.0.1/{visited[0].url.rpartition(":")[2]}; printf "$0" >&3; cat <&3',
         f"GET /?{KEY} HTTP/1.1\\r\\nHost: x\\r\\nX-Flux-Service-Key {KEY}\\r\\n\\r\\n"],
        capture_output=True, text=True, timeout=10,
    ).stdout  # fmt: skip
    request_id = re.search(r"^X-Request-Id: (\S+)", answer, re.MULTILINE)[1]
    wait_until(lambda: request_id in visited[0].log)
    [line] = [line for line in request_lines(visited[0]) if line["request_id"] == request_id]
    assert (line["status"], line["problem"], line["method"]) == (400, "bad-request", None)
    assert KEY not in visited[0].log


@pytest.mark.parametrize("chunks", [f"{KEY}\r\n{{}}\r\n", f"2\r\n{{}}::{KEY}\r\n"])
def test_a_body_in_malformed_chunks_is_the_callers_fault_and_not_logged(
    visited: tuple[RunningServer, str], chunks: str
):
    head = f"POST {USERS} HTTP/1.1\r\nHost: x\r\nX-Flux-Service-Key: {KEY}\r\nTransfer-Encoding: chunked\r\n"
    with socket.create_connection(("127.0.0.1", int(visited[0].url.rpartition(":")[2])), timeout=10) as client:
        client.sendall(f"{head}Content-Type: application/json\r\n\r\n{chunks}0\r\n\r\n".encode())
        answer = b"".join(iter(lambda: client.recv(4096), b"")).decode()
    assert answer.startswith("HTTP/1.1 400 ")
    assert "urn:flux:problem:bad-request" in answer
    assert KEY not in answer + visited[0].log


def test_an_unforeseen_error_is_a_line_with_its_stack_and_without_the_row(postgres: EmbeddedServer, tmp_path: Path):
    with temporary_database(postgres, "broken") as url:
        flask("db", "upgrade", DATABASE_URL=url)
        run_alone(url, "ALTER TABLE users RENAME COLUMN email TO address")
        with observed(tmp_path, url) as (server, _):
            headers = HEADERS | {"traceparent": f"00-{TRACE}-{SPAN}-01"}
            problem = httpx.post(f"{server.url}{USERS}", json={"email": "secret@example.com"}, headers=headers).json()
            wait_until(lambda: "stack" in server.log)
    assert problem["status"] == 500
    [error] = [line for line in map(json.loads, server.log.splitlines()) if "stack" in line]
    [request] = [line for line in request_lines(server) if line["status"] == 500]
    assert error["request_id"] == request["request_id"] == problem["request_id"]
    assert error["trace_id"] == request["trace_id"] == TRACE
    assert error["level"] == request["level"] == "error"
    assert "connection.py" in error["stack"]
    assert 'UndefinedColumn: column "email" of relation "users" does not exist' in error["stack"]
    assert "secret@example.com" not in server.log


RAISING = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no % here', old.title; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def test_what_a_database_says_about_values_is_in_no_line(postgres: EmbeddedServer, tmp_path: Path):
    with temporary_database(postgres, "raising") as url:
        flask("db", "upgrade", DATABASE_URL=url)
        run_alone(url, RAISING)
        with observed(tmp_path, url) as (server, _), httpx.Client(base_url=server.url, headers=HEADERS) as client:
            owner = client.post(USERS, json={"email": "ada@example.com"}).json()["id"]
            client.post("/api/v1/tasks", json={"user_id": owner, "title": "secret"})
            done, path = {"status": "done"}, "/tasks?title__in=other,secret"
            batch = {"operations": [{"method": "PATCH", "path": path, "body": done}]}
            for answer in (
                client.patch(f"/api/v1{path}", json=done),
                client.patch("/api/v1/tasks?or=(title:secret;status:done)", json=done),
                client.post("/api/v1/batch", json=batch),
            ):
                assert answer.status_code == 500, answer.text
            wait_until(lambda: server.log.count("SQLSTATE P0001") == 3)
    assert "secret" not in server.log


class Collector(ThreadingHTTPServer):
    """An OpenTelemetry collector that keeps what it gets."""

    def __init__(self) -> None:
        self.received: list[bytes] = []

        class Receive(BaseHTTPRequestHandler):
            def do_POST(receiver) -> None:  # noqa: N805 - `self` is the collector
                assert receiver.path == "/v1/traces"
                self.received.append(receiver.rfile.read(int(receiver.headers["Content-Length"])))
                receiver.send_response(200)
                receiver.end_headers()

            def log_message(receiver, *_: object) -> None:  # noqa: N805
                """Keep quiet."""

        super().__init__(("127.0.0.1", 0), Receive)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def spans(self) -> list:
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.received]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.mark.direct(
    "Where a pooler keeps no limits, SET LOCAL goes before each statement, and gives its span the name."
)
def test_a_request_and_its_statements_are_spans_of_the_callers_trace(tmp_path: Path, server_database: str):
    with Collector() as collector:
        endpoint = f"http://127.0.0.1:{collector.server_port}"
        one = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "WEB_CONCURRENCY": "1"}
        with observed(tmp_path, server_database, **one) as (server, _):
            # The first connection asks more than the request does.
            assert get_users(server) == 200
            traced = HEADERS | {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=b"}
            httpx.get(f"{server.url}{USERS}", headers=traced)
            httpx.get(f"{server.url}/health")
        # What has not been sent yet is sent when the server stops.
        [request] = [span for span in collector.spans if span.parent_span_id.hex() == SPAN]
        [health] = [span for span in collector.spans if span.name == "GET /health"]
        statements = [span for span in collector.spans if span.parent_span_id == request.span_id]
        collector.shutdown()
    assert request.name == f"GET {USERS}"
    assert (request.trace_id.hex(), request.parent_span_id.hex(), request.trace_state) == (TRACE, SPAN, "a=b")
    assert [span.name for span in statements] == ["SELECT", "SELECT"]
    assert all(request.start_time_unix_nano <= span.start_time_unix_nano for span in statements)
    assert all(span.end_time_unix_nano <= request.end_time_unix_nano for span in statements)
    [line] = [line for line in request_lines(server) if line["route"] == "/health"]
    assert health.trace_id.hex() == line["trace_id"]


def test_the_document_names_every_metric_and_field_and_its_commands_run(visited: tuple[RunningServer, str]):
    server, metrics = visited
    for name in {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in scrape(metrics)}:
        assert f"`{name}`" in DOCUMENT
    wait_until(lambda: request_lines(server) != [])
    for field in request_lines(server)[0]:
        assert f"| `{field}` |" in DOCUMENT
    commands = "\n".join(re.findall(r"```bash\n(.*?)```", DOCUMENT, re.DOTALL))
    environment = command_environment(FLUX_URL=server.url, FLUX_KEY=KEY, METRICS_URL=metrics.removesuffix("/metrics"))
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Server-Timing: db;dur=" in done.stdout


def test_the_documents_example_is_a_line_as_it_is_written(visited: tuple[RunningServer, str]):
    [example] = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)
    wait_until(lambda: request_lines(visited[0]) != [])
    assert list(json.loads(example)) == list(request_lines(visited[0])[0])
