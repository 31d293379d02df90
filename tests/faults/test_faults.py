"""The service under faults and load: what was answered is true, nothing is done twice, and it recovers by itself."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest
from conftest import flask, run_alone, temporary_database
from faults import breaking
from faults.ledger import Ledger
from faults.load import CALLERS, Load
from faults.report import Footprint, Result, write_table
from neighbours import running_nginx, running_pgbouncer
from servers import RunningServer, free_port, running_server, start_server, wait_until_ready

from app.development.embedded import EmbeddedServer

pytestmark = pytest.mark.faults

RECOVERS_WITHIN_SECONDS = 5
CALM_SECONDS = 3.0
WARM_UP_SECONDS = 0.5
# In MiB, of two workers: the first stacks of errors that the threads of a worker log cost it up to 25, once.
MAX_MEMORY_GROWTH = 64
WORKERS = {"WEB_CONCURRENCY": "2", "AUTH_DISABLED": "true"}
# What a fault may be answered with; anything else, a 500 for one, is a defect. No answer at all is one too, unless the
# worker that was to give it was killed.
HONEST = {"2xx", "503 unavailable", "503 in-doubt", "503 busy", "504 timed-out"}

NO_ANSWER = "no answer"
WORKER_KILLED = "a worker killed with -9"

Check = Callable[..., Result]


@pytest.fixture(scope="module")
def cluster(apart: Path) -> Iterator[EmbeddedServer]:
    """A PostgreSQL that may be broken, as durable as it is by default."""
    server = EmbeddedServer(apart / "postgres")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def url(cluster: EmbeddedServer) -> Iterator[str]:
    """A database whose PostgreSQL may be broken."""
    with migrated(cluster) as made:
        yield made


@contextmanager
def migrated(server: EmbeddedServer) -> Iterator[str]:
    """The URL of a database with the newest schema."""
    with temporary_database(server, "faults") as made:
        assert flask("db", "upgrade", DATABASE_URL=made).returncode == 0
        yield made


@pytest.fixture(scope="module")
def server(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The service that meets one fault after the other."""
    with running_server(tmp_path_factory.mktemp("service"), DATABASE_URL=url, **WORKERS) as started:
        yield started


@pytest.fixture(scope="module")
def results(pytestconfig: pytest.Config) -> Iterator[list[Result]]:
    """What the runs have shown; the table is written when all are over."""
    collected: list[Result] = []
    yield collected
    place = pytestconfig.getoption("fault_report")
    if place:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_table(collected, pytestconfig.getoption("fault_seconds"), place)


@pytest.fixture
def under(results: list[Result], pytestconfig: pytest.Config, tmp_path: Path) -> Check:
    """Runs the load under a fault, checks all that holds under every fault, and gives the result."""
    seconds = pytestconfig.getoption("fault_seconds")

    def check(name: str, fault: breaking.Fault, url: str, servers: list[RunningServer], address=None) -> Result:
        ledger = Ledger(tmp_path / "ledger.jsonl")
        load = Load(ledger, address or (lambda: servers[0].url), url)
        with ledger.kept():
            before, outages = broken_under_load(load, fault, seconds, lambda: footprint(url, servers))
            recovery = worst_recovery(ledger, outages)
            outcomes, turned_out = ledger.outcomes(), ledger.check_answers(url)
            load.repeat_what_failed()
            ledger.check_settled(url)
        result = Result(name, len(outages), outcomes, turned_out, recovery, before, footprint(url, servers))
        print(result.row())
        results.append(result)
        check_result(result, url)
        return result

    return check


def broken_under_load(
    load: Load, fault: breaking.Fault, seconds: int, measure: Callable[[], Footprint]
) -> tuple[Footprint, list[tuple[float, float]]]:
    """Break things for so many seconds, again and again; the footprint before, and when each fault began and ended."""
    outages, calm = [], min(CALM_SECONDS, seconds / 3)
    with load.running():
        time.sleep(WARM_UP_SECONDS + calm)
        before, until = measure(), time.monotonic() + seconds - 2 * calm
        while not outages or time.monotonic() < until:
            began = time.monotonic()
            fault()
            outages.append((began, time.monotonic()))
            time.sleep(calm)
    return before, outages


def worst_recovery(ledger: Ledger, outages: list[tuple[float, float]]) -> float:
    """The longest time, in seconds, from the end of a fault to the last answer that was not 2xx before the next one."""
    worst = 0.0
    nexts = [began for began, _ in outages[1:]] + [float("inf")]
    for (_, ended), following in zip(outages, nexts, strict=True):
        failed = [entry.ended for entry in ledger.entries if not entry.done and ended < entry.ended < following]
        succeeded = [entry for entry in ledger.entries if entry.done and ended < entry.began < following]
        assert succeeded, f"nothing succeeded after the fault; see {ledger.file}"
        worst = max([worst, *(each - ended for each in failed)])
    return worst


