"""`flask doctor`: it tells what is wrong and what to do, and exits with 1 for a failure and for a warning."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from conftest import flask, run_alone, temporary_database, url_with
from neighbours import running_pgbouncer
from operators import started
from waiting import wait_until, waiting_for_locks

from app.development.embedded import EmbeddedServer

pytestmark = pytest.mark.commands

CHECKS = [
    "settings",
    "connection",
    "database",
    "migrations",
    "access",
    "views",
    "indexes",
    "pool",
]


@pytest.fixture
def url(postgres: EmbeddedServer) -> Iterator[str]:
    with temporary_database(postgres, "examined") as made:
        flask("db", "upgrade", DATABASE_URL=made)
        yield made


def doctor(url: str, **settings: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit code, and each check's level and detail."""
    done = flask("doctor", "--json", **{"DATABASE_URL": url, "AUTH_DISABLED": "true", **settings})
    answer = json.loads(done.stdout)
    assert answer["healthy"] == (done.returncode == 0)
    return done.returncode, {found["check"]: (found["level"], found["detail"]) for found in answer["findings"]}


def test_where_all_is_well_every_check_says_so(url: str):
    code, found = doctor(url)
    assert code == 0
    assert list(found) == CHECKS
    assert {level for level, _ in found.values()} == {"ok"}


def test_people_read_a_line_for_each_check(url: str):
    done = flask("doctor", DATABASE_URL=url, AUTH_DISABLED="true")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == len(CHECKS)
    assert "ok       connection      The database answers." in done.stdout


def test_settings_with_which_the_service_would_not_start_are_a_failure(url: str):
    code, found = doctor(url, AUTH_DISABLED="false")
    assert (code, found["settings"][0]) == (1, "failure")
    assert "Set SERVICE_API_KEYS" in found["settings"][1]


def test_a_service_that_is_open_to_all_is_a_warning(url: str):
    code, found = doctor(url, HOST="0.0.0.0")
    assert (code, found["settings"][0]) == (1, "warning")


def test_a_database_that_does_not_answer_is_a_failure():
    code, found = doctor("postgresql://127.0.0.1:1/x")
    assert (code, found["connection"][0]) == (1, "failure")
    assert "DATABASE_URL" in found["connection"][1]


@pytest.mark.direct("A pooler has its own words for it.")
def test_why_a_database_does_not_answer_is_told_without_a_password(url: str):
    refused = doctor(url_with(url, dbname="nowhere", password="geheim"))[1]["connection"][1]
    assert "The database cannot be reached. PostgreSQL says: connection to server " in refused
    assert 'FATAL:  database "nowhere" does not exist. Check that it runs, and DATABASE_URL ' in refused
    # A password with an @ that is not written as %40 goes on in the host.
    unknown = doctor("postgresql://u:ge@heim@nowhere.invalid/x")[1]["connection"][1]
    assert 'could not translate host name "********@nowhere.invalid" to address' in unknown
    assert "heim" not in refused + unknown


def test_a_database_without_a_schema_is_a_failure(postgres: EmbeddedServer):
    with temporary_database(postgres, "unmigrated") as bare:
        code, found = doctor(bare)
    assert (code, found["migrations"][0]) == (1, "failure")
    assert "Run flask db upgrade." in found["migrations"][1]


def test_a_database_that_is_newer_than_the_code_is_a_failure(url: str):
    run_alone(url, "INSERT INTO schema_migration (name, applied) VALUES ('0999_later', now())")
    assert doctor(url)[1]["migrations"] == (
        "failure",
        "The database is newer than this code: 0999_later. Run the newer code.",
    )


@pytest.mark.parametrize(
    "drop",
    [
        "DROP INDEX patterns_user_id__pattern_key_key",
        "DROP INDEX api_keys_digest_key",
        "DROP INDEX idempotency_keys_by_expiry",
        "ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_pkey",
    ],
)
def test_a_missing_index_is_a_failure_and_its_remedy_mends_it(url: str, drop: str):
    run_alone(url, drop)
    code, found = doctor(url)
    assert (code, found["indexes"][0]) == (1, "failure")
    run_alone(url, found["indexes"][1].partition("Run: ")[2])
    assert doctor(url)[1]["indexes"][0] == "ok"


def test_what_a_lock_keeps_it_from_looking_at_is_a_warning_and_the_rest_is_told(url: str):
    with psycopg2.connect(url) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE schema_migration")
        code, found = doctor(url, DATABASE_LOCK_TIMEOUT="1")
    other.close()
    assert (code, found["migrations"][0], found["connection"][0]) == (1, "warning", "ok")
    assert "something is locked" in found["migrations"][1]
    assert found["pool"][0] == "ok"


def test_it_can_be_stopped_while_it_waits(url: str):
    with psycopg2.connect(url) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE schema_migration")
        process = started("doctor", DATABASE_URL=url, AUTH_DISABLED="true")
        wait_until(lambda: waiting_for_locks(url) == 1)
        process.terminate()
        process.communicate(timeout=30)
        assert process.returncode == 1
        wait_until(lambda: waiting_for_locks(url) == 0)
    other.close()


def test_an_invalid_index_is_a_failure_and_its_remedy_mends_it(url: str):
    run_alone(url, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'tasks_by_goal'::regclass")
    code, found = doctor(url)
    assert (code, found["indexes"][0]) == (1, "failure")
    run_alone(url, found["indexes"][1].partition("Run: ")[2])
    assert doctor(url)[1]["indexes"][0] == "ok"


@pytest.mark.direct("The tests' PgBouncer has one role for all.")
def test_what_the_role_may_not_see_is_a_failure_and_the_rest_is_told(url: str):
    run_alone(url, "CREATE ROLE stranger LOGIN")
    try:
        code, found = doctor(url.replace("user=flux", "user=stranger"))
    finally:
        run_alone(url, "DROP ROLE stranger")
    assert (code, found["migrations"][0], found["pool"][0]) == (1, "failure", "ok")
    assert "permission denied for table schema_migration. See docs/database-role.md." in found["migrations"][1]


@pytest.mark.direct("It brings a PgBouncer of its own.")
def test_a_pooler_has_its_own_say_about_connections(url: str, tmp_path: Path):
    with running_pgbouncer(tmp_path, url, "default_pool_size = 5") as pooled:
        code, found = doctor(pooled, WEB_CONCURRENCY="50")
    assert (code, {level for level, _ in found.values()}) == (0, {"ok"})
    assert found["pool"][1] == "The workers open up to 500 connections, to a pooler."


@pytest.mark.direct("Behind a pooler it is the pooler's connections that count.")
def test_more_connections_than_the_server_takes_are_a_warning(url: str):
    code, found = doctor(url, WEB_CONCURRENCY="50")
    assert (code, found["pool"][0]) == (1, "warning")
    [(takes,)] = run_alone(
        url, "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    )
    assert f"open up to 500 connections, the server takes {takes};" in found["pool"][1]
