"""A cluster of three PostgreSQLs that Patroni keeps, with etcd, and HAProxy before it; all of Debian's packages."""

import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import psycopg2
import pytest
import yaml
from faults.network import Namespaces, Network, network_of_its_own
from neighbours import installed
from servers import free_port

from app.development.embedded import give_to_server, server_account

# Whoever is no longer heard of for so many seconds is no primary any more; the least that Patroni takes.
TTL = 20
STARTS_WITHIN_SECONDS = 90
PROBE_EVERY_SECONDS = 0.25
# A standby is away for so long, and a cut lasts so much longer than the cluster needs to have another primary.
STANDBY_AWAY_SECONDS = 10.0
CUT_LONGER_BY_SECONDS = 5.0
ACCESS = ["local all all trust", "host all all samenet trust", "host replication all samenet trust"]
# Only who may write answers it, and only once the synchronous standby has it.
WRITE = "SELECT pg_logical_emit_message(true, 'probe', '')"
PARAMETERS = {"max_connections": 100, "shared_buffers": "32MB", "wal_keep_size": "256MB"}
HAPROXY = "HAProxy"
# As Patroni's documentation has it.
HAPROXY_CONFIGURATION = """
global
    maxconn 100
defaults
    mode tcp
    retries 2
    timeout client 30m
    timeout connect 4s
    timeout server 30m
    timeout check 5s
listen primary
    bind 127.0.0.1:{port}
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions
{servers}
"""


def what_is_missing() -> str | None:
    """Which of Debian's packages are not installed, as a sentence; None when all are."""
    found = {
        "patroni": installed("patroni"),
        "python3-etcd": Path("/usr/lib/python3/dist-packages/etcd").exists(),
        "etcd-server": installed("etcd"),
        "haproxy": installed("haproxy"),
        "postgresql": list(Path("/usr/lib/postgresql").glob("*/bin/postgres")),
    }
    missing = [package for package, there in found.items() if not there]
    return f"Not installed, of Debian's packages: {', '.join(missing)}." if missing else None


def takes_writes(url: str) -> bool:
    """Whether who is there has acknowledged a write, now."""
    limits = {"target_session_attrs": "read-write", "connect_timeout": 2, "tcp_user_timeout": 3000}
    with suppress(psycopg2.Error), closing(psycopg2.connect(url, **limits)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute(WRITE)
        return True
    return False


class Program:
    """A program that runs as PostgreSQL's account, who is not root, in a folder and with a log of its own."""

    def __init__(self, folder: Path, command: list[str], entry: Sequence[str] = ()) -> None:
        account = server_account()
        become = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"] if account else []
        self._command = [*entry, *(["setpriv", *become] if become else []), *command]
        self._folder = folder
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        give_to_server(self._folder)
        with Path(f"{self._folder}.log").open("a") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd="/")

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


class Node:
    """One PostgreSQL and its Patroni."""

    def __init__(self, name: str, folder: Path, network: Network) -> None:
        self.name, self.folder, self.network = name, folder, network
        self.address = network.add(name)
        self.port, self.patroni_port = free_port(), free_port()
        self.patroni = Program(folder, ["patroni", f"{folder}.yml"], network.entry(name))

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{self.address}:{self.port}/postgres"

    @property
    def rest(self) -> str:
        return f"{self.address}:{self.patroni_port}"

    def kill(self) -> None:
        """Kill Patroni and the PostgreSQL, if they run, with -9; nobody starts them again."""
        self.patroni.kill()
        with suppress(FileNotFoundError, psutil.NoSuchProcess):
            first, *others = self.processes()
            first.kill()
            psutil.wait_procs([first, *others], timeout=10)

    def configuration(self, etcd: str) -> str:
        common = {"loop_wait": 2, "ttl": TTL, "retry_timeout": 3, "synchronous_mode": True}
        return yaml.safe_dump({
            "scope": "flux", "name": self.name,
            "restapi": {"listen": self.rest, "connect_address": self.rest},
            # By its older interface: by the newer one Patroni 3.0 lets a primary that thaws take its place back, and
            # undoes what the new one has acknowledged.
            "etcd": {"host": etcd},
            "bootstrap": {
                "dcs": common | {"postgresql": {"use_pg_rewind": True, "parameters": PARAMETERS}},
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
            },
            "postgresql": {
                "listen": f"{self.address}:{self.port}", "connect_address": f"{self.address}:{self.port}",
                "data_dir": str(self.folder / "data"), "pg_hba": ACCESS,
                "bin_dir": str(sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]),
                "authentication": {"superuser": {"username": "postgres"}, "replication": {"username": "postgres"}},
                "pgpass": str(self.folder / "pgpass"), "parameters": {"unix_socket_directories": str(self.folder)},
            },
        })  # fmt: skip

    def processes(self) -> list[psutil.Process]:
        """The first process of the PostgreSQL, and then all others."""
        first = psutil.Process(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]))
        return [first, *first.children(recursive=True)]


