"""compose.yaml as it is, on a container engine: what it starts, and what callers see when it breaks or is updated.

pytest finds it by its name alone. `make compose-check` runs it, and brings an engine where there is none.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from faults.ledger import Ledger
from faults.load import CALLERS, Load

from app.config import PROJECT

KEY = "the-key-of-those-who-try-compose"
PASSWORD = "p@ss/word:%?"
PORT = "8099"
URL = f"http://127.0.0.1:{PORT}"
ENVIRONMENT = os.environ | {
    "COMPOSE_PROJECT_NAME": "flux-dao-try",
    "POSTGRES_PASSWORD": PASSWORD,
    "SERVICE_API_KEYS": json.dumps({"try-compose": KEY}),
    "PORT": PORT,
}
BEFORE_AND_AFTER_SECONDS = 2.0
RECOVERS_WITHIN_SECONDS = 5
FINDS_AGAIN_WITHIN_SECONDS = 15
# What docs/reliability.md says of one, and some room for a machine that is busy.
POOLER_RESTARTS_WITHIN_SECONDS = 5

Fault = Callable[[], None]


def run(*command: str, cwd: Path = PROJECT, **environment: str) -> str:
    """What the command prints; fails with all of it when the command fails."""
    done = subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT | environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}"
    return done.stdout


def compose(*arguments: str) -> str:
    return run("docker", "compose", *arguments)


def inspected(service: str, what: str) -> str:
    """A property of the service's container."""
    return run("docker", "inspect", "--format", what, compose("ps", "--all", "--quiet", service).strip()).strip()


def wait_until_healthy(service: str) -> None:
    deadline = time.monotonic() + 60
    while inspected(service, "{{.State.Health.Status}}") != "healthy":
        assert time.monotonic() < deadline, compose("logs", service)
        time.sleep(0.5)


def restart(service: str) -> None:
    compose("restart", service)
    wait_until_healthy(service)


