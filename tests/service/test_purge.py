"""`flask purge`: what is old goes, a few rows at a time, and nobody waits for it."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import pytest
from conftest import flask, run_alone, temporary_database
from operators import ABORTED, ADA, CANCELED, make_person, of, on_a_terminal, started
from psycopg2.extensions import parse_dsn
from waiting import wait_until

from app.development.embedded import EmbeddedServer

TALK, TASK = of(ADA, 3), of(ADA, 4)

pytestmark = pytest.mark.commands

OLD_MESSAGES = f"""INSERT INTO messages (id, conversation_id, role, content, created_at)
    SELECT gen_random_uuid(), '{TALK}', 'user', 'old', now() - interval '200 days' + i * interval '1 second'
    FROM generate_series(1, {{}}) i"""
OLD_ENTRIES = f"""INSERT INTO notification_log (id, task_id, channel, sent_at, created_at)
    SELECT gen_random_uuid(), '{TASK}', 'push', now(), now() - i * interval '1 day' FROM generate_series(1, 10) i"""


@pytest.fixture
def url(postgres: EmbeddedServer) -> Iterator[str]:
    """A database in which Ada has a message and a notification of today."""
    with temporary_database(postgres, "purged") as made:
        flask("db", "upgrade", DATABASE_URL=made)
        make_person(made, ADA)
        yield made


def purge(url: str, *arguments: str) -> str:
    done = flask("purge", *arguments, DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    return done.stdout


def messages(url: str) -> int:
    return run_alone(url, "SELECT count(*) FROM messages")[0][0]


def test_old_messages_go_and_new_ones_stay(url: str):
    run_alone(url, OLD_MESSAGES.format(2_500))
    assert purge(url, "messages", "--older-than", "180d").startswith("Deleted 2,500 rows of messages created before 20")
    assert messages(url) == 1
    assert purge(url, "messages", "--older-than", "180d").startswith("Deleted 0 rows")


def test_many_of_one_moment_go_too(url: str):
    run_alone(url, OLD_MESSAGES.replace("i * interval '1 second'", "interval '0'").format(2_500))
    purge(url, "messages", "--older-than", "180d")
    assert messages(url) == 1


def test_an_entry_of_the_log_is_as_old_as_its_row(url: str):
    run_alone(url, OLD_ENTRIES)
    told = json.loads(purge(url, "notification-log", "--older-than", "1w", "--json"))
    assert (told["what"], told["found"], told["deleted"], told["dry_run"]) == ("notification-log", 4, 4, False)
    assert run_alone(url, "SELECT count(*) FROM notification_log") == [(7,)]


def test_a_dry_run_counts_and_deletes_nothing(url: str):
    run_alone(url, OLD_MESSAGES.format(3))
    assert purge(url, "messages", "--older-than", "12h", "--dry-run").startswith("Would delete 3 rows of messages ")
    assert messages(url) == 4


def test_a_row_that_somebody_uses_is_passed_over(url: str):
    run_alone(url, OLD_MESSAGES.format(3))
    with psycopg2.connect(url) as other, other.cursor() as cursor:
        cursor.execute("SELECT FROM messages WHERE content = 'old' LIMIT 1 FOR UPDATE")
        told = purge(url, "messages", "--older-than", "180d")
    other.close()
    assert told.endswith("UTC. 1 were in use and stay; run it again for them.\n")
    assert messages(url) == 2


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_in_the_middle_it_goes_on_when_repeated(url: str, by: signal.Signals):
    run_alone(url, OLD_MESSAGES.format(100_000))
    process = started("purge", "messages", "--older-than", "180d", DATABASE_URL=url)
    wait_until(lambda: messages(url) < 100_001)
    process.send_signal(by)
    told, wrong = process.communicate(timeout=30)
    left = messages(url)
    assert 1 < left < 100_001
    if by != signal.SIGKILL:
        assert (process.returncode, told) == (1, "")
        assert wrong in (ABORTED, CANCELED)
    assert purge(url, "messages", "--older-than", "180d").startswith(f"Deleted {left - 1:,} rows")
    assert messages(url) == 1


def test_a_database_that_is_lost_in_the_middle_is_one_sentence(url: str, postgres: EmbeddedServer):
    run_alone(url, OLD_MESSAGES.format(100_000))
    process = started("purge", "messages", "--older-than", "180d", "--json", DATABASE_URL=url)
    wait_until(lambda: messages(url) < 100_001)
    with taken_away(postgres, url):
        output, wrong = process.communicate(timeout=60)
    assert (process.returncode, output) == (1, "")
    assert wrong.startswith("Error: The database cannot be reached. PostgreSQL says: ")


@contextmanager
def taken_away(server: EmbeddedServer, url: str) -> Iterator[None]:
    """A block in which nobody is connected to the database."""
    name = parse_dsn(url)["dbname"]
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    run_alone(server.url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", ended)
    yield
    run_alone(server.url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_a_person_sees_a_bar_and_a_program_none(url: str):
    run_alone(url, OLD_MESSAGES.format(30_000))
    output, terminal = on_a_terminal("purge", "messages", "--older-than", "180d", "--json", DATABASE_URL=url)
    assert (json.loads(output)["deleted"], terminal) == (30_000, "")
    run_alone(url, OLD_MESSAGES.format(30_000))
    output, terminal = on_a_terminal("purge", "messages", "--older-than", "180d", DATABASE_URL=url)
    assert output.startswith("Deleted 30,000 rows")
    assert "Deleting  [" in terminal


@pytest.mark.parametrize("age", ["", "180", "0d", "-1d", "1y", "d", "1.5d", "100000w"])
def test_what_is_no_age_is_told_how_to_write_one(age: str):
    done = flask("purge", "messages", "--older-than", age, DATABASE_URL="postgresql://127.0.0.1:1/x")
    assert done.returncode == 2
    assert "is no length of time longer than 0 and up to 100 years. Write 45s, 30m, 24h, 90d or 4w." in done.stderr


def test_an_age_is_always_asked_for():
    assert "Missing option '--older-than'" in flask("purge", "messages").stderr


EXPIRED = """INSERT INTO idempotency_keys (caller, key, request, status, headers, body, expires_at)
    SELECT 'c', i::text, '', 200, '{}', '', now() FROM generate_series(1, 60000) i"""
ANSWERS = "SELECT count(*) FROM idempotency_keys"


def test_dropping_expired_answers_can_be_interrupted_and_goes_on_when_repeated(url: str):
    run_alone(url, EXPIRED)
    process = started("idempotency", "purge", DATABASE_URL=url)
    wait_until(lambda: run_alone(url, ANSWERS) < [(60_000,)])
    process.send_signal(signal.SIGINT)
    told, wrong = process.communicate(timeout=30)
    [(left,)] = run_alone(url, ANSWERS)
    assert (process.returncode, told, left > 0) == (1, "", True)
    assert wrong in (ABORTED, CANCELED)
    again = flask("idempotency", "purge", DATABASE_URL=url)
    assert (again.stdout, run_alone(url, ANSWERS)) == (f"{left:,} expired answers dropped.\n", [(0,)])
