"""What the benchmarks share: a PostgreSQL of their own, servers, the load, and what the operating system counted."""

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil
import psycopg2

from app.config import PROJECT
from app.development.embedded import EmbeddedServer
from tests.servers import command_environment, free_port

FOLDER = PROJECT / "benchmarks"
DATA = PROJECT / ".data" / "bench"
# Vacuuming in the background would burden whichever side happens to be measured at that moment.
POSTGRES_OPTIONS = "-c autovacuum=off"
TASKS_PER_USER = 100
THREADS = 4
CONNECTIONS = 4
WARM_UP_SECONDS = 1
STARTS_WITHIN_SECONDS = 30
PACKAGES = ("Flask", "flask-smorest", "marshmallow", "peewee", "psycopg2-binary", "gunicorn", "orjson")


@dataclass(frozen=True)
class Request:
    """One request; `body` is JSON or empty. `{unique}` in its one more `header` is different each time it is sent."""

    method: str
    path: str
    body: str = ""
    header: str = ""


@dataclass(frozen=True)
class Server:
    """A gunicorn with one worker."""

    name: str
    url: str
    process: psutil.Process

    @property
    def worker(self) -> psutil.Process:
        """The process that answers."""
        [worker] = self.process.children()
        return worker


@dataclass(frozen=True)
class Measure:
    """What one drive showed: milliseconds of latency, microseconds of CPU for each request."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    server_us: float
    postgres_us: float

    @property
    def total_us(self) -> float:
        """The CPU of the server and of PostgreSQL together."""
        return self.server_us + self.postgres_us


@contextmanager
def postgres() -> Iterator[EmbeddedServer]:
    """A running PostgreSQL that is for benchmarks alone, as durable as it is by default."""
    server = EmbeddedServer(DATA / "postgres", POSTGRES_OPTIONS)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def loaded_database(server: EmbeddedServer, name: str, tasks: int) -> Iterator[str]:
    """The URL of a new database with so many tasks, 100 for each person; it is dropped afterwards."""
    drop = f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"
    run_sql(server.url, drop, f"CREATE DATABASE {name}")
    try:
        url = server.database_url(name)
        flask(url, "db", "upgrade")
        flask(url, "demo", "load", "--users", str(tasks // TASKS_PER_USER), "--tasks-per-user", str(TASKS_PER_USER))
        # As autovacuum leaves a table that has been there for a while.
        run_sql(url, "VACUUM (ANALYZE)", "CHECKPOINT")
        yield url
    finally:
        run_sql(server.url, drop)


def run_sql(database_url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements on a connection of their own; the rows of the last one, if it gives any."""
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def flask(database_url: str, *command: str) -> None:
    """Run one of the service's commands; ends with what it wrote when it fails."""
    environment = command_environment(DATABASE_URL=database_url)
    program = [sys.executable, "-m", "flask", *command]
    done = subprocess.run(program, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"flask {' '.join(command)} failed:\n{done.stdout}{done.stderr}")


@contextmanager
def serving(name: str, application: str, database_url: str, *arguments: str) -> Iterator[Server]:
    """A gunicorn with one worker that serves the application as gunicorn.conf.py and the arguments say."""
    port = str(free_port())
    environment = command_environment(
        PORT=port, DATABASE_URL=database_url, AUTH_DISABLED="true", WEB_CONCURRENCY="1", WEB_THREADS=str(THREADS)
    )
    DATA.mkdir(parents=True, exist_ok=True)
    log = DATA / f"{name}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *arguments, application],
            cwd=PROJECT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        server = Server(name, f"http://127.0.0.1:{port}", psutil.Process(process.pid))
        wait_until_it_answers(server, process, log)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=40)


def service(database_url: str, name: str = "service") -> AbstractContextManager[Server]:
    """The service itself, serving."""
    return serving(name, "wsgi:app", database_url)


def floor_service(database_url: str) -> AbstractContextManager[Server]:
    """The floor, serving on gunicorn's own threaded worker."""
    return serving("floor", "benchmarks.floor:app", database_url, "--worker-class", "gthread")


