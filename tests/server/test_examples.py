"""The examples against the real server: each does what it says, can be repeated, and fails with one sentence."""

import os
import re
import socket
import subprocess
import sys

import pytest

from app.config import PROJECT

pytestmark = pytest.mark.server

PRINTED = {
    "goal_planner": (
        r"Created the user planner-\S+@example\.com\.",
        r"Goal: Run 10 km without a break \(active, 4 weeks, 4 tasks\)\.",
        r"  \d{4}-\d\d-\d\d 06:30  Run 3 km \(pending\)",
        r"  \d{4}-\d\d-\d\d 06:30  Run 5 km \(pending\)",
        r"  \d{4}-\d\d-\d\d 06:30  Run 8 km \(pending\)",
        r"  \d{4}-\d\d-\d\d 06:30  Run 10 km \(pending\)",
    ),
    "scheduler": (
        r"Today has 4 tasks: Stretch, Walk to work, Call the dentist, Read\.",
        r"Marked 2 tasks as missed: Stretch, Walk to work\.",
        r"Logged a push reminder of Call the dentist, sent at \S+\.",
    ),
    "observer": (
        r"Last 30 days: 6 tasks \(3 done, 2 missed, 1 pending\)\.",
        r"Completion rate: 50%\.",
        r"Recorded the pattern misses_mornings: confidence 0\.6, version 1\.",
        r"Updated the pattern misses_mornings: confidence 0\.75, version 2\.",
    ),
    "conversation": (
        r"Opened the voice conversation thread-\S+\.",
        r"The transcript has 4 messages:",
        r"  user: I will not make it to my run today\.",
        r"  assistant: Shall I move it to tomorrow at seven\?",
        r"  user: Yes, please\.",
        r"  assistant: Noted\. See you tomorrow\.",
        r"Closed after 42 seconds: reschedule_task\.",
        r"Linked to the task [0-9a-f-]{36}\.",
    ),
}


def run_example(name: str, url: str) -> subprocess.CompletedProcess[str]:
    """Run an example as a person would, with the service at this URL."""
    return subprocess.run(
        [sys.executable, PROJECT / "examples" / f"{name}.py"],
        env=os.environ | {"FLUX_URL": url, "PYTHONPATH": str(PROJECT / "clients" / "python" / "src")},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_does_what_it_says_and_can_be_repeated(name: str, server_url: str) -> None:
    for _ in range(2):
        ended = run_example(name, server_url)

        assert (ended.returncode, ended.stderr) == (0, "")
        # Shortly before midnight the last task of the scheduler's day is due as well, hence a line more.
        for line, pattern in zip(ended.stdout.splitlines(), PRINTED[name], strict=False):
            assert re.fullmatch(pattern, line)
        assert len(ended.stdout.splitlines()) >= len(PRINTED[name])


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_tells_the_problem_in_one_sentence(name: str, server_url: str) -> None:
    ended = run_example(name, f"{server_url}/nowhere")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "There is no path /nowhere/api/v1/users. All paths are listed in /openapi.json.\n"


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_that_reaches_no_service_says_so_in_one_sentence(name: str) -> None:
    # Bound but not listening: the port refuses connections, and no other program can take it meanwhile.
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"

        ended = run_example(name, url)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(
        rf"The service at {url} cannot be reached \(.+\); start it, or correct FLUX_URL\.\n", ended.stderr
    )
