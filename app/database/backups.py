"""Backups in pg_dump's custom format, made and restored by PostgreSQL's own programs of the server's version.

Their sessions, and the lock that keeps migrations away, must be lent to nobody: see pooling.leave_pooler.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from psycopg2.extensions import make_dsn, parse_dsn

from app.database import migrations
from app.database.connection import database
from app.database.embedded import EmbeddedError, programs
from app.database.failures import failing_in_our_words
from app.errors import Conflict, Invalid, ServiceError, Unavailable

# What pg_dump and pg_restore say with --verbose, in English, when they come to the rows of a table.
TABLE_BEGINS = re.compile(r'(?:dumping contents of|processing data for) table "[^"]*?\.?([^".]+)"')

# Extensions bring tables and functions of their own, which nobody lost who restores over them.
CONTENTS = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1
"""
# As of the last VACUUM or ANALYZE. To measure anew would wait for whoever has a table locked.
PAGES = (
    "SELECT relname, greatest(relpages, 1) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)


def table_sizes() -> dict[str, int]:
    """About how large each table is, in pages."""
    return dict(database.read(PAGES))


def back_up(file: Path, advance: Callable[[str], None]) -> None:
    """Write the database, as of one moment, to the file. `advance` gets each table's name when its rows begin."""
    # To its own output it would write at the end what belongs to the beginning: where each table's rows are.
    arguments = ["--format=custom", f"--file={file}", "--verbose", "--no-password", *_target()]
    _run([_program("pg_dump"), *arguments], advance)


def tables_in(file: Path) -> list[str]:
    """The tables whose rows a backup holds; raises Invalid when the file is none."""
    return re.findall(r"^\d+;.* TABLE DATA \S+ (\S+) ", _read([_program("pg_restore"), "--list", _name(file)]), re.M)


def refuse_if_not_empty() -> None:
    """Raise Conflict when there are tables that a restore would meet. The migrations' own, without a row, is none."""
    there = [name for (name,) in database.read(CONTENTS) if name != migrations.TABLE or migrations.applied()]
    if there:
        raise Conflict(
            f"The database is not empty; it holds {', '.join(there[:5])}{' and more' if there[5:] else ''}. "
            "Restore into a new one: create it with createdb and name it in DATABASE_URL, "
            "or name a new folder in EMBEDDED_DATA_DIR. To give up what this one holds, "
            f"revert all migrations first: flask db downgrade {migrations.names()[0]}"
        )


def restore(file: Path, advance: Callable[[str], None]) -> None:
    """Fill the empty database from a backup, all or nothing, while nobody else migrates it.

    Raises Conflict when it is not empty, and Invalid with pg_restore's words when that fails.
    """
    program = _program("pg_restore")
    with _no_migration():
        refuse_if_not_empty()
        with failing_in_our_words:
            database.execute_sql(f"DROP TABLE IF EXISTS {migrations.TABLE}")
        arguments = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
        _run([program, *arguments, "--verbose", "--no-password", *_target(), _name(file)], advance)


def analyze() -> None:
    """Make the statistics that a backup does not hold, while nobody migrates; without them statements are slow."""
    with _no_migration(), failing_in_our_words:
        database.execute_sql("ANALYZE")


@contextmanager
def _no_migration() -> Iterator[None]:
    """A block in which no process migrates, and whose own statements are transactions by themselves."""
    with failing_in_our_words:
        database.execute_sql("SELECT pg_advisory_lock(%s)", (migrations.LOCK,))
    try:
        yield
    finally:
        # A session that was lost meanwhile has taken the lock along.
        with suppress(Unavailable), failing_in_our_words:
            database.execute_sql("SELECT pg_advisory_unlock(%s)", (migrations.LOCK,))


def _program(name: str) -> str:
    """The path of the program whose major version is the server's: one that is older or newer may refuse."""
    wanted = int(database.read("SHOW server_version_num")[0][0]) // 10_000
    found = {place: _major_version(place) for place in _places(name)}
    for place, version in found.items():
        if version == wanted:
            return place
    seen = ", ".join(f"{place} is of version {version}" for place, version in found.items()) or "there is none"
    raise ServiceError(
        f"The database is PostgreSQL {wanted}, and needs {name} of that version; {seen}. Install the client programs "
        f"of PostgreSQL {wanted} (Debian's package is postgresql-client-{wanted}) and put their folder first in PATH."
    )


def _places(name: str) -> Iterator[str]:
    on_path = shutil.which(name)
    if on_path:
        yield on_path
    with suppress(EmbeddedError):
        in_wheel = programs() / name
        if in_wheel.exists():
            yield str(in_wheel)


def _major_version(program: str) -> int | None:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    told = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
    return int(told[1]) if told else None


def _name(file: Path) -> str:
    """The file's name as one of the programs takes it: none that begins with a dash and would be an option."""
    return str(file.absolute())


def _target() -> list[str]:
    """The arguments that name the database. Every process can read them, so what is secret must not be there."""
    parts = parse_dsn(database.database)
    parts.pop("password", None)
    if "sslpassword" in parts:
        raise ServiceError(
            "DATABASE_URL holds sslpassword, which PostgreSQL's programs take only where every process can read it. "
            "For this command, name a key file without a pass phrase."
        )
    return ["--dbname", make_dsn(**parts)]


def _environment() -> dict[str, str]:
    password = parse_dsn(database.database).get("password")
    return os.environ | {"LC_ALL": "C"} | ({"PGPASSWORD": password} if password else {})


def _run(command: Sequence[str], advance: Callable[[str], None]) -> None:
    """Run one of the programs to its end, giving each table's name to `advance`; raises Invalid with what it said."""
    last = ""
    null, pipe = subprocess.DEVNULL, subprocess.PIPE
    with subprocess.Popen(
        command, stdin=null, stdout=null, stderr=pipe, text=True, errors="replace", env=_environment()
    ) as process:
        try:
            for line in process.stderr or ():
                begins = TABLE_BEGINS.search(line)
                if begins:
                    advance(begins[1])
                last = line if "error:" in line or "error:" not in last else last
        except BaseException:
            process.terminate()
            raise
    _refuse_failure(process.returncode, last)


def _read(command: Sequence[str]) -> str:
    """What one of the programs prints; raises Invalid with what it said when it fails."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )
    _refuse_failure(done.returncode, done.stderr)
    return done.stdout


def _refuse_failure(status: int, said: str) -> None:
    if status:
        raise Invalid(f"It failed, and nothing was changed. {said.strip() or f'The program ended with {status}.'}")
