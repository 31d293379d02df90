"""The administration port: /health, /ready and /metrics, answered in gunicorn's master however busy the workers are.

It is prometheus_client's own server with two more paths. It needs no key, so it has to stay inside.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any

import orjson
from werkzeug import Response
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from app.config import SettingError, Settings
from app.database import embedded_server, migrations
from app.database.connection import Database
from app.errors import Unavailable

# Where prometheus_client keeps the numbers of all workers.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# Numbers change with every request, so they are better kept in memory.
SHARED_MEMORY = "/dev/shm"  # nosec B108


def start(settings: Settings) -> None:
    """Answer at ADMIN_PORT from a thread of this process, which has to be gunicorn's master. Raises SettingError."""
    port = settings.admin_port
    if port is None:
        return
    if port == settings.port:
        raise SettingError(f"ADMIN_PORT={port} is the PORT of the service. Name another one.")
    base = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="flux-dao-metrics-", dir=base)
    # Not before: it looks at the variable when it is imported.
    from prometheus_client import CollectorRegistry, make_wsgi_app, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    try:
        server, _ = start_http_server(port, settings.host, registry)
    except OSError as error:
        raise SettingError(f"ADMIN_PORT={port} cannot be used: {error}. Name a port that is free, or none.") from None
    paths: dict[str, Any] = {
        "/health": _json({"status": "ok"}),
        "/ready": partial(_ready, _own_database(settings)),
        "/metrics": make_wsgi_app(registry),
    }
    not_found = _json({"detail": "Here are /health, /ready and /metrics."}, HTTPStatus.NOT_FOUND)
    server.set_app(DispatcherMiddleware(not_found, paths))


def stop() -> None:
    """Remove the folder of the workers' numbers."""
    folder = os.environ.pop(FOLDER_VARIABLE, None)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def _own_database(settings: Settings) -> Database:
    """A pool for the master alone: the workers inherit the other one, and must not find it in use when they begin."""
    server = embedded_server(settings)
    own = Database()
    # A database that does not answer in time is not ready.
    impatient = replace(
        settings,
        database_pool_size=1,
        database_pool_wait=1,
        database_connect_timeout=2,
        database_statement_timeout=1,
    )
    own.configure(impatient, server.url if server else settings.database_url)
    return own


def _ready(database: Database, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    reason = migrations.not_ready_reason(database)
    if reason is None:
        return _json({"status": "ready", "pending_migrations": []})(environ, start_response)
    response = _json({"status": "not_ready", "detail": reason}, HTTPStatus.SERVICE_UNAVAILABLE)
    response.headers["Retry-After"] = str(Unavailable.retry_after)
    return response(environ, start_response)


def _json(document: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(orjson.dumps(document), status, content_type="application/json")