class Cluster:
    """The nodes, and when each of them, and who HAProxy leads to, has acknowledged a write of the test's own."""

    def __init__(self, folder: Path, network: Network) -> None:
        self.network = network
        self.nodes = [Node(name, folder / name, network) for name in ("one", "two", "three")]
        self.haproxy_port = free_port()
        self.seen: dict[str, list[float]] = {HAPROXY: [], **{node.name: [] for node in self.nodes}}
        self.over = threading.Event()

    @property
    def url(self) -> str:
        hosts = ",".join(f"{node.address}:{node.port}" for node in self.nodes)
        return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write&connect_timeout=3"

    @property
    def url_of_haproxy(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.haproxy_port}/postgres"

    def watch(self, name: str, url: str) -> None:
        """Note whenever who is there takes a write."""
        while not self.over.is_set():
            if takes_writes(url):
                self.seen[name].append(time.monotonic())
            self.over.wait(PROBE_EVERY_SECONDS)

    def primary(self, since: float = 0.0) -> Node:
        """Who takes writes, and has after this moment, too; waits until somebody does."""
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while (now := time.monotonic()) < deadline:
            for node in self.nodes:
                if self.seen[node.name][-1:] > [max(since, now - 1)]:
                    return node
            time.sleep(0.1)
        raise AssertionError("The cluster has no primary.")

    def taken(self, way: str) -> list[float]:
        """When writes were taken, in order: by whom HAProxy leads to, or by any node."""
        names = [HAPROXY] if way == HAPROXY else [node.name for node in self.nodes]
        return sorted(moment for name in names for moment in self.seen[name])

    def members(self) -> dict[str, str]:
        """Each node that runs, by its role."""
        for node in self.nodes:
            with suppress(httpx.HTTPError):
                found = httpx.get(f"http://{node.rest}/cluster").json()["members"]
                return {each["role"]: each["name"] for each in found if each["state"] in ("running", "streaming")}
        return {}

    def wait_until_whole(self) -> None:
        """Until all nodes run, and one is the synchronous standby."""
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while set(members := self.members()) != {"leader", "replica", "sync_standby"}:
            assert time.monotonic() < deadline, f"The cluster does not become whole: {members}"
            time.sleep(0.5)

    def switch_over(self) -> None:
        """Let another node be the primary, as an operator does."""
        leader = self.primary()
        answer = httpx.post(f"http://{leader.rest}/switchover", json={"leader": leader.name}, timeout=60)
        assert answer.status_code == 200, answer.text

    def kill_postmaster(self) -> None:
        """Kill the first process of the primary with -9."""
        self.primary().processes()[0].kill()

    def kill_with_patroni(self) -> None:
        """Kill the primary and its Patroni with -9; it is started again when another is the primary."""
        killed = self.primary()
        killed.kill()
        self.primary(since=time.monotonic())
        killed.patroni.start()

    def kill_standby(self) -> None:
        """Kill the synchronous standby and its Patroni with -9; it is started again when writes have gone on."""
        name = self.members()["sync_standby"]
        [killed] = [node for node in self.nodes if node.name == name]
        killed.kill()
        time.sleep(STANDBY_AWAY_SECONDS)
        self.primary()
        killed.patroni.start()

    def cut(self) -> None:
        """Let the primary and all others lose each other, until another is the primary, and some seconds longer."""
        if not isinstance(self.network, Namespaces):
            pytest.skip(f"The network cannot be cut: {self.network.description}.")
        leader = self.primary()
        self.network.cut(leader.name)
        try:
            self.primary(since=time.monotonic())
            time.sleep(CUT_LONGER_BY_SECONDS)
        finally:
            self.network.mend(leader.name)

    def freeze(self, seconds: float) -> None:
        """Stop the primary for so long; Patroni beside it goes on."""
        processes = self.primary().processes()
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """A whole cluster and its HAProxy."""
    with network_of_its_own() as network:
        cluster = Cluster(folder, network)
        etcd, peers = f"{network.own}:{free_port()}", f"http://{network.own}:{free_port()}"
        for node in cluster.nodes:
            Path(f"{node.folder}.yml").write_text(node.configuration(etcd))
        line = "    server {0.name} {0.address}:{0.port} maxconn 100 check port {0.patroni_port}"
        servers = "\n".join(line.format(node) for node in cluster.nodes)
        haproxy = folder / "haproxy.cfg"
        haproxy.write_text(HAPROXY_CONFIGURATION.format(port=cluster.haproxy_port, servers=servers))
        programs = [
            Program(folder / "etcd", [
                "etcd", "--enable-v2", "--name", "etcd", "--data-dir", str(folder / "etcd" / "data"),
                "--listen-client-urls", f"http://{etcd}", "--advertise-client-urls", f"http://{etcd}",
                "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers,
                "--initial-cluster", f"etcd={peers}",
            ]),
            *(node.patroni for node in cluster.nodes),
            Program(folder / "haproxy", [installed("haproxy") or "", "-db", "-f", str(haproxy)]),
        ]  # fmt: skip
        try:
            for program in programs:
                program.start()
            for each in [(node.name, node.url) for node in cluster.nodes] + [(HAPROXY, cluster.url_of_haproxy)]:
                threading.Thread(target=cluster.watch, args=each, daemon=True).start()
            cluster.wait_until_whole()
            yield cluster
        finally:
            cluster.over.set()
            for node in cluster.nodes:
                node.kill()
            for program in programs:
                program.kill()
