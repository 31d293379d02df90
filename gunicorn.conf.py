"""How gunicorn serves the app: workers, threads, and what must happen once, before the fork."""

import atexit
import gc
import os
import signal
import socket
import sys

from app import upgrades
from app.config import SettingError, load_settings
from app.database import EmbeddedError, configure, embedded_server, open_database
from app.errors import ServiceError
from app.server import LONGEST_REQUEST_LINE
from app.telemetry import lines, make_spans
from app.telemetry.exporter import exporter

try:
    settings = load_settings()
    settings.refuse_to_be_open_by_accident()
    make_spans(settings)
except SettingError as error:
    sys.exit(f"flux-dao: {error}")

address = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
bind = address
workers = settings.web_concurrency
threads = settings.web_threads
worker_class = "app.server.Worker"
# In memory, so that a busy disk never makes a worker look dead. gunicorn makes the file itself, under a random name.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # nosec B108
# Between a TERM and the end, requests that were accepted are answered.
graceful_timeout = 30 + settings.drain_seconds
keepalive = 75
# It would wait for the client, in a thread.
sendfile = False
limit_request_fields = 64
loglevel = settings.log_level
reload = settings.reload
preload_app = not reload
limit_request_line = LONGEST_REQUEST_LINE
# By default a client on this machine may say with SCRIPT_NAME how much of its path does not count.
forwarder_headers = ""
# The app writes a line a request itself; see docs/telemetry.md.
accesslog = None
logger_class = "app.server.JsonLogger"
control_socket_disable = True

server = embedded_server(settings)

KEY = "" if settings.open else " -H 'X-Flux-Service-Key: <key>'"
WELCOME = f"""
  API   http://{address}/api/v1
  Docs  http://{address}/docs
  Data  {settings.embedded_data_dir}

  A first request:
    curl -i http://{address}/api/v1/users{KEY} \\
      -H 'Content-Type: application/json' -d '{{"email": "ada@example.com", "timezone": "Asia/Dubai"}}'

  Ctrl-C stops it.
"""


def on_starting(arbiter):
    """Before the first worker: /metrics has its port; the embedded database runs and has the newest schema."""
    if settings.rate_limit and not settings.rate_limit_storage:
        arbiter.log.warning(
            "RATE_LIMIT=%s is counted by each of the %s workers for itself. Set RATE_LIMIT_STORAGE to a Redis, "
            "in which they count together.", settings.rate_limit, settings.web_concurrency,
        )  # fmt: skip
    # Not gunicorn's own on_exit: it is left out when the port turns out to be taken.
    atexit.register(clean_up, owner=os.getpid())
    try:
        exporter.open(settings)
        if server:
            server.start()
            with open_database(settings.for_maintenance):
                upgrades.upgrade()
        elif fault := upgrades.fault(settings):
            arbiter.log.warning("%s Until then /ready says 503.", fault)
        # The workers inherit the pool as it is configured here, and requests have limits.
        configure(settings)
    except (SettingError, EmbeddedError, ServiceError) as error:
        sys.exit(f"flux-dao: {error}")


def when_ready(arbiter):
    """Tell where things are, when requests can be served; and let clients go who take no more of an answer."""
    patience = settings.database_idle_transaction_timeout
    for listener in arbiter.LISTENERS if patience and hasattr(socket, "TCP_USER_TIMEOUT") else ():
        # Their thread and its database connection would otherwise wait as long as they like.
        listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience * 1000)
    if server:
        print(WELCOME, flush=True)


def pre_fork(arbiter, worker):
    """A worker counts under a number, which the one that replaces it takes over; and shares what is loaded already."""
    # What the garbage collector need not look through, and so does not touch, stays in the memory of the master.
    gc.freeze()
    worker.place = exporter.take_place()


def post_fork(arbiter, worker):
    """A worker can be stopped from the first; while developing it reads anew what was loaded before the fork."""
    # Until it has handlers of its own it has the master's, which take note of a signal and leave the rest to a loop
    # that it does not run: it would be waited for until it is killed.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda *_: os._exit(0))
    if reload:
        for name in [name for name in sys.modules if name.split(".")[0] == "app"]:
            del sys.modules[name]
    exporter.serve(worker.place)


def post_worker_init(worker):
    """The worker is about to serve. While developing, lines are better written one by one."""
    if not reload:
        lines.gather()


def child_exit(arbiter, worker):
    """In the master, when a worker has ended, however it did."""
    exporter.leave_place(worker.place)


def clean_up(owner):
    """At the end of the process that started it, and not of a worker, which inherits this at the fork."""
    if os.getpid() == owner:
        exporter.close()
        if server:
            server.stop()
