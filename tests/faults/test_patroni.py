"""The service on a cluster of Patroni's whose nodes move, are killed, freeze or get lost, under load."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from conftest import flask
from faults.ledger import Ledger
from faults.load import Load
from faults.patroni import HAPROXY, PROBE_EVERY_SECONDS, Cluster, running_cluster, what_is_missing
from faults.report import write_between
from servers import RunningServer, free_port, running_server

pytestmark = [pytest.mark.faults, pytest.mark.skipif(bool(what_is_missing()), reason=str(what_is_missing()))]

STATEMENT_TIMEOUT = 5
HONEST = {"2xx", "503 unavailable", "503 in-doubt", "503 busy", "504 timed-out"}
BEHIND_AT_MOST_SECONDS = 5.0
FAULTS: dict[str, Callable[[Cluster], None]] = {
    "switchover": Cluster.switch_over,
    "kill -9 of the postmaster": Cluster.kill_postmaster,
    "kill -9 of it and of Patroni": Cluster.kill_with_patroni,
    "PostgreSQL frozen for 20 s": lambda cluster: cluster.freeze(20),
    "PostgreSQL frozen for 60 s": lambda cluster: cluster.freeze(60),
    "the network cut": Cluster.cut,
    "the synchronous standby killed": Cluster.kill_standby,
}
WAYS = {"all hosts": lambda cluster: cluster.url, HAPROXY: lambda cluster: cluster.url_of_haproxy}
BEGIN, END = "<!-- table of failovers: begin -->", "<!-- table of failovers: end -->"
HEAD = (
    "| fault | by | requests | 2xx | other answers | open writes: done / absent | no primary, s "
    "| no primary by this way, s | back after it, s | `/ready` wrong, s |\n|---|---|---|---|---|---|---|---|---|---|"
)


class Readiness:
    """What /ready has said, and when it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.said: list[tuple[float, bool]] = []

    @contextmanager
    def asked(self) -> Iterator[None]:
        over = threading.Event()
        asking = threading.Thread(target=self._ask, args=(over,))
        asking.start()
        try:
            yield
        finally:
            over.set()
            asking.join()

    def _ask(self, over: threading.Event) -> None:
        while not over.wait(PROBE_EVERY_SECONDS):
            asked = time.monotonic()
            try:
                ready = httpx.get(f"{self.url}/ready", timeout=5).status_code == 200
            except httpx.HTTPError:
                ready = False
            self.said.append((asked, ready))

    def longest_wrong(self, taken: list[float]) -> float:
        """For how many seconds on end it said anything else than whether writes were taken."""
        longest, since = 0.0, None
        for asked, ready in self.said:
            if ready == any(abs(moment - asked) < 1 for moment in taken):
                since = None
            else:
                since = since or asked
                longest = max(longest, asked - since)
        return longest


@pytest.fixture(scope="module")
def cluster(apart: Path) -> Iterator[Cluster]:
    with running_cluster(apart) as started:
        assert flask("db", "upgrade", DATABASE_URL=started.url).returncode == 0
        yield started


@pytest.fixture(scope="module")
def rows(pytestconfig: pytest.Config, cluster: Cluster) -> Iterator[list[str]]:
    """The rows of the table, which is written when all faults are over."""
    collected: list[str] = []
    yield collected
    place = pytestconfig.getoption("fault_report")
    if place and len(collected) == len(FAULTS) * len(WAYS):
        found = f"As `make test-failover` found it, {cluster.network.description}:\n"
        write_between(BEGIN, END, "\n".join([found, HEAD, *collected]), place)


@pytest.fixture(scope="module")
def calm(pytestconfig: pytest.Config) -> float:
    """The seconds after a fault, so that the load meets all of its aftermath."""
    return float(pytestconfig.getoption("fault_seconds"))


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def server(way: str, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings = {
        "DATABASE_URL": WAYS[way](cluster), "DATABASE_STATEMENT_TIMEOUT": str(STATEMENT_TIMEOUT),
        "WEB_CONCURRENCY": "2", "AUTH_DISABLED": "true", "ADMIN_PORT": str(free_port()),
    }  # fmt: skip
    with running_server(tmp_path_factory.mktemp("service"), **settings) as started:
        yield started


@pytest.mark.parametrize("fault", FAULTS)
def test_what_was_answered_is_true_and_the_service_follows(
    fault: str, way: str, server: RunningServer, cluster: Cluster, rows: list[str], tmp_path: Path, calm: float
):
    cluster.wait_until_whole()
    ledger, readiness = Ledger(tmp_path / "ledger.jsonl"), Readiness(server.url)
    load = Load(ledger, lambda: server.url, cluster.url)
    with ledger.kept(), readiness.asked(), load.running():
        time.sleep(2)
        began = time.monotonic()
        FAULTS[fault](cluster)
        cluster.primary(since=time.monotonic())
        time.sleep(calm)
    outcomes, turned_out = ledger.outcomes(), ledger.check_answers(cluster.url)
    last_failure = max((entry.ended for entry in ledger.entries if not entry.done), default=0.0)
    load.repeat_what_failed()
    ledger.check_settled(cluster.url)

    away, _ = longest_gap(cluster.taken("all hosts"), began)
    away_by_this, again = longest_gap(cluster.taken(way), began)
    back, wrong = max(0.0, last_failure - again), readiness.longest_wrong(cluster.taken(way))
    others = ", ".join(f"{name}: {count}" for name, count in sorted(outcomes.items()) if name != "2xx") or "none"
    seconds = " | ".join(f"{each:.1f}" for each in (away, away_by_this, back, wrong))
    rows.append(
        f"| {fault} | {way} | {outcomes.total():,} | {outcomes['2xx']:,} | {others} "
        f"| {turned_out['done']} / {turned_out['absent']} | {seconds} |"
    )
    print(rows[-1])
    assert set(outcomes) <= HONEST
    assert max(back, wrong) < BEHIND_AT_MOST_SECONDS


def longest_gap(taken: list[float], since: float) -> tuple[float, float]:
    """The longest time in which no write was taken, and its end."""
    moments = [moment for moment in taken if moment > since - 1]
    return max((later - earlier, later) for earlier, later in pairwise(moments))
