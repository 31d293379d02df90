"""How gunicorn serves the app: workers, threads, and what must happen once, before the fork."""

import atexit
import os
import sys

from app.config import SettingError, load_settings
from app.database import EmbeddedError, embedded_server, migrations, open_database
from app.errors import ServiceError
from app.server import LONGEST_REQUEST_LINE

try:
    settings = load_settings()
    settings.refuse_to_be_open_by_accident()
except SettingError as error:
    sys.exit(f"flux-dao: {error}")

address = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
bind = address
workers = settings.web_concurrency
threads = settings.web_threads
worker_class = "app.server.Worker"
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None
# Between a TERM and the end, requests that were accepted are answered.
graceful_timeout = 30
keepalive = 75
loglevel = settings.log_level
reload = settings.reload
preload_app = not reload
limit_request_line = LONGEST_REQUEST_LINE
accesslog = "-"
access_log_format = "%(t)s %(m)s %(U)s %(s)s %(b)s bytes %(M)s ms caller=%({flux.caller}e)s"
control_socket_disable = True

server = embedded_server(settings)

WELCOME = f"""
  API   http://{address}/api/v1
  Docs  http://{address}/docs
  Data  {settings.embedded_data_dir}

  A first request:
    curl -i http://{address}/api/v1/users \\
      -H 'Content-Type: application/json' -d '{{"email": "ada@example.com", "timezone": "Asia/Dubai"}}'

  Ctrl-C stops it.
"""


def on_starting(arbiter):
    """Before the first worker: the embedded database runs and has the newest schema."""
    if not server:
        return
    # Not gunicorn's own on_exit: it is left out when the port turns out to be taken.
    atexit.register(stop_database, owner=os.getpid())
    try:
        server.start()
        with open_database(settings):
            migrations.upgrade()
    except (EmbeddedError, ServiceError) as error:
        sys.exit(f"flux-dao: {error}")


def when_ready(arbiter):
    """Tell where things are, when requests can be served."""
    if server:
        print(WELCOME, flush=True)


def post_fork(arbiter, worker):
    """While developing, a new worker reads the code anew, although this file has loaded it before the fork."""
    if reload:
        for name in [name for name in sys.modules if name.split(".")[0] == "app"]:
            del sys.modules[name]


def stop_database(owner):
    """At the end of the process that started it, and not of a worker, which inherits this at the fork."""
    if os.getpid() == owner:
        server.stop()
