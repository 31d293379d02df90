"""The OpenAPI document against the real server: schemathesis sends what it allows and what it forbids."""

import os
import subprocess
import sys

import pytest
from servers import RunningServer

from app.config import PROJECT

pytestmark = pytest.mark.fuzz

REPORT = PROJECT / "artifacts" / "schemathesis.xml"
FORMATS = "tests.fuzz.formats"
OPTIONS = (
    "--checks=all",
    "--phases=examples,coverage,fuzzing,stateful",
    "--max-examples=40",
    # Two runs send the same, so that a failure is the change's and not luck's.
    "--generation-deterministic",
    # All failures of a run, not the first of each operation.
    "--continue-on-failure",
    # The service rightly refuses NUL, which PostgreSQL cannot store. A schema could not say so of a text anywhere
    # inside an object, and one pattern at every text would hide from readers what matters. The contract tests send it.
    "--generation-allow-x00=false",
    "--report=junit",
    f"--report-junit-path={REPORT}",
    "--no-color",
)
SECONDS_AT_MOST = 300


def run_schemathesis(url: str, key: str) -> subprocess.CompletedProcess[str]:
    """Fuzz the server at this URL as a caller who holds the key."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            f"{url}/openapi.json",
            f"-HX-Flux-Service-Key: {key}",
            *OPTIONS,
        ],
        cwd=PROJECT,
        env=os.environ | {"SCHEMATHESIS_HOOKS": FORMATS},
        capture_output=True,
        text=True,
        timeout=SECONDS_AT_MOST,
    )


def test_the_service_keeps_what_its_document_promises(keyed_server: RunningServer) -> None:
    REPORT.parent.mkdir(exist_ok=True)
    run = run_schemathesis(keyed_server.url, keyed_server.key)
    assert run.returncode == 0, run.stdout + run.stderr
