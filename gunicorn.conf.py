"""How gunicorn serves the app: workers, threads, logging, and what must happen once, before the fork."""

import atexit
import gc
import os
import socket
import sys

from app import upgrades
from app.config import SettingError, load_settings
from app.database import EmbeddedError, configure, embedded_server, open_database
from app.errors import ServiceError
from app.serving import administration
from app.telemetry import log

try:
    settings = load_settings()
    settings.refuse_to_be_open_by_accident()
except SettingError as error:
    sys.exit(f"flux-dao: {error}")

address = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
bind = address
workers = settings.web_concurrency
threads = settings.web_threads
worker_class = "app.serving.worker.Worker"
# In memory, so that a busy disk never makes a worker look dead. gunicorn makes the file itself, under a random name.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # nosec B108
# Between a TERM and the end, requests that were accepted are answered.
graceful_timeout = 30
keepalive = 75
# The most that gunicorn takes; what is longer belongs into the body of a batch.
limit_request_line = 8190
limit_request_fields = 64
reload = settings.reload
preload_app = not reload
# By default a client on this machine may say with SCRIPT_NAME how much of its path does not count.
forwarder_headers = ""
# The app writes a line a request itself; see docs/telemetry.md.
logger_class = "app.serving.worker.Logger"
loglevel = settings.log_level
logconfig_dict = log.configuration(settings.log_level)
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
    """Before the first worker: the embedded database runs and has the newest schema; probes are answered."""
    if settings.rate_limit and not settings.rate_limit_storage:
        arbiter.log.warning(
            "RATE_LIMIT=%s is counted by each of the %s workers for itself. Set RATE_LIMIT_STORAGE to a Redis, "
            "in which they count together.", settings.rate_limit, settings.web_concurrency,
        )  # fmt: skip
    # Not gunicorn's own on_exit: it is left out when the port turns out to be taken.
    atexit.register(clean_up, owner=os.getpid())
    try:
        refuse_taken_port()
        administration.start(settings)
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


def refuse_taken_port():
    """Raise SettingError when another program listens at PORT; gunicorn would try for five seconds, and say less."""
    # An upgrade in place takes the socket over.
    if "GUNICORN_FD" in os.environ:
        return
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise SettingError(f"PORT={settings.port} cannot be used: {reason}. Set another PORT.") from None


def when_ready(arbiter):
    """Tell where things are, when requests can be served; and let clients go who take no more of an answer."""
    patience = settings.database_idle_transaction_timeout
    for listener in arbiter.LISTENERS if patience and hasattr(socket, "TCP_USER_TIMEOUT") else ():
        # Their thread and its database connection would otherwise wait as long as they like.
        listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience * 1000)
    if server:
        print(WELCOME, flush=True)


def pre_fork(arbiter, worker):
    """A worker shares what is loaded already: what the garbage collector need not look through stays as it is."""
    gc.freeze()


def post_fork(arbiter, worker):
    """A worker counts; while developing it reads anew what was loaded before the fork."""
    if reload:
        for name in [name for name in sys.modules if name.split(".")[0] == "app"]:
            del sys.modules[name]
    if settings.admin_port:
        from app.telemetry.measures import metrics

        metrics.start(settings.database_pool_size * (2 if settings.database_replica_url else 1))


def child_exit(arbiter, worker):
    """In the master, when a worker has ended, however it did: its sums stay, what it had in flight counts no more."""
    if settings.admin_port:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)


def clean_up(owner):
    """At the end of the process that started it, and not of a worker, which inherits this at the fork."""
    if os.getpid() == owner:
        administration.stop()
        if server:
            server.stop()
