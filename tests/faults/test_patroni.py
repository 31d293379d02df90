"""The service on a cluster of Patroni's whose primary moves, is killed or freezes, under load."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from conftest import flask
from faults.ledger import Ledger
from faults.load import Load
from faults.patroni import PROBE_EVERY_SECONDS, Cluster, running_cluster, what_is_missing
from faults.report import write_between
from servers import RunningServer, free_port, running_server

pytestmark = [pytest.mark.faults, pytest.mark.skipif(bool(what_is_missing()), reason=str(what_is_missing()))]

STATEMENT_TIMEOUT = 5
# What the cluster is given after a fault, so that the load has met all of its aftermath.
CALM_SECONDS = 15.0
HONEST = {"2xx", "503 unavailable", "503 in-doubt", "503 busy", "504 timed-out"}
BEHIND_AT_MOST_SECONDS = 5.0
# HAProxy asks twice, with 3 s between, before it believes that a node is the primary.
HAPROXY_SECONDS = 6.0
FAULTS: dict[str, Callable[[Cluster], None]] = {
    "switchover": Cluster.switch_over,
    "kill -9 of the postmaster": Cluster.kill,
    "PostgreSQL frozen for 20 s": lambda cluster: cluster.freeze(20),
    "PostgreSQL frozen for 60 s": lambda cluster: cluster.freeze(60),
}
WAYS = {"all hosts": lambda cluster: cluster.url, "HAProxy": lambda cluster: cluster.url_of_haproxy}
BEGIN, END = "<!-- table of failovers: begin -->", "<!-- table of failovers: end -->"
HEAD = (
    "| fault | by | requests | 2xx | other answers | open writes: done / absent | no primary, s | back after it, s "
    "| `/ready` wrong, s |\n|---|---|---|---|---|---|---|---|---|"
)


@dataclass
class Readiness:
    """What /ready has said, and when it was asked."""

    url: str
    said: list[tuple[float, bool]]

    def ask(self, over: threading.Event) -> None:
        while not over.wait(PROBE_EVERY_SECONDS):
            asked = time.monotonic()
            try:
                ready = httpx.get(f"{self.url}/ready", timeout=5).status_code == 200
            except httpx.HTTPError:
                ready = False
            self.said.append((asked, ready))

    def longest_wrong(self, seen: list[tuple[float, str]]) -> float:
        """For how many seconds on end it said anything else than what the cluster was."""
        longest, since = 0.0, None
        for asked, ready in self.said:
            if ready == any(abs(moment - asked) < 1 for moment, _ in seen):
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
def rows(pytestconfig: pytest.Config) -> Iterator[list[str]]:
    """The rows of the table, which is written when all faults are over."""
    collected: list[str] = []
    yield collected
    place = pytestconfig.getoption("fault_report")
    if place and len(collected) == len(FAULTS) * len(WAYS):
        write_between(BEGIN, END, "\n".join(["As `make test-failover` found it:\n", HEAD, *collected]), place)


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
    fault: str, way: str, server: RunningServer, cluster: Cluster, rows: list[str], tmp_path: Path
):
    cluster.wait_until_whole()
    ledger, over = Ledger(tmp_path / "ledger.jsonl"), threading.Event()
    load, readiness = Load(ledger, lambda: server.url, cluster.url), Readiness(server.url, [])
    asking = threading.Thread(target=readiness.ask, args=(over,))
    asking.start()
    with ledger.kept(), load.running():
        time.sleep(2)
        began = time.monotonic()
        FAULTS[fault](cluster)
        cluster.primary()
        time.sleep(CALM_SECONDS)
    over.set()
    asking.join()
    outcomes, turned_out = ledger.outcomes(), ledger.check_answers(cluster.url)
    last_failure = max((entry.ended for entry in ledger.entries if not entry.done), default=0.0)
    load.repeat_what_failed()
    ledger.check_settled(cluster.url)

    away, again = longest_gap([moment for moment, _ in cluster.seen if moment > began - 1])
    back, wrong = max(0.0, last_failure - again), readiness.longest_wrong(cluster.seen)
    others = ", ".join(f"{name}: {count}" for name, count in sorted(outcomes.items()) if name != "2xx") or "none"
    rows.append(
        f"| {fault} | {way} | {outcomes.total():,} | {outcomes['2xx']:,} | {others} "
        f"| {turned_out['done']} / {turned_out['absent']} | {away:.1f} | {back:.1f} | {wrong:.1f} |"
    )
    print(rows[-1])
    assert set(outcomes) <= HONEST
    behind = BEHIND_AT_MOST_SECONDS + (HAPROXY_SECONDS if way == "HAProxy" else 0)
    assert max(back, wrong) < behind


def longest_gap(moments: list[float]) -> tuple[float, float]:
    """The longest time without a primary, and its end."""
    ordered = sorted(moments)
    gap, end = max((later - earlier, later) for earlier, later in pairwise(ordered))
    return gap, end
