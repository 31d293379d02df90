"""/metrics on a port of its own: any worker answers for all of them, those that have died included."""

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from app.config import SettingError, Settings

# A folder of our own is made in it.
SHARED_MEMORY = "/dev/shm"  # nosec B108
# Where prometheus_client looks for the folder with the workers' files.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
READ_TIMEOUT_SECONDS = 5
SERVER_NAME = "flux-dao"


class Exporter:
    """The socket, which gunicorn's master opens and its workers inherit, and the folder of the workers' numbers.

    It outlives a reload of gunicorn's configuration, since this module is imported once.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._folder = Path()
        self._pool_size = 0
        self._taken: set[int] = set()

    def open(self, settings: Settings) -> None:
        """Listen, and begin with no numbers, when the settings name a port. Raises SettingError."""
        if settings.metrics_port is None:
            return
        self._folder = _folder(settings.metrics_port)
        self._pool_size = settings.database_pool_size * (2 if settings.database_replica_url else 1)
        if settings.metrics_port == settings.port:
            raise SettingError(f"METRICS_PORT={settings.metrics_port} is the PORT of the service. Name another one.")
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        try:
            listening = socket.create_server((settings.host, settings.metrics_port), family=family)
            # Whoever has the port has the folder too, which a killed server may have left behind.
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(mode=0o700)
        except OSError as error:
            raise SettingError(
                f"METRICS_PORT={settings.metrics_port} cannot be used: {error}. Name a port that is free, or none."
            ) from None
        # Several workers hear of a connection, and one gets it; the others must not stay in accept().
        listening.setblocking(False)
        self._socket = listening

    def take_place(self) -> int:
        """The lowest number that no living worker has. Called in the master, before it forks."""
        place = next(number for number in range(len(self._taken) + 1) if number not in self._taken)
        self._taken.add(place)
        return place

    def leave_place(self, place: int) -> None:
        """A worker has ended: its sums stay, and what it had in flight counts no more. Called in the master."""
        self._taken.discard(place)
        if self._socket is None:
            return
        for gauges in self._folder.glob(f"gauge_*_{place}.db"):
            gauges.unlink(missing_ok=True)

    def serve(self, place: int) -> None:
        """Count in this worker, and answer /metrics from a thread of its own, so that busy workers answer too."""
        if self._socket is None:
            return
        os.environ[FOLDER_VARIABLE] = str(self._folder)
        # Here, since a worker reads all of our modules anew while one develops.
        from app.telemetry import prometheus

        prometheus.start(str(place), self._pool_size)
        threading.Thread(target=_server(self._socket).serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Remove the folder. Called in the master, at its end."""
        if self._socket is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _folder(port: int) -> Path:
    """Where the workers' numbers are: in memory, if the system has such a place."""
    base = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else tempfile.gettempdir()
    return Path(base) / f"flux-dao-metrics-{os.getuid()}-{port}"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = READ_TIMEOUT_SECONDS

    def version_string(self) -> str:
        """Who answers, without the versions that it would tell."""
        return SERVER_NAME

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of a scrape."""


def _server(listening: socket.socket) -> WSGIServer:
    from prometheus_client import CollectorRegistry, make_wsgi_app
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    server = _Server(listening.getsockname()[:2], _Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.server_name, server.server_port = listening.getsockname()[:2]
    server.setup_environ()
    server.set_app(_naming_itself(make_wsgi_app(registry)))
    return server


def _naming_itself(application: Callable[..., Any]) -> Callable[..., Any]:
    """The application with a Server field of its own, in the place of the one with the versions of this server's."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, [*headers, ("Server", SERVER_NAME)], *exc_info)

        return application(environ, start)

    return answer


exporter = Exporter()
