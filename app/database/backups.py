"""Backups in pg_dump's custom format, made and restored by PostgreSQL's own programs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from psycopg2.extensions import make_dsn, parse_dsn

from app.config import Settings
from app.database import inspection
from app.database.connection import database
from app.development.embedded import programs
from app.errors import Invalid, ServiceError

ROWS_OF_A_TABLE = re.compile(r"^\d+;.* TABLE DATA \S+ (\S+) ", re.MULTILINE)


class Backups:
    """pg_dump and pg_restore for the settings' database: those on PATH, and for the embedded one those of its wheel."""

    def __init__(self, settings: Settings) -> None:
        self._folder = str(programs()) if settings.embedded else None

    def back_up(self, file: Path) -> None:
        """Write the whole database, as of one moment, to the file. Raises Invalid with what pg_dump says."""
        _refuse_pooler()
        self._run("pg_dump", "--format=custom", "--no-password", f"--file={file.absolute()}", f"--dbname={_target()}")

    def tables_in(self, file: Path) -> list[str]:
        """The tables whose rows the backup holds. Raises Invalid with what pg_restore says when it is none."""
        return ROWS_OF_A_TABLE.findall(self._run("pg_restore", "--list", str(file.absolute())))

    def restore(self, file: Path) -> None:
        """Fill the empty database, all or nothing, and make the statistics, without which statements are slow.

        Raises Invalid with what pg_restore says.
        """
        _refuse_pooler()
        how = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-password")
        self._run("pg_restore", *how, f"--dbname={_target()}", str(file.absolute()))
        database.execute_sql("ANALYZE")

    def _run(self, name: str, *arguments: str) -> str:
        """What the program prints."""
        program = shutil.which(name, path=self._folder)
        if program is None:
            raise ServiceError(f"There is no {name} here. Install PostgreSQL's client programs.")
        done = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=_environment(), check=False,
        )  # fmt: skip
        if done.returncode:
            said = done.stderr.strip() or f"{name} ended with {done.returncode}."
            raise Invalid(f"It failed, and nothing was changed. {said}")
        return done.stdout


def _refuse_pooler() -> None:
    """What these programs set for their session would stay with whoever gets it from the pooler next."""
    if inspection.behind_a_pooler():
        raise ServiceError(
            "A pooler stands before the database, and would pass on what this command sets for its session. "
            "Name the database itself in DATABASE_URL for this command."
        )


def _target() -> str:
    """What names the database. Every process can read it, so the password must not be there."""
    parts = parse_dsn(database.database)
    parts.pop("password", None)
    return make_dsn(**parts)


def _environment() -> dict[str, str]:
    password = parse_dsn(database.database).get("password")
    return os.environ | {"LC_ALL": "C"} | ({"PGPASSWORD": password} if password else {})
