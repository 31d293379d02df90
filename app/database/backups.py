"""Backups in pg_dump's custom format, made and restored by PostgreSQL's own programs.

Those on PATH serve, and for the embedded database those of its wheel. What they say of a failure is raised as Invalid.
"""

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


def back_up(settings: Settings, file: Path) -> None:
    """Write the whole database, as of one moment, to the file."""
    _refuse_pooler()
    _run(settings, "pg_dump", "--format=custom", f"--file={file.absolute()}")


def tables_in(settings: Settings, file: Path) -> list[str]:
    """The tables whose rows the backup holds."""
    return ROWS_OF_A_TABLE.findall(_run(settings, "pg_restore", "--list", str(file.absolute()), connects=False))


def restore(settings: Settings, file: Path) -> None:
    """Fill the empty database, all or nothing, and make the statistics, without which statements are slow."""
    _refuse_pooler()
    how = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    _run(settings, "pg_restore", *how, str(file.absolute()))
    database.execute_sql("ANALYZE")


def _run(settings: Settings, name: str, *arguments: str, connects: bool = True) -> str:
    """What the program prints."""
    program = shutil.which(name, path=str(programs()) if settings.embedded else None)
    if program is None:
        raise ServiceError(f"There is no {name} here. Install PostgreSQL's client programs.")
    target, environment = parse_dsn(database.database), os.environ | {"LC_ALL": "C"}
    # Every process can read what a program was started with.
    if password := target.pop("password", None):
        environment["PGPASSWORD"] = password
    connection = ("--no-password", f"--dbname={make_dsn(**target)}") if connects else ()
    done = subprocess.run(
        [program, *connection, *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=environment, check=False,
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
