"""The flask commands, as an operator types them."""

import re

import pytest
from conftest import flask, run_alone, temporary_database
from operators import on_a_terminal

from app.database.embedded import EmbeddedServer

NOBODY_THERE = "postgresql://127.0.0.1:1/x"


@pytest.fixture(scope="module")
def migrated(postgres: EmbeddedServer):
    with temporary_database(postgres, "commands") as url:
        assert flask("db", "upgrade", DATABASE_URL=url).returncode == 0
        yield url


def counts(url: str) -> dict[str, int]:
    tables = ("users", "goals", "tasks", "conversations", "messages", "patterns", "notification_log")
    return {table: run_alone(url, f"SELECT count(*) FROM {table}")[0][0] for table in tables}


def test_demo_data_fills_every_table(migrated: str):
    done = flask("demo", "load", "--users", "3", "--tasks-per-user", "8", "--seed", "5", DATABASE_URL=migrated)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Loaded 66 rows of 3 people (seed 5) in ")
    assert counts(migrated) == {
        "users": 3,
        "goals": 15,
        "tasks": 24,
        "conversations": 3,
        "messages": 12,
        "patterns": 3,
        "notification_log": 6,
    }


def test_the_same_seed_makes_the_same_people(migrated: str, postgres: EmbeddedServer):
    people = "SELECT email, profile::text, timezone FROM users WHERE email LIKE '%.9.%' ORDER BY id"
    flask("demo", "load", "--users", "5", "--tasks-per-user", "0", "--seed", "9", DATABASE_URL=migrated)
    with temporary_database(postgres, "again") as other:
        flask("db", "upgrade", DATABASE_URL=other)
        flask("demo", "load", "--users", "5", "--tasks-per-user", "0", "--seed", "9", DATABASE_URL=other)
        assert run_alone(other, people) == run_alone(migrated, people) != []


def test_loading_a_seed_twice_says_what_to_do_and_stores_nothing(migrated: str):
    flask("demo", "load", "--users", "1", "--seed", "7", DATABASE_URL=migrated)
    before = counts(migrated)
    done = flask("demo", "load", "--users", "2", "--seed", "7", DATABASE_URL=migrated)
    assert done.returncode == 1
    assert done.stderr == "Error: The people of seed 7 are there already. Choose another --seed.\n"
    assert counts(migrated) == before


def test_a_load_that_takes_longer_shows_a_progress_bar(migrated: str):
    load = ("demo", "load", "--users", "400", "--tasks-per-user", "100", "--seed", "8")
    output, terminal = on_a_terminal(*load, DATABASE_URL=migrated)
    assert output.startswith("Loaded 54800 rows")
    assert "Loading  [" in terminal


def test_settings_are_listed_with_their_source_and_no_secret():
    keys = '{"planner": "geheim"}'
    done = flask("settings", DATABASE_URL="postgresql://u:geheim@h/d", SERVICE_API_KEYS=keys, PORT="9000")
    assert done.returncode == 0, done.stderr
    assert "geheim" not in done.stdout
    assert re.search(r"^PORT +9000 +environment +The port", done.stdout, re.MULTILINE)
    assert re.search(r"^HOST +127.0.0.1 +default ", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("command", [("db", "upgrade"), ("db", "status"), ("demo", "load")])
def test_a_database_that_is_not_there_is_one_sentence(command: tuple[str, ...]):
    done = flask(*command, DATABASE_URL=NOBODY_THERE)
    assert done.returncode == 1
    assert done.stderr == "Error: The database cannot be reached at the moment. Try again in a few seconds.\n"


def test_a_database_without_a_schema_is_one_sentence(postgres: EmbeddedServer):
    with temporary_database(postgres, "bare") as url:
        done = flask("demo", "load", DATABASE_URL=url)
    assert done.returncode == 1
    assert done.stderr == 'Error: The database refused: relation "users" does not exist\n'


@pytest.mark.parametrize("setting", [{"PORT": "x"}, {"DATABASE_URL": "nonsense"}, {"SERVICE_API_KEYS": "nonsense"}])
def test_a_setting_that_cannot_be_parsed_stops_every_command_with_a_sentence(setting: dict[str, str]):
    done = flask("settings", **setting)
    assert done.returncode == 1
    assert done.stderr.startswith(f"flux-dao: {next(iter(setting))} cannot be used: ")
    assert "Traceback" not in done.stderr
