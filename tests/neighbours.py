"""What stands beside the service in production: nginx, PgBouncer, Redis and a standby, the real ones."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
import yaml
from psycopg2.extensions import parse_dsn
from servers import free_port

from app.config import PROJECT
from app.development.embedded import EmbeddedServer, give_to_server, open_the_way_to, server_account

PGBOUNCER = """
[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 1
{extra}
"""

NGINX = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/bodies;
  proxy_temp_path {folder}/answers;
{server}
}}
"""


def program(name: str) -> str:
    """The path of an installed program; skips the test without it."""
    found = installed(name)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def installed(name: str) -> str | None:
    """The path of a program, in the places where only root looks too; None without it."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


class Poolers:
    """A PgBouncer before each PostgreSQL that is asked for, started when the first of its databases is."""

    # Fewer sessions than a test makes requests at once, so that these take turns on them.
    SETTINGS = "default_pool_size = 6\nquery_wait_timeout = 5\nserver_login_retry = 1"

    def __init__(self, folder: Path, running: ExitStack) -> None:
        assert installed("pgbouncer"), "--through-pgbouncer needs pgbouncer, which is not installed"
        self._folder = folder
        self._running = running
        self._urls: dict[tuple[str, str], str] = {}

    def way_to(self, url: str) -> str:
        """The URL of this database through its PgBouncer."""
        given = parse_dsn(url)
        server = (given["host"], given.get("port", ""))
        if server not in self._urls:
            folder = self._folder / str(len(self._urls))
            folder.mkdir()
            self._urls[server] = self._running.enter_context(running_pgbouncer(folder, url, self.SETTINGS))
        return f"{self._urls[server].rpartition('/')[0]}/{given['dbname']}"


@contextmanager
def running_pgbouncer(folder: Path, url: str, extra: str = "", port: int | None = None) -> Iterator[str]:
    """The URL of a database through a PgBouncer in transaction mode with one server connection."""
    given, port = parse_dsn(url), port or free_port()
    server = " ".join(f"{name}={given[name]}" for name in ("host", "port", "user", "password") if name in given)
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(PGBOUNCER.format(server=server, port=port, extra=extra))
    command = [program("pgbouncer"), str(configuration)]
    with _running(command, folder / "pgbouncer.log", port):
        role = f"{given['user']}@" if "user" in given else ""
        yield f"postgresql://{role}127.0.0.1:{port}/{given['dbname']}"


@contextmanager
def running_nginx(folder: Path, instances: list[str]) -> Iterator[str]:
    """The URL of an nginx that is configured as compose.yaml's, before these instances (host:port)."""
    port = free_port()
    server = yaml.safe_load((PROJECT / "compose.yaml").read_text())["configs"]["proxy"]["content"].replace("$$", "$")
    # There is no DNS of Docker's here, and Debian's nginx is older than what looks names up while it runs.
    server = server.replace("resolver 127.0.0.11 valid=5s;", "").replace(" resolve ", " ")
    for number, instance in enumerate(instances, start=1):
        server = server.replace(f"api-{number}:8000", instance)
    server = server.replace("listen 8000;", f"listen 127.0.0.1:{port};")
    configuration = folder / "nginx.conf"
    user = "user root;" if os.getuid() == 0 else ""
    configuration.write_text(NGINX.format(user=user, folder=folder, server=server))
    with _running([program("nginx"), "-c", str(configuration)], folder / "nginx.log", port, become_nobody=False):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running_redis(folder: Path, port: int) -> Iterator[psutil.Process]:
    """A Redis at this port that keeps nothing."""
    command = [program("redis-server"), "--port", str(port), "--save", "", "--bind", "127.0.0.1"]
    with _running(command, folder / "redis.log", port) as process:
        yield psutil.Process(process.pid)


def make_standby(primary: EmbeddedServer, data: Path, options: str) -> EmbeddedServer:
    """A copy of this server that streams from it once it is started."""
    data.mkdir(mode=0o700)
    give_to_server(data)
    primary.run(
        "pg_basebackup", "--dbname", primary.database_url("postgres"), "--pgdata", str(data),
        "--write-recovery-conf", "--checkpoint", "fast",
    )  # fmt: skip
    # The primary's socket is among its data; the copy must not take its lock for one of its own.
    for lock in data.glob(".s.PGSQL.*"):
        lock.unlink()
    return EmbeddedServer(data, options)


@contextmanager
def _running(command: list[str], log: Path, port: int, become_nobody: bool = True) -> Iterator[subprocess.Popen]:
    # PgBouncer refuses to be root; the account that the embedded PostgreSQL then has is welcome at its socket.
    account, become = server_account() if become_nobody else None, {}
    if account:
        become = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        open_the_way_to(log)
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd="/", **become)
    try:
        _wait_for(port, process, log)
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"{process.args} did not start. It wrote:\n{log.read_text()}")