def wait_until_it_answers(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for /health; ends with the log when that takes too long."""
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{server.url}/health").status_code == 200:
                return
        time.sleep(0.1)
    sys.exit(f"The {server.name} did not start. It wrote:\n{log.read_text()}")


def cpu_seconds(process: psutil.Process) -> float:
    """The CPU time of a process and all below it, of those too that have ended meanwhile."""
    used = 0.0
    for each in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            used += times.user + times.system
    # Last, so that a process that ends in between is counted here, where its time goes when it ends.
    times = process.cpu_times()
    return used + times.user + times.system + times.children_user + times.children_system


def postmaster(server: EmbeddedServer) -> psutil.Process:
    """PostgreSQL's first process, which all others are below."""
    return psutil.Process(int((server.data / "postmaster.pid").read_text().split("\n", 1)[0]))


def written_requests(name: str, requests: Iterable[Request]) -> Path:
    """The file with these requests, as drive.lua reads it."""
    file = DATA / f"{''.join(filter(str.isalnum, name)).lower()}.requests"
    file.write_text("".join(f"{each.method}\t{each.path}\t{each.header}\t{each.body}\n" for each in requests))
    return file


def drive(server: Server, database: psutil.Process, requests: Path, seconds: int) -> Measure:
    """Send the requests in turn over a few connections for so long; ends when one of them fails."""
    if not shutil.which("wrk"):
        sys.exit("The benchmarks need wrk, the HTTP load generator: apt-get install wrk.")
    wrk = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s", "--timeout", "30s",
           "--script", str(FOLDER / "drive.lua"), server.url, "--", str(requests)]  # fmt: skip
    before = cpu_seconds(server.process), cpu_seconds(database)
    done = subprocess.run(wrk, capture_output=True, text=True, check=False)
    after = cpu_seconds(server.process), cpu_seconds(database)
    if done.returncode:
        sys.exit(f"wrk failed:\n{done.stdout}{done.stderr}")
    said = json.loads(done.stdout.strip().rpartition("\n")[2])
    count = said["requests"]
    if said["refused"] or said["broken"] or not count:
        sys.exit(
            f"Driving the {server.name} with {requests.stem}: of {count} requests, {said['refused']} were answered "
            f"with an error and {said['broken']} broke. Its log is {DATA / server.name}.log."
        )
    return Measure(
        requests=count,
        per_second=count / said["microseconds"] * 1e6,
        p50_ms=said["p50"] / 1000,
        p99_ms=said["p99"] / 1000,
        server_us=(after[0] - before[0]) / count * 1e6,
        postgres_us=(after[1] - before[1]) / count * 1e6,
    )


def drive_in_turn(
    servers: Sequence[Server],
    database: psutil.Process,
    requests: Sequence[Path],
    seconds: int,
    rounds: int,
    refresh: Callable[[], object] = lambda: None,
) -> list[list[Measure]]:
    """Drive each server with its requests, A B A B …; the measures of each, after one warm-up that is not counted.

    `refresh` is called before each drive, for requests that depend on what earlier ones have changed.
    """
    measures: list[list[Measure]] = [[] for _ in servers]
    for server, file in zip(servers, requests, strict=True):
        refresh()
        drive(server, database, file, WARM_UP_SECONDS)
    for _ in range(rounds):
        for server, file, found in zip(servers, requests, measures, strict=True):
            refresh()
            found.append(drive(server, database, file, seconds))
    return measures


def middle(measures: Sequence[Measure], of: str) -> float:
    """The median of one figure."""
    return median(getattr(each, of) for each in measures)


def ratio(above: Sequence[Measure], below: Sequence[Measure], of: str) -> float:
    """The median of the ratios of those that were measured one after the other."""
    return median(getattr(a, of) / getattr(b, of) for a, b in zip(above, below, strict=True))


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that reads well as plain text too: the first column to the left, the others to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [
        [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        for line in (lines[0], rule, *lines[1:])
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def machine(server: EmbeddedServer) -> dict[str, str]:
    """What it was measured on, and with which versions."""
    [(postgres_version,)] = run_sql(server.url, "SHOW server_version")
    return {
        "CPU": f"{cpu_model()}, {os.cpu_count()} cores",
        "Memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "Kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": postgres_version,
        "Packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "Servers": f"1 worker, {THREADS} threads; wrk with 1 thread, {CONNECTIONS} connections",
        "Date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }


def cpu_model() -> str:
    """The processor's name, as far as the system tells it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def described(facts: dict[str, str]) -> str:
    """The facts as a Markdown list."""
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())
