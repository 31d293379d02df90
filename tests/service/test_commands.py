"""The flask commands, as an operator types them."""

import json
import re
import signal
from collections.abc import Iterator

import click
import psycopg2
import pytest
from conftest import flask, flask_process, run_alone, temporary_database
from flask import Flask
from operators import ADA, CANCELED, on_a_terminal, started
from waiting import wait_until, waiting_for_locks

from app.database.migrations import names
from app.development.embedded import EmbeddedServer
from app.upgrades import access

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
    listed = json.loads(flask("settings", "--json", PORT="9000", SERVICE_API_KEYS=keys).stdout)["settings"]
    assert {"name": "PORT", "value": "9000", "source": "environment", "help": "The port to listen on."} in listed
    assert "geheim" not in json.dumps(listed)


@pytest.mark.parametrize("command", [("db", "upgrade"), ("db", "status"), ("demo", "load")])
def test_a_database_that_is_not_there_is_one_sentence(command: tuple[str, ...]):
    done = flask(*command, DATABASE_URL=NOBODY_THERE)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("Error: The database cannot be reached. PostgreSQL says: connection to server at ")
    assert line.endswith("Connection refused.")


@pytest.mark.parametrize(
    ("command", "missing"),
    [(["demo", "load"], "users"), (["keys", "list"], "api_keys"), (["users", "erase", ADA], "mended_rows")],
)
def test_a_database_without_a_schema_is_one_sentence(postgres: EmbeddedServer, command: list[str], missing: str):
    with temporary_database(postgres, "bare") as url:
        done = flask(*command, DATABASE_URL=url)
    assert done.returncode == 1
    said = f'The database\'s schema is not that of this version: relation "{missing}" does not exist.'
    assert done.stderr == f"Error: {said} Run flask db upgrade.\n"


@pytest.mark.parametrize("command", [["db", "status"], ["doctor"], ["doctor", "--json"], ["settings"]])
def test_an_output_that_takes_nothing_is_one_sentence(migrated: str, command: list[str]):
    with open("/dev/full", "w") as full:
        process = started(*command, stdout=full, DATABASE_URL=migrated)
        _, wrong = process.communicate(timeout=60)
    assert (process.returncode, wrong) == (1, "Error: A file cannot be used: No space left on device.\n")


@pytest.mark.parametrize("setting", [{"PORT": "x"}, {"DATABASE_URL": "nonsense"}, {"SERVICE_API_KEYS": "nonsense"}])
def test_a_setting_that_cannot_be_parsed_stops_every_command_with_a_sentence(setting: dict[str, str]):
    done = flask_process("settings", **setting)
    assert done.returncode == 1
    assert done.stderr.startswith(f"flux-dao: {next(iter(setting))} cannot be used: ")
    assert "Traceback" not in done.stderr


