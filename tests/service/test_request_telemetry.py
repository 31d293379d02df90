"""What each request leaves behind: its line in the log, its ids, its timings; and that none of it breaks a request."""

import gc
import json
import logging.config
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from conftest import run_alone
from entities import conversation, user
from flask import Flask, request
from flask.testing import FlaskClient
from servers import command_environment

from app import create_app
from app.config import PROJECT, Settings
from app.database import database
from app.errors import Unavailable
from app.telemetry import log

FILL = "INSERT INTO messages (id, conversation_id, role, content) SELECT gen_random_uuid(), '{}', 'user', 'x' FROM"
TERMINATE = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
FIELDS = {
    "time", "level", "request_id", "trace_id", "caller", "method", "route", "status", "problem", "duration_ms",
    "statements", "database_ms",
}  # fmt: skip
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
USERS = "/api/v1/users"
Lines = Callable[[], list[dict[str, Any]]]


def served(client: FlaskClient) -> FlaskClient:
    """The client, made to close each answer when it has come, as a server does."""
    client.open = partial(client.open, buffered=True)
    return client


@pytest.fixture
def client(client: FlaskClient) -> FlaskClient:
    return served(client)


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str]) -> Lines:
    """Gives the lines that were logged since it was last asked."""
    return lambda: [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_a_request_is_one_line_that_says_what_it_took(client: FlaskClient, lines: Lines):
    made = user(client)
    [post] = lines()
    client.get(f"{USERS}/{made['id']}")
    [get] = lines()
    assert set(get) == FIELDS
    assert (post["method"], post["route"], post["status"], post["statements"]) == ("POST", USERS, 201, 3)
    assert (get["method"], get["route"], get["status"], get["statements"]) == ("GET", f"{USERS}/{{id}}", 200, 1)
    assert 0 < get["database_ms"] < get["duration_ms"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", get["time"])
    assert (get["level"], get["problem"], get["caller"]) == ("info", None, None)


def test_a_problem_is_named_and_what_matches_no_path_has_no_route(client: FlaskClient, lines: Lines):
    client.get("/nowhere")
    client.get(f"{USERS}/0198f3c2-0000-7000-8000-000000000000")
    nowhere, missing = lines()
    assert (nowhere["route"], nowhere["status"], nowhere["problem"]) == (None, 404, "no-such-path")
    assert (missing["route"], missing["status"], missing["problem"]) == (f"{USERS}/{{id}}", 404, "not-found")


def test_neither_a_body_nor_a_key_nor_a_query_is_logged(settings: Settings, client: FlaskClient, lines: Lines):
    keyed = replace(settings, auth_disabled=False, service_api_keys={"planner": "opensesame"})
    guarded = served(create_app(keyed).test_client())
    headers = {"X-Flux-Service-Key": "opensesame"}
    guarded.post(USERS, json={"email": "opensesame@example.com"}, headers=headers)
    guarded.post(USERS, json={"email": "opensesame"}, headers=headers)
    guarded.get(f"{USERS}?limit=opensesame", headers=headers)
    guarded.get(USERS, headers={"X-Flux-Service-Key": "opensesame2"})
    written = lines()
    assert [line["caller"] for line in written] == ["planner", "planner", "planner", None]
    assert "opensesame" not in json.dumps(written)


@pytest.fixture
def transcript(committing_client: FlaskClient, settings: Settings) -> str:
    """The path of an array that is sent as it is read."""
    talk = conversation(served(committing_client.application.test_client()))["id"]
    run_alone(settings.database_url, f"{FILL.format(talk)} generate_series(1, 2500)")
    return f"/api/v1/messages?conversation_id={talk}"


def test_a_body_that_is_sent_as_it_is_read_counts_to_its_end(
    committing_client: FlaskClient, transcript: str, lines: Lines
):
    lines()
    answer = committing_client.get(transcript)
    pieces = answer.iter_encoded()
    next(pieces)
    assert lines() == [], "there is more to come"
    list(pieces)
    answer.close()
    [line] = lines()
    # One that finds out that there are many, and BEGIN, DECLARE, FETCH, FETCH, FETCH, … COMMIT behind it.
    assert line["statements"] >= 7
    assert line["duration_ms"] > line["database_ms"]


def test_a_body_that_breaks_off_is_an_error_with_its_stack(
    committing_client: FlaskClient, settings: Settings, transcript: str, lines: Lines, caplog: pytest.LogCaptureFixture
):
    lines()
    answer = committing_client.get(transcript)
    pieces = answer.iter_encoded()
    next(pieces)
    run_alone(settings.database_url, TERMINATE)
    with pytest.raises(Unavailable):
        list(pieces)
    answer.close()
    [line] = lines()
    assert (line["level"], line["status"]) == ("error", 200)
    assert f"request {line['request_id']}: the answer broke off" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.filterwarnings("error")
def test_a_reader_who_goes_when_the_session_is_lost_leaves_no_error(
    committing_client: FlaskClient, settings: Settings, transcript: str, lines: Lines, caplog: pytest.LogCaptureFixture
):
    answer = committing_client.get(transcript)
    pieces = answer.iter_encoded()
    next(pieces)
    run_alone(settings.database_url, TERMINATE)
    answer.close()
    del pieces, answer
    gc.collect()
    assert lines()[-1]["status"] == 200
    assert caplog.text == ""
    assert database.is_closed()


@pytest.mark.parametrize("path", ["/health", "/nowhere", USERS, f"{USERS}?limit=x", "/docs/"])
def test_every_answer_has_the_request_id_that_the_log_has(client: FlaskClient, lines: Lines, path: str):
    given = client.get(path, headers={"X-Request-Id": "abc-123"})
    made = client.get(path, headers={"X-Request-Id": "a\tb"})
    first, second = lines()
    assert given.headers.getlist("X-Request-Id") == ["abc-123"] == [first["request_id"]]
    assert made.headers.getlist("X-Request-Id") == [second["request_id"]]
    assert re.fullmatch(r"[0-9a-f-]{36}", second["request_id"])


@pytest.mark.parametrize(
    ("traceparent", "continued"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", True),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", True),
        (f"00-{TRACE}-{SPAN}-01-extra", False),
        (f"ff-{TRACE}-{SPAN}-01", False),
        (f"00-{TRACE.upper()}-{SPAN}-01", False),
        (f"00-{'0' * 32}-{SPAN}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE}-{SPAN}", False),
        (f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01", False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_the_trace_of_the_caller_is_told_unless_the_header_is_malformed(
    client: FlaskClient, lines: Lines, traceparent: str, continued: bool
):
    client.get("/health", headers={"traceparent": traceparent})
    [line] = lines()
    assert line["trace_id"] == (TRACE if continued else None)


def test_timings_are_told_to_who_asks_and_to_nobody_else(client: FlaskClient):
    told = client.get(USERS, headers={"X-Server-Timing": "1"}).headers["Server-Timing"]
    found = re.fullmatch(r'db;dur=([\d.]+);desc="statements: 2", total;dur=([\d.]+)', told)
    assert 0 < float(found[1]) < float(found[2])
    assert "Server-Timing" not in client.get(USERS).headers
    assert "Server-Timing" not in client.get(USERS, headers={"X-Server-Timing": "yes"}).headers


def test_unusual_bytes_are_logged_like_any_others(settings: Settings, client: FlaskClient, lines: Lines):
    half_a_pair = replace(settings, auth_disabled=False, service_api_keys={"\ud800": "k"})
    odd = served(create_app(half_a_pair).test_client())
    headers = {"X-Flux-Service-Key": "k", "traceparent": "\xff\x00", "X-Request-Id": "\xe9\x80"}
    answer = odd.open(USERS, method="GËT", headers=headers)
    [line] = lines()
    assert (answer.status_code, line["status"], line["caller"], line["method"]) == (405, 405, "\ud800", "GËT")


def test_a_log_that_nobody_reads_breaks_no_request(app: Flask, capfd: pytest.CaptureFixture[str]):
    reading, writing = os.pipe()
    os.close(reading)
    stdout = os.dup(1)
    os.dup2(writing, 1)
    try:
        assert served(app.test_client()).get("/health").status_code == 200
    finally:
        os.dup2(stdout, 1)


def test_a_higher_log_level_leaves_out_what_went_well(settings: Settings, client: FlaskClient, lines: Lines):
    made = create_app(replace(settings, log_level="warning"))

    @made.get("/break")
    def break_down():
        raise RuntimeError("broken")

    for path in ("/health", "/break"):
        served(made.test_client()).get(path)
    [line] = lines()
    assert (line["level"], line["status"], line["problem"]) == ("error", 500, "unforeseen")


@pytest.mark.parametrize("wrong", [int, {}.__getitem__, lambda value: (_ for _ in ()).throw(RuntimeError(value))])
def test_the_stack_of_an_error_holds_no_value_that_the_request_gave(
    settings: Settings, lines: Lines, wrong: Callable[[str], Any]
):
    made = create_app(settings)

    @made.post("/break")
    def break_down():
        [(name, value)] = request.json["a"][0].items()
        one, _ = request.args["q"].split(",")
        wrong(f"{one} {request.headers['X-Flux-Service-Key']} {name} {value} {json.dumps(value)}")

    headers = {"X-Flux-Service-Key": "secret-1"}
    handlers = logging.getLogger().handlers
    logging.config.dictConfig(log.configuration("info"))
    try:
        answer = served(made.test_client()).post(
            "/break?q=secret-2,x", json={"a": [{"secret-4": 'secret\n3"'}]}, headers=headers
        )
    finally:
        logging.getLogger().handlers = handlers
    error, line = lines()
    assert (answer.status_code, line["status"]) == (500, 500)
    assert "break_down" in error["stack"]
    assert re.search(r"\n(ValueError|KeyError|RuntimeError)$", error["stack"])
    assert "secret" not in json.dumps([error, line])


def test_a_request_that_ends_the_worker_is_an_error_too(settings: Settings, lines: Lines):
    made = create_app(settings)

    @made.get("/end")
    def end_worker():
        raise SystemExit

    with pytest.raises(SystemExit):
        made.test_client().get("/end")
    [line] = lines()
    assert (line["level"], line["status"]) == ("error", 500)


def test_traces_without_their_packages_stop_the_start_with_a_sentence():
    without = "import sys; sys.modules['opentelemetry'] = None; import wsgi"
    environment = command_environment(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318")
    done = subprocess.run([sys.executable, "-c", without], cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("flux-dao: OTEL_EXPORTER_OTLP_ENDPOINT is set, but the packages for traces")
    assert "pip install -r requirements-otel.txt" in done.stderr
