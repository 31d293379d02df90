"""Reads with consistency=eventual, with a primary and a standby that streams from it: who answers them, and when."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import FAST, flask, run_alone, url_with
from neighbours import make_standby
from servers import RunningServer, free_port, running_server
from waiting import wait_until

from app.database.replica import LAG_AND_IDENTITY
from app.development.embedded import EmbeddedServer

pytestmark = pytest.mark.server

USERS = "/api/v1/users"
EVENTUAL = {"consistency": "eventual"}
PAUSE, RESUME = "SELECT pg_wal_replay_pause()", "SELECT pg_wal_replay_resume()"
MAX_LAG = 10


@pytest.fixture(scope="module")
def primary(apart: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(apart / "primary", FAST)
    server.start()
    flask("db", "upgrade", DATABASE_URL=server.url)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def standby(primary: EmbeddedServer, apart: Path) -> Iterator[EmbeddedServer]:
    server = make_standby(primary, apart / "standby", FAST)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def service(
    primary: EmbeddedServer, standby: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """One worker on both, so that there is one opinion about the standby."""
    settings = {
        "DATABASE_URL": primary.url,
        "DATABASE_REPLICA_URL": standby.url,
        "DATABASE_REPLICA_LAG": str(MAX_LAG),
        "AUTH_DISABLED": "true",
        "WEB_CONCURRENCY": "1",
        "ADMIN_PORT": str(free_port()),
    }
    with running_server(tmp_path_factory.mktemp("service"), **settings) as server:
        server.metrics = f"http://127.0.0.1:{settings['ADMIN_PORT']}/metrics"
        yield server


@pytest.fixture
def api(service: RunningServer, standby: EmbeddedServer) -> Iterator[httpx.Client]:
    """A client of the service, whose eventual reads the standby answers at the moment."""
    with httpx.Client(base_url=service.url, timeout=30) as client:
        run_alone(standby.url, RESUME)
        wait_until(lambda: answered_by(service, client, "replica"))
        yield client
    with suppress(Exception):
        run_alone(standby.url, RESUME)


def count(service: RunningServer, who: str) -> float:
    """How many eventual reads this one has answered."""
    line = f'flux_eventual_reads_total{{answered_by="{who}"}} '
    [number] = [
        each.removeprefix(line) for each in httpx.get(service.metrics).text.splitlines() if each.startswith(line)
    ]
    return float(number)


def answered_by(service: RunningServer, api: httpx.Client, who: str) -> bool:
    before = count(service, who)
    assert api.get(f"{USERS}/count", params=EVENTUAL).status_code == 200
    return count(service, who) == before + 1


def make_user(api: httpx.Client, name: str) -> str:
    """The path of a new person that the standby does not have yet, when its replay is paused."""
    answer = api.post(USERS, json={"email": f"{name}-{time.monotonic_ns()}@example.com"})
    assert answer.status_code == 201
    return answer.headers["Location"]


def seen(api: httpx.Client, path: str, **parameters: str) -> bool:
    return {200: True, 404: False}[api.get(path, params=parameters).status_code]


def follow(api: httpx.Client) -> None:
    """Wait until the standby has what was written last, so that it is known to be near."""
    path = make_user(api, "followed")
    wait_until(lambda: seen(api, path, **EVENTUAL))


def test_only_eventual_reads_see_what_the_standby_has(api: httpx.Client, standby: EmbeddedServer):
    follow(api)
    run_alone(standby.url, PAUSE)
    path = make_user(api, "new")
    assert seen(api, path)
    assert not seen(api, path, **EVENTUAL)
    run_alone(standby.url, RESUME)
    wait_until(lambda: seen(api, path, **EVENTUAL))


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
def test_every_form_of_read_is_answered_by_the_standby(api: httpx.Client, standby: EmbeddedServer, accept: str):
    owner = make_user(api, "form").rsplit("/", 1)[1]
    wait_until(lambda: seen(api, f"{USERS}/{owner}", **EVENTUAL))
    before = api.get(f"{USERS}/count", params=EVENTUAL).json()["count"]
    run_alone(standby.url, PAUSE)
    task = api.post("/api/v1/tasks", json={"user_id": owner, "title": "T", "scheduled_at": "2026-01-01T00:00:00Z"})
    new = task.json()["id"]
    day = {"user_id": owner, "start_at": "2026-01-01T00:00:00Z", "end_at": "2026-01-02T00:00:00Z"}
    for path, more in (
        ("/api/v1/tasks", {}),
        ("/api/v1/tasks/by-timerange", day),
        ("/api/v1/tasks/statistics", {"group_by": "goal_id", "user_id": owner}),
        (f"{USERS}/{owner}/export", {}),
    ):
        now = api.get(path, params=more, headers={"Accept": accept}).text
        earlier = api.get(path, params=more | EVENTUAL, headers={"Accept": accept})
        assert earlier.status_code == 200
        assert earlier.text != now
        assert new not in earlier.text
    assert api.get(f"{USERS}/count", params=EVENTUAL).json()["count"] == before


def test_an_answer_of_very_many_rows_is_read_from_the_standby_to_its_end(api: httpx.Client, standby: EmbeddedServer):
    owner = make_user(api, "many").rsplit("/", 1)[1]
    task = {"user_id": owner, "title": "T", "scheduled_at": "2026-01-01T00:00:00Z"}
    for size in (1000, 2):
        assert api.post("/api/v1/tasks/bulk", json=[task] * size).status_code == 201
    day = {"user_id": owner, "start_at": "2026-01-01T00:00:00Z", "end_at": "2026-01-02T00:00:00Z"}

    def read(**more: str) -> list[dict[str, Any]]:
        return api.get("/api/v1/tasks/by-timerange", params=day | more).json()

    wait_until(lambda: len(read(**EVENTUAL)) == 1002)
    run_alone(standby.url, PAUSE)
    assert api.delete(f"/api/v1/tasks/{read()[0]['id']}").status_code == 204
    assert (len(read()), len(read(**EVENTUAL))) == (1001, 1002)


def test_within_a_batch_the_primary_answers(api: httpx.Client, standby: EmbeddedServer):
    run_alone(standby.url, PAUSE)
    path = make_user(api, "batch").removeprefix("/api/v1")
    read = {"method": "GET", "path": path, "query": EVENTUAL}
    answer = api.post("/api/v1/batch", json={"operations": [read]})
    assert (answer.status_code, answer.json()["operations"][0]["status"]) == (200, 200)


def test_a_standby_that_is_too_far_behind_is_left_alone_until_it_has_caught_up(
    api: httpx.Client, service: RunningServer, standby: EmbeddedServer
):
    follow(api)
    run_alone(standby.url, PAUSE)
    path = make_user(api, "late")
    assert not seen(api, path, **EVENTUAL)
    wait_until(lambda: seen(api, path, **EVENTUAL))
    assert answered_by(service, api, "primary")
    wait_until(lambda: "The primary answers" in service.log)
    run_alone(standby.url, RESUME)
    wait_until(lambda: answered_by(service, api, "replica"))


def test_a_standby_that_is_away_causes_no_error_and_is_found_again(
    api: httpx.Client, service: RunningServer, standby: EmbeddedServer
):
    standby.stop()
    try:
        answers = [api.get(USERS, params=EVENTUAL).status_code for _ in range(20)]
        assert set(answers) == {200}
        assert answered_by(service, api, "primary")
        assert "The primary answers reads with consistency=eventual" in service.log
    finally:
        standby.start()
    wait_until(lambda: answered_by(service, api, "replica"))


def test_the_pool_of_the_standby_is_bounded_and_its_connections_are_not_kept_by_requests(
    api: httpx.Client, standby: EmbeddedServer
):
    for _ in range(30):
        assert api.get(USERS, params=EVENTUAL).status_code == 200
    [(connections,)] = run_alone(
        standby.url, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'flux-dao'"
    )
    assert 1 <= connections <= 10


def test_a_role_without_privileges_can_measure_the_lag(
    api: httpx.Client, primary: EmbeddedServer, standby: EmbeddedServer
):
    run_alone(primary.url, "CREATE ROLE reader LOGIN")
    as_reader = url_with(standby.url, user="reader")
    wait_until(lambda: run_alone(standby.url, "SELECT 1 FROM pg_roles WHERE rolname = 'reader'"))
    wait_until(lambda: run_alone(as_reader, LAG_AND_IDENTITY)[0][0] == 0.0)


def test_a_standby_that_has_replayed_nothing_since_its_start_is_not_near(
    primary: EmbeddedServer, standby: EmbeddedServer
):
    standby.stop()
    standby.start()
    run_alone(standby.url, PAUSE)
    run_alone(primary.url, "CREATE TABLE replayed_later ()", "DROP TABLE replayed_later")
    wait_until(
        lambda: run_alone(standby.url, "SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()") == [(True,)]
    )
    [(lag, *_)] = run_alone(standby.url, LAG_AND_IDENTITY)
    run_alone(standby.url, RESUME)
    assert lag is None or lag > 0


@pytest.mark.parametrize("which", ["it is no standby", "it has another database than the primary"])
def test_a_server_that_is_no_standby_of_the_primary_is_not_asked(
    primary: EmbeddedServer, standby: EmbeddedServer, tmp_path: Path, which: str
):
    replica = primary.url if which == "it is no standby" else standby.database_url("postgres")
    settings = {"DATABASE_URL": primary.url, "DATABASE_REPLICA_URL": replica, "AUTH_DISABLED": "true"}
    with running_server(tmp_path, WEB_CONCURRENCY="1", **settings) as server:
        for _ in range(10):
            assert httpx.get(f"{server.url}{USERS}", params=EVENTUAL).status_code == 200
        wait_until(lambda: which in server.log)
        assert "The replica answers" not in server.log


def test_a_replica_that_was_never_there_costs_no_answer(primary: EmbeddedServer, tmp_path: Path):
    nowhere = f"postgresql://127.0.0.1:{free_port()}/flux"
    settings = {"DATABASE_URL": primary.url, "DATABASE_REPLICA_URL": nowhere, "AUTH_DISABLED": "true"}
    with running_server(tmp_path, **settings) as server:
        for _ in range(10):
            assert httpx.get(f"{server.url}{USERS}", params=EVENTUAL).status_code == 200
