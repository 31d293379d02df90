"""A primary that moves, or is frozen: who is taken for the database, and how long anybody waits."""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import psutil
import psycopg2
import pytest
from conftest import FAST, flask, run_alone
from neighbours import make_standby
from servers import RunningServer, free_port, running_server
from waiting import wait_until, waiting_for_locks

from app.development.embedded import EmbeddedServer

pytestmark = pytest.mark.server

USERS = "/api/v1/users"
STATEMENT_TIMEOUT = 2
# With the seconds of grace, and what two busy cores may need.
BOUND = STATEMENT_TIMEOUT + 3 + 3
Start = Callable[..., RunningServer]


class Pair:
    """A primary and its standby, and a name that leads to the one or the other, as that of a proxy does."""

    def __init__(self, folder: Path, primary: EmbeddedServer, standby: EmbeddedServer) -> None:
        self.primary, self.standby = primary, standby
        self.name = folder / "name"
        self.move_name(primary)

    @property
    def url(self) -> str:
        return f"postgresql:///flux?host={self.name}&user=flux"

    @property
    def url_of_both(self) -> str:
        hosts = f"{self.primary.data},{self.standby.data}"
        return f"postgresql:///flux?host={hosts}&user=flux&target_session_attrs=read-write"

    def move_name(self, to: EmbeddedServer) -> None:
        self.name.unlink(missing_ok=True)
        self.name.symlink_to(to.data)

    def promote(self) -> None:
        run_alone(self.standby.url, "SELECT pg_promote()")


