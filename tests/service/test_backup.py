"""`flask db backup` and `restore`: what comes back is what was there, whole or not at all."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest
from conftest import flask, flask_process, run_alone, temporary_database, url_with
from neighbours import running_pgbouncer
from operators import ADA, BOB, contents, make_person, started
from psycopg2.extensions import parse_dsn
from test_migrations import schema
from waiting import wait_until

from app import models
from app.config import PROJECT
from app.database import migrations
from app.development.embedded import EmbeddedServer

# The migrations' history is a table too.
TABLES = len(models.ENTITIES) + len(models.INTERNAL) + 1
APP = str(PROJECT / "wsgi.py")
ACTIVE = "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}' AND datname = current_database()"
END_WHAT_WAITS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'"""


@pytest.fixture
def url(postgres: EmbeddedServer) -> Iterator[str]:
    """A database in which Ada and Bob live."""
    with temporary_database(postgres, "saved") as made:
        flask("db", "upgrade", DATABASE_URL=made)
        make_person(made, ADA)
        make_person(made, BOB)
        yield made


@pytest.fixture
def empty(postgres: EmbeddedServer) -> Iterator[str]:
    with temporary_database(postgres, "restored") as made:
        yield made


def db(url: str, *arguments: str) -> str:
    done = flask("db", *arguments, DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(url: str, *arguments: str, **settings: str) -> str:
    done = flask("db", *arguments, DATABASE_URL=url, **settings)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    return done.stderr


def backup_of(url: str, folder: Path) -> str:
    file = str(folder / "flux.dump")
    db(url, "backup", file)
    return file


def stopped(process: subprocess.Popen) -> list[psutil.Process]:
    """Stop a command as a service manager does; those of its programs that outlived it."""
    programs = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    _, wrong = process.communicate(timeout=30)
    assert (process.returncode, wrong) == (1, "\nAborted!\n")
    return psutil.wait_procs(programs, timeout=10)[1]


def test_what_is_restored_is_what_was_backed_up(url: str, empty: str, tmp_path: Path):
    file = backup_of(url, tmp_path)
    assert db(empty, "restore", file) == f"Restored {TABLES} tables from {file}.\n"
    assert contents(empty) == contents(url)
    assert schema(empty) == schema(url)
    assert db(empty, "status") == db(url, "status")
    assert db(empty, "upgrade") == "Nothing to do.\n"


def test_a_backup_is_one_file_for_its_owner_alone_and_takes_the_place_of_the_last(url: str, tmp_path: Path):
    file = tmp_path / "flux.dump"
    file.write_text("the last one")
    told = json.loads(db(url, "backup", str(file), "--json"))
    assert (told["file"], told["bytes"]) == (str(file), file.stat().st_size)
    assert list(tmp_path.iterdir()) == [file]
    assert file.stat().st_mode & 0o077 == 0
    assert file.read_bytes().startswith(b"PGDMP")


def test_a_database_that_is_not_empty_is_not_restored_over(url: str, tmp_path: Path):
    before, file = contents(url), backup_of(url, tmp_path)
    told = refused(url, "restore", file)
    assert told.startswith("Error: It failed, and nothing was changed. pg_restore: error: ")
    assert "already exists" in told
    assert contents(url) == before


def test_a_dry_run_names_the_tables_and_restores_none(url: str, empty: str, tmp_path: Path):
    told = json.loads(db(empty, "restore", backup_of(url, tmp_path), "--dry-run", "--json"))
    assert (told["dry_run"], "messages" in told["tables"], len(told["tables"])) == (True, True, TABLES)
    assert schema(empty) == []


def test_an_older_backup_says_which_migrations_are_pending(url: str, empty: str, tmp_path: Path):
    run_alone(url, "DELETE FROM schema_migration")
    told = db(empty, "restore", backup_of(url, tmp_path))
    assert told.endswith(f"Run flask db upgrade: {', '.join(migrations.names())} is pending.\n")


def test_what_is_no_backup_is_one_sentence(empty: str, tmp_path: Path):
    file = tmp_path / "letter.txt"
    file.write_text("Dear Ada,")
    assert "pg_restore: error: input file does not appear to be a valid " in refused(empty, "restore", str(file))
    assert schema(empty) == []


def test_half_a_backup_restores_nothing(url: str, empty: str, tmp_path: Path):
    file = Path(backup_of(url, tmp_path))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert "It failed, and nothing was changed. pg_restore: error: " in refused(empty, "restore", str(file))
    assert schema(empty) == []


def test_an_interrupted_backup_leaves_the_last_one_and_no_half_file(url: str, tmp_path: Path):
    file = Path(backup_of(url, tmp_path))
    last = file.read_bytes()
    with psycopg2.connect(url) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE users")
        process = started("db", "backup", str(file), DATABASE_URL=url)
        wait_until(lambda: run_alone(url, ACTIVE.format("pg_dump")) == [(1,)])
        assert len(list(tmp_path.iterdir())) == 2
        assert stopped(process) == []
    other.close()
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_bytes() == last


def test_an_interrupted_restore_can_be_repeated(url: str, empty: str, tmp_path: Path):
    flask("demo", "load", "--users", "500", DATABASE_URL=url)
    file = backup_of(url, tmp_path)
    process = started("db", "restore", file, DATABASE_URL=empty)
    wait_until(lambda: run_alone(empty, ACTIVE.format("pg_restore")) == [(1,)])
    assert stopped(process) == []
    assert schema(empty) == []
    db(empty, "restore", file)
    assert contents(empty) == contents(url)


def test_a_password_is_in_no_process_list(url: str, tmp_path: Path):
    with psycopg2.connect(url) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE users")
        process = started("db", "backup", str(tmp_path / "flux.dump"), DATABASE_URL=url_with(url, password="geheim"))
        wait_until(lambda: run_alone(url, ACTIVE.format("pg_dump")) == [(1,)])
        [program] = psutil.Process(process.pid).children(recursive=True)
        assert "geheim" not in " ".join(program.cmdline())
        assert program.environ()["PGPASSWORD"] == "geheim"
        stopped(process)
    other.close()


def test_a_backup_goes_where_a_link_leads_and_the_link_stays(url: str, tmp_path: Path):
    (tmp_path / "disk").mkdir()
    link, file = tmp_path / "latest.dump", tmp_path / "disk" / "flux.dump"
    link.symlink_to(file)
    for _ in range(2):
        db(url, "backup", str(link))
        assert link.is_symlink()
        assert file.read_bytes().startswith(b"PGDMP")


def test_what_is_no_file_is_not_replaced(url: str, tmp_path: Path):
    device = tmp_path / "device"
    os.mkfifo(device)
    assert refused(url, "backup", str(device)) == (
        f"Error: {device} is there and is no file, so it is not replaced. Name another one.\n"
    )
    assert device.is_fifo()


def test_where_the_programs_are_missing_it_says_what_to_install(url: str, tmp_path: Path):
    told = refused(url, "backup", str(tmp_path / "flux.dump"), PATH=str(tmp_path))
    assert told == "Error: There is no pg_dump here. Install PostgreSQL's client programs.\n"
    assert list(tmp_path.iterdir()) == []


def test_behind_a_pooler_nothing_is_begun(url: str, empty: str, tmp_path: Path):
    file = backup_of(url, tmp_path)
    with running_pgbouncer(tmp_path, url) as pooled:
        new = pooled.replace(parse_dsn(url)["dbname"], parse_dsn(empty)["dbname"])
        for refusal in (refused(pooled, "backup", file), refused(new, "restore", file)):
            assert "Name the database itself in DATABASE_URL for this command." in refusal
    assert schema(empty) == []


def test_a_name_that_begins_with_a_dash_is_a_name(url: str, empty: str, tmp_path: Path):
    backup = flask_process("db", "backup", "--", "-x.dump", folder=tmp_path, DATABASE_URL=url, FLASK_APP=APP)
    assert (backup.returncode, backup.stderr) == (0, "")
    restore = flask_process("db", "restore", "--", "-x.dump", folder=tmp_path, DATABASE_URL=empty, FLASK_APP=APP)
    assert (restore.stdout, restore.stderr) == (f"Restored {TABLES} tables from -x.dump.\n", "")


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_name_that_is_no_text_is_shown_as_well_as_it_can_be(url: str, empty: str, tmp_path: Path, as_json: list[str]):
    odd, shown = str(tmp_path / os.fsdecode(b"\xff.dump")), str(tmp_path / "\ufffd.dump")
    for told in (db(url, "backup", odd, *as_json), db(empty, "restore", odd, *as_json)):
        assert shown in told
    Path(odd).write_text("Dear Ada,")
    assert "does not appear to be a valid archive" in refused(empty, "restore", odd)


def test_a_folder_that_is_not_there_is_one_sentence(url: str, tmp_path: Path):
    told = refused(url, "backup", str(tmp_path / "nowhere" / "flux.dump"))
    assert told.startswith(f"Error: {tmp_path / 'nowhere'}/")
    assert told.endswith(" cannot be used: No such file or directory.\n")
