"""The faults: each function breaks something, and returns when it is whole again."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg2
from conftest import run_alone
from servers import RunningServer

from app.development.embedded import EmbeddedServer

Fault = Callable[[], None]
SESSIONS = """
SELECT {what} FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
# A disk is never full for only a moment.
DISK_STAYS_FULL_SECONDS = 2.0
LOCKED_SECONDS = 2.5
PIECE = b"\0" * 65536


def restart_postgres(postgres: EmbeddedServer) -> None:
    """Stop it as an operator does, by a fast shutdown, and start it again."""
    _end(_postmaster(postgres), signal.SIGINT)
    postgres.start()


def kill_postgres(postgres: EmbeddedServer) -> None:
    """Kill its first process with -9, and start it again, as a supervisor does."""
    _end(_postmaster(postgres), signal.SIGKILL)
    postgres.start()


def kill_a_session(url: str) -> None:
    """Kill the process of one session with -9: PostgreSQL ends all others too, and recovers by itself."""
    [(pid,)] = run_alone(url, SESSIONS.format(what="min(pid)"))
    witness = psycopg2.connect(url)
    os.kill(pid, signal.SIGKILL)
    with suppress(psycopg2.Error):
        # For a moment it goes on as if nothing were; when the witness ends too, it has noticed.
        witness.cursor().execute("SELECT pg_sleep(30)")
    witness.close()
    _end_of_recovery(url)


def end_sessions(url: str) -> None:
    """End all sessions of the service with pg_terminate_backend."""
    run_alone(url, SESSIONS.format(what="count(pg_terminate_backend(pid))"))


def kill_a_worker(server: RunningServer) -> None:
    """Kill one of the service's workers with -9."""
    workers = psutil.Process(server.process.pid).children()
    workers[0].kill()
    psutil.wait_procs(workers[:1], timeout=5)


def lock_the_tasks(url: str) -> None:
    """Keep the tasks locked for a while, so that statements wait and hold their connections."""
    connection = psycopg2.connect(url)
    try:
        connection.cursor().execute("LOCK TABLE tasks")
        time.sleep(LOCKED_SECONDS)
    finally:
        connection.close()


def fill_the_disk(folder: Path, postgres: EmbeddedServer) -> None:
    """Take all room of the disk for a while. PostgreSQL is started again afterwards if it went down."""
    ballast = folder / "ballast"
    until = time.monotonic() + DISK_STAYS_FULL_SECONDS
    with ballast.open("ab", buffering=0) as file:
        while time.monotonic() < until:
            with suppress(OSError):
                while True:
                    file.write(PIECE)
            time.sleep(0.05)
    ballast.unlink()
    postgres.start()
    _end_of_recovery(postgres.url)


def _postmaster(postgres: EmbeddedServer) -> psutil.Process:
    return psutil.Process(int((postgres.data / "postmaster.pid").read_text().split()[0]))


def _end(process: psutil.Process, by: signal.Signals) -> None:
    process.send_signal(by)
    process.wait(timeout=30)


def _end_of_recovery(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(psycopg2.OperationalError):
            run_alone(url, "SELECT 1")
            return
        time.sleep(0.05)
    raise AssertionError("PostgreSQL did not come back.")