@pytest.fixture
def pair(apart: Path) -> Iterator[Pair]:
    folder = apart / str(time.monotonic_ns())
    folder.mkdir(mode=0o755)
    primary = EmbeddedServer(folder / "primary", FAST)
    primary.start()
    flask("db", "upgrade", DATABASE_URL=primary.url)
    standby = make_standby(primary, folder / "standby", FAST)
    standby.start()
    yield Pair(folder, primary, standby)
    standby.stop()
    primary.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the service, one worker, on this database."""
    with ExitStack() as stack:

        def started(url: str, **settings: str) -> RunningServer:
            one = {"WEB_CONCURRENCY": "1", "AUTH_DISABLED": "true", "ADMIN_PORT": str(free_port())}
            few = {"DATABASE_STATEMENT_TIMEOUT": str(STATEMENT_TIMEOUT), "DATABASE_CONNECT_TIMEOUT": "2"}
            settings = one | few | settings
            server = stack.enter_context(running_server(tmp_path, DATABASE_URL=url, **settings))
            server.admin = f"http://127.0.0.1:{settings['ADMIN_PORT']}"
            return server

        yield started


@contextmanager
def frozen(server: EmbeddedServer) -> Iterator[None]:
    """The whole server stands still, as it does behind a disk that hangs: sockets stay open, nobody answers."""
    postmaster = psutil.Process(int((server.data / "postmaster.pid").read_text().split()[0]))
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def make(server: RunningServer, name: str, **more: str) -> httpx.Response:
    return httpx.post(f"{server.url}{USERS}", json={"email": f"{name}@example.com"}, headers=more, timeout=60)


def read(server: RunningServer) -> httpx.Response:
    return httpx.get(f"{server.url}{USERS}", timeout=60)


def emails(answer: httpx.Response) -> set[str]:
    return {row["email"] for row in answer.json()["items"]}


def ready(server: RunningServer) -> tuple[int, int]:
    """What /ready says at the service's port and at the administration's."""
    return tuple(httpx.get(f"{each}/ready", timeout=60).status_code for each in (server.url, server.admin))


def test_a_standby_is_never_taken_for_the_database(pair: Pair, start: Start):
    server = start(pair.url)
    assert (make(server, "ada").status_code, ready(server)) == (201, (200, 200))
    # As after a switchover, when the name still leads to the old primary, which was started again as a standby.
    pair.move_name(pair.standby)
    run_alone(pair.primary.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name <> ''")
    for answer in (read(server), make(server, "bea")):
        assert (answer.status_code, answer.json()["code"]) == (503, "urn:flux:problem:unavailable")
        assert "standby" in answer.json()["detail"]
    assert ready(server) == (503, 503)
    pair.promote()
    assert (make(server, "bea").status_code, ready(server)) == (201, (200, 200))
    assert emails(read(server)) == {"ada@example.com", "bea@example.com"}


def test_nobody_waits_for_a_frozen_primary_longer_than_a_statement_may_take(pair: Pair, start: Start):
    server = start(pair.url_of_both)
    assert make(server, "ada").status_code == 201
    with frozen(pair.primary):
        with ThreadPoolExecutor(1) as pool:
            began = time.monotonic()
            # It has the connection that is there; who reads finds that no other can be opened.
            writing = pool.submit(make, server, "bea")
            time.sleep(0.5)
            asked, wrote = read(server), writing.result()
        assert time.monotonic() - began < BOUND
        assert (asked.status_code, asked.json()["code"]) == (503, "urn:flux:problem:unavailable")
        assert (wrote.status_code, wrote.json()["code"]) == (503, "urn:flux:problem:in-doubt")
        pair.promote()
        began = time.monotonic()
        assert make(server, "cea").status_code == 201
        assert ready(server) == (200, 200)
        assert time.monotonic() - began < BOUND


def test_a_probe_that_gets_no_answer_sends_who_comes_next_to_the_primary(pair: Pair, start: Start):
    server = start(pair.url_of_both, DATABASE_STATEMENT_TIMEOUT="60")
    assert make(server, "ada").status_code == 201
    with frozen(pair.primary):
        pair.promote()
        assert httpx.get(f"{server.url}/ready").status_code == 503
        began = time.monotonic()
        wait_until(lambda: httpx.get(f"{server.url}/ready", timeout=60).status_code == 200)
        assert make(server, "bea").status_code == 201
        assert time.monotonic() - began < 10


def test_a_commit_without_an_answer_is_in_doubt(pair: Pair, start: Start):
    server = start(f"{pair.url}&options=-csynchronous_commit%3Don")
    user = make(server, "ada").headers["Location"].removeprefix("/api/v1")
    run_alone(pair.primary.url, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
    try:
        change = {"method": "PATCH", "path": user, "body": {"timezone": "Asia/Dubai"}}
        began = time.monotonic()
        answer = httpx.post(f"{server.url}/api/v1/batch", json={"operations": [change, change]}, timeout=60)
        assert time.monotonic() - began < BOUND
        assert (answer.status_code, answer.json()["code"]) == (503, "urn:flux:problem:in-doubt")
    finally:
        run_alone(pair.primary.url, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
    assert read(server).status_code == 200


def test_a_limit_that_the_url_names_is_waited_for(pair: Pair, start: Start):
    url = f"{pair.url}&options=-cstatement_timeout%3D0"
    server = start(url, DATABASE_STATEMENT_TIMEOUT="1", DATABASE_LOCK_TIMEOUT="0")
    assert make(server, "ada").status_code == 201
    with ThreadPoolExecutor(1) as pool:
        with frozen(pair.primary):
            asked = pool.submit(read, server)
            time.sleep(6)
            assert not asked.done()
        assert asked.result().status_code == 200


def test_what_a_primary_says_when_it_thaws_is_not_believed_after_a_failover(pair: Pair, start: Start):
    server = start(pair.url)
    with ThreadPoolExecutor(2) as pool:
        # Two connections: the one is known to be lost when the other gets an answer.
        with closing(psycopg2.connect(pair.primary.url)) as holder:
            holder.cursor().execute("LOCK TABLE users")
            both = [pool.submit(read, server) for _ in range(2)]
            wait_until(lambda: waiting_for_locks(pair.primary.url) == 2)
        assert {each.result().status_code for each in both} == {200}
        with frozen(pair.primary):
            first = pool.submit(read, server)
            time.sleep(STATEMENT_TIMEOUT + 1)
            late = pool.submit(read, server)
            assert first.result().status_code == 503
            pair.promote()
            pair.move_name(pair.standby)
            assert make(server, "bea").status_code == 201
            assert not late.done()
        assert "bea@example.com" in emails(late.result())
