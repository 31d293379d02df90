"""The OpenAPI document against the real server: schemathesis sends what it allows and what it forbids."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from servers import RunningServer

from app.config import PROJECT

pytestmark = pytest.mark.fuzz

REPORT = PROJECT / "artifacts" / "schemathesis.xml"
HERE = Path(__file__).parent
PEOPLE = 20
MAX_SECONDS = 3000
# The coverage phase sends each value of each filter, ten minutes for all entities: in CI it is for one of them, for
# batches, and for what is not an entity's; `make test-fuzz` has it for all.
COVERED_IN_CI = "^/api/v1/(dispatch-log|batch)|^/(health|ready)"
OPTIONS = (
    "--checks=all",
    "--max-examples=30",
    # All failures of a run, not the first of each operation.
    "--continue-on-failure",
    # The service rightly refuses NUL, which PostgreSQL cannot store. A schema could not say so of a text anywhere
    # inside an object, and one pattern at every text would hide from readers what matters. The contract tests send it.
    "--generation-allow-x00=false",
    "--report=junit",
    f"--report-junit-path={REPORT}",
    "--no-color",
)


def create_rows(server: RunningServer) -> None:
    """Rows of every entity: schemathesis takes their ids from the lists, and gets past 404 and 409 with them."""
    with httpx.Client(base_url=f"{server.url}/api/v1", headers={"X-Flux-Service-Key": server.key}) as client:
        for _ in range(PEOPLE):
            create_rows_of_a_person(client)


def create_rows_of_a_person(client: httpx.Client) -> None:
    def create(path: str, **body: str) -> str:
        return client.post(path, json=body).raise_for_status().json()["id"]

    unique = uuid4().hex
    user = create("/users", email=f"{unique}@example.com")
    goal = create("/goals", user_id=user, title="Run 10 km")
    conversation = create("/conversations", user_id=user, langgraph_thread_id=unique, context_type="task")
    task = create("/tasks", user_id=user, goal_id=goal, conversation_id=conversation, title="Run 3 km")
    create("/messages", conversation_id=conversation, role="user", content="Hello")
    create("/patterns", user_id=user)
    create("/notification-log", task_id=task, channel="push")
    create("/dispatch-log", task_id=task, channel="push")


def run_schemathesis(server: RunningServer, seed: int | None, *options: str) -> subprocess.CompletedProcess[str]:
    """Fuzz the server as a caller who holds the key. Without a seed two runs send the same."""
    command = (sys.executable, "-m", "schemathesis.cli", f"--config-file={HERE / 'schemathesis.toml'}", "run")
    chosen = "--generation-deterministic" if seed is None else f"--seed={seed}"
    return subprocess.run(
        [
            *command,
            f"{server.url}/openapi.json",
            *OPTIONS,
            *options,
            chosen,
            f"--header=X-Flux-Service-Key: {server.key}",
        ],
        cwd=PROJECT,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.fuzz.hooks"},
        capture_output=True,
        text=True,
        timeout=MAX_SECONDS,
    )


def test_the_service_keeps_what_its_document_promises(keyed_server: RunningServer, pytestconfig: pytest.Config) -> None:
    REPORT.parent.mkdir(exist_ok=True)
    create_rows(keyed_server)
    seed = pytestconfig.getoption("fuzz_seed")
    of_coverage = ["--phases=coverage"] if seed else ["--phases=coverage", f"--include-path-regex={COVERED_IN_CI}"]
    for options in (["--phases=examples,fuzzing,stateful"], of_coverage):
        run = run_schemathesis(keyed_server, seed, *options)
        assert run.returncode == 0, run.stdout + run.stderr