def database() -> str:
    """The database's address, which only this machine reaches."""
    address = inspected("postgres", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
    return f"host={address} user=flux dbname=flux password='{PASSWORD}'"


def requests_of(service: str) -> int:
    """How many requests the instance has answered."""
    return compose("logs", service).count('"/api/v1')


@pytest.fixture(scope="module", autouse=True)
def service() -> Iterator[None]:
    """All of compose.yaml, with data of its own."""
    try:
        compose("up", "--detach", "--wait", "--wait-timeout", "180")
        yield
    except BaseException:
        print(compose("logs", "--no-color"))
        raise
    finally:
        compose("down", "--volumes", "--timeout", "5")


def under_load(name: str, folder: Path, fault: Fault) -> Counter[str]:
    """Break something while callers work, and compare their answers with the database; how often each answer came."""
    ledger = Ledger(folder / "ledger.jsonl")
    load = Load(ledger, lambda: URL, database(), KEY)
    with ledger.kept():
        with load.running():
            time.sleep(BEFORE_AND_AFTER_SECONDS)
            began = time.monotonic()
            fault()
            ended = time.monotonic()
            time.sleep(BEFORE_AND_AFTER_SECONDS)
        outcomes = ledger.outcomes()
        failed = Counter(f"{entry.outcome} ({entry.kind})" for entry in ledger.entries if not entry.done)
        ledger.check_answers(database())
        load.repeat_what_failed()
        ledger.check_settled(database())
    others = ", ".join(f"{answer}: {times}" for answer, times in sorted(failed.items())) or "none"
    slowest = max(entry.ended - entry.began for entry in ledger.entries)
    print(f"| {name} | {ended - began:.1f} | {outcomes.total():,} | {others} | {slowest:.1f} |")
    return outcomes


@pytest.mark.parametrize("example", ["goal_planner", "scheduler", "observer", "conversation"])
def test_the_examples_work_through_the_proxy(example: str) -> None:
    run(sys.executable, f"examples/{example}.py", FLUX_URL=URL, FLUX_KEY=KEY, PYTHONPATH="clients/python/src")


def test_who_has_no_key_is_refused() -> None:
    assert httpx.get(f"{URL}/api/v1/users").status_code == 401


def test_the_service_is_not_root() -> None:
    assert compose("exec", "-T", "api-1", "id", "-u").strip() == "10001"


def test_only_this_machine_reaches_the_port() -> None:
    assert compose("port", "proxy", "8000").split() == [f"127.0.0.1:{PORT}"]
    assert [inspected(name, "{{.HostConfig.PortBindings}}") for name in ("postgres", "pgbouncer", "api-1")] == [
        "map[]"
    ] * 3


def test_instances_are_restarted_in_turn_and_no_request_fails(tmp_path: Path) -> None:
    def in_turn() -> None:
        restart("api-1")
        restart("api-2")

    assert set(under_load("the instances restarted in turn", tmp_path, in_turn)) == {"2xx"}
    assert inspected("api-1", "{{.State.ExitCode}}") == "0"


def test_of_an_instance_that_is_killed_only_requests_under_way_fail(tmp_path: Path) -> None:
    restart("api-2")

    def kill() -> None:
        compose("kill", "api-1")
        time.sleep(3)
        compose("start", "api-1")
        wait_until_healthy("api-1")

    outcomes = under_load("an instance killed with -9, after the other's restart", tmp_path, kill)
    # An answer that had begun breaks off.
    assert set(outcomes) <= {"2xx", "503 in-doubt", "no answer"}
    assert outcomes.total() - outcomes["2xx"] <= CALLERS


def test_an_update_takes_one_instance_after_the_other_and_no_request_fails(tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(PROJECT, newer, ignore=shutil.ignore_patterns(".*", "artifacts"))
    shutil.copy(PROJECT / ".dockerignore", newer)
    with (newer / "wsgi.py").open("a") as file:
        file.write("# A newer version.\n")
    before = {name: inspected(name, "{{.Image}}") for name in ("api-1", "api-2")}
    outcomes = under_load("an update, by `make update`", tmp_path, lambda: run("make", "update", cwd=newer) and None)
    assert set(outcomes) == {"2xx"}
    for name, image in before.items():
        assert inspected(name, "{{.Image}}") != image


def test_the_proxy_starts_with_one_instance_stopped_and_finds_it_again() -> None:
    compose("stop", "api-1")
    assert inspected("api-1", "{{.State.ExitCode}}") == "0"
    restart("proxy")
    with httpx.Client(base_url=URL, headers={"X-Flux-Service-Key": KEY}) as flux:
        assert {flux.get("/api/v1/users").status_code for _ in range(20)} == {200}
        compose("start", "api-1")
        wait_until_healthy("api-1")
        before, deadline = requests_of("api-1"), time.monotonic() + FINDS_AGAIN_WITHIN_SECONDS
        while requests_of("api-1") == before:
            assert time.monotonic() < deadline
            assert flux.get("/api/v1/users").status_code == 200


def test_without_an_instance_callers_get_a_problem_and_are_told_to_come_back() -> None:
    compose("stop", "api-1", "api-2")
    read, write = httpx.get(f"{URL}/api/v1/users", timeout=15), httpx.post(f"{URL}/api/v1/users", json={}, timeout=15)
    compose("start", "api-1", "api-2")
    wait_until_healthy("api-1")
    wait_until_healthy("api-2")
    for answer, kind in ((read, "unavailable"), (write, "in-doubt")):
        assert (answer.status_code, answer.json()["code"]) == (503, f"urn:flux:problem:{kind}")
        assert (answer.headers["Content-Type"], answer.headers["Retry-After"]) == ("application/problem+json", "5")


def test_the_pooler_is_soon_restarted(tmp_path: Path) -> None:
    took = []

    def restart_pooler() -> None:
        began = time.monotonic()
        compose("restart", "pgbouncer")
        took.append(time.monotonic() - began)

    outcomes = under_load("PgBouncer restarted", tmp_path, restart_pooler)
    assert set(outcomes) <= {"2xx", "503 unavailable", "503 in-doubt"}
    assert max(took) < POOLER_RESTARTS_WITHIN_SECONDS


def test_a_password_that_the_volume_does_not_have_is_told() -> None:
    with pytest.raises(AssertionError) as failed:
        run("docker", "compose", "run", "--rm", "--no-deps", "migrate", POSTGRES_PASSWORD="another")
    assert 'password authentication failed for user "flux". Correct the one in' in str(failed.value)
