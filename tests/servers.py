"""The real server under gunicorn, for tests that go through sockets."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from app.config import PROJECT

STARTS_WITHIN_SECONDS = 30
DATABASES = ("DATABASE_URL", "DATABASE_REPLICA_URL")


@dataclass
class Surroundings:
    """What the options of a run put around every server and command that its tests start; conftest.py sets it."""

    settings: dict[str, str] = field(default_factory=dict)
    # From the URL that a test knows to the one that the server gets.
    way_to: Callable[[str], str] = str


surroundings = Surroundings()


@dataclass
class RunningServer:
    """A gunicorn with its workers; `log` is what it has written so far."""

    url: str
    process: subprocess.Popen
    log_file: Path
    key: str = ""

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def stop(self, by: signal.Signals = signal.SIGINT) -> int:
        """Send the signal and wait for the end; the exit code."""
        self.process.send_signal(by)
        return self.process.wait(timeout=40)


_kept: list[socket.socket] = []


def free_port() -> int:
    """A port that nobody else is given: it stays bound, which keeps out who asks for any, not who listens at it."""
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _kept.append(probe)
    return probe.getsockname()[1]


def command_environment(**settings: str) -> dict[str, str]:
    """The environment less every setting of ours, and these settings, which go before those of the run."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_")
    rest = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    reached = {name: surroundings.way_to(settings[name]) for name in DATABASES if name in settings}
    return rest | surroundings.settings | settings | reached


def start_server(log_file: Path, project: Path = PROJECT, **settings: str) -> RunningServer:
    """Start gunicorn as `make run` does, without waiting for it."""
    port = settings.setdefault("PORT", str(free_port()))
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "wsgi:app"],
        cwd=project,
        env=command_environment(**settings),
        stdout=log_file.open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return RunningServer(f"http://127.0.0.1:{port}", process, log_file)


def wait_until_ready(server: RunningServer) -> None:
    """Wait for /ready to be 200; fails with the log when that takes too long or the server ends."""
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if httpx.get(f"{server.url}/ready", timeout=3).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"The server did not get ready. It wrote:\n{server.log}")


@contextmanager
def running_server(folder: Path, project: Path = PROJECT, **settings: str) -> Iterator[RunningServer]:
    """A server that is ready, and is gone afterwards."""
    server = start_server(folder / "server.log", project, **settings)
    try:
        wait_until_ready(server)
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
