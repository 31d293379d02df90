"""A cluster of three PostgreSQLs that Patroni keeps, with etcd, and HAProxy before it; all of Debian's packages."""

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import psycopg2
import yaml
from neighbours import installed
from servers import free_port

from app.development.embedded import give_to_server, server_account

# Whoever is no longer heard of for so many seconds is no primary any more; the least that Patroni takes.
TTL = 20
STARTS_WITHIN_SECONDS = 90
PROBE_EVERY_SECONDS = 0.25
ACCESS = ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
PARAMETERS = {"max_connections": 100, "shared_buffers": "32MB", "wal_keep_size": "256MB"}
# As Patroni's documentation has it.
HAPROXY = """
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
    """Which of the programs are not installed, as a sentence; None when all are."""
    missing = [name for name in ("patroni", "etcd", "haproxy") if not installed(name)]
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    missing += [] if binaries else ["postgresql"]
    packages = "patroni etcd-server haproxy postgresql python3-etcd"
    return f"{', '.join(missing)} not installed; they are in Debian's packages {packages}." if missing else None


class Node:
    """One PostgreSQL and its Patroni."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.port, self.patroni_port = free_port(), free_port()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def configuration(self, etcd_port: int) -> str:
        rest = f"127.0.0.1:{self.patroni_port}"
        common = {"loop_wait": 2, "ttl": TTL, "retry_timeout": 3, "synchronous_mode": True}
        return yaml.safe_dump({
            "scope": "flux", "name": self.name,
            "restapi": {"listen": rest, "connect_address": rest},
            # By its older interface: by the newer one Patroni 3.0 lets a primary that thaws take its place back, and
            # undoes what the new one has acknowledged.
            "etcd": {"host": f"127.0.0.1:{etcd_port}"},
            "bootstrap": {
                "dcs": common | {"postgresql": {"use_pg_rewind": True, "parameters": PARAMETERS}},
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}", "connect_address": f"127.0.0.1:{self.port}",
                "data_dir": str(self.folder / "data"), "pg_hba": ACCESS,
                "bin_dir": str(sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]),
                "authentication": {"superuser": {"username": "postgres"}, "replication": {"username": "postgres"}},
                "pgpass": str(self.folder / "pgpass"), "parameters": {"unix_socket_directories": str(self.folder)},
            },
        })  # fmt: skip

    def is_primary(self) -> bool:
        """Whether it answers, and takes writes, now."""
        with suppress(psycopg2.Error):
            connection = psycopg2.connect(self.url, connect_timeout=2)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_is_in_recovery()")
                answer = cursor.fetchone()
            connection.close()
            return answer == (False,)
        return False

    def processes(self) -> list[psutil.Process]:
        """The first process of the PostgreSQL, and then all others."""
        first = psutil.Process(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]))
        return [first, *first.children(recursive=True)]


class Cluster:
    """The nodes, and who of them has been seen as the primary, and when."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [Node(name, folder / name) for name in ("one", "two", "three")]
        self.haproxy_port = free_port()
        self.seen: list[tuple[float, str]] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write&connect_timeout=3"

    @property
    def url_of_haproxy(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.haproxy_port}/postgres"

    def watch(self, node: Node) -> None:
        """Note whenever it is seen as the primary."""
        while not self.over.is_set():
            asked = time.monotonic()
            if node.is_primary():
                self.seen.append((asked, node.name))
            self.over.wait(PROBE_EVERY_SECONDS)

    def primary(self) -> Node:
        """Who is the primary; waits until somebody is."""
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while time.monotonic() < deadline:
            for node in self.nodes:
                if self.seen and self.seen[-1][1] == node.name and self.seen[-1][0] > time.monotonic() - 1:
                    return node
            time.sleep(0.1)
        raise AssertionError("The cluster has no primary.")

    def wait_until_whole(self) -> None:
        """Until all nodes run, and one is the synchronous standby."""
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        members: list[dict] = []
        while time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                members = httpx.get(f"http://127.0.0.1:{self.nodes[0].patroni_port}/cluster").json()["members"]
                roles = sorted(each["role"] for each in members if each["state"] in ("running", "streaming"))
                if roles == ["leader", "replica", "sync_standby"]:
                    return
            time.sleep(0.5)
        raise AssertionError(f"The cluster does not become whole: {members}")

    def switch_over(self) -> None:
        """Let another node be the primary, as an operator does."""
        leader = self.primary()
        answer = httpx.post(
            f"http://127.0.0.1:{leader.patroni_port}/switchover", json={"leader": leader.name}, timeout=60
        )
        assert answer.status_code == 200, answer.text

    def kill(self) -> None:
        """Kill the first process of the primary with -9."""
        self.primary().processes()[0].kill()

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
    """A whole cluster and its HAProxy, on ports of this machine."""
    cluster = Cluster(folder)
    etcd, peers = free_port(), free_port()
    client, peer = f"http://127.0.0.1:{etcd}", f"http://127.0.0.1:{peers}"
    started = [_start(folder, "etcd", [
        "etcd", "--enable-v2", "--name", "etcd", "--data-dir", str(folder / "etcd" / "data"),
        "--listen-client-urls", client, "--advertise-client-urls", client,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"etcd={peer}",
    ])]  # fmt: skip
    try:
        for node in cluster.nodes:
            configuration = folder / f"{node.name}.yml"
            configuration.write_text(node.configuration(etcd))
            started.append(_start(folder, node.name, ["patroni", str(configuration)]))
            threading.Thread(target=cluster.watch, args=(node,), daemon=True).start()
        haproxy = folder / "haproxy.cfg"
        line = "    server {0.name} 127.0.0.1:{0.port} maxconn 100 check port {0.patroni_port}"
        servers = "\n".join(line.format(node) for node in cluster.nodes)
        haproxy.write_text(HAPROXY.format(port=cluster.haproxy_port, servers=servers))
        started.append(_start(folder, "haproxy", [installed("haproxy") or "", "-db", "-f", str(haproxy)]))
        cluster.wait_until_whole()
        yield cluster
    finally:
        cluster.over.set()
        for process in reversed(started):
            process.terminate()
        for process in reversed(started):
            process.wait(timeout=60)


def _start(folder: Path, name: str, command: list[str]) -> subprocess.Popen:
    """Start it as PostgreSQL's account, whom it may not be root for, in a folder and with a log of its own."""
    own = folder / name
    own.mkdir(mode=0o700)
    give_to_server(own)
    account, become = server_account(), {}
    if account:
        become = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    with (folder / f"{name}.log").open("w") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **become)