def commands(group: click.Group, *names: str) -> Iterator[tuple[str, click.Command]]:
    """Every command of ours by its full name."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)
        elif "app.cli" in command.callback.__module__:
            yield " ".join((*names, name)), command


# What changes nothing has nothing to try out; these two are for who writes the code and its documents.
ONLY_TELLING = {"db status", "db backup", "db mended", "doctor", "keys list", "settings", "users export"}
FOR_DEVELOPERS = {"db revision"}
SERVERS = {"mcp"}


def test_every_command_answers_with_json_and_every_one_that_changes_something_can_be_tried_out(app: Flask):
    options = {name: {each.name for each in command.params} for name, command in commands(app.cli)}
    maintenance = options.keys() - FOR_DEVELOPERS - SERVERS
    assert maintenance > ONLY_TELLING
    assert {name for name in maintenance if "as_json" in options[name]} == maintenance
    assert {name for name in maintenance if "dry_run" in options[name]} == maintenance - ONLY_TELLING


def told(url: str, *arguments: str) -> dict:
    """What a command tells with --json."""
    done = flask(*arguments, "--json", DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_migrations_can_be_tried_out(postgres: EmbeddedServer):
    with temporary_database(postgres, "tried") as url:
        would = told(url, "db", "upgrade", names()[1], "--dry-run")
        assert would == {"applied": list(names()[:2]), "dry_run": True}
        assert run_alone(url, "SELECT to_regclass('users')") == [(None,)]
        assert told(url, "db", "upgrade", names()[1]) == would | {"dry_run": False}
        assert told(url, "db", "upgrade", "--dry-run")["applied"] == list(names()[2:])
        assert told(url, "db", "downgrade", "base", "--dry-run")["reverted"] == [names()[1], names()[0]]
        assert told(url, "db", "downgrade", "0001", "--dry-run")["reverted"] == [names()[1]]
        assert flask("db", "downgrade", "--dry-run", DATABASE_URL=url).stdout == f"Would revert {names()[1]}.\n"
        unasked = flask("db", "downgrade", DATABASE_URL=url)
        assert (unasked.returncode, unasked.stdout) == (1, "")
        assert unasked.stderr.startswith(f"Revert {names()[1]}, and lose what its tables hold? --yes answers this")
        assert told(url, "db", "downgrade", "--yes")["reverted"] == [names()[1]]


def test_a_migration_that_is_not_applied_cannot_be_reverted(postgres: EmbeddedServer):
    with temporary_database(postgres, "bare") as url:
        done = flask("db", "downgrade", names()[0], DATABASE_URL=url)
        nothing = flask("db", "downgrade", DATABASE_URL=url)
    assert (done.returncode, done.stderr) == (
        1,
        f"Error: {names()[0]} is not applied, so there is nothing to revert. flask db status lists what is.\n",
    )
    assert (nothing.returncode, nothing.stdout) == (0, "Nothing to do.\n")


def test_a_migration_of_newer_code_is_not_reverted(postgres: EmbeddedServer):
    with temporary_database(postgres, "newer") as url:
        flask("db", "upgrade", DATABASE_URL=url)
        run_alone(url, "INSERT INTO schema_migration (name, applied) VALUES ('0999_later', now())")
        done = flask("db", "downgrade", "--yes", DATABASE_URL=url)
    assert done.stderr == "Error: This code does not bring 0999_later. Revert with the newer code that does.\n"


def test_a_load_of_demo_data_can_be_tried_out(migrated: str):
    before = counts(migrated)
    load = ("demo", "load", "--users", "1", "--tasks-per-user", "0", "--seed", "11")
    would = told(migrated, *load, "--dry-run")
    assert (would["rows"], would["dry_run"]) == (12, True)
    assert counts(migrated) == before
    assert told(migrated, *load)["rows"] == 12


def test_a_load_that_is_interrupted_stores_nothing(migrated: str):
    before = counts(migrated)
    loading = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%INTO tasks%pg_temp%'"
    process = started("demo", "load", "--users", "5000", "--seed", "12", DATABASE_URL=migrated)
    wait_until(lambda: run_alone(migrated, f"{loading} AND pid <> pg_backend_pid()") == [(1,)])
    process.send_signal(signal.SIGINT)
    output, wrong = process.communicate(timeout=20)
    assert (process.returncode, output, wrong) == (1, "", CANCELED)
    assert counts(migrated) == before


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_waits_for_the_database_can_be_stopped(migrated: str, by: signal.Signals):
    with psycopg2.connect(migrated) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE users")
        process = started("users", "erase", ADA, DATABASE_URL=migrated)
        wait_until(lambda: waiting_for_locks(migrated) == 1)
        process.send_signal(by)
        output, wrong = process.communicate(timeout=20)
    other.close()
    assert (process.returncode, output, wrong) == (1, "", CANCELED)


def test_help_lists_our_commands_and_those_of_flask():
    listed = re.findall(r"^  (\w+) ", flask_process("--help").stdout.partition("Commands:")[2], re.MULTILINE)
    assert {"db", "keys", "routes", "run", "settings", "users"} <= set(listed)
    assert not {"limiter", "openapi"} & set(listed)


def test_a_value_error_in_a_migration_is_not_taken_for_one_of_the_drivers(
    migrated: str, monkeypatch: pytest.MonkeyPatch
):
    def fail() -> None:
        raise ValueError("a bug of ours")

    monkeypatch.setattr(access, "close", fail)
    assert "ValueError: a bug of ours" in flask("db", "upgrade", DATABASE_URL=migrated).stderr