def footprint(url: str, servers: list[RunningServer]) -> Footprint:
    """What the service occupies now."""
    [(sessions,)] = run_alone(url, breaking.SESSIONS.format(what="count(*)"))
    processes = [psutil.Process(server.process.pid) for server in servers]
    processes += [child for process in processes for child in process.children(recursive=True)]
    return Footprint(sessions, sum(process.memory_full_info().uss for process in processes) / 2**20)


def check_result(result: Result, url: str) -> None:
    """What holds under every fault, besides what the ledger tells."""
    assert set(result.outcomes) <= HONEST | ({NO_ANSWER} if result.fault == WORKER_KILLED else set())
    assert result.recovery < RECOVERS_WITHIN_SECONDS
    assert result.after.sessions <= result.before.sessions + CALLERS
    assert run_alone(url, f"{breaking.SESSIONS.format(what='count(*)')} AND state <> 'idle'") == [(0,)]
    assert result.after.memory < result.before.memory + MAX_MEMORY_GROWTH


def test_postgres_is_restarted(under: Check, cluster: EmbeddedServer, url: str, server: RunningServer):
    under("PostgreSQL restarted", partial(breaking.restart_postgres, cluster), url, [server])


def test_postgres_is_killed(under: Check, cluster: EmbeddedServer, url: str, server: RunningServer):
    under("PostgreSQL killed with -9, and started", partial(breaking.kill_postgres, cluster), url, [server])


def test_a_process_of_postgres_is_killed(under: Check, url: str, server: RunningServer):
    under("one session's process killed with -9", partial(breaking.kill_a_session, url), url, [server])


def test_the_sessions_are_ended(under: Check, url: str, server: RunningServer):
    result = under("all sessions ended (`pg_terminate_backend`)", partial(breaking.end_sessions, url), url, [server])
    assert result.recovery < 1, "the next request has a new connection"


def test_a_worker_is_killed(under: Check, url: str, server: RunningServer):
    result = under(WORKER_KILLED, partial(breaking.kill_a_worker, server), url, [server])
    assert set(result.outcomes) <= {"2xx", NO_ANSWER}, "only those that it was answering notice"


def test_statements_wait_until_the_pool_is_exhausted(under: Check, url: str, tmp_path: Path):
    few = {"DATABASE_POOL_SIZE": "1", "DATABASE_POOL_WAIT": "1", "DATABASE_LOCK_TIMEOUT": "1"}
    with running_server(tmp_path, DATABASE_URL=url, **WORKERS, **few) as server:
        result = under("rows locked, pool exhausted", partial(breaking.lock_the_tasks, url), url, [server])
    assert result.outcomes["503 busy"], "the fault took place"
    assert result.turned_out.total() == 0, "nothing is in doubt"


def test_pgbouncer_is_restarted(under: Check, url: str, tmp_path: Path):
    port, extra = free_port(), "default_pool_size = 10"
    with ExitStack() as pooler:
        pooled = pooler.enter_context(running_pgbouncer(tmp_path, url, extra, port))

        def restart() -> None:
            pooler.close()
            time.sleep(0.3)
            pooler.enter_context(running_pgbouncer(tmp_path, url, extra, port))

        with running_server(tmp_path, DATABASE_URL=pooled, **WORKERS) as server:
            under("PgBouncer restarted", restart, url, [server])


@pytest.fixture
def small_disk(apart: Path) -> Iterator[Path]:
    """A disk of its own that is soon full."""
    mount = shutil.which("mount")
    folder = apart / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=320m", "tmpfs", str(folder)]
    if not mount or subprocess.run([mount, *options], capture_output=True, check=False).returncode != 0:
        pytest.skip("Only root may mount a small disk to fill.")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_the_disk_of_the_database_is_full(under: Check, small_disk: Path, tmp_path: Path):
    postgres = EmbeddedServer(small_disk / "postgres", "-c min_wal_size=32MB -c max_wal_size=48MB")
    postgres.start()
    try:
        with migrated(postgres) as url, running_server(tmp_path, DATABASE_URL=url, **WORKERS) as server:
            result = under("disk full", partial(breaking.fill_the_disk, small_disk, postgres), url, [server])
    finally:
        postgres.stop()
    assert result.outcomes["503 unavailable"], "the fault took place"


def test_instances_are_told_to_stop_one_after_the_other(under: Check, url: str, tmp_path: Path):
    settings = {"DATABASE_URL": url, **WORKERS}
    with ExitStack() as stack:
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
        servers = [stack.enter_context(running_server(tmp_path / name, **settings)) for name in ("first", "second")]
        addresses = [server.url.removeprefix("http://") for server in servers]
        proxy = stack.enter_context(running_nginx(tmp_path, addresses))

        def replace_one() -> None:
            """As a rolling update does; the port stays, which is all that the proxy knows."""
            old = servers[0]
            assert old.stop(signal.SIGTERM) == 0
            servers[0] = start_server(old.log_file, PORT=old.url.rpartition(":")[2], **settings)
            stack.callback(lambda started=servers[0]: started.process.poll() is None and started.stop())
            wait_until_ready(servers[0])
            servers.reverse()

        result = under("an instance of two gets TERM", replace_one, url, servers, lambda: proxy)
    assert set(result.outcomes) == {"2xx"}, "no client saw an error"
